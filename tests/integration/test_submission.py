"""The fenced submission against a real Postgres and a paper exchange: one order, whatever happens to its answer."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from sqlalchemy import func, update
from temporalio.exceptions import ApplicationError

from activities.approvals import Approving
from domain.approvals import ApprovalRequest
from domain.halts import HaltFlag
from domain.intents import IntentPhase
from domain.money import Price
from domain.orders import OrderAck, OrderKey, OrderState
from runtime.secrets import KeyRing
from storage.postgres.accounts import PostgresAccounts
from storage.postgres.approvals import PostgresApprovals
from storage.postgres.claims import Claims
from storage.postgres.engine import engine, transaction
from storage.postgres.gate import PostgresGate
from storage.postgres.halts import PostgresHalts
from storage.postgres.journal import PostgresJournal
from storage.postgres.owner_tables import signers
from storage.postgres.tables import orders
from tests.stack.paper import Paper
from tests.stack.trading import Bench, bench


def settled(desk: Bench, key: OrderKey, seconds: float = 30.0) -> OrderAck:
    """Look until the outcome is known."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            ack = desk.orders.settle_row(key)
        except ApplicationError as error:
            if error.type != "rate_budget":  # a storm of 429s closes the address's budget for some seconds
                raise
        else:
            if ack.state not in {OrderState.APPROVED, OrderState.SENDING, OrderState.UNKNOWN}:
                return ack
        assert time.monotonic() < deadline, key
        time.sleep(0.3)


def test_a_market_order_is_filled_and_its_fill_is_bound_to_its_step(desk: Bench) -> None:
    account = desk.account("anna")
    order = desk.approved(desk.wish(account, "one"))
    ack = desk.orders.place_order(order)
    assert (ack.state, ack.filled_size) == (OrderState.DONE, Decimal("0.1"))
    desk.fence.sync.sync(account)
    fills = desk.books.intents.fills(order.key.intent_id)
    assert sum(fill.size for fill in fills) == Decimal("0.1")
    assert len(desk.admitted(account)) == 1


def test_placing_again_after_the_answer_sends_nothing(desk: Bench) -> None:
    account = desk.account("berta")
    order = desk.approved(desk.wish(account, "one"))
    first = desk.orders.place_order(order)
    assert desk.orders.place_order(order) == first
    assert len(desk.admitted(account)) == 1


def test_a_clock_that_was_set_right_meanwhile_gives_no_order_up(desk: Bench) -> None:
    """The estimate of the venue's clock is half a minute old at most, and by it the decision is too old."""
    account = desk.account("bodo")
    venue = desk.venues.of("hyperliquid", "paper")
    desk.paper.post("settings", clock_offset_ms=60_000)
    desk.fence.clock.read(venue, account)
    desk.paper.post("settings", clock_offset_ms=0)
    ack = desk.orders.place_order(desk.approved(desk.wish(account, "one")))
    assert (ack.state, ack.code) == (OrderState.DONE, "")


@pytest.mark.parametrize(
    "fault",
    [
        "execute_then_drop",
        "execute_then_429",
        "execute_then_403",
        "execute_then_502",
        "execute_then_503",
        "duplicate_request",
        "garbage",
    ],
)
def test_an_order_that_ran_but_was_not_answered_is_adopted_and_never_resent(desk: Bench, fault: str) -> None:
    account = desk.account(f"user {fault}")
    order = desk.approved(desk.wish(account, "one"))
    desk.paper.fault("exchange", fault, rate=1, count=1, match={"cloid": f"0x{order.key.client_id}"})
    ack = desk.orders.place_order(order)
    if ack.state is not OrderState.DONE:
        ack = settled(desk, order.key)
    assert (ack.state, ack.filled_size) == (OrderState.DONE, Decimal("0.1"))
    assert len(desk.admitted(account)) == 1


@pytest.mark.parametrize("fault", ["drop", "http_429", "http_500", "http_503_empty"])
def test_an_order_that_never_ran_is_proved_absent_and_may_be_placed_under_a_new_step(desk: Bench, fault: str) -> None:
    account = desk.account(f"user {fault}")
    order = desk.approved(desk.wish(account, "one"))
    desk.paper.fault("exchange", fault, rate=1, count=1, match={"cloid": f"0x{order.key.client_id}"})
    ack = desk.orders.place_order(order)
    assert ack.state in {OrderState.UNKNOWN, OrderState.EXPIRED}
    ack = settled(desk, order.key)
    assert (ack.state, ack.code) == (OrderState.EXPIRED, "nonce_burned")
    again = desk.approved(desk.wish(account, "one"), step="open.2")
    assert desk.orders.place_order(again).state is OrderState.DONE
    assert len(desk.admitted(account)) == 1


