"""Limits per address of the network, where the documents and what was seen differ by a switch each."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest
from websockets.sync.client import ClientConnection, connect

from tests.contracts.paper_hyperliquid.conftest import Paper, Trader, make_trader


@pytest.fixture
def own() -> Iterator[Paper]:
    """A venue with its limits on."""
    paper = Paper(["--port", "0", "--coins", "BTC"])
    paper.start()
    yield paper
    paper.stop()


def subscribe(socket: ClientConnection, **subscription: Any) -> list[dict[str, Any]]:
    """Subscribe, and return all that comes before the answer to a ping."""
    socket.send(json.dumps({"method": "subscribe", "subscription": subscription}))
    socket.send(json.dumps({"method": "ping"}))
    found: list[dict[str, Any]] = []
    while not found or found[-1]["channel"] != "pong":
        found.append(json.loads(socket.recv(5)))
    return found[:-1]


def test_so_many_users_are_followed_from_one_address(own: Paper) -> None:
    own.control("settings", ws_users=2)
    with connect("ws" + own.url[4:] + "/ws") as socket:
        socket.recv(2)
        for digit in "12":
            assert subscribe(socket, type="userFills", user="0x" + digit * 40)[0]["channel"] == "subscriptionResponse"
        assert subscribe(socket, type="orderUpdates", user="0x" + "1" * 40)[0]["channel"] == "subscriptionResponse"
        (refusal,) = subscribe(socket, type="userFills", user="0x" + "3" * 40)
        assert refusal == {"channel": "error", "data": "Cannot track more than 2 total users."}


def test_whether_order_updates_begin_with_what_is_open_is_a_switch(trader: Trader) -> None:
    trader.sdk.order("BTC", True, 0.01, 90000, {"limit": {"tif": "Gtc"}})
    seen = []
    for is_on in (False, True):
        trader.paper.control("settings", order_updates_snapshot=is_on)
        with connect("ws" + trader.paper.url[4:] + "/ws") as socket:
            socket.recv(2)
            seen.append(subscribe(socket, type="orderUpdates", user=trader.address)[1:])
    trader.paper.control("settings", order_updates_snapshot=False)
    assert seen[0] == []
    (message,) = seen[1]
    assert [(row["status"], row["order"]["limitPx"]) for row in message["data"]] == [("open", "90000.0")]


@pytest.mark.parametrize("says_when", [False, True])
@pytest.mark.parametrize("path", ["info", "exchange"])
def test_whether_a_429_says_how_long_it_lasts_is_a_switch(own: Paper, says_when: bool, path: str) -> None:
    own.control("settings", retry_after=says_when)
    body = {"type": "userRole", "user": "0x" + "1" * 40}
    for _ in range(20):
        own.call("/info", body)
    wanted: dict[str, Any] = body if path == "info" else {"action": {"type": "noop"}, "nonce": 1, "signature": {}}
    request = urllib.request.Request(f"{own.url}/{path}", json.dumps(wanted).encode())
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(request, timeout=5)
    with caught.value as error:
        assert (error.code, error.read()) == (429, b"null")
        left = error.headers["Retry-After"]
    assert (left is not None) is says_when
    assert left is None or 1 <= int(left) <= 60


def test_a_long_answer_weighs_more_and_by_how_much_is_a_switch(own: Paper) -> None:
    trader = make_trader(own, "1000000")
    for number in range(20):
        trader.sdk.order("BTC", True, 0.01, 80000 + number, {"limit": {"tif": "Gtc"}})
    own.control("settings", extra_weight_unit=2_000)
    # The twenty rows of this answer use up the minute; the address before it had spent next to nothing.
    assert len(trader.info.historical_orders(trader.address)) == 20
    assert own.call("/info", {"type": "allMids"}) == {"code": 429, "body": "null"}


def test_one_account_is_held_to_the_requests_it_has_left_while_limits_are_off(trader: Trader) -> None:
    other = make_trader(trader.paper)
    left = trader.paper.control("requests", user=trader.address, left=1, throttled=True)
    assert (left["used"], left["cap"], left["is_counted"]) == (9_999, 10_000, True)
    gtc = {"limit": {"tif": "Gtc"}}
    oid = trader.sdk.order("BTC", True, 0.01, 90000, gtc)["response"]["data"]["statuses"][0]["resting"]["oid"]
    refusal = trader.sdk.order("BTC", True, 0.01, 90000, gtc)
    assert refusal["response"].startswith("Too many cumulative requests sent (10000 > 10000)")
    # Cancels have a larger cap of their own, and nobody else is counted.
    assert trader.sdk.cancel("BTC", oid)["response"]["data"]["statuses"] == ["success"]
    assert other.sdk.order("BTC", True, 0.01, 90000, gtc)["status"] == "ok"
    assert trader.info.post("/info", {"type": "userRateLimit", "user": trader.address})["nRequestsUsed"] == 10_001
    trader.paper.control("requests", user=trader.address)
    assert trader.sdk.order("BTC", True, 0.01, 90000, gtc)["status"] == "ok"


def test_the_one_request_of_ten_seconds_is_let_through_unless_it_has_just_been(trader: Trader) -> None:
    gtc = {"limit": {"tif": "Gtc"}}
    trader.paper.control("requests", user=trader.address, left=-1_000)
    answers = [trader.sdk.order("BTC", True, 0.01, 90000, gtc)["status"] for _ in range(2)]
    assert answers == ["ok", "err"]
    trader.paper.control("requests", user=trader.address)


@pytest.mark.parametrize("wrong", [{"left": "many"}, {"left": True}, {"user": "0x1"}])
def test_a_wrong_count_of_requests_is_told(trader: Trader, wrong: dict[str, Any]) -> None:
    assert trader.paper.control("requests", **{"user": trader.address, "left": 0, **wrong})["code"] == 400
    assert trader.paper.control("requests", user="0x" + "9" * 40, left=0)["code"] == 400
