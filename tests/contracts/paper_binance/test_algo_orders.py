"""The algo order service: conditional orders live apart from the order endpoint until they fire (reference/venues.md 3.5)."""

import json
from decimal import Decimal

import pytest

from tests.contracts.paper_fapi.trader import SYMBOL, Trader, eventually
from tests.contracts.rigs.server import PaperServer

ELSEWHERE = "Order type not supported for this endpoint. Please use the Algo Order API endpoints instead."
CONDITIONAL = ["STOP", "STOP_MARKET", "TAKE_PROFIT", "TAKE_PROFIT_MARKET", "TRAILING_STOP_MARKET"]


@pytest.mark.parametrize("kind", CONDITIONAL)
def test_the_order_endpoint_sends_conditional_orders_away(trader: Trader, kind: str):
    terms = trader.terms(type=kind, side="SELL", stopPrice="95000.00", callbackRate="1")
    assert trader.post("order", **terms).refusal == (400, -4120, ELSEWHERE)
    (answer,) = trader.post("batchOrders", batchOrders=json.dumps([terms])).ok
    assert answer == {"code": -4120, "msg": ELSEWHERE}


def test_a_conditional_order_waits_is_found_and_is_cancelled(trader: Trader):
    trader.market().ok  # noqa: B018
    made = trader.algo_stop(clientAlgoId="guard").ok
    assert (made["algoStatus"], made["orderType"], made["triggerPrice"], made["clientAlgoId"]) == (
        "NEW", "STOP_MARKET", "95000.00", "guard",
    )  # fmt: skip
    for key in ({"algoId": made["algoId"]}, {"clientAlgoId": "guard"}):
        assert trader.get("algoOrder", **key).ok["algoStatus"] == "NEW"
    assert trader.waiting_ids() == [made["algoId"]]
    answer = trader.delete("algoOrder", clientAlgoId="guard").ok
    assert answer == {"algoId": made["algoId"], "clientAlgoId": "guard", "code": "200", "msg": "success"}
    assert trader.waiting_ids() == []
    assert trader.get("algoOrder", algoId=made["algoId"]).ok["algoStatus"] == "CANCELED"
    assert trader.delete("algoOrder", clientAlgoId="guard").refusal == (400, -2011, "Unknown order sent.")
    assert trader.get("algoOrder", algoId=99).refusal == (400, -2013, "Order does not exist.")


def test_open_algo_orders_are_no_open_orders_and_survive_cancel_all(trader: Trader):
    trader.market().ok  # noqa: B018
    made, placed = trader.algo_stop().ok["algoId"], trader.order().ok["orderId"]
    assert (trader.open_ids(), trader.waiting_ids()) == ([placed], [made])
    assert trader.get("order", symbol=SYMBOL, orderId=made).code == -2013
    assert trader.delete("order", symbol=SYMBOL, orderId=made).code == -2011
    trader.delete("allOpenOrders", symbol=SYMBOL).ok  # noqa: B018
    assert (trader.open_ids(), trader.waiting_ids()) == ([], [made])
    trader.delete("algoOpenOrders", symbol=SYMBOL).ok  # noqa: B018
    assert trader.waiting_ids() == []


def test_a_stop_that_is_reached_becomes_an_order_of_its_own(trader: Trader, server: PaperServer):
    trader.market().ok  # noqa: B018
    with trader.events() as events:
        made = trader.algo_stop(clientAlgoId="guard").ok["algoId"]
        events.next("ALGO_UPDATE", X="NEW")
        server.move("BTC", 94_900)
        fired = events.next("ALGO_UPDATE", X="TRIGGERED")["o"]
        filled = events.next("ORDER_TRADE_UPDATE", X="FILLED")["o"]
        done = events.next("ALGO_UPDATE", X="FINISHED")["o"]
    assert (fired["aid"], fired["caid"], fired["ai"]) == (made, "guard", str(filled["i"]))
    assert (filled["S"], filled["z"], done["ai"]) == ("SELL", "0.010", str(filled["i"]))
    row = trader.get("algoOrder", algoId=made).ok
    assert (row["algoStatus"], row["actualOrderId"]) == ("FINISHED", str(filled["i"]))
    child = trader.get("order", symbol=SYMBOL, orderId=row["actualOrderId"]).ok
    assert (child["status"], child["type"], child["executedQty"]) == ("FILLED", "MARKET", "0.010")
    assert trader.amount() == 0


def test_a_stop_limit_rests_at_its_price_when_it_has_fired(trader: Trader, server: PaperServer):
    trader.market().ok  # noqa: B018
    made = trader.algo_stop(type="STOP", price="96000.00", timeInForce="GTC").ok["algoId"]
    server.move("BTC", 94_900)
    eventually(lambda: len(trader.open_ids()) == 1)
    (row,) = trader.get("openOrders", symbol=SYMBOL).ok
    assert (row["type"], row["price"], row["origQty"]) == ("LIMIT", "96000.00", "0.010")
    assert trader.get("algoOrder", algoId=made).ok["actualOrderId"] == str(row["orderId"])


def test_nothing_is_checked_of_margin_until_the_condition_is_met(trader: Trader, server: PaperServer):
    made = trader.algo_stop(side="BUY", quantity="100", triggerPrice="101000.00").ok["algoId"]
    with trader.events() as events:
        server.move("BTC", 101_100)
        told = events.next("ALGO_UPDATE", X="REJECTED")["o"]
    assert (told["aid"], told["rm"]) == (made, "Margin is insufficient.")
    assert trader.get("algoOrder", algoId=made).ok["algoStatus"] == "REJECTED"
    assert trader.amount() == 0


