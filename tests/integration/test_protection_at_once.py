"""A fill is protected by the activity that learns of it, before its owner is told."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from temporalio.exceptions import ApplicationError

from activities.holdings import Holding
from activities.positions import PositionActivities
from domain.accounts import AccountRef, Portfolio
from domain.approvals import ApprovalRequest, Opening
from domain.errors import Refused
from domain.intents import Intent, IntentPhase, IntentPolicy, OrderStyle, Protection
from domain.money import Price
from domain.orders import LIVE_STATES, OrderKey, OrderState, TimeInForce, TriggerKind
from domain.watch import CloseOrder, FinishRequest, ProtectRequest, ReviewRequest
from runtime.secrets import KeyRing
from tests.integration.test_positions import opened, retried, triggers
from tests.stack.paper import Paper
from tests.stack.trading import Bench, bench


def open_with_stop(desk: Bench, name: str, fault: str = "", step: str = "") -> tuple[Intent, Opening]:
    intent = desk.wish(desk.account(name), "one", protection=desk.stop_at("ETH", "0.9"))
    if fault:
        cloid = f"0x{OrderKey(intent_id=intent.intent_id, step=step).client_id}"
        desk.paper.fault("exchange", fault, match={"cloid": cloid}, rate=1, count=1)
    return intent, desk.orders.open_order(request_of(intent))


def request_of(intent: Intent) -> ApprovalRequest:
    now = datetime.now(UTC)
    return ApprovalRequest(intent=intent, step="open", decided_at=now, not_after=now + timedelta(seconds=30))


def phase(desk: Bench, intent: Intent) -> IntentPhase:
    view = desk.books.intents.view(intent.intent_id)
    assert view is not None
    return view.phase


def stops(desk: Bench, intent: Intent) -> list[tuple[str, OrderState]]:
    rows = desk.books.journal.orders_of(intent.intent_id)
    return [(row.key.step, row.state) for row in rows if row.key.step.startswith("protect.")]


def test_a_fill_has_its_stop_when_the_opening_is_answered(desk: Bench) -> None:
    intent, opening = open_with_stop(desk, "anna")
    assert opening.is_protected
    (trigger,) = triggers(desk, intent)
    assert Decimal(trigger["triggerPx"]) == intent.protection.stop_px
    assert phase(desk, intent) is IntentPhase.PROTECTED


def test_an_owner_that_protects_as_well_and_an_opening_that_is_retried_add_no_stop(desk: Bench) -> None:
    intent, _ = open_with_stop(desk, "berta")
    assert desk.orders.open_order(request_of(intent)).is_protected
    retried(lambda: desk.positions.protect_position(ProtectRequest(intent=intent, protection=intent.protection)))
    assert stops(desk, intent) == [("protect.sl.1", OrderState.WORKING)]
    assert len(triggers(desk, intent)) == 1


@pytest.mark.parametrize("days", [-3, 3])
def test_a_worker_whose_clock_is_days_off_opens_protects_and_closes(
    days: int, desk: Bench, paper: Paper, database: str, tmp_path: Path, keys: KeyRing
) -> None:
    intent = desk.wish(desk.account(f"bodo {days}"), "one", protection=desk.stop_at("ETH", "0.9"))
    offset = int(timedelta(days=days) / timedelta(milliseconds=1))
    skewed = bench(paper, database, tmp_path, keys, HOLDFAST_CLOCK_OFFSET_MS=str(offset))
    try:
        opening = skewed.orders.open_order(request_of(intent))
        assert opening.is_protected, opening
        retried(lambda: skewed.positions.close_position(CloseOrder(intent=intent)))
        assert triggers(skewed, intent) == []
    finally:
        skewed.close()


def test_both_prices_are_placed(desk: Bench) -> None:
    wanted = Protection(stop_px=desk.stop_at("ETH", "0.9").stop_px, take_profit_px=desk.stop_at("ETH", "1.1").stop_px)
    intent = desk.wish(desk.account("bruno"), "one", protection=wanted)
    assert desk.orders.open_order(request_of(intent)).is_protected
    assert sorted(step for step, _ in stops(desk, intent)) == ["protect.sl.1", "protect.tp.1"]


def test_an_opening_whose_answer_is_lost_is_protected_as_soon_as_it_is_known(desk: Bench) -> None:
    intent, opening = open_with_stop(desk, "clara", fault="execute_then_drop", step="open")
    if not opening.is_protected:
        key = OrderKey(intent_id=intent.intent_id, step="open")
        assert retried(lambda: desk.orders.resolve_order(key)).filled_size > 0
    assert len(triggers(desk, intent)) == 1


def test_what_has_filled_of_an_order_on_its_way_out_is_protected_meanwhile(desk: Bench) -> None:
    mark = desk.venues.of("hyperliquid", "paper").market.mark("ETH").mark_px
    limit = Price((mark * Decimal("0.93")).quantize(Decimal(1)))
    policy = IntentPolicy(style=OrderStyle.LIMIT, limit_px=limit, tif=TimeInForce.GTC)
    intent = desk.wish(desk.account("conrad"), "one", policy=policy, protection=desk.stop_at("ETH", "0.8"))
    ack = desk.orders.open_order(request_of(intent)).ack
    assert ack is not None
    desk.paper.post("fill", oid=int(ack.oid), sz="0.05")
    desk.paper.fault("cancel", "drop", match={"oid": int(ack.oid)}, count=1)
    with pytest.raises(ApplicationError, match="has not ended yet"):
        desk.positions.cancel_opening(intent)
    assert len(triggers(desk, intent)) == 1
    retried(lambda: desk.positions.cancel_opening(intent))
    assert len(triggers(desk, intent)) == 1


def test_a_fill_that_a_look_finds_is_protected_by_the_look(desk: Bench) -> None:
    intent = opened(desk, "conny", protection=desk.stop_at("ETH", "0.9"))
    assert triggers(desk, intent) == []
    desk.orders.resolve_order(OrderKey(intent_id=intent.intent_id, step="open"))
    assert len(triggers(desk, intent)) == 1


def test_a_stop_whose_answer_is_lost_works_once(desk: Bench) -> None:
    intent, _ = open_with_stop(desk, "dora", fault="execute_then_drop", step="protect.sl.1")
    retried(lambda: desk.positions.protect_position(ProtectRequest(intent=intent, protection=intent.protection)))
    assert len(triggers(desk, intent)) == 1


def test_a_stop_that_was_never_sent_is_sent_anew(desk: Bench) -> None:
    intent, _ = open_with_stop(desk, "doris", fault="drop", step="protect.sl.1")
    retried(lambda: desk.positions.protect_position(ProtectRequest(intent=intent, protection=intent.protection)))
    assert len(triggers(desk, intent)) == 1


def test_a_stop_beyond_the_mark_is_left_to_the_owner_who_closes(desk: Bench) -> None:
    intent, beyond = opened(desk, "emma"), desk.stop_at("ETH", "1.1")
    desk.books.intents.set_protection(intent.intent_id, stop_px=beyond.stop_px, take_profit_px=None)
    assert not desk.fence.protecting.protect_at_once(intent.intent_id)
    report = retried(lambda: desk.positions.protect_position(ProtectRequest(intent=intent, protection=beyond)))
    assert report.close_now


class LateSync:
    """Reads the account after an attempt that slept has placed its stop: the worst moment, between the two looks of an end."""

    def __init__(self, desk: Bench, intent: Intent) -> None:
        self._desk = desk
        self._intent = intent
        self.placed = False

    def sync(self, account: AccountRef) -> Portfolio:
        venue, _ = self._desk.fence.holdings.place(self._intent)
        px = self._intent.protection.stop_px
        assert px is not None
        if not self.placed:
            self._desk.fence.reducing.protect_first(venue, account, self._intent, TriggerKind.STOP_LOSS, px)
        self.placed = True
        return self._desk.fence.sync.sync(account)


def test_a_stop_that_is_placed_while_its_intent_ends_is_cancelled_by_the_end(desk: Bench) -> None:
    intent = opened(desk, "frida", protection=desk.stop_at("ETH", "0.9"))
    late = LateSync(desk, intent)
    ending = PositionActivities(
        holdings=desk.fence.holdings,
        protecting=desk.fence.protecting,
        closing=desk.fence.closing,
        intents=desk.books.intents,
        sync=late,
    )
    retried(lambda: ending.finish_intent(FinishRequest(intent=intent, phase=IntentPhase.CLOSED)))
    assert late.placed
    assert stops(desk, intent)
    assert all(state not in LIVE_STATES for _, state in stops(desk, intent))
    assert triggers(desk, intent) == []


def test_an_attempt_that_wakes_after_the_end_of_its_intent_places_no_stop(desk: Bench) -> None:
    intent = opened(desk, "gerda", protection=desk.stop_at("ETH", "0.9"))
    retried(lambda: desk.positions.close_position(CloseOrder(intent=intent)))
    retried(lambda: desk.positions.finish_intent(FinishRequest(intent=intent, phase=IntentPhase.CLOSED)))
    assert not desk.fence.protecting.protect_at_once(intent.intent_id)
    assert stops(desk, intent) == []


def test_an_attempt_that_wakes_after_the_end_of_its_intent_takes_nothing_from_the_next_owner(desk: Bench) -> None:
    ended = opened(desk, "hanna")
    retried(lambda: desk.positions.close_position(CloseOrder(intent=ended)))
    retried(lambda: desk.positions.finish_intent(FinishRequest(intent=ended, phase=IntentPhase.CLOSED)))
    owner = desk.wish(desk.accounts.ref(ended.account_id), "two")
    assert desk.orders.open_order(request_of(owner)).ack is not None
    holding = desk.fence.holdings.read(owner)
    assert holding.held is not None
    for prefix in ("close", "protect"):
        with pytest.raises(Refused, match=f"{prefix}.* is not its business any more") as refused:
            late_step(desk, ended, holding, prefix)
        assert refused.value.code == "intent_ended"
    # Whoever closes for the ended one is not kept at it for ever either.
    desk.positions.close_position(CloseOrder(intent=ended))
    assert desk.fence.holdings.read(owner).held == holding.held


def late_step(desk: Bench, ended: Intent, holding: Holding, prefix: str) -> None:
    """Do what an attempt would that read the position of its intent and then slept."""
    assert holding.held is not None
    if prefix == "close":
        desk.fence.reducing.close(holding.venue, holding.account, ended, holding.held)
    else:
        px = desk.stop_at("ETH", "0.9").stop_px
        assert px is not None
        desk.fence.reducing.protect_first(holding.venue, holding.account, ended, TriggerKind.STOP_LOSS, px)


def test_an_attempt_that_slept_while_the_stop_was_moved_leaves_it_where_it_is(desk: Bench) -> None:
    intent, _ = open_with_stop(desk, "helga")
    moved = desk.stop_at("ETH", "0.95")
    retried(lambda: desk.positions.protect_position(ProtectRequest(intent=intent, protection=moved)))
    assert not desk.orders.open_order(request_of(intent)).is_protected
    desk.orders.resolve_order(OrderKey(intent_id=intent.intent_id, step="open"))
    (trigger,) = triggers(desk, intent)
    assert Decimal(trigger["triggerPx"]) == moved.stop_px
    view = desk.books.intents.view(intent.intent_id)
    assert view is not None
    assert view.protection == moved


def test_a_fill_that_the_streams_see_first_is_protected_by_the_sync(desk: Bench) -> None:
    intent = opened(desk, "ida", protection=desk.stop_at("ETH", "0.9"))
    # As the fill is found where its sender stands still: shown as approved, its answer not journaled.
    desk.books.intents.show(intent.intent_id, IntentPhase.APPROVED)
    desk.fence.sync.read_fills(desk.accounts.ref(intent.account_id))
    assert stops(desk, intent) == [("protect.sl.1", OrderState.WORKING)]


def test_a_resting_order_that_fills_is_shown_as_protected_by_the_sync_and_by_the_look(desk: Bench) -> None:
    intent = opened(desk, "ilse", protection=desk.stop_at("ETH", "0.9"))
    desk.books.intents.show(intent.intent_id, IntentPhase.WORKING)
    desk.fence.sync.read_fills(desk.accounts.ref(intent.account_id))
    assert phase(desk, intent) is IntentPhase.PROTECTED
    # The answer to the opening order may be shown later than that.
    desk.books.intents.show(intent.intent_id, IntentPhase.WORKING)
    review = ReviewRequest(intent=intent, protection=intent.protection)
    assert retried(lambda: desk.positions.review_position(review)).is_protected
    assert phase(desk, intent) is IntentPhase.PROTECTED


def test_the_sync_protects_nothing_for_a_trade_by_hand(desk: Bench) -> None:
    intent = opened(desk, "jana", protection=desk.stop_at("ETH", "0.9"))
    retried(lambda: desk.positions.review_position(ReviewRequest(intent=intent, protection=Protection())))
    desk.books.intents.show(intent.intent_id, IntentPhase.APPROVED)
    account = desk.accounts.ref(intent.account_id)
    desk.paper.post("trade", user=account.address, coin="ETH", side="buy", sz="0.2")
    assert desk.fence.sync.read_fills(account)
    assert stops(desk, intent) == []


def test_the_sync_protects_nothing_whose_close_has_begun(desk: Bench) -> None:
    intent = opened(desk, "karla", protection=desk.stop_at("ETH", "0.9"))
    venue, account = desk.fence.holdings.place(intent)
    held = venue.accounts.summary(account).position("ETH")
    assert held is not None
    desk.fence.reducing.close(venue, account, intent, held)
    desk.books.intents.show(intent.intent_id, IntentPhase.APPROVED)
    assert len(desk.fence.sync.read_fills(account)) == 2
    assert stops(desk, intent) == []
