"""Protection and closing against a real Postgres and a paper exchange."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from functools import partial
from typing import Any, TypeVar

import pytest
from temporalio.exceptions import ApplicationError

from activities.refusals import pause_after
from domain.intents import Intent, IntentPhase, Protection
from domain.orders import OrderState
from domain.watch import CloseOrder, FinishRequest, ProtectRequest, ReviewRequest
from tests.stack.trading import Bench

T = TypeVar("T")


def retried(call: Callable[[], T], seconds: float = 20.0) -> T:
    """Call as Temporal would: again and again until it answers."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            return call()
        except ApplicationError as error:
            if error.non_retryable or time.monotonic() > deadline:
                raise
        time.sleep(0.2)


def opened(desk: Bench, name: str, **changes: Any) -> Intent:
    """An intent whose market order has filled."""
    intent = desk.wish(desk.account(name), "one", **changes)
    ack = desk.orders.place_order(desk.approved(intent))
    assert ack.state is OrderState.DONE
    return intent


def triggers(desk: Bench, intent: Intent) -> list[dict[str, Any]]:
    address = desk.accounts.ref(intent.account_id).address
    return list(desk.paper.info(type="frontendOpenOrders", user=address))


def size_held(desk: Bench, intent: Intent) -> Decimal:
    state = desk.paper.info(type="clearinghouseState", user=desk.accounts.ref(intent.account_id).address)
    return sum((Decimal(entry["position"]["szi"]) for entry in state["assetPositions"]), Decimal(0))


def test_a_position_is_protected_by_a_whole_position_stop(desk: Bench) -> None:
    intent = opened(desk, "anna", protection=desk.stop_at("ETH", "0.9"))
    report = retried(
        lambda: desk.positions.protect_position(ProtectRequest(intent=intent, protection=intent.protection))
    )
    assert report.is_protected
    (trigger,) = triggers(desk, intent)
    assert (trigger["isPositionTpsl"], trigger["sz"], trigger["reduceOnly"]) == (True, "0.0", True)


def test_protecting_twice_places_one_stop(desk: Bench) -> None:
    intent = opened(desk, "berta", protection=desk.stop_at("ETH", "0.9"))
    for _ in range(2):
        retried(lambda: desk.positions.protect_position(ProtectRequest(intent=intent, protection=intent.protection)))
    assert len(triggers(desk, intent)) == 1


def test_a_stop_whose_answer_is_lost_is_adopted(desk: Bench) -> None:
    intent = opened(desk, "clara", protection=desk.stop_at("ETH", "0.9"))
    desk.paper.fault("exchange", "execute_then_drop", rate=1, count=1)
    report = retried(
        lambda: desk.positions.protect_position(ProtectRequest(intent=intent, protection=intent.protection))
    )
    assert report.is_protected
    assert len(triggers(desk, intent)) == 1


def test_an_amended_stop_replaces_the_old_one(desk: Bench) -> None:
    intent = opened(desk, "dora", protection=desk.stop_at("ETH", "0.9"))
    higher = desk.stop_at("ETH", "0.95")
    for wanted in (intent.protection, higher):
        request = ProtectRequest(intent=intent, protection=wanted)
        retried(partial(desk.positions.protect_position, request))
    (trigger,) = triggers(desk, intent)
    assert Decimal(trigger["triggerPx"]) == higher.stop_px


def test_a_stop_beyond_the_mark_asks_for_a_close(desk: Bench) -> None:
    intent = opened(desk, "emma")
    beyond = desk.stop_at("ETH", "1.1")
    report = retried(lambda: desk.positions.protect_position(ProtectRequest(intent=intent, protection=beyond)))
    assert report.close_now


def test_a_close_ends_flat_with_nothing_of_ours_working(desk: Bench) -> None:
    intent = opened(desk, "frida", protection=desk.stop_at("ETH", "0.9"))
    retried(lambda: desk.positions.protect_position(ProtectRequest(intent=intent, protection=intent.protection)))
    retried(lambda: desk.positions.close_position(CloseOrder(intent=intent)))
    assert size_held(desk, intent) == 0
    assert triggers(desk, intent) == []
    finish = FinishRequest(intent=intent, phase=IntentPhase.CLOSED)
    report = retried(lambda: desk.positions.finish_intent(finish))
    assert report.realised_pnl is not None
    assert desk.books.intents.owner(intent.account_id, "ETH") == ""


def test_an_intent_that_was_called_off_before_anything_was_done_of_it_is_shown(desk: Bench) -> None:
    intent = desk.wish(desk.account("gustav"), "one")
    finish = FinishRequest(intent=intent, phase=IntentPhase.CANCELLED, code="cancelled")
    retried(lambda: desk.positions.finish_intent(finish))
    view = desk.books.intents.view(intent.intent_id)
    assert view is not None
    assert view.phase is IntentPhase.CANCELLED
    assert desk.approve(intent).order is None


