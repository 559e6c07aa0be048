"""Transition tables: nothing leaves an end, everything can end, and states of a journal row only move forward."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import Refused
from domain.intents import (
    INTENT_TRANSITIONS,
    TERMINAL_PHASES,
    IntentKind,
    IntentPhase,
    agent_intent_id,
    api_intent_id,
    require_transition,
)
from domain.orders import (
    IN_FLIGHT_STATES,
    LIVE_STATES,
    ORDER_TRANSITIONS,
    PANIC_PREFIX,
    OrderAck,
    OrderKey,
    OrderState,
    Side,
    client_order_id,
)


def reachable(table, start):
    found: set[str] = set()
    todo = [start]
    while todo:
        for then in table[todo.pop()] - found:
            found.add(then)
            todo.append(then)
    return found


@given(st.sampled_from(IntentPhase), st.sampled_from(IntentPhase))
def test_a_phase_follows_another_exactly_when_the_table_says_so(now, then):
    if then is now or then in INTENT_TRANSITIONS[now]:
        assert require_transition(now, then) is then
        return
    with pytest.raises(Refused) as caught:
        require_transition(now, then)
    assert caught.value.code == "phase_transition"


@given(st.lists(st.sampled_from(IntentPhase), max_size=30))
def test_a_walk_that_reached_an_end_stays_there(wishes):
    phase, ended = IntentPhase.CREATED, None
    for wish in wishes:
        try:
            phase = require_transition(phase, wish)
        except Refused:
            continue
        if ended is not None:
            assert phase is ended
        ended = phase if phase in TERMINAL_PHASES else None


@pytest.mark.parametrize("phase", IntentPhase)
def test_every_phase_is_known_reachable_and_can_end(phase):
    assert phase is IntentPhase.CREATED or phase in reachable(INTENT_TRANSITIONS, IntentPhase.CREATED)
    assert (phase in TERMINAL_PHASES) is (not INTENT_TRANSITIONS[phase])
    assert phase in TERMINAL_PHASES or reachable(INTENT_TRANSITIONS, phase) & TERMINAL_PHASES


def test_an_unknown_order_is_never_taken_for_one_that_failed_without_being_resolved():
    assert IntentPhase.CLOSED not in INTENT_TRANSITIONS[IntentPhase.UNKNOWN]
    assert IntentPhase.WAITING not in reachable(INTENT_TRANSITIONS, IntentPhase.APPROVED)


def test_a_filled_intent_cannot_be_cancelled_refused_or_expired():
    after = reachable(INTENT_TRANSITIONS, IntentPhase.FILLED)
    assert not after & {IntentPhase.CANCELLED, IntentPhase.REFUSED, IntentPhase.EXPIRED}


@pytest.mark.parametrize("state", OrderState)
def test_an_order_state_never_comes_back(state):
    assert state not in reachable(ORDER_TRANSITIONS, state)


@pytest.mark.parametrize("state", OrderState)
def test_live_states_are_those_that_can_still_change(state):
    assert (state in LIVE_STATES) is bool(ORDER_TRANSITIONS[state])
    assert state is OrderState.APPROVED or state in reachable(ORDER_TRANSITIONS, OrderState.APPROVED)


def test_what_was_sent_is_never_void_but_by_proof_and_what_works_never_expires():
    assert OrderState.VOID not in reachable(ORDER_TRANSITIONS, OrderState.UNKNOWN)
    assert reachable(ORDER_TRANSITIONS, OrderState.WORKING) == {OrderState.DONE}
    assert IN_FLIGHT_STATES < LIVE_STATES


@pytest.mark.parametrize("state", OrderState)
def test_an_ack_says_whether_the_step_is_over_and_whether_it_ran(state):
    ack = OrderAck(key=OrderKey(intent_id="i"), state=state)
    assert ack.is_terminal is (not ORDER_TRANSITIONS[state])
    assert ack.never_ran is (state in {OrderState.VOID, OrderState.EXPIRED, OrderState.REFUSED})


names = st.text(min_size=1, max_size=20).filter(lambda text: "\x1f" not in text)


@given(st.tuples(names, names, names), st.tuples(names, names, names))
def test_client_ids_are_the_same_for_the_same_step_and_differ_for_others(one, other):
    assert (client_order_id(*one) == client_order_id(*other)) is (one == other)
    assert OrderKey(intent_id=one[0], leg=one[1], step=one[2]).client_id == client_order_id(*one)


@given(names)
def test_client_ids_are_128_bits_of_hex_outside_the_prefix_of_panic_orders(intent_id):
    client_id = client_order_id(intent_id, "main", "open")
    assert len(client_id) == 32
    assert int(client_id, 16) >= 0
    assert not client_id.startswith(PANIC_PREFIX)


def test_a_hash_that_falls_into_the_reserved_prefix_is_moved_out_of_it(monkeypatch):
    class Digest:
        def hexdigest(self):
            return PANIC_PREFIX + "0" * 60

    monkeypatch.setattr("domain.orders.hashlib.sha256", lambda _: Digest())
    assert client_order_id("i", "l", "s") == "deae" + "0" * 28


@given(st.tuples(names, st.integers(0, 10**6), names, st.sampled_from(Side), st.sampled_from(IntentKind)))
def test_an_agents_intent_id_is_a_uuid_of_what_it_is_about(about):
    agent, cycle, coin, side, kind = about
    name = agent_intent_id(agent, cycle, coin, side, kind)
    assert name == agent_intent_id(agent, cycle, coin, side, kind)
    others = {
        agent_intent_id(agent, cycle + 1, coin, side, kind),
        agent_intent_id(agent, cycle, coin, side.opposite, kind),
        agent_intent_id(agent, cycle, coin + "x", side, kind),
        agent_intent_id(agent + "x", cycle, coin, side, kind),
    }
    assert name not in others
    assert len(others) == 4
    assert len(name) == 36


@given(names, names)
def test_an_api_intent_id_belongs_to_the_user_and_the_key(user, key):
    assert api_intent_id(user, key) == api_intent_id(user, key)
    assert api_intent_id(user, key) != api_intent_id(user + "x", key)
    assert api_intent_id(user, key) != api_intent_id(user, key + "x")
