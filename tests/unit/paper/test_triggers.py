"""Stops and take-profits: on the mark, for an order, for a parent, for the whole position."""

from decimal import Decimal

import pytest

from paper.engine.orders import Status, Tif
from paper.engine.requests import Failed, Filled, Grouping, Resting, Waiting
from tests.unit.paper.builders import ALICE, Desk, limit, market, trigger

D = Decimal


@pytest.mark.parametrize(
    ("side", "tpsl", "px", "fires_at"),
    [
        ("sell", "sl", "98000", "98000"),
        ("sell", "tp", "102000", "102000"),
        ("buy", "sl", "102000", "102001"),
        ("buy", "tp", "98000", "97999"),
    ],
)
def test_each_kind_of_trigger_fires_on_its_own_side_of_the_mark(side: str, tpsl: str, px: str, fires_at: str) -> None:
    desk = Desk()
    desk.send(ALICE, market("buy" if side == "sell" else "sell", "0.1"))
    outcome = desk.send(ALICE, trigger(side, tpsl, px, "0.1"))[0]
    assert isinstance(outcome, Resting)
    desk.move("BTC", "100100")
    assert desk.order(outcome).status is Status.OPEN
    desk.move("BTC", fires_at)
    assert desk.order(outcome).status is Status.FILLED
    assert desk.szi(ALICE) == 0


def test_a_trigger_that_would_fire_at_once_is_refused() -> None:
    desk = Desk()
    desk.send(ALICE, market("buy", "0.1"))
    assert desk.send(ALICE, trigger("sell", "sl", "101000", "0.1")) == [Failed(text="Invalid TP/SL price. asset=0")]


def test_a_whole_position_stop_closes_whatever_the_position_is_when_it_fires() -> None:
    desk = Desk()
    desk.send(ALICE, market("buy", "0.1"))
    outcome = desk.send(ALICE, trigger("sell", "sl", "98000", "0"), grouping=Grouping.POSITION_TPSL)[0]
    assert isinstance(outcome, Waiting)
    assert outcome.text == "waitingForTrigger"
    desk.send(ALICE, market("buy", "0.25"))
    desk.move("BTC", "97900")
    stop = desk.order(outcome)
    assert (desk.szi(ALICE), stop.filled_sz, stop.orig_sz) == (D(0), D("0.35"), D("0.35"))
    assert [event.status for event in stop.events if event.is_status] == [Status.OPEN, Status.TRIGGERED, Status.FILLED]


def test_whole_position_orders_go_when_the_position_is_closed_and_the_sibling_of_a_filled_one_too() -> None:
    desk = Desk()
    desk.send(ALICE, market("buy", "0.1"))
    pair = (trigger("sell", "sl", "98000", "0"), trigger("sell", "tp", "103000", "0"))
    stop, profit = (desk.order(item) for item in desk.send(ALICE, *pair, grouping=Grouping.POSITION_TPSL))
    desk.move("BTC", "103100")
    assert (profit.status, stop.status) == (Status.FILLED, Status.SIBLING_FILLED_CANCELED)
    desk.set_mark("BTC", "100000")
    desk.send(ALICE, market("buy", "0.1"))
    stop = desk.order(desk.send(ALICE, trigger("sell", "sl", "98000", "0"), grouping=Grouping.POSITION_TPSL)[0])
    desk.send(ALICE, market("sell", "0.1", reduce_only=True))
    assert stop.status is Status.REDUCE_ONLY_CANCELED
    assert desk.live(ALICE) == []


def test_a_whole_position_stop_while_flat_is_refused_unless_the_switch_accepts_it() -> None:
    desk = Desk()
    refused = desk.send(ALICE, trigger("sell", "sl", "98000", "0"), grouping=Grouping.POSITION_TPSL)[0]
    assert refused == Failed(text="Reduce only order would increase position. asset=0")
    desk.venue.settings.change({"position_tpsl_without_position": "accept"})
    assert isinstance(
        desk.send(ALICE, trigger("sell", "sl", "98000", "0"), grouping=Grouping.POSITION_TPSL)[0], Waiting
    )


def test_children_wait_for_their_parent_and_cancel_each_other() -> None:
    desk = Desk()
    wanted = (
        limit("buy", "99000", "0.1"),
        trigger("sell", "sl", "97000", "0.1"),
        trigger("sell", "tp", "103000", "0.1"),
    )
    parent, *children = desk.send(ALICE, *wanted, grouping=Grouping.NORMAL_TPSL)
    assert isinstance(parent, Resting)
    assert [child.text for child in children if isinstance(child, Waiting)] == ["waitingForFill"] * 2
    desk.move("BTC", "98900")
    assert desk.szi(ALICE) == D("0.1")
    stop, profit = (desk.order(child) for child in children)
    assert not stop.is_waiting_for_parent
    desk.move("BTC", "96900")
    assert (stop.status, profit.status) == (Status.FILLED, Status.SIBLING_FILLED_CANCELED)


def test_cancelling_a_parent_cancels_its_children() -> None:
    from paper.engine.cancelling import cancel

    desk = Desk()
    wanted = (limit("buy", "99000", "0.1"), trigger("sell", "sl", "97000", "0.1"))
    parent, child = desk.send(ALICE, *wanted, grouping=Grouping.NORMAL_TPSL)
    cancel(desk.venue, ALICE, 0, desk.order(parent).oid)
    assert desk.order(child).status is Status.CANCELED


def test_a_market_trigger_has_ten_percent_tolerance_and_its_rest_stays_in_the_book() -> None:
    desk = Desk()
    desk.deposit(ALICE, "100000000")
    desk.send(ALICE, market("buy", "40"))
    held = desk.szi(ALICE)
    stop = desk.order(desk.send(ALICE, trigger("sell", "sl", "98000", "0"), grouping=Grouping.POSITION_TPSL)[0])
    desk.venue.markets["BTC"].liquidity.rescale(D("0.06"))
    desk.move("BTC", "97000")
    assert stop.limit_px == D("97000") * D("0.9")
    assert 0 < stop.filled_sz < held
    assert (stop.status, stop.tif) == (Status.OPEN, Tif.GTC)
    assert stop in desk.live(ALICE)
    desk.clock.now += 60_000
    desk.move("BTC", "97001")
    assert stop.status is Status.FILLED
    assert desk.szi(ALICE) == 0


def test_a_limit_trigger_places_its_own_price() -> None:
    desk = Desk()
    desk.send(ALICE, market("buy", "0.1"))
    stop = desk.order(desk.send(ALICE, trigger("sell", "sl", "98000", "0.1", px="97900"))[0])
    desk.move("BTC", "97000")
    assert (stop.status, stop.limit_px) == (Status.OPEN, D("97900"))
    desk.move("BTC", "98100")
    assert stop.status is Status.FILLED


def test_a_stop_entry_that_is_not_reduce_only_is_a_matter_of_the_switch() -> None:
    desk = Desk()
    entry = trigger("buy", "sl", "102000", "0.1", reduce_only=False)
    assert isinstance(desk.send(ALICE, entry)[0], Resting)
    desk.move("BTC", "102100")
    assert desk.szi(ALICE) == D("0.1")
    desk.venue.settings.change({"trigger_must_reduce": True})
    assert isinstance(desk.send(ALICE, trigger("buy", "sl", "103000", "0.1", reduce_only=False))[0], Failed)


def test_a_filled_order_of_a_sell_ioc_is_reported_with_its_average() -> None:
    desk = Desk()
    outcome = desk.send(ALICE, market("sell", "0.1"))[0]
    assert isinstance(outcome, Filled)
    assert outcome.average_px < 100000
