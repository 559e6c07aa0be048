"""Lookups: what a row says of an order, and when it is not the order that was sent."""

from typing import Any

import pytest

from domain.errors import Retryable
from domain.orders import OrderTerms, Side
from tests.unit.venues.build import ACCOUNT, BTC, CLIENT_ID, client_of, row, stop, stop_row, terms
from venues.base import Sighting, SightingStatus
from venues.hyperliquid.trading import HyperliquidTrading, read_status, status_code
from venues.hyperliquid.wire import from_millis

STATUSES = [
    "open",
    "filled",
    "canceled",
    "triggered",
    "rejected",
    "marginCanceled",
    "vaultWithdrawalCanceled",
    "openInterestCapCanceled",
    "selfTradeCanceled",
    "reduceOnlyCanceled",
    "siblingFilledCanceled",
    "delistedCanceled",
    "liquidatedCanceled",
    "scheduledCancel",
    "internalCancel",
    "outcomeSettledCanceled",
    "tickRejected",
    "minTradeNtlRejected",
    "perpMarginRejected",
    "reduceOnlyRejected",
    "badAloPxRejected",
    "iocCancelRejected",
    "badTriggerPxRejected",
    "marketOrderNoLiquidityRejected",
    "positionIncreaseAtOpenInterestCapRejected",
    "positionFlipAtOpenInterestCapRejected",
    "tooAggressiveAtOpenInterestCapRejected",
    "openInterestIncreaseRejected",
    "insufficientSpotBalanceRejected",
    "oracleRejected",
    "perpMaxPositionRejected",
    "tooManyOpenOrdersRejected",
]


def sight(found: Any, wanted: OrderTerms, oid: str = "") -> tuple[Sighting, dict[str, Any]]:
    with client_of({"orderStatus": found}) as (client, stub):
        seen = HyperliquidTrading(client).look_up(ACCOUNT, client_id=CLIENT_ID, instrument=BTC, terms=wanted, oid=oid)
        return seen, stub.asked[0][1]


def order(found: dict[str, Any], status: str = "open") -> dict[str, Any]:
    return {"status": "order", "order": {"order": found, "status": status, "statusTimestamp": 1_700_000_000_005}}


def test_a_lookup_goes_by_the_masters_address_and_the_client_id():
    _, asked = sight(order(row()), terms())
    assert asked == {"type": "orderStatus", "user": ACCOUNT.address, "oid": "0x" + CLIENT_ID}


def test_a_lookup_by_order_id_sends_a_number():
    _, asked = sight(order(row()), terms(), oid="77")
    assert asked["oid"] == 77


def test_an_open_order_is_seen_with_its_id_and_the_time_of_its_status():
    seen, _ = sight(order(row()), terms())
    assert (seen.status, seen.oid, seen.matches) == (SightingStatus.OPEN, "77", True)
    assert seen.changed_at == from_millis(1_700_000_000_005)


def test_an_unknown_order_is_not_found():
    seen, _ = sight({"status": "unknownOid"}, terms())
    assert seen.status is SightingStatus.NOT_FOUND


@pytest.mark.parametrize(
    "changed",
    [
        {"coin": "ETH"},
        {"side": "A"},
        {"origSz": "0.002"},
        {"limitPx": "80001.0"},
        {"reduceOnly": True},
        {"isTrigger": True, "triggerPx": "80000.0"},
        {"cloid": "0x" + "f" * 32},
    ],
)
def test_an_order_that_differs_in_one_term_is_not_ours(changed: dict[str, Any]):
    seen, _ = sight(order(row(**changed)), terms())
    assert not seen.matches


@pytest.mark.parametrize("changed", [{"sz": "0.0"}, {"cloid": None}, {"timestamp": 1}, {"tif": "Ioc"}])
def test_what_may_change_in_an_orders_life_does_not_make_it_foreign(changed: dict[str, Any]):
    seen, _ = sight(order(row(**changed)), terms())
    assert seen.matches


def test_a_reduce_only_order_that_shrank_keeps_its_sent_size_and_matches():
    reducing = terms(side=Side.SELL, reduce_only=True, size="0.003")
    seen, _ = sight(order(row(side="A", reduceOnly=True, origSz="0.003", sz="0.001")), reducing)
    assert seen.matches


def test_a_waiting_whole_position_stop_has_no_size_and_matches():
    seen, _ = sight(order(stop_row()), stop())
    assert seen.matches


@pytest.mark.parametrize(
    "changed",
    [
        {"triggerPx": "70001.0"},
        {"orderType": "Take Profit Market"},
        {"isPositionTpsl": False},
        {"side": "B"},
        {"reduceOnly": False},
        {"origSz": "0.5"},
    ],
)
def test_a_waiting_stop_that_differs_is_not_ours(changed: dict[str, Any]):
    seen, _ = sight(order(stop_row(**changed)), stop())
    assert not seen.matches


def test_a_fired_stop_has_another_size_limit_and_type_and_still_matches():
    fired = {"isTrigger": False, "triggerPx": "0.0", "triggerCondition": "Triggered", "tif": "Gtc", "origSz": "0.5"}
    seen, _ = sight(order(stop_row(limitPx="62999.0", **fired), "triggered"), stop())
    assert (seen.status, seen.matches) == (SightingStatus.TRIGGERED, True)


@pytest.mark.parametrize("status", STATUSES)
def test_every_documented_status_has_a_meaning_and_a_code(status: str):
    meaning = read_status(status)
    assert meaning is not SightingStatus.NOT_FOUND
    assert (meaning is SightingStatus.REJECTED) == status.lower().endswith("rejected")
    assert (meaning is SightingStatus.CANCELLED) == ("cancel" in status.lower() and "Rejected" not in status)
    assert status_code(status) == status_code(status).lower()


def test_a_status_that_nobody_knows_is_neither_final_nor_open():
    with pytest.raises(Retryable):
        read_status("halfway")


@pytest.mark.parametrize("found", [{}, [], None, {"status": "order"}, order({"coin": "BTC"})])
def test_a_lookup_of_an_unknown_shape_is_retryable(found: Any):
    with pytest.raises(Retryable) as caught:
        sight(found, terms())
    assert caught.value.code == "garbled_answer"


def history(*events: tuple[int, int]) -> list[dict[str, Any]]:
    return [{"order": row(oid=oid), "status": "open", "statusTimestamp": at} for oid, at in events]


@pytest.mark.parametrize(
    ("rows", "retention", "horizon"),
    [
        ([], 3, None),
        (history((1, 30), (2, 20)), 3, None),
        (history((3, 30), (2, 20), (1, 10)), 3, 10),
        # The last event of the oldest order counts; its first one lives on with it and says nothing of others.
        (history((1, 30), (2, 20), (1, 10)), 3, 20),
    ],
)
def test_not_found_reaches_back_to_the_oldest_order_that_is_kept(rows, retention, horizon):
    with client_of({"historicalOrders": rows}, order_retention=retention) as (client, _):
        found = HyperliquidTrading(client).lookup_horizon(ACCOUNT)
    assert found == (None if horizon is None else from_millis(horizon))


def test_the_venues_clock_is_block_time():
    with client_of({"clearinghouseState": {"time": 1_700_000_000_123}}) as (client, _):
        assert HyperliquidTrading(client).venue_time(ACCOUNT) == from_millis(1_700_000_000_123)
