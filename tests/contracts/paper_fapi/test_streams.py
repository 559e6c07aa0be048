"""Listen keys, the user's stream and the public streams."""

from decimal import Decimal

import pytest
from websockets.exceptions import ConnectionClosed

from tests.contracts.paper_fapi.trader import SYMBOL, Trader, eventually
from tests.contracts.rigs.server import PaperServer

HOUR_MS = 3_600_000


def test_a_listen_key_is_kept_prolonged_and_ended(trader: Trader):
    key = trader.listen_key()
    assert len(key) == 64
    assert trader.listen_key() == key
    assert trader.send("PUT", "listenKey", trader.listen_form()).status == 200
    assert trader.send("DELETE", "listenKey", trader.listen_form()).ok == {}
    gone = trader.send("PUT", "listenKey", trader.listen_form())
    assert gone.refusal == (400, -1125, "This listenKey does not exist.")
    assert trader.listen_key() != key


def test_a_listen_key_that_is_not_prolonged_expires_within_the_hour(trader: Trader, server: PaperServer):
    key = trader.listen_key()
    with trader.events(f"/ws/{key}") as events:
        server.post("settings", clock_offset_ms=HOUR_MS + 1000)
        told = events.next("listenKeyExpired")
        assert told["listenKey"] == key
    trader.offset_ms = HOUR_MS + 1000
    assert trader.send("PUT", "listenKey", trader.listen_form()).code == -1125


def test_an_order_is_told_when_it_comes_fills_and_goes(trader: Trader, server: PaperServer):
    with trader.events() as events:
        placed = trader.order(newClientOrderId="mine").ok["orderId"]
        new = events.next("ORDER_TRADE_UPDATE", i=placed)["o"]
        assert (new["x"], new["X"], new["c"], new["q"], new["p"], new["S"]) == (
            "NEW", "NEW", "mine", "0.010", "97000.00", "BUY",
        )  # fmt: skip
        server.post("fill", oid=placed, sz="0.004")
        part = events.next("ORDER_TRADE_UPDATE", x="TRADE")["o"]
        assert (part["X"], part["l"], part["z"], part["L"], part["m"]) == (
            "PARTIALLY_FILLED", "0.004", "0.004", "97000.00", True,
        )  # fmt: skip
        assert (part["N"], Decimal(part["n"]) > 0) == ("USDT", True)
        trader.delete("order", symbol=SYMBOL, orderId=placed).ok  # noqa: B018
        over = events.next("ORDER_TRADE_UPDATE", x="CANCELED")["o"]
        assert (over["X"], over["z"]) == ("CANCELED", "0.004")
    (trade,) = trader.get("userTrades", symbol=SYMBOL).ok
    assert (trade["id"], trade["time"]) == (part["t"], part["T"])


def test_a_fill_tells_the_balance_and_the_position(trader: Trader):
    with trader.events() as events:
        trader.market().ok  # noqa: B018
        told = events.next("ACCOUNT_UPDATE")["a"]
        fill = events.next("ORDER_TRADE_UPDATE", x="TRADE")["o"]
        trader.deposit("5")
        paid = events.next("ACCOUNT_UPDATE")["a"]
    assert (told["m"], told["P"][0]["s"], told["P"][0]["pa"], told["P"][0]["ps"]) == ("ORDER", SYMBOL, "0.01", "BOTH")
    assert Decimal(told["B"][0]["bc"]) == -Decimal(fill["n"])
    assert Decimal(told["B"][0]["wb"]) == 100_000 - Decimal(fill["n"])
    assert (paid["m"], paid["P"], paid["B"][0]["bc"]) == ("DEPOSIT", [], "5.00000000")


def test_a_change_of_an_order_is_told(trader: Trader):
    placed = trader.order().ok["orderId"]
    with trader.events() as events:
        trader.put("order", symbol=SYMBOL, orderId=placed, side="BUY", quantity="0.020", price="97100.00").ok  # noqa: B018
        told = events.next("ORDER_TRADE_UPDATE", x="AMENDMENT")["o"]
    assert (told["q"], told["p"], told["X"]) == ("0.020", "97100.00", "NEW")


