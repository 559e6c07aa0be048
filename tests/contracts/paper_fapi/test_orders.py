"""The life of orders: placed, found, changed, cancelled, filled, and for how long they are found."""

import json
from decimal import Decimal

import pytest

from tests.contracts.paper_fapi.trader import SYMBOL, Trader, eventually
from tests.contracts.paper_fapi.venues import trader_of
from tests.contracts.rigs.server import PaperServer

DAY_MS = 86_400_000
GONE = {"code": 200, "msg": "The operation of cancel all open order is done."}


def test_a_resting_order_is_acknowledged_found_listed_and_cancelled(trader: Trader):
    placed = trader.order(newClientOrderId="my:order-1").ok
    assert (placed["status"], placed["clientOrderId"], placed["executedQty"]) == ("NEW", "my:order-1", "0.000")
    for key in ({"orderId": placed["orderId"]}, {"origClientOrderId": "my:order-1"}):
        found = trader.get("order", symbol=SYMBOL, **key).ok
        assert (found["orderId"], found["status"], found["price"]) == (placed["orderId"], "NEW", "97000.00")
        assert trader.get("openOrder", symbol=SYMBOL, **key).ok["orderId"] == placed["orderId"]
    assert trader.open_ids() == [placed["orderId"]]
    assert trader.delete("order", symbol=SYMBOL, origClientOrderId="my:order-1").ok["status"] == "CANCELED"
    assert trader.open_ids() == []
    assert trader.get("openOrder", symbol=SYMBOL, orderId=placed["orderId"]).code == -2013
    assert trader.get("order", symbol=SYMBOL, orderId=placed["orderId"]).ok["status"] == "CANCELED"


def test_what_is_over_cannot_be_cancelled(trader: Trader):
    unknown = (400, -2011, "Unknown order sent.")
    placed = trader.order().ok
    trader.delete("order", symbol=SYMBOL, orderId=placed["orderId"]).ok  # noqa: B018
    assert trader.delete("order", symbol=SYMBOL, orderId=placed["orderId"]).refusal == unknown
    filled = trader.market().ok
    assert trader.delete("order", symbol=SYMBOL, orderId=filled["orderId"]).refusal == unknown
    assert trader.delete("order", symbol=SYMBOL, orderId=99).refusal == unknown
    assert trader.delete("order", symbol="ETHUSDT", orderId=trader.order().ok["orderId"]).refusal == unknown


def test_orders_of_others_are_neither_found_nor_cancelled(trader: Trader, server: PaperServer, venue: str):
    placed = trader.order().ok
    with trader_of(server, venue) as other:
        assert other.get("order", symbol=SYMBOL, orderId=placed["orderId"]).code == -2013
        assert other.delete("order", symbol=SYMBOL, orderId=placed["orderId"]).code == -2011
    assert trader.open_ids() == [placed["orderId"]]


def test_an_answer_waits_for_the_fill_only_when_it_is_asked_to(trader: Trader):
    kind = {"type": "MARKET", "price": None, "timeInForce": None}
    quick = trader.order(**kind).ok
    assert (quick["status"], quick["executedQty"]) == ("NEW", "0.000")
    whole = trader.order(**kind, newOrderRespType="RESULT").ok
    assert (whole["status"], whole["executedQty"]) == ("FILLED", "0.010")
    assert Decimal(whole["avgPrice"]) == pytest.approx(Decimal(100_000), rel=Decimal("0.001"))
    assert Decimal(whole["cumQuote"]) == Decimal(whole["avgPrice"]) * Decimal("0.010")


def test_a_client_id_is_refused_while_an_order_with_it_is_open_and_free_afterwards(trader: Trader):
    trader.order(newClientOrderId="once").ok  # noqa: B018
    assert trader.order(newClientOrderId="once").refusal == (400, -4116, "ClientOrderId is duplicated.")
    assert len(trader.open_ids()) == 1
    trader.delete("order", symbol=SYMBOL, origClientOrderId="once").ok  # noqa: B018
    assert trader.order(newClientOrderId="once").status == 200


def test_a_client_id_that_filled_may_fill_again(trader: Trader):
    """Ids are a lookup key and no promise of once: reference/venues.md 3.1."""
    first, second = (trader.market(newClientOrderId="again").ok for _ in range(2))
    assert first["orderId"] != second["orderId"]
    assert trader.amount() == Decimal("0.020")
    assert trader.get("order", symbol=SYMBOL, origClientOrderId="again").ok["orderId"] == second["orderId"]


