"""What the filters of a contract and the shape of an order refuse, with code and words; a refused order leaves nothing behind."""

import json
from typing import Any

import pytest

from tests.contracts.paper_fapi.trader import SYMBOL, Trader

UNRECORDED = "The order will not be recorded in the order history"
MARKET: dict[str, Any] = {"type": "MARKET", "price": None, "timeInForce": None}
REFUSED: dict[str, tuple[dict[str, Any], int, str]] = {
    "an unknown contract": ({"symbol": "NOPEUSDT"}, -1121, "Invalid symbol."),
    "a contract in small letters": ({"symbol": "btcusdt"}, -1121, "Invalid symbol."),
    "no contract": (
        {"symbol": None},
        -1102,
        "Mandatory parameter 'symbol' was not sent, was empty/null, or malformed.",
    ),
    "no side": ({"side": None}, -1102, "Mandatory parameter 'side' was not sent, was empty/null, or malformed."),
    "a strange side": ({"side": "LONG"}, -1117, "Invalid side."),
    "no type": ({"type": None}, -1102, "Mandatory parameter 'type' was not sent, was empty/null, or malformed."),
    "a strange type": ({"type": "LIMIT_MAKER"}, -1116, "Invalid orderType."),
    "no time in force": (
        {"timeInForce": None},
        -1102,
        "Mandatory parameter 'timeInForce' was not sent, was empty/null, or malformed.",
    ),
    "a strange time in force": ({"timeInForce": "DAY"}, -1115, "Invalid timeInForce."),
    "no quantity": (
        {"quantity": None},
        -1102,
        "Mandatory parameter 'quantity' was not sent, was empty/null, or malformed.",
    ),
    "no price": ({"price": None}, -1102, "Mandatory parameter 'price' was not sent, was empty/null, or malformed."),
    "a market order with a price": (
        {**MARKET, "price": "97000"},
        -1106,
        "Parameter 'price' sent when not required.",
    ),
    "a market order with a time in force": (
        {**MARKET, "timeInForce": "GTC"},
        -1106,
        "Parameter 'timeInForce' sent when not required.",
    ),
    "letters for a quantity": (
        {"quantity": "many"},
        -1100,
        r"Illegal characters found in parameter 'quantity'; legal range is '^([0-9]{1,20})(\.[0-9]{1,20})?$'.",
    ),
    "an exponent": (
        {"quantity": "1e-2"},
        -1100,
        r"Illegal characters found in parameter 'quantity'; legal range is '^([0-9]{1,20})(\.[0-9]{1,20})?$'.",
    ),
    "no size": ({"quantity": "0"}, -4003, "Quantity less than or equal to zero."),
    "a negative size": ({"quantity": "-0.010"}, -4003, "Quantity less than or equal to zero."),
    "a size between steps": ({"quantity": "0.0105"}, -1111, "Precision is over the maximum defined for this asset."),
    "too large a size": ({"quantity": "1001"}, -4005, "Quantity greater than max quantity."),
    "too large a market order": ({**MARKET, "quantity": "126"}, -4005, "Quantity greater than max quantity."),
    "a price of nothing": ({"price": "0"}, -4001, "Price less than 0."),
    "too many decimals": ({"price": "97000.123"}, -1111, "Precision is over the maximum defined for this asset."),
    "a price between ticks": ({"price": "97000.05"}, -4014, "Price not increased by tick size."),
    "a price above all": ({"price": "4529765.00"}, -4002, "Price greater than max price."),
    "a price below all": ({"price": "500.00"}, -4013, "Price less than min price 556.8."),
    "a bid far above the mark": ({"price": "105000.10"}, -4016, "Limit price can't be higher than 105000.00."),
    "an offer far below the mark": (
        {"side": "SELL", "price": "94999.90"},
        -4024,
        "Limit price can't be lower than 95000.00.",
    ),
    "a client id with a space": ({"newClientOrderId": "my order"}, -4015, "Client order id is not valid."),
    "a client id that is too long": (
        {"newClientOrderId": 37 * "a"},
        -4015,
        "Client order id length should be less than 36 chars",
    ),
    "a strange kind of answer": ({"newOrderRespType": "LONG"}, -1136, "Invalid newOrderRespType."),
    "a strange working type": ({"workingType": "INDEX"}, -4031, "Invalid parameter working type."),
    "a strange flag": (
        {"reduceOnly": "yes"},
        -1130,
        "Data sent for parameter 'reduceOnly' is not valid.",
    ),
    "more than the margin": ({"quantity": "900"}, -2019, "Margin is insufficient."),
    "nothing to reduce": ({"reduceOnly": "true"}, -2022, "ReduceOnly Order is rejected."),
    "a side of hedge mode": (
        {"positionSide": "LONG"},
        -4061,
        "Order's position side does not match user's setting.",
    ),
    "a trigger on a plain order": (
        {"stopPrice": "95000"},
        -1106,
        "Parameter 'stopPrice' sent when not required.",
    ),
    "a plain order that closes all": (
        {"closePosition": "true", "quantity": None},
        -4136,
        "Target strategy invalid for orderType LIMIT,closePosition true",
    ),
    "a post-only order that would trade": (
        {"price": "100500.00", "timeInForce": "GTX"},
        -5022,
        f"Due to the order could not be executed as maker, the Post Only order will be rejected. {UNRECORDED}",
    ),
    "all or nothing of what is not there": (
        {"price": "100001.00", "quantity": "500", "timeInForce": "FOK"},
        -5021,
        f"Due to the order could not be filled immediately, the FOK order has been rejected. {UNRECORDED}",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_the_venue_refuses_with_its_code_and_its_words(trader: Trader, case: str):
    changes, code, text = REFUSED[case]
    if case == "all or nothing of what is not there":
        trader.deposit("10000000")
    assert trader.order(**changes).refusal == (400, code, text)
    assert trader.get("allOrders", symbol=SYMBOL).ok == []


@pytest.mark.parametrize("case", ["a price between ticks", "more than the margin", "nothing to reduce"])
def test_a_test_order_is_refused_as_the_order_would_be(trader: Trader, case: str):
    changes, code, text = REFUSED[case]
    assert trader.post("order/test", **trader.terms(**changes)).refusal == (400, code, text)


def test_a_good_test_order_is_answered_with_nothing_and_places_nothing(trader: Trader):
    assert trader.post("order/test", **trader.terms()).ok == {}
    assert trader.open_ids() == []


def test_the_least_value_is_the_contracts_and_does_not_bind_orders_that_reduce(trader: Trader, venue: str):
    least, below = {"binance": ("100", "0.001"), "aster": ("5", "0.03")}[venue]
    other = {} if venue == "binance" else {"symbol": "SOLUSDT", "price": "150.0000"}
    text = f"Order's notional must be no smaller than {least} (unless you choose reduce only)."
    assert trader.order(quantity=below, **other).refusal == (400, -4164, text)
    symbol = other.get("symbol", SYMBOL)
    size = "0.002" if venue == "binance" else "0.05"
    trader.market(quantity=size, symbol=symbol).ok  # noqa: B018
    part = "0.001" if venue == "binance" else "0.01"
    trader.server.move("BTC", 99_000)
    assert trader.market("SELL", part, symbol=symbol).code == -4164
    assert trader.market("SELL", part, symbol=symbol, reduceOnly="true").ok["status"] == "FILLED"


def test_the_filters_that_refuse_are_the_ones_that_the_rules_tell(trader: Trader, venue: str):
    rules = trader.public("exchangeInfo").ok
    row = next(row for row in rules["symbols"] if row["symbol"] == SYMBOL)
    filters = {item["filterType"]: item for item in row["filters"]}
    assert filters["PRICE_FILTER"]["tickSize"] == "0.10"
    assert filters["LOT_SIZE"] == {"filterType": "LOT_SIZE", "stepSize": "0.001", "maxQty": "1000", "minQty": "0.001"}
    assert filters["MARKET_LOT_SIZE"]["maxQty"] == "125"
    assert filters["MIN_NOTIONAL"]["notional"] == ("100" if venue == "binance" else "5")
    assert filters["MAX_NUM_ORDERS"]["limit"] == 200
    assert filters["MAX_NUM_ALGO_ORDERS"]["limit"] == (200 if venue == "binance" else 100)
    assert (filters["PERCENT_PRICE"]["multiplierUp"], filters["PERCENT_PRICE"]["multiplierDown"]) == (
        "1.0500",
        "0.9500",
    )
    limits = {
        (item["rateLimitType"], item["interval"], item["intervalNum"]): item["limit"] for item in rules["rateLimits"]
    }
    assert limits["REQUEST_WEIGHT", "MINUTE", 1] == 2400
    assert limits["ORDERS", "MINUTE", 1] == 1200
    assert ("ORDERS", "SECOND", 10) in limits or venue == "aster"


def test_times_in_force_are_the_venues_own(trader: Trader, venue: str):
    foreign = "HIDDEN" if venue == "binance" else "GTD"
    assert trader.order(timeInForce=foreign).refusal == (400, -1115, "Invalid timeInForce.")


def test_two_hundred_orders_of_a_contract_may_be_open(trader: Trader):
    for start in range(0, 200, 5):
        rows = [trader.terms(price=f"{96000 + start + place}.00") for place in range(5)]
        answers = trader.post("batchOrders", batchOrders=json.dumps(rows)).ok
        assert all("orderId" in row for row in answers), answers
    assert trader.order().refusal == (400, -2025, "Reach max open order limit.")