@pytest.mark.parametrize("fault", ["execute_then_drop", "drop", "execute_then_502", "duplicate_request"])
def test_a_close_whose_answer_is_lost_neither_flips_nor_stays_open(desk: Bench, fault: str) -> None:
    intent = opened(desk, f"user {fault}")
    desk.paper.fault("exchange", fault, rate=1, count=1, match={"reduce_only": True})
    retried(lambda: desk.positions.close_position(CloseOrder(intent=intent)))
    assert size_held(desk, intent) == 0


def test_a_lagging_account_is_not_taken_for_flat(desk: Bench) -> None:
    intent = opened(desk, "greta")
    for kind in ("clearinghouseState", "userFillsByTime", "frontendOpenOrders"):
        desk.paper.fault("info", "info_lag", type=kind, seconds=60, rate=1, count=1000)
    review = retried(lambda: desk.positions.review_position(ReviewRequest(intent=intent, protection=Protection())))
    assert not review.is_flat
    desk.paper.clear_faults()
    review = retried(lambda: desk.positions.review_position(ReviewRequest(intent=intent, protection=Protection())))
    assert (review.is_flat, review.position_size) == (False, Decimal("0.1"))


def test_a_stop_that_fires_closes_the_position_and_is_named(desk: Bench) -> None:
    intent = opened(desk, "hanna", protection=desk.stop_at("ETH", "0.97"))
    retried(lambda: desk.positions.protect_position(ProtectRequest(intent=intent, protection=intent.protection)))
    before = desk.venues.of("hyperliquid", "paper").market.mark("ETH").mark_px
    desk.paper.post("price", coin="ETH", px=str((before * Decimal("0.96")).quantize(Decimal(1))))
    deadline = time.monotonic() + 15
    review = None
    while review is None or not review.is_flat:
        assert time.monotonic() < deadline, review
        review = retried(
            lambda: desk.positions.review_position(ReviewRequest(intent=intent, protection=intent.protection))
        )
    assert review.closed_by == "stop_loss"


def test_a_position_closed_by_hand_is_named_external(desk: Bench) -> None:
    intent = opened(desk, "ida")
    address = desk.accounts.ref(intent.account_id).address
    desk.paper.post("trade", user=address, coin="ETH", side="sell", sz="0.1")
    review = retried(lambda: desk.positions.review_position(ReviewRequest(intent=intent, protection=Protection())))
    assert (review.is_flat, review.closed_by) == (True, "external")


def test_a_close_that_is_refused_again_and_again_is_tried_less_often_and_told(desk: Bench) -> None:
    """A wallet that was revoked, a coin that is halted: the budget of the address belongs to the other accounts as well."""
    intent = opened(desk, "hugo", protection=desk.stop_at("ETH", "0.9"))
    desk.paper.post("settings", trading_halted=True)
    pauses = []
    try:
        for _ in range(7):
            with pytest.raises(ApplicationError) as caught:
                desk.positions.close_position(CloseOrder(intent=intent))
            assert caught.value.next_retry_delay is not None
            pauses.append(caught.value.next_retry_delay.total_seconds())
        closes = [row for row in desk.books.journal.orders_of(intent.intent_id) if row.key.step.startswith("close.")]
    finally:
        desk.paper.post("settings", trading_halted=False)
    assert pauses[0] < 0.5
    assert pauses[-3:] == sorted(pauses[-3:])
    assert pauses[-1] >= 8 * pauses[0]
    # Two of the first attempts, before it was known to last, then one of each.
    assert len(closes) <= 10
    told = [notice for notice in desk.notifier.notices if notice.kind == "reducing_refused"]
    assert told
    assert "trading_halted" in told[-1].text
    retried(lambda: desk.positions.close_position(CloseOrder(intent=intent)))
    assert size_held(desk, intent) == 0


def test_protection_that_is_refused_again_and_again_is_tried_less_often_and_told(desk: Bench) -> None:
    intent = opened(desk, "ines")
    request = ProtectRequest(intent=intent, protection=desk.stop_at("ETH", "0.9"))
    desk.paper.post("settings", trading_halted=True)
    pauses = []
    try:
        for _ in range(7):
            with pytest.raises(ApplicationError) as caught:
                desk.positions.protect_position(request)
            assert caught.value.next_retry_delay is not None
            pauses.append(caught.value.next_retry_delay.total_seconds())
    finally:
        desk.paper.post("settings", trading_halted=False)
    assert pauses[-1] >= 8 * pauses[0]
    assert any(notice.kind == "reducing_refused" for notice in desk.notifier.notices)
    assert retried(lambda: desk.positions.protect_position(request)).is_protected


def test_the_pause_after_refusals_has_an_end() -> None:
    soon = timedelta(milliseconds=400)
    assert pause_after(3, soon) == soon
    assert pause_after(4, soon) == 2 * soon
    assert pause_after(100_000, soon) == timedelta(seconds=30)