def test_an_order_that_ended_unfilled_is_lost_after_days_and_one_that_filled_after_a_season(
    trader: Trader, server: PaperServer, venue: str
):
    kept = {"binance": 3, "aster": 7}[venue]
    dropped, filled = trader.order().ok["orderId"], trader.market().ok["orderId"]
    resting = trader.order().ok["orderId"]
    trader.delete("order", symbol=SYMBOL, orderId=dropped).ok  # noqa: B018

    def found(days: float) -> set[int]:
        trader.offset_ms = int(days * DAY_MS)
        server.post("settings", clock_offset_ms=trader.offset_ms)
        answers = {oid: trader.get("order", symbol=SYMBOL, orderId=oid) for oid in (dropped, filled, resting)}
        assert {answer.code for answer in answers.values() if answer.status != 200} <= {-2013}
        alive = {oid for oid, answer in answers.items() if answer.status == 200}
        assert {row["orderId"] for row in trader.get("allOrders", symbol=SYMBOL).ok} == alive
        return alive

    assert found(kept - 0.1) == {dropped, filled, resting}
    assert found(kept + 0.1) == {filled, resting}
    assert found(89) == {filled, resting}
    assert found(91) == {resting}


def test_a_batch_places_each_order_for_itself(trader: Trader):
    rows = [trader.terms(), trader.terms(price="97000.05"), trader.terms(newClientOrderId="third")]
    first, second, third = trader.post("batchOrders", batchOrders=json.dumps(rows)).ok
    assert first["status"] == third["status"] == "NEW"
    assert second == {"code": -4014, "msg": "Price not increased by tick size."}
    assert trader.open_ids() == [first["orderId"], third["orderId"]]
    names = json.dumps(["third", "nobody"])
    gone, error = trader.delete("batchOrders", symbol=SYMBOL, origClientOrderIdList=names).ok
    assert (gone["status"], error["code"]) == ("CANCELED", -2011)
    ids = json.dumps([first["orderId"]])
    assert trader.delete("batchOrders", symbol=SYMBOL, orderIdList=ids).ok[0]["status"] == "CANCELED"


def test_a_batch_has_one_to_five_orders(trader: Trader):
    words = (400, -4082, "Invalid number of batch place orders.")
    for count in (0, 6):
        assert trader.post("batchOrders", batchOrders=json.dumps(count * [trader.terms()])).refusal == words
    assert trader.post("batchOrders", batchOrders="[{").code == -1102
    (answer,) = trader.post("batchOrders", batchOrders="[5]").ok
    assert answer["code"] == -1102
    assert trader.open_ids() == []


def test_all_orders_of_a_contract_are_cancelled_and_no_others(trader: Trader):
    trader.order().ok, trader.order(price="98000.00").ok
    other = trader.order(symbol="ETHUSDT", price="3900.00", quantity="0.1").ok
    assert trader.delete("allOpenOrders", symbol=SYMBOL).ok == GONE
    assert [row["orderId"] for row in trader.get("openOrders").ok] == [other["orderId"]]


def test_a_limit_order_is_changed_under_its_id(trader: Trader):
    placed = trader.order().ok
    change = {"symbol": SYMBOL, "orderId": placed["orderId"], "side": "BUY"}
    changed = trader.put("order", **change, quantity="0.020", price="97500.00").ok
    assert (changed["orderId"], changed["origQty"], changed["price"]) == (placed["orderId"], "0.020", "97500.00")
    again = trader.put("order", **change, quantity="0.020", price="97500.00")
    assert again.refusal == (400, -5027, "No need to modify the order.")
    assert trader.put("order", **change, price="97500.00").code == -1102
    assert trader.put("order", **change, quantity="0.020").code == -1102
    assert trader.put("order", **(change | {"side": "SELL"}), quantity="0.020", price="97600.00").code == -1117
    assert trader.put("order", **change, quantity="0.020", price="97600.05").code == -4014
    trader.delete("order", symbol=SYMBOL, orderId=placed["orderId"]).ok  # noqa: B018
    assert trader.put("order", **change, quantity="0.030", price="97000.00").code == -2013


def test_changing_to_what_has_filled_ends_the_order(trader: Trader, server: PaperServer):
    placed = trader.order().ok
    server.post("fill", oid=placed["orderId"], sz="0.004")
    change = {"symbol": SYMBOL, "orderId": placed["orderId"], "side": "BUY"}
    assert trader.put("order", **change, quantity="0.004", price="97000.00").ok["status"] == "CANCELED"
    assert trader.amount() == Decimal("0.004")