def test_without_a_noop_absence_counts_only_past_deadline_and_lag(desk: Bench) -> None:
    account = desk.account("clara")
    order = desk.approved(desk.wish(account, "one"))
    desk.books.journal.note_leverage(account.account_id, "ETH", leverage=order.leverage, is_cross=True)
    desk.paper.fault("exchange", "drop", rate=1, count=2)  # the order and its no-op
    desk.orders.place_order(order)
    started = time.monotonic()
    ack = settled(desk, order.key)
    assert (ack.state, ack.code) == (OrderState.EXPIRED, "never_admitted")
    assert time.monotonic() - started > 4.0
    assert desk.admitted(account) == []


def test_an_order_that_the_venue_has_forgotten_is_known_by_its_fills(desk: Bench, paper: Paper) -> None:
    """Venues keep a number of orders, and fills for much longer."""
    account = desk.account("clemens")
    order = desk.approved(desk.wish(account, "one"))
    paper.fault("exchange", "execute_then_drop", rate=1, count=1, match={"cloid": f"0x{order.key.client_id}"})
    paper.fault("info", "http_500", rate=1, count=1, type="orderStatus")
    paper.post("settings", order_retention=3)
    try:
        assert desk.orders.place_order(order).state is OrderState.UNKNOWN
        for _ in range(4):
            paper.post("trade", user=account.address, coin="SOL", side="buy", sz="0.2", px="80")
        assert desk.orders.settle_row(order.key).state is OrderState.UNKNOWN
        desk.fence.sync.read_fills(account)
        ack = desk.orders.settle_row(order.key)
    finally:
        paper.post("settings", order_retention=2000)
    assert (ack.state, ack.code, ack.filled_size) == (OrderState.DONE, "aged_out", Decimal("0.1"))
    assert ack.average_px is not None


def test_who_waits_long_for_an_outcome_is_told_and_asks_less_often(desk: Bench) -> None:
    account = desk.account("cosima")
    order = desk.approved(desk.wish(account, "one"))
    desk.paper.fault("exchange", "execute_then_drop", rate=1, count=1, match={"cloid": f"0x{order.key.client_id}"})
    # As from a node that is far behind.
    desk.paper.fault("info", "info_lag", rate=1, type="orderStatus", seconds=60)
    assert desk.orders.place_order(order).state is OrderState.UNKNOWN

    def next_look() -> timedelta | None:
        with pytest.raises(ApplicationError, match="is UNKNOWN") as caught:
            desk.orders.resolve_order(order.key)
        return caught.value.next_retry_delay

    assert next_look() == timedelta(seconds=1)
    assert desk.notifier.notices == []
    with transaction(desk.engine) as connection:
        connection.execute(update(orders).values(unknown_since=func.now() - timedelta(minutes=2)))
    assert next_look() == timedelta(seconds=5)
    (notice,) = desk.notifier.notices
    assert (notice.kind, notice.details["client_id"]) == ("outcome_unknown", order.key.client_id)


def test_a_halt_between_write_ahead_and_send_stops_the_order(desk: Bench) -> None:
    account = desk.account("dora")
    order = desk.approved(desk.wish(account, "one"))
    PostgresHalts(desk.engine).commit(HaltFlag(reason="test"))
    ack = desk.orders.place_order(order)
    assert (ack.state, ack.code) == (OrderState.VOID, "halted")
    assert desk.admitted(account) == []


def test_a_row_stopped_before_its_send_is_never_sent(desk: Bench) -> None:
    account = desk.account("emma")
    order = desk.approved(desk.wish(account, "one"), max_age=timedelta(seconds=3))
    desk.books.journal.stop(order.key)
    ack = desk.orders.place_order(order)
    assert ack.state is OrderState.APPROVED
    ack = settled(desk, order.key)
    assert ack.state is OrderState.VOID
    assert desk.admitted(account) == []


