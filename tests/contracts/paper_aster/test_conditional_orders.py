"""Conditional orders live on AsterDEX's order endpoint, under one id before and after they fire (reference/venues.md 2.2)."""

from decimal import Decimal

import pytest

from tests.contracts.paper_fapi.trader import SYMBOL, Trader, eventually
from tests.contracts.rigs.server import PaperServer


def test_a_stop_waits_among_the_open_orders_and_is_cancelled_with_them(trader: Trader):
    trader.market().ok  # noqa: B018
    made = trader.stop(newClientOrderId="guard").ok
    assert (made["status"], made["type"], made["stopPrice"]) == ("NEW", "STOP_MARKET", "95000.00")
    assert trader.open_ids() == [made["orderId"]]
    assert trader.get("order", symbol=SYMBOL, origClientOrderId="guard").ok["status"] == "NEW"
    trader.delete("allOpenOrders", symbol=SYMBOL).ok  # noqa: B018
    assert trader.get("order", symbol=SYMBOL, orderId=made["orderId"]).ok["status"] == "CANCELED"


def test_a_stop_that_is_reached_trades_under_its_own_id(trader: Trader, server: PaperServer):
    trader.market().ok  # noqa: B018
    with trader.events() as events:
        made = trader.stop().ok["orderId"]
        events.next("ORDER_TRADE_UPDATE", i=made, x="NEW")
        server.move("BTC", 94_900)
        events.next("ORDER_TRADE_UPDATE", i=made, x="EXPIRED")
        filled = events.next("ORDER_TRADE_UPDATE", i=made, x="TRADE")["o"]
    assert (filled["X"], filled["o"], filled["ot"], filled["z"]) == ("FILLED", "MARKET", "STOP_MARKET", "0.010")
    row = trader.get("order", symbol=SYMBOL, orderId=made).ok
    assert (row["status"], row["type"], row["origType"]) == ("FILLED", "MARKET", "STOP_MARKET")
    assert trader.amount() == 0


@pytest.mark.parametrize(
    ("kind", "side", "trigger", "px"),
    [
        ("STOP_MARKET", "BUY", "101000.00", 101_000),
        ("TAKE_PROFIT_MARKET", "SELL", "101000.00", 101_000),
        ("TAKE_PROFIT_MARKET", "BUY", "99000.00", 99_000),
        ("STOP_MARKET", "SELL", "99000.00", 99_000),
    ],
)
def test_each_kind_fires_on_its_own_side(
    trader: Trader, server: PaperServer, kind: str, side: str, trigger: str, px: int
):
    made = trader.stop(type=kind, side=side, stopPrice=trigger).ok["orderId"]
    server.move("BTC", px)
    assert eventually(lambda: trader.get("order", symbol=SYMBOL, orderId=made).ok["status"] == "FILLED")
    assert trader.amount() == Decimal("0.010") * (1 if side == "BUY" else -1)


def test_close_position_excludes_size_and_reduce_only(trader: Trader, server: PaperServer):
    words = (400, -4137, "Quantity must be zero with closePosition equals true")
    assert trader.stop(closePosition="true").refusal == words
    assert trader.stop(closePosition="true", quantity=None, reduceOnly="true").code == -1106
    trader.market().ok  # noqa: B018
    trader.stop(closePosition="true", quantity=None).ok  # noqa: B018
    # A second one is taken here, unlike at Binance.
    trader.stop(closePosition="true", quantity=None, stopPrice="94500.00").ok  # noqa: B018
    server.move("BTC", 94_900)
    assert eventually(lambda: trader.amount() == 0)


def test_the_callback_of_a_trailing_stop_is_five_percent_at_most(trader: Trader):
    trailing = {"type": "TRAILING_STOP_MARKET", "stopPrice": None}
    for rate in ("0.05", "5.1"):
        assert trader.stop(**trailing, callbackRate=rate).refusal == (400, -2007, "Invalid callBack rate")
    made = trader.stop(**trailing, callbackRate="5", activationPrice="103000.00").ok
    assert (made["activatePrice"], made["priceRate"]) == ("103000", "5")


def test_limit_orders_alone_are_changed(trader: Trader):
    trader.market().ok  # noqa: B018
    made = trader.stop().ok["orderId"]
    change = {"symbol": SYMBOL, "orderId": made, "side": "SELL", "quantity": "0.010", "price": "98000.00"}
    assert trader.put("order", **change).refusal == (400, -4000, "Invalid order status.")


def test_a_hundred_conditional_orders_of_a_contract_may_wait(trader: Trader):
    for _ in range(100):
        assert trader.stop().status == 200
    assert trader.stop().refusal == (400, -4045, "Reach max stop order limit.")
    assert trader.order().status == 200


def test_the_algo_order_service_of_binance_is_not_there(trader: Trader):
    assert trader.get("openAlgoOrders", symbol=SYMBOL).status == 404


def test_the_accounts_rule_for_trades_with_itself_is_told_and_set(trader: Trader):
    assert trader.get("stpMode").ok == {"stpMode": "EXPIRE_MAKER"}
    assert trader.post("stpMode", stpMode="EXPIRE_BOTH").status == 200
    assert trader.get("stpMode").ok == {"stpMode": "EXPIRE_BOTH"}
    assert trader.post("stpMode", stpMode="LOVE").code == -1130