def test_an_immediate_order_takes_what_is_there_and_the_rest_expires(trader: Trader):
    trader.deposit("10000000")
    order = trader.order(quantity="500", price="100100.00", timeInForce="IOC", newOrderRespType="RESULT").ok
    assert order["status"] == "EXPIRED"
    assert 0 < Decimal(order["executedQty"]) < 500
    assert trader.amount() == Decimal(order["executedQty"])


def test_a_fill_in_parts_is_seen_in_the_order_the_trades_and_the_position(trader: Trader, server: PaperServer):
    placed = trader.order().ok
    server.post("fill", oid=placed["orderId"], sz="0.004")
    row = trader.get("order", symbol=SYMBOL, orderId=placed["orderId"]).ok
    assert (row["status"], row["executedQty"], row["avgPrice"]) == ("PARTIALLY_FILLED", "0.004", "97000.00000")
    (trade,) = trader.get("userTrades", symbol=SYMBOL).ok
    assert (trade["orderId"], trade["qty"], trade["price"], trade["maker"]) == (
        placed["orderId"], "0.004", "97000.00", True,
    )  # fmt: skip
    assert Decimal(trade["commission"]) == Decimal(388) * trader_rate(trader)
    assert trader.amount() == Decimal("0.004")


def trader_rate(trader: Trader) -> Decimal:
    return Decimal(trader.get("commissionRate", symbol=SYMBOL).ok["makerCommissionRate"])


def test_trades_are_paged_by_id_order_and_time(trader: Trader):
    orders = [trader.market().ok["orderId"] for _ in range(3)]
    rows = trader.get("userTrades", symbol=SYMBOL).ok
    assert [row["orderId"] for row in rows] == orders
    assert trader.get("userTrades", symbol=SYMBOL, fromId=rows[1]["id"], limit=1).ok == [rows[1]]
    assert trader.get("userTrades", symbol=SYMBOL, orderId=orders[2]).ok == [rows[2]]
    assert trader.get("userTrades", symbol=SYMBOL, startTime=rows[-1]["time"] + 1).ok == []
    week = {"startTime": rows[0]["time"] - 8 * DAY_MS, "endTime": rows[0]["time"]}
    assert trader.get("userTrades", symbol=SYMBOL, **week).code == -4166


def test_the_timer_cancels_all_orders_of_its_contract(trader: Trader):
    trader.order().ok  # noqa: B018
    other = trader.order(symbol="ETHUSDT", price="3900.00", quantity="0.1").ok
    answer = trader.post("countdownCancelAll", symbol=SYMBOL, countdownTime=400).ok
    assert answer == {"symbol": SYMBOL, "countdownTime": "400"}
    eventually(lambda: trader.open_ids() == [])
    assert [row["orderId"] for row in trader.get("openOrders").ok] == [other["orderId"]]


def test_a_timer_is_put_off_and_lifted(trader: Trader, server: PaperServer):
    placed = trader.order().ok["orderId"]
    trader.post("countdownCancelAll", symbol=SYMBOL, countdownTime=400).ok  # noqa: B018
    trader.post("countdownCancelAll", symbol=SYMBOL, countdownTime=0).ok  # noqa: B018
    trader.post("countdownCancelAll", symbol="ETHUSDT", countdownTime=700).ok  # noqa: B018
    trader.order(symbol="ETHUSDT", price="3900.00", quantity="0.1").ok  # noqa: B018
    # The other timer is set later and longer: when it has run out, the lifted one would have too.
    eventually(lambda: trader.get("openOrders", symbol="ETHUSDT").ok == [])
    assert trader.open_ids() == [placed]


def test_two_orders_of_one_user_do_not_trade_with_each_other(trader: Trader, server: PaperServer):
    server.post("settings", depth_scale="0")
    resting = trader.order(price="99999.90").ok["orderId"]
    mine = {"binance": "selfTradePreventionMode", "aster": "stpMode"}
    name = mine["aster" if trader.version == "v3" else "binance"]
    taker = trader.order(side="SELL", price="99999.90", **{name: "EXPIRE_TAKER"}).ok["orderId"]
    found = trader.get("order", symbol=SYMBOL, orderId=taker).ok
    assert (found["status"], found["executedQty"]) == ("EXPIRED_IN_MATCH", "0.000")
    assert resting in trader.open_ids()