def test_a_zombie_that_wakes_after_its_decision_grew_old_sends_nothing(
    paper: Paper, database: str, tmp_path: Path, keys: KeyRing
) -> None:
    woken = threading.Event()

    def pause(place: str, _client_id: str) -> None:
        if place == "after_read_row":
            woken.wait(20)

    slow = bench(paper, database, tmp_path, keys, reached=pause)
    account = slow.account("frida")
    order = slow.approved(slow.wish(account, "one"), max_age=timedelta(seconds=1))
    zombie = threading.Thread(target=slow.orders.place_order, args=(order,))
    zombie.start()
    quick = bench(paper, database, tmp_path, keys)
    ack = settled(quick, order.key)
    assert ack.state is OrderState.VOID
    woken.set()
    zombie.join(20)
    assert quick.admitted(account) == []
    slow.close()
    quick.close()


def test_a_leverage_that_was_set_by_a_worker_that_died_is_not_taken_for_the_old_one(
    paper: Paper, database: str, tmp_path: Path, keys: KeyRing
) -> None:
    """It is noted with the claim. An order that wants the old one again would trade at the new."""

    def die(place: str, _client_id: str) -> None:
        if place == "before_write_ahead":
            raise KeyboardInterrupt

    dying = bench(paper, database, tmp_path, keys, reached=die)
    account = dying.account("fritz")
    order = dying.approved(dying.wish(account, "one"))
    dying.books.journal.note_leverage(account.account_id, "ETH", leverage=order.leverage + 1, is_cross=True)
    with pytest.raises(KeyboardInterrupt):
        dying.orders.place_order(order)
    assert dying.venues.of("hyperliquid", "paper").accounts.leverage(account, "ETH") == (order.leverage, True)
    known = dying.books.journal.order_to_send(order.key)
    assert known is not None
    assert known[1] is None
    dying.close()


def test_two_workers_that_place_the_same_order_send_it_once(
    paper: Paper, database: str, tmp_path: Path, keys: KeyRing
) -> None:
    first, second = bench(paper, database, tmp_path, keys), bench(paper, database, tmp_path, keys)
    account = first.account("greta")
    order = first.approved(first.wish(account, "one"))
    acks = _at_once(lambda: first.orders.place_order(order), lambda: second.orders.place_order(order))
    assert OrderState.DONE in {ack.state for ack in acks} or settled(first, order.key).state is OrderState.DONE
    assert len(first.admitted(account)) == 1
    first.close()
    second.close()


def test_of_two_intents_on_one_instrument_one_gets_the_slot(desk: Bench) -> None:
    account = desk.account("hanna")
    approvals = [desk.approve(desk.wish(account, name)) for name in ("one", "two")]
    assert approvals[0].order is not None
    assert approvals[1].code == "instrument_busy"
    assert approvals[1].owner == approvals[0].order.key.intent_id


def test_a_step_that_was_forbidden_before_its_approval_is_never_approved(desk: Bench) -> None:
    account = desk.account("ina")
    wish = desk.wish(account, "one")
    now = datetime.now(UTC)
    request = ApprovalRequest(intent=wish, step="open", decided_at=now, not_after=now + timedelta(seconds=30))
    assert desk.orders.forbid_opening(request)
    opening = desk.orders.open_order(request)
    assert (opening.ack, opening.code) == (None, "cancelled")
    assert desk.admitted(account) == []


def test_an_attempt_that_wakes_after_the_end_of_its_intent_is_approved_nothing(desk: Bench) -> None:
    wish = desk.wish(desk.account("mira"), "one")
    desk.books.intents.register(wish)
    assert desk.books.intents.finish(wish, IntentPhase.CANCELLED, code="owner_gone", reason="Its workflow had ended.")
    now = datetime.now(UTC)
    late = ApprovalRequest(intent=wish, step="open", decided_at=now, not_after=now + timedelta(seconds=30))
    approval = desk.approvals.approve(late)
    assert (approval.order, approval.code) == (None, "owner_gone")
    assert desk.books.intents.owner(wish.account_id, "ETH") == ""


def test_an_intent_does_not_end_between_the_look_at_it_and_the_reservation_for_it(desk: Bench) -> None:
    """An approval may stand still between its two lines, and the end of its intent come just then."""
    account = desk.account("minna")
    wish = desk.wish(account, "one")
    desk.books.intents.register(wish)
    with ThreadPoolExecutor(1) as pool, PostgresApprovals(desk.engine).desk(account) as held:
        assert held.over(wish.intent_id) is None
        ending = pool.submit(desk.books.intents.finish, wish, IntentPhase.CANCELLED, code="", reason="")
        assert not wait([ending], timeout=1).done
        held.note_phase(wish.intent_id, IntentPhase.APPROVED)


