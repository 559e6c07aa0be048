"""Orders that the venue takes: market, resting, partly filled, cancelled, replaced."""

import threading
from decimal import Decimal

import pytest

from domain.orders import TimeInForce
from tests.contracts.rigs.desk import Desk
from venues.base import SightingStatus, Verdict

ROUNDS = 8


@pytest.mark.case(1)
def test_a_market_order_is_filled_and_found_under_its_client_id(desk: Desk):
    terms, name = desk.terms(), desk.name()
    answer = desk.accepted(terms, name)
    assert (answer.filled_size, answer.is_resting) == (terms.size, False)
    assert answer.average_px is not None
    assert answer.average_px <= terms.limit_px
    seen = desk.found(name, terms)
    assert (seen.status, seen.oid, seen.matches) == (SightingStatus.FILLED, answer.oid, True)
    assert desk.held() == terms.size


@pytest.mark.case(2)
def test_a_resting_order_is_accepted_listed_and_found_by_both_its_names(desk: Desk):
    terms, name = desk.resting(), desk.name()
    answer = desk.accepted(terms, name)
    assert answer.is_resting
    assert not answer.filled_size
    (listed,) = desk.orders()
    assert (listed.client_id, listed.oid, listed.side) == (name, answer.oid, terms.side)
    assert (listed.size, listed.original_size, listed.limit_px) == (terms.size, terms.size, terms.limit_px)
    assert listed.trigger is None
    for oid in ("", answer.oid):
        seen = desk.found(name, terms, oid)
        assert (seen.status, seen.matches, seen.original_size) == (SightingStatus.OPEN, True, terms.size)


@pytest.mark.case(3)
def test_a_resting_order_is_cancelled_by_its_order_id(desk: Desk):
    terms, name = desk.resting(), desk.name()
    answer = desk.accepted(terms, name)
    assert desk.cancel(oid=answer.oid, client_id=name).verdict is Verdict.ACCEPTED
    seen = desk.found(name, terms, answer.oid)
    assert (seen.status, seen.matches) == (SightingStatus.CANCELLED, True)
    assert desk.orders() == ()


@pytest.mark.case(4)
def test_a_resting_order_is_cancelled_by_its_client_id(desk: Desk):
    terms, name = desk.resting(), desk.name()
    desk.accepted(terms, name)
    assert desk.cancel(client_id=name).verdict is Verdict.ACCEPTED
    assert desk.found(name, terms).status is SightingStatus.CANCELLED
    assert desk.orders() == ()


@pytest.mark.case(5)
def test_a_cancel_that_comes_too_late_is_refused_and_says_so(desk: Desk):
    name = desk.name()
    answer = desk.accepted(desk.terms(), name)
    late = desk.cancel(oid=answer.oid, client_id=name)
    assert (late.verdict, late.code) == (Verdict.REFUSED, "cancel_too_late")


@pytest.mark.case(6)
def test_a_partly_filled_order_shows_what_remains_and_the_fill_that_took_the_rest(desk: Desk):
    terms, name = desk.resting(size="0.04"), desk.name()
    answer = desk.accepted(terms, name)
    desk.rig.fill(desk, answer.oid, "0.01")
    (listed,) = desk.orders()
    assert (listed.size, listed.original_size) == (Decimal("0.03"), Decimal("0.04"))
    (fill,) = desk.fills()
    assert (fill.size, fill.oid, fill.px, fill.is_taker) == (Decimal("0.01"), answer.oid, terms.limit_px, False)
    seen = desk.found(name, terms, answer.oid)
    assert (seen.status, seen.matches, seen.original_size) == (SightingStatus.OPEN, True, terms.size)


@pytest.mark.case(7)
def test_an_order_that_fills_in_parts_ends_filled_and_its_fills_add_up(desk: Desk):
    terms, name = desk.resting(size="0.04"), desk.name()
    answer = desk.accepted(terms, name)
    for part in ("0.01", "0.01", "0.02"):
        desk.rig.fill(desk, answer.oid, part)
    seen = desk.found(name, terms, answer.oid)
    assert (seen.status, seen.matches) == (SightingStatus.FILLED, True)
    assert [fill.size for fill in desk.fills()] == [Decimal("0.01"), Decimal("0.01"), Decimal("0.02")]
    assert desk.held() == terms.size


@pytest.mark.case(8)
def test_a_partly_filled_order_that_is_cancelled_keeps_its_fill(desk: Desk):
    terms, name = desk.resting(size="0.04"), desk.name()
    answer = desk.accepted(terms, name)
    desk.rig.fill(desk, answer.oid, "0.01")
    assert desk.cancel(oid=answer.oid, client_id=name).verdict is Verdict.ACCEPTED
    seen = desk.found(name, terms, answer.oid)
    assert (seen.status, seen.matches) == (SightingStatus.CANCELLED, True)
    assert (desk.held(), desk.orders()) == (Decimal("0.01"), ())