def test_a_change_of_leverage_is_told(trader: Trader):
    with trader.events() as events:
        trader.post("leverage", symbol=SYMBOL, leverage=7).ok  # noqa: B018
        assert events.next("ACCOUNT_CONFIG_UPDATE")["ac"] == {"s": SYMBOL, "l": 7}


def test_an_immediate_order_tells_what_expired(trader: Trader):
    with trader.events() as events:
        trader.order(price="99000.00", timeInForce="IOC").ok  # noqa: B018
        told = events.next("ORDER_TRADE_UPDATE", x="EXPIRED")["o"]
    assert (told["X"], told["z"]) == ("EXPIRED", "0")


def test_nobody_hears_of_the_orders_of_others(trader: Trader, server: PaperServer, venue: str):
    from tests.contracts.paper_fapi.venues import trader_of

    with trader_of(server, venue) as other, trader.events() as events:
        other.market().ok  # noqa: B018
        mine = trader.order().ok["orderId"]
        events.next("ORDER_TRADE_UPDATE", i=mine)
    assert {event.get("o", {}).get("i") for event in events.seen} == {mine}


@pytest.mark.parametrize("kind", ["ws_duplicate", "ws_late", "ws_reorder"])
def test_a_stream_may_repeat_delay_and_swap_events(trader: Trader, server: PaperServer, kind: str):
    with trader.events() as events:
        server.fault(kind, on="ws", seconds=0.3)
        first, second = (trader.order(price=px).ok["orderId"] for px in ("97000.00", "97100.00"))
        events.next("ORDER_TRADE_UPDATE", i=first)
        if kind != "ws_duplicate":
            assert [event["o"]["i"] for event in events.seen] == [second, first]
            return
        events.next("ORDER_TRADE_UPDATE", i=first)
        events.next("ORDER_TRADE_UPDATE", i=second)


def test_a_stream_may_end_without_a_word(trader: Trader, server: PaperServer):
    with trader.events() as events:
        server.fault("ws_close", on="ws")
        trader.order().ok  # noqa: B018
        with pytest.raises(ConnectionClosed):
            events.next("ORDER_TRADE_UPDATE")


def test_public_streams_are_subscribed_to_by_message_and_wrapped_on_request(trader: Trader):
    name = f"{SYMBOL.lower()}@markPrice@1s"
    with trader.events("/ws") as events:
        assert events.send(method="SUBSCRIBE", params=[name], id=1) == {"result": None, "id": 1}
        assert events.send(method="LIST_SUBSCRIPTIONS", id=2) == {"result": [name], "id": 2}
        told = events.next("markPriceUpdate")
        assert (told["s"], told["p"]) == (SYMBOL, "100000.00000000")
        assert events.send(method="UNSUBSCRIBE", params=[name], id=3)["result"] is None
        assert events.send(method="LIST_SUBSCRIPTIONS", id=4)["result"] == []
        assert events.send(method="DANCE", id=5)["code"] == 2
    with trader.events(f"/stream?streams={name}") as events:
        wrapped = events.raw()
        assert (wrapped["stream"], wrapped["data"]["s"]) == (name, SYMBOL)


def test_trades_and_the_best_prices_are_told_to_all(trader: Trader):
    names = [f"{SYMBOL.lower()}@{kind}" for kind in ("aggTrade", "bookTicker")]
    with trader.events("/stream?streams=" + "/".join(names)) as events:
        trader.market().ok  # noqa: B018
        seen: dict[str, dict[str, str]] = {}
        eventually(lambda: seen.update({(row := events.raw())["stream"]: row["data"]}) or set(seen) == set(names))
    assert Decimal(seen[names[0]]["p"]) >= Decimal(seen[names[1]]["b"])
    assert Decimal(seen[names[1]]["b"]) < Decimal(seen[names[1]]["a"])


def test_nonsense_on_a_stream_is_answered_and_harms_nothing(trader: Trader):
    with trader.events("/ws") as events:
        events._socket.send("{nonsense")
        assert events.raw() == {"code": 3, "msg": "Invalid JSON: expected value at line 1 column 1"}
        assert events.send(method="LIST_SUBSCRIPTIONS", id=1)["result"] == []
