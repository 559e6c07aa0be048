"""Streams through the SDK's own socket, and raw where the SDK says nothing."""

import json
import queue
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from hyperliquid.info import Info
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from tests.contracts.paper_hyperliquid.conftest import Paper, Trader, eventually

GTC = {"limit": {"tif": "Gtc"}}


@pytest.fixture
def live(trader: Trader) -> Iterator[Info]:
    info = Info(trader.paper.url, timeout=10)
    yield info
    # The SDK's thread notices within ten seconds; nobody needs to wait for it.
    info.disconnect_websocket()


@pytest.fixture
def socket(paper: Paper) -> Iterator[ClientConnection]:
    with connect("ws" + paper.url[4:] + "/ws") as connection:
        assert connection.recv(2) == "Websocket connection established."
        yield connection


def subscribe(socket: ClientConnection, **subscription: Any) -> dict[str, Any]:
    socket.send(json.dumps({"method": "subscribe", "subscription": subscription}))
    return receive(socket)


def receive(socket: ClientConnection, channel: str | None = None) -> dict[str, Any]:
    while True:
        message: dict[str, Any] = json.loads(socket.recv(5))
        if channel in {None, message["channel"]}:
            return message


def test_the_sdk_gets_every_channel_it_knows(trader: Trader, live: Info) -> None:
    heard: dict[str, list[Any]] = {}

    def hear(message: dict[str, Any]) -> None:
        heard.setdefault(message["channel"], []).append(message["data"])

    user = trader.address
    for kind in ("orderUpdates", "userEvents", "userFills", "userFundings", "userNonFundingLedgerUpdates"):
        live.subscribe({"type": kind, "user": user}, hear)
    for kind in ("l2Book", "bbo", "trades", "activeAssetCtx"):
        live.subscribe({"type": kind, "coin": "BTC"}, hear)
    live.subscribe({"type": "allMids"}, hear)
    live.subscribe({"type": "candle", "coin": "BTC", "interval": "1m"}, hear)
    eventually(lambda: {"userFills", "allMids", "l2Book", "bbo", "candle", "activeAssetCtx"} <= set(heard))
    trader.sdk.market_open("BTC", True, 0.01)
    trader.paper.control("deposit", user=user, usdc="5")
    eventually(
        lambda: {"orderUpdates", "user", "trades"} <= set(heard) and len(heard["userNonFundingLedgerUpdates"]) == 2
    )
    assert heard["userFills"][0]["isSnapshot"]
    fill = heard["userFills"][1]["fills"][0]
    assert (fill["coin"], fill["sz"], fill["crossed"]) == ("BTC", "0.01", True)
    assert [row["status"] for batch in heard["orderUpdates"] for row in batch] == ["open", "filled"]
    assert heard["user"][0]["fills"] == heard["userFills"][1]["fills"]
    assert any(user in trade["users"] for batch in heard["trades"] for trade in batch)


def test_a_snapshot_of_fills_is_oldest_first(trader: Trader, socket: ClientConnection) -> None:
    trader.sdk.market_open("BTC", True, 0.01)
    trader.sdk.market_open("BTC", True, 0.02)
    acknowledged = subscribe(socket, type="userFills", user=trader.address)
    assert acknowledged["data"]["subscription"] == {
        "type": "userFills",
        "user": trader.address,
        "aggregateByTime": False,
    }
    assert [fill["sz"] for fill in receive(socket)["data"]["fills"]] == ["0.01", "0.02"]


def test_acknowledgements_echo_the_full_subscription_and_wrong_ones_are_errors(socket: ClientConnection) -> None:
    echoed = subscribe(socket, type="l2Book", coin="BTC")["data"]["subscription"]
    assert echoed == {"type": "l2Book", "coin": "BTC", "nSigFigs": None, "mantissa": None, "fast": False}
    receive(socket, "l2Book")
    socket.send(json.dumps({"method": "subscribe", "subscription": {"type": "l2Book", "coin": "BTC"}}))
    assert receive(socket, "error")["data"].startswith("Already subscribed: ")
    for text in ("nonsense", '{"method":"dance"}', '{"method":"subscribe","subscription":{"type":"webData2"}}'):
        socket.send(text)
        assert receive(socket, "error")["data"] == f"Error parsing JSON into valid websocket request: {text}"
    socket.send(json.dumps({"method": "unsubscribe", "subscription": {"type": "bbo", "coin": "BTC"}}))
    assert receive(socket, "error")["data"].startswith("Already unsubscribed: ")