def test_a_refusal_is_repeated_to_an_attempt_whose_answer_was_lost(desk: Bench) -> None:
    account = desk.account("mona")
    first, second = (desk.wish(account, name) for name in ("one", "two"))
    desk.approved(first)
    now = datetime.now(UTC)
    request = ApprovalRequest(intent=second, step="open", decided_at=now, not_after=now + timedelta(seconds=30))
    refused = desk.approvals.approve(request)
    assert refused.code == "instrument_busy"
    desk.books.intents.replace_owner(first.account_id, "ETH", first.intent_id, second.intent_id)
    again = desk.approvals.approve(request)
    assert (again.order, again.code, again.reason) == (None, refused.code, refused.reason)


def test_a_step_that_was_approved_cannot_be_forbidden_any_more(desk: Bench) -> None:
    account = desk.account("ivo")
    wish = desk.wish(account, "one")
    now = datetime.now(UTC)
    request = ApprovalRequest(intent=wish, step="open", decided_at=now, not_after=now + timedelta(seconds=30))
    first = desk.orders.open_order(request)
    assert not desk.orders.forbid_opening(request)
    assert desk.orders.open_order(request) == first
    assert len(desk.admitted(account)) == 1


def test_a_resting_order_is_cancelled_by_its_order_id(desk: Bench) -> None:
    account = desk.account("ida")
    mark = desk.venues.of("hyperliquid", "paper").market.mark("ETH").mark_px
    far = Price((mark * Decimal("0.8")).quantize(Decimal(1)))
    order = desk.approved(desk.limit_wish(account, "one", far))
    assert desk.orders.place_order(order).state is OrderState.WORKING
    ack = desk.orders.cancel_order(order.key)
    assert (ack.state, ack.filled_size) == (OrderState.DONE, Decimal(0))


def _at_once(*calls: Callable[[], OrderAck]) -> list[OrderAck]:
    acks: list[OrderAck] = []
    threads = [threading.Thread(target=lambda call=call: acks.append(call())) for call in calls]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    return acks


def test_an_account_without_a_key_is_told_so_and_no_order_has_to_be_feared(desk: Bench) -> None:
    account = desk.account("jara")
    with transaction(desk.engine) as connection:
        connection.execute(
            update(signers).where(signers.c.account_id == account.account_id).values(retired_at=func.now())
        )
    intent = desk.wish(account, "one")
    refused = desk.approve(intent)
    assert (refused.order, refused.code) == (None, "signer_missing")
    assert f"holdfast account key {account.account_id}" in refused.reason
    assert desk.books.intents.owner(account.account_id, "ETH") == ""
    assert desk.admitted(account) == []


def test_an_approval_takes_one_connection_however_often_it_is_asked_for(desk: Bench, database: str) -> None:
    """Whoever waits for the account's lock holds a connection: a second one for its holder may never become free."""
    account = desk.account("nadia")
    desk.fence.sync.sync(account)
    narrow = engine(database, pool_size=1, max_overflow=0, pool_wait=timedelta(seconds=1))
    approving = Approving(
        accounts=PostgresAccounts(narrow),
        venues=desk.venues,
        approvals=PostgresApprovals(narrow),
        journal=PostgresJournal(narrow, Claims({})),
        gate=PostgresGate(narrow, desk.settings.halt_file),
        sync=desk.fence.sync,
        max_age=desk.settings.portfolio_max_age,
    )
    now = datetime.now(UTC)
    wish = desk.wish(account, "one")
    request = ApprovalRequest(intent=wish, step="open", decided_at=now, not_after=now + timedelta(seconds=30))
    first = approving.approve(request)
    assert first.order is not None, first
    assert approving.approve(request) == first
    narrow.dispose()


def test_nonces_of_one_signer_are_never_drawn_twice(desk: Bench) -> None:
    account = desk.account("olga")

    def draw(_: int) -> int:
        now = datetime.now(UTC)
        return desk.books.journal.account_claim(
            account.account_id, expires_at=now, venue_now=now, max_lead_seconds=60
        ).nonce

    with ThreadPoolExecutor(8) as pool:
        drawn = list(pool.map(draw, range(200)))
    assert len(set(drawn)) == 200
