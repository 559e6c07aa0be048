"""What a lookup showed, and whether it is the order that the journal's row names."""

from typing import Any

import pytest

from domain.errors import Retryable
from domain.orders import OrderTerms, Side, TimeInForce, TriggerKind
from tests.unit.venues.build_fapi import BTC, CLIENT_ID, algo_row, d, row, stop, terms
from venues.base import SightingStatus
from venues.fapi.answers import BAD_SHAPE
from venues.fapi.sightings import actual_oid, of_algo, of_fired, of_order


@pytest.mark.parametrize(
    ("changed", "status", "reason"),
    [
        ({}, SightingStatus.OPEN, ""),
        ({"status": "PARTIALLY_FILLED", "executedQty": "0.005"}, SightingStatus.OPEN, ""),
        ({"status": "PENDING_CANCEL"}, SightingStatus.OPEN, "pending_cancel"),
        ({"status": "FILLED", "executedQty": "0.010"}, SightingStatus.FILLED, ""),
        ({"status": "CANCELED"}, SightingStatus.CANCELLED, "canceled"),
        ({"status": "EXPIRED"}, SightingStatus.CANCELLED, "expired"),
        ({"status": "EXPIRED", "timeInForce": "IOC"}, SightingStatus.REJECTED, "ioc_no_match"),
        ({"status": "EXPIRED", "timeInForce": "GTX"}, SightingStatus.REJECTED, "post_only_would_match"),
        ({"status": "EXPIRED", "timeInForce": "IOC", "executedQty": "0.001"}, SightingStatus.CANCELLED, "expired"),
        ({"status": "EXPIRED_IN_MATCH"}, SightingStatus.CANCELLED, "self_trade_prevented"),
        ({"status": "REJECTED"}, SightingStatus.REJECTED, "rejected"),
    ],
)
def test_the_venues_words_as_ours(changed: dict[str, Any], status: SightingStatus, reason: str):
    seen = of_order(row(**changed), CLIENT_ID, BTC, terms())
    assert (seen.status, seen.reason, seen.oid, seen.matches) == (status, reason, "77", True)


@pytest.mark.parametrize("status", ["NEW_INSURANCE", "WHATEVER", None, ""])
def test_a_word_that_nobody_knows_is_no_answer(status: Any):
    with pytest.raises(Retryable):
        of_order(row(status=status), CLIENT_ID, BTC, terms())
    with pytest.raises(Retryable):
        of_algo(algo_row(algoStatus=status), CLIENT_ID, BTC, stop())


@pytest.mark.parametrize(
    "changed", [{"orderId": None}, {"origQty": "many"}, {"executedQty": None, "status": "EXPIRED"}]
)
def test_a_row_with_a_strange_field_has_a_bad_shape(changed: dict[str, Any]):
    with pytest.raises(BAD_SHAPE):
        of_order(row(**changed), CLIENT_ID, BTC, terms())


@pytest.mark.parametrize(
    "changed",
    [
        {"clientOrderId": "another"},
        {"symbol": "ETHUSDT"},
        {"side": "SELL"},
        {"origQty": "0.011"},
        {"price": "60000.1"},
        {"reduceOnly": True},
        {"type": "STOP_MARKET", "stopPrice": "1"},
        {"closePosition": True},
    ],
)
def test_one_other_field_makes_it_another_order(changed: dict[str, Any]):
    assert not of_order(row(**changed), CLIENT_ID, BTC, terms()).matches


def test_numbers_are_compared_and_not_their_text():
    assert of_order(row(origQty="0.01000", price="6E+4"), CLIENT_ID, BTC, terms()).matches


def test_a_reduce_only_order_may_have_shrunk_with_its_position_and_never_grown():
    closing = terms(side=Side.SELL, reduce_only=True, tif=TimeInForce.IOC)
    shown = {"side": "SELL", "reduceOnly": True}
    assert of_order(row(**shown, origQty="0.004"), CLIENT_ID, BTC, closing).matches
    assert not of_order(row(**shown, origQty="0.011"), CLIENT_ID, BTC, closing).matches
    assert not of_order(row(**shown, origQty="0"), CLIENT_ID, BTC, closing).matches


def test_the_size_of_a_filled_order_is_what_was_filled():
    seen = of_order(row(status="FILLED", executedQty="0.008"), CLIENT_ID, BTC, terms())
    assert seen.original_size == d("0.008")
    assert of_order(row(), CLIENT_ID, BTC, terms()).original_size == d("0.010")