@pytest.mark.case(9)
def test_a_cancel_that_races_a_fill_is_answered_by_what_really_happened(desk: Desk):
    won = set()
    for number in range(ROUNDS):
        desk.rig.reset()
        terms, name, before = desk.resting(factor="0.99"), desk.name(), desk.held()
        answer = desk.accepted(terms, name)
        through = threading.Thread(target=desk.rig.server.move, args=(desk.coin, desk.price("0.98")))
        if number % 2:
            through.start()
            cancel = desk.cancel(oid=answer.oid, client_id=name)
        else:
            request = desk.venue.trading.sign_cancel(
                key=desk.key,
                instrument=desk.instrument(),
                oid=answer.oid,
                client_id=name,
                nonce=desk.nonce(),
                expires_at=desk.deadline(),
            )
            through.start()
            cancel = desk.send(request)
        through.join()
        status = desk.found(name, terms, answer.oid).status
        is_cancelled = cancel.verdict is Verdict.ACCEPTED
        assert status is (SightingStatus.CANCELLED if is_cancelled else SightingStatus.FILLED), cancel
        assert is_cancelled or cancel.code == "cancel_too_late"
        assert desk.held() - before == (0 if is_cancelled else terms.size)
        won.add(is_cancelled)
    assert desk.held() == sum(fill.signed_size for fill in desk.fills())
    assert won


@pytest.mark.case(10)
def test_a_changed_order_is_a_cancel_proven_and_a_new_order(desk: Desk):
    """The platform never uses a venue's modify: it loses the order or keeps its name on another (hazard 1.7)."""
    terms, name = desk.resting(), desk.name()
    answer = desk.accepted(terms, name)
    assert desk.cancel(oid=answer.oid, client_id=name).verdict is Verdict.ACCEPTED
    assert desk.found(name, terms, answer.oid).status is SightingStatus.CANCELLED
    changed, step = desk.resting(factor="0.965"), desk.name()
    replaced = desk.accepted(changed, step)
    assert replaced.oid != answer.oid
    assert [(order.client_id, order.limit_px) for order in desk.orders()] == [(step, changed.limit_px)]
    assert desk.found(name, terms).status is SightingStatus.CANCELLED


@pytest.mark.case(11)
def test_a_post_only_order_rests_and_fills_as_a_maker(desk: Desk):
    terms, name = desk.resting(tif=TimeInForce.ALO), desk.name()
    answer = desk.accepted(terms, name)
    assert answer.is_resting
    desk.rig.server.move(desk.coin, desk.price("0.95"))
    assert desk.becomes(name, terms, SightingStatus.FILLED).matches
    assert {fill.is_taker for fill in desk.fills()} == {False}


@pytest.mark.case(12)
def test_fills_and_fees_explain_the_position_and_the_equity(desk: Desk):
    before = desk.venue.accounts.portfolio(desk.account).equity
    answer = desk.accepted(desk.terms(size="0.012"))
    desk.accepted(desk.resting())
    found = desk.venue.accounts.portfolio(desk.account)
    held, fills = found.position(desk.coin), desk.fills()
    assert held is not None
    assert sum(fill.signed_size for fill in fills) == held.size == Decimal("0.012")
    assert {fill.oid for fill in fills} == {answer.oid}
    assert all(fill.fee > 0 and fill.is_taker for fill in fills)
    difference = found.equity - (before + held.unrealised_pnl - sum(fill.fee for fill in fills))
    # Venues show money with as few as two decimals more than a cent.
    assert abs(difference) < Decimal("0.0001")
    assert (len(found.orders), found.margin_used > 0) == (1, True)


@pytest.mark.case(13)
def test_an_order_that_takes_more_than_the_book_holds_fills_in_part_and_rests_nowhere(desk: Desk):
    desk.rig.server.post("settings", depth_scale="0.001")
    terms, name = desk.terms(size="0.5", factor="1.0005"), desk.name()
    answer = desk.place(terms, name)
    assert answer.verdict is Verdict.ACCEPTED
    assert 0 < answer.filled_size < terms.size
    assert not answer.is_resting
    assert desk.orders() == ()
    assert desk.held() == answer.filled_size == sum(fill.size for fill in desk.fills())
    assert desk.found(name, terms).status in {SightingStatus.CANCELLED, SightingStatus.FILLED}


@pytest.mark.case(14)
def test_a_fill_may_be_read_before_the_answer_to_its_order_and_is_the_same(desk: Desk):
    terms, name = desk.terms(), desk.name()
    request, answers = desk.sign(terms, name), []
    desk.rig.server.fault("delay_answer", seconds=1)
    sending = threading.Thread(target=lambda: answers.append(desk.send(request)))
    sending.start()
    desk.rig.wait(lambda: bool(desk.fills()))
    assert answers == [], "The fill came after the answer: the case shows nothing."
    early = desk.fills()
    sending.join()
    assert {fill.oid for fill in early} == {answers[0].oid}
    assert desk.fills() == early
    assert desk.held() == terms.size


@pytest.mark.case(15)
def test_a_limit_order_larger_than_the_book_fills_in_part_and_rests_with_the_remainder(desk: Desk):
    desk.rig.server.post("settings", depth_scale="0.001")
    terms, name = desk.terms(size="0.5", factor="1.0005", tif=TimeInForce.GTC), desk.name()
    answer = desk.accepted(terms, name)
    # Venues answer with what has been filled, or that it rests; the position and the open orders know both.
    assert 0 < desk.held() < terms.size
    (listed,) = desk.orders()
    assert (listed.client_id, listed.original_size) == (name, terms.size)
    # The book refills and goes on filling it, so the two reads may have a fill between them.
    desk.rig.wait(lambda: sum(order.size for order in desk.orders()) == terms.size - desk.held())
    assert desk.cancel(oid=answer.oid, client_id=name).verdict is Verdict.ACCEPTED
    assert desk.found(name, terms, answer.oid).matches
    assert desk.held() == sum(fill.size for fill in desk.fills())
