"""Channels that the SDK does not know, over a bare socket."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from websockets.sync.client import ClientConnection, connect

from tests.contracts.paper_hyperliquid.conftest import Trader, eventually
from tests.contracts.paper_hyperliquid.test_twaps import twap


@contextmanager
def socket(trader: Trader) -> Iterator[ClientConnection]:
    with connect("ws" + trader.paper.url[4:] + "/ws", proxy=None) as connection:
        assert connection.recv(5) == "Websocket connection established."
        yield connection


def subscribe(connection: ClientConnection, kind: str, **fields: Any) -> Any:
    connection.send(json.dumps({"method": "subscribe", "subscription": {"type": kind, **fields}}))
    answer = json.loads(connection.recv(5))
    assert answer["channel"] == "subscriptionResponse", answer
    return answer["data"]["subscription"]


def until(connection: ClientConnection, channel: str) -> Any:
    while True:
        message = json.loads(connection.recv(5))
        if message["channel"] == channel:
            return message["data"]


@pytest.mark.parametrize(
    ("kind", "fields", "keys"),
    [
        ("spotState", {"user"}, {"user", "spotState"}),
        ("twapStates", {"user"}, {"dex", "user", "states"}),
        ("allDexsClearinghouseState", {"user"}, {"user", "clearinghouseStates"}),
        ("webData3", {"user"}, {"userState", "perpDexStates"}),
        ("userTwapSliceFills", {"user"}, {"isSnapshot", "user", "twapSliceFills"}),
        ("userTwapHistory", {"user"}, {"isSnapshot", "user", "history"}),
        ("userHistoricalOrders", {"user"}, {"isSnapshot", "user", "orderHistory"}),
        ("assetCtxs", set(), {"dex", "ctxs"}),
        ("allDexsAssetCtxs", set(), {"ctxs"}),
    ],
)
def test_a_subscription_is_answered_at_once(trader: Trader, kind: str, fields: set[str], keys: set[str]) -> None:
    with socket(trader) as connection:
        subscribe(connection, kind, **({"user": trader.address} if fields else {}))
        assert set(until(connection, kind)) == keys


def test_spot_pairs_have_a_context_channel_of_their_own(trader: Trader) -> None:
    with socket(trader) as connection:
        subscribe(connection, "activeAssetCtx", coin="@142")
        assert until(connection, "activeSpotAssetCtx")["coin"] == "@142"
        subscribe(connection, "spotAssetCtxs")
        assert until(connection, "spotAssetCtxs")[0]["coin"] == "PURR/USDC"


def test_slices_of_a_twap_are_told_in_three_places(trader: Trader) -> None:
    with socket(trader) as connection:
        for kind in ("userTwapSliceFills", "userTwapHistory"):
            subscribe(connection, kind, user=trader.address)
            until(connection, kind)
        subscribe(connection, "userEvents", user=trader.address)
        number = twap(trader, "0.1", 5)["running"]["twapId"]
        seen: dict[str, Any] = {}
        while len(seen) < 4:
            message = json.loads(connection.recv(5))
            data = message["data"]
            kinds = set(data) & {"history", "twapSliceFills", "twapHistory"}
            for name in kinds:
                seen[message["channel"] + name] = data[name]
        assert {row[0]["twapId"] for row in seen.values()} == {number}


def test_a_resting_order_that_fills_is_notified_and_kept_in_history(trader: Trader) -> None:
    with socket(trader) as connection:
        subscribe(connection, "notification", user=trader.address)
        subscribe(connection, "userHistoricalOrders", user=trader.address)
        until(connection, "userHistoricalOrders")
        trader.sdk.order("BTC", True, 0.01, 99000, {"limit": {"tif": "Gtc"}})
        assert until(connection, "userHistoricalOrders")["orderHistory"][0]["status"] == "open"
        trader.paper.control("price", coin="BTC", px="98000", freeze=True)
        text = until(connection, "notification")["notification"]
        assert text == "Resting order filled: Bought 0.01 BTC at $99000"


def test_the_old_page_channel_is_refused_unless_switched_on(trader: Trader) -> None:
    wanted = {"method": "subscribe", "subscription": {"type": "webData2", "user": trader.address}}
    with socket(trader) as connection:
        connection.send(json.dumps(wanted))
        assert json.loads(connection.recv(5))["channel"] == "error"
        trader.paper.control("settings", web_data2=True)
        try:
            connection.send(json.dumps(wanted))
            data = until(connection, "webData2")
        finally:
            trader.paper.control("settings", web_data2=False)
        assert {"clearinghouseState", "openOrders", "meta", "assetCtxs", "user"} <= set(data)
    eventually(lambda: trader.paper.call("/control/health")["connections"] == 0)