def aster_stop(**changed: Any) -> dict[str, Any]:
    waiting = {
        "side": "SELL",
        "type": "STOP_MARKET",
        "origType": "STOP_MARKET",
        "stopPrice": "55000",
        "price": "0",
        "origQty": "0",
        "closePosition": True,
        "reduceOnly": True,
    }
    return row(**(waiting | changed))


def test_a_waiting_stop_of_the_order_endpoint_is_compared_by_its_trigger():
    assert of_order(aster_stop(), CLIENT_ID, BTC, stop()).matches
    assert not of_order(aster_stop(stopPrice="54000"), CLIENT_ID, BTC, stop()).matches
    assert not of_order(aster_stop(type="TAKE_PROFIT_MARKET"), CLIENT_ID, BTC, stop()).matches
    assert not of_order(aster_stop(closePosition=False), CLIENT_ID, BTC, stop()).matches
    assert not of_order(aster_stop(side="BUY"), CLIENT_ID, BTC, stop()).matches


def test_a_stop_that_has_fired_under_its_own_number_is_known_by_that_number():
    fired = aster_stop(type="MARKET", status="FILLED", origQty="0.010", executedQty="0.010", clientOrderId="venue")
    seen = of_order(fired, CLIENT_ID, BTC, stop())
    assert (seen.status, seen.matches, seen.original_size) == (SightingStatus.FILLED, True, d("0.010"))
    assert not of_order(fired | {"side": "BUY"}, CLIENT_ID, BTC, stop()).matches


@pytest.mark.parametrize(
    ("changed", "status"),
    [
        ({}, SightingStatus.OPEN),
        ({"algoStatus": "CANCELED"}, SightingStatus.CANCELLED),
        ({"algoStatus": "EXPIRED"}, SightingStatus.CANCELLED),
        ({"algoStatus": "REJECTED"}, SightingStatus.REJECTED),
        ({"algoStatus": "TRIGGERING"}, SightingStatus.TRIGGERED),
        ({"algoStatus": "TRIGGERED"}, SightingStatus.TRIGGERED),
        ({"algoStatus": "FINISHED", "actualOrderId": "5"}, SightingStatus.TRIGGERED),
        ({"algoStatus": "FINISHED"}, SightingStatus.CANCELLED),
    ],
)
def test_the_words_of_the_algo_service_as_ours(changed: dict[str, Any], status: SightingStatus):
    seen = of_algo(algo_row(**changed), CLIENT_ID, BTC, stop())
    assert (seen.status, seen.oid, seen.matches) == (status, "algo-9", True)


@pytest.mark.parametrize(
    "changed",
    [
        {"clientAlgoId": "another"},
        {"triggerPrice": "55000.1"},
        {"orderType": "TAKE_PROFIT_MARKET"},
        {"closePosition": False},
        {"side": "BUY"},
        {"symbol": "ETHUSDT"},
    ],
)
def test_one_other_field_makes_it_another_conditional_order(changed: dict[str, Any]):
    assert not of_algo(algo_row(**changed), CLIENT_ID, BTC, stop()).matches


def test_a_conditional_order_of_a_part_is_compared_by_its_size():
    part: OrderTerms = stop(whole=False)
    shown = algo_row(closePosition=False, quantity="0.010")
    assert of_algo(shown, CLIENT_ID, BTC, part).matches
    assert not of_algo(shown | {"quantity": "0.011"}, CLIENT_ID, BTC, part).matches


def test_a_fired_conditional_order_is_followed_to_the_order_that_it_became():
    algo = algo_row(algoStatus="FINISHED", actualOrderId="123")
    market = row(orderId=123, type="MARKET", status="FILLED", side="SELL", executedQty="0.020", clientOrderId="x")
    seen = of_fired(algo, market, BTC, stop())
    assert (seen.status, seen.oid, seen.matches, seen.original_size) == (SightingStatus.FILLED, "123", True, d("0.020"))
    assert not of_fired(algo, market, BTC, stop(kind=TriggerKind.TAKE_PROFIT)).matches


@pytest.mark.parametrize("actual", ["", "0", None, "abc", "-1"])
def test_a_conditional_order_that_has_not_fired_has_become_nothing(actual: Any):
    assert actual_oid(algo_row(actualOrderId=actual)) == ""
    assert actual_oid(algo_row(actualOrderId=77)) == "77"