def test_ping_is_answered_and_posts_carry_reads_and_actions(socket: ClientConnection) -> None:
    socket.send('{"method":"ping"}')
    assert receive(socket) == {"channel": "pong"}
    request = {"type": "info", "payload": {"type": "l2Book", "coin": "NONE"}}
    socket.send(json.dumps({"method": "post", "id": 3, "request": request}))
    answer = receive(socket, "post")["data"]
    assert answer == {"id": 3, "response": {"type": "info", "payload": {"type": "l2Book", "data": None}}}
    action = {"action": {"type": "noop"}, "nonce": 1, "signature": {"r": "0x1", "s": "0x1", "v": 27}}
    socket.send(json.dumps({"method": "post", "id": 4, "request": {"type": "action", "payload": action}}))
    assert receive(socket, "post")["data"]["response"]["payload"]["status"] == "err"


def test_account_channels_push_when_something_changed(trader: Trader, socket: ClientConnection) -> None:
    subscribe(socket, type="openOrders", user=trader.address)
    assert receive(socket, "openOrders")["data"]["orders"] == []
    trader.sdk.order("BTC", True, 0.01, 90000, GTC)
    assert len(receive(socket, "openOrders")["data"]["orders"]) == 1
    subscribe(socket, type="clearinghouseState", user=trader.address)
    assert receive(socket, "clearinghouseState")["data"]["clearinghouseState"]["withdrawable"]


def test_messages_are_doubled_reordered_late_and_silent_on_demand(trader: Trader, socket: ClientConnection) -> None:
    subscribe(socket, type="orderUpdates", user=trader.address)

    def place(px: int) -> None:
        trader.sdk.order("BTC", True, 0.01, px, GTC)

    def price() -> str:
        return str(receive(socket, "orderUpdates")["data"][0]["order"]["limitPx"])

    trader.paper.control("faults", on="ws", fault="ws_duplicate", count=1)
    place(90001)
    assert [price(), price()] == ["90001.0", "90001.0"]
    trader.paper.control("faults", on="ws", fault="ws_reorder", count=1)
    place(90002)
    place(90003)
    assert [price(), price()] == ["90003.0", "90002.0"]
    trader.paper.control("faults", on="ws", fault="ws_late", count=1, seconds=0.5)
    place(90004)
    place(90005)
    assert [price(), price()] == ["90005.0", "90004.0"]
    trader.paper.control("faults", on="ws", fault="ws_silent", count=1, seconds=60)
    place(90006)
    socket.send('{"method":"ping"}')
    assert receive(socket)["channel"] == "pong"
    with pytest.raises(TimeoutError):
        socket.recv(0.5)


def test_books_and_mids_keep_coming_in_a_still_market_and_best_prices_do_not(
    paper: Paper, socket: ClientConnection
) -> None:
    paper.control("settings", refill_ms=1)
    subscribe(socket, type="allMids")
    subscribe(socket, type="bbo", coin="BTC")
    channels = [receive(socket)["channel"] for _ in range(6)]
    paper.control("settings", refill_ms=10_000)
    assert channels.count("allMids") >= 3
    assert channels.count("bbo") <= 2


def test_a_connection_is_closed_on_demand(trader: Trader, socket: ClientConnection) -> None:
    subscribe(socket, type="orderUpdates", user=trader.address)
    trader.paper.control("faults", on="ws", fault="ws_close", count=1)
    trader.sdk.order("BTC", True, 0.01, 90000, GTC)
    with pytest.raises(ConnectionClosed):
        socket.recv(5)


def test_a_fill_can_be_heard_before_its_answer(trader: Trader, socket: ClientConnection) -> None:
    subscribe(socket, type="userFills", user=trader.address)
    receive(socket, "userFills")
    trader.paper.control("settings", fill_before_ack=True, fill_without_cloid=True)
    heard: queue.Queue[str] = queue.Queue()

    def buy() -> None:
        trader.sdk.market_open("BTC", True, 0.01)
        heard.put("answer")

    order = threading.Thread(target=buy)
    order.start()
    assert "cloid" not in receive(socket, "userFills")["data"]["fills"][0]
    assert heard.empty()
    order.join(5)
    trader.paper.control("settings", fill_before_ack=False, fill_without_cloid=False)