def test_a_stop_that_only_reduces_has_nothing_to_do_without_a_position(trader: Trader, server: PaperServer):
    made = trader.algo_stop(reduceOnly="true").ok["algoId"]
    server.move("BTC", 94_900)
    assert eventually(lambda: trader.get("algoOrder", algoId=made).ok["algoStatus"] == "REJECTED")
    assert trader.amount() == 0


def test_close_position_takes_no_size_and_closes_what_there_is_then(trader: Trader, server: PaperServer):
    closing = {"closePosition": "true", "quantity": None}
    with_size = trader.algo_stop(closePosition="true").refusal
    assert with_size == (400, -4137, "Quantity must be zero with closePosition equals true")
    assert trader.algo_stop(reduceOnly="true", **closing).code == -1106
    trader.market().ok  # noqa: B018
    made = trader.algo_stop(**closing).ok
    assert (made["closePosition"], made["quantity"]) == (True, "0.000")
    trader.market(quantity="0.015").ok  # noqa: B018
    server.move("BTC", 94_900)
    assert eventually(lambda: trader.amount() == 0)
    sold = trader.get("userTrades", symbol=SYMBOL).ok
    assert sum(Decimal(row["qty"]) for row in sold if row["side"] == "SELL") == Decimal("0.025")


def test_one_stop_and_one_take_profit_may_close_a_position(trader: Trader):
    trader.market().ok  # noqa: B018
    closing = {"closePosition": "true", "quantity": None}
    trader.algo_stop(**closing).ok  # noqa: B018
    trader.algo_stop(type="TAKE_PROFIT_MARKET", triggerPrice="105000.00", **closing).ok  # noqa: B018
    words = "An open stop or take profit order with GTE and closePosition in the direction is existing."
    assert trader.algo_stop(triggerPrice="94000.00", **closing).refusal == (400, -4130, words)
    assert len(trader.waiting_ids()) == 2


def test_a_client_id_of_an_algo_order_is_taken_while_it_waits(trader: Trader):
    trader.algo_stop(clientAlgoId="guard").ok  # noqa: B018
    assert trader.algo_stop(clientAlgoId="guard").refusal == (400, -4116, "ClientOrderId is duplicated.")
    assert trader.algo_stop(clientAlgoId=37 * "a").code == -4015
    trader.delete("algoOrder", clientAlgoId="guard").ok  # noqa: B018
    assert trader.algo_stop(clientAlgoId="guard").status == 200


def test_a_trailing_stop_follows_the_best_price(trader: Trader, server: PaperServer):
    trader.market().ok  # noqa: B018
    trailing = {"type": "TRAILING_STOP_MARKET", "triggerPrice": None}
    assert trader.algo_stop(**trailing).code == -1102
    assert trader.algo_stop(**trailing, callbackRate="0.05").refusal == (400, -2007, "Invalid callBack rate")
    made = trader.algo_stop(**trailing, callbackRate="1", activatePrice="101000.00").ok["algoId"]
    status = lambda: trader.get("algoOrder", algoId=made).ok["algoStatus"]  # noqa: E731
    for px in (98_000, 101_500, 103_000, 102_100):
        server.move("BTC", px)
        assert status() == "NEW"
    server.move("BTC", 101_900)
    assert eventually(lambda: status() == "FINISHED")
    assert trader.amount() == 0


def test_the_service_takes_conditional_orders_alone(trader: Trader):
    assert trader.algo_stop(algoType="VP").refusal[1] == -4136
    assert trader.algo_stop(type="LIMIT", price="97000.00").refusal == (400, -1116, "Invalid orderType.")
    assert trader.algo_stop(triggerPrice=None).code == -1102
    assert trader.algo_stop(triggerPrice="95000.05").refusal == (400, -4014, "Price not increased by tick size.")
    assert trader.algo_stop(quantity="0.0005").code == -1111
    assert trader.put("algoOrder", algoId=1).status == 404


def test_two_hundred_conditional_orders_may_wait_over_all_contracts(trader: Trader):
    for place in range(200):
        where = {"symbol": "ETHUSDT", "quantity": "0.1", "triggerPrice": "3000.00"} if place % 2 else {}
        assert trader.algo_stop(**where).status == 200
    assert trader.algo_stop().refusal == (400, -4045, "Reach max stop order limit.")


def test_orders_that_waited_are_listed_by_contract_and_page(trader: Trader):
    ids = [trader.algo_stop(triggerPrice=f"{94_000 + place}.00").ok["algoId"] for place in range(3)]
    assert [row["algoId"] for row in trader.get("allAlgoOrders", symbol=SYMBOL).ok] == ids
    assert [row["algoId"] for row in trader.get("allAlgoOrders", symbol=SYMBOL, algoId=ids[1], limit=1).ok] == [ids[1]]
    assert trader.get("openAlgoOrders", symbol="ETHUSDT").ok == []


def test_the_order_that_was_born_may_be_told_to_have_a_name_of_its_own(trader: Trader, server: PaperServer):
    server.post("settings", algo_child_client_id="generated")
    trader.market().ok  # noqa: B018
    made = trader.algo_stop(clientAlgoId="guard").ok["algoId"]
    server.move("BTC", 94_900)
    eventually(lambda: trader.amount() == 0)
    child = trader.get("algoOrder", algoId=made).ok["actualOrderId"]
    assert trader.get("order", symbol=SYMBOL, orderId=child).ok["clientOrderId"] != "guard"
