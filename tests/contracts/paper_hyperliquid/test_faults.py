"""Faults: each does what its name says, to the orders it is aimed at, and the log tells the truth."""

import time
from typing import Any

import pytest
import requests
from hyperliquid.info import Info
from hyperliquid.utils.error import ClientError, ServerError
from hyperliquid.utils.signing import get_timestamp_ms
from hyperliquid.utils.types import Cloid

from tests.contracts.paper_hyperliquid.conftest import Trader, eventually, make_trader

GTC = {"limit": {"tif": "Gtc"}}


def place(trader: Trader, number: int = 1) -> dict[str, Any]:
    answer: dict[str, Any] = trader.sdk.order("BTC", True, 0.01, 90000, GTC, cloid=Cloid.from_int(number))
    return answer


@pytest.mark.parametrize(("fault", "executed"), [("drop", 0), ("execute_then_drop", 1)])
def test_a_cut_connection_before_and_after_execution(trader: Trader, fault: str, executed: int) -> None:
    trader.paper.control("faults", on="exchange", fault=fault, count=1)
    with pytest.raises(requests.exceptions.ConnectionError):
        place(trader)
    assert len(trader.orders()) == executed
    assert "resting" in place(trader)["response"]["data"]["statuses"][0]


@pytest.mark.parametrize(
    ("fault", "code", "executed"),
    [
        ("http_429", 429, 0),
        ("http_500", 500, 0),
        ("http_503_empty", 503, 0),
        ("execute_then_429", 429, 1),
        ("execute_then_403", 403, 1),
        ("execute_then_502", 502, 1),
        ("execute_then_503", 503, 1),
    ],
)
def test_an_error_page_before_and_after_execution(trader: Trader, fault: str, code: int, executed: int) -> None:
    trader.paper.control("faults", on="exchange", fault=fault, count=1)
    with pytest.raises((ClientError, ServerError)) as caught:
        place(trader)
    assert caught.value.status_code == code
    assert len(trader.orders()) == executed


def test_garbage_and_short_answers_come_after_execution(trader: Trader) -> None:
    trader.paper.control("faults", on="exchange", fault="garbage", count=1)
    assert "error" in place(trader)
    trader.paper.control("faults", on="exchange", fault="short_statuses", count=1)
    assert place(trader, 2)["response"]["data"]["statuses"] == []
    assert len(trader.orders()) == 2


def test_a_request_delivered_twice_answers_with_the_second_copy(trader: Trader) -> None:
    trader.paper.control("faults", on="exchange", fault="duplicate_request", count=1)
    assert "Invalid nonce: duplicate nonce" in place(trader)["response"]
    assert len(trader.orders()) == 1


def test_a_delayed_order_runs_late_even_when_nobody_waits(trader: Trader) -> None:
    trader.paper.control("faults", on="exchange", fault="delay", seconds=1, count=1)
    trader.sdk.timeout = 0.2
    with pytest.raises(requests.exceptions.Timeout):
        place(trader)
    trader.sdk.timeout = 10
    assert trader.orders() == []
    eventually(lambda: len(trader.orders()) == 1)


def test_an_order_that_a_delay_carries_past_its_deadline_never_runs(trader: Trader) -> None:
    trader.paper.control("faults", on="exchange", fault="delay", seconds=0.5, count=1)
    trader.sdk.set_expires_after(get_timestamp_ms() + 200)
    assert place(trader)["response"] == "Action already expired"
    assert trader.orders() == []


def test_a_fault_is_aimed_by_cloid_coin_and_reduce_only(trader: Trader) -> None:
    trader.paper.control("faults", on="exchange", fault="http_500", match={"cloid": Cloid.from_int(7).to_raw()})
    trader.paper.control("faults", on="exchange", fault="http_500", match={"coin": "ETH", "reduce_only": True})
    assert place(trader, 6)["status"] == "ok"
    with pytest.raises(ServerError):
        place(trader, 7)
    assert trader.sdk.order("ETH", True, 0.1, 3500, GTC)["status"] == "ok"
    with pytest.raises(ServerError):
        trader.sdk.order("ETH", False, 0.1, 4500, GTC, reduce_only=True)


def test_a_fault_on_cancels_leaves_orders_alone(trader: Trader) -> None:
    trader.paper.control("faults", on="cancel", fault="http_503_empty")
    oid = place(trader)["response"]["data"]["statuses"][0]["resting"]["oid"]
    with pytest.raises(ServerError):
        trader.sdk.cancel("BTC", oid)
    assert trader.orders()[0]["status"] == "open"


def test_a_rate_is_drawn_from_the_seed(trader: Trader) -> None:
    def pattern() -> list[bool]:
        trader.paper.clear_faults()
        trader.paper.control("faults", on="info", fault="http_500", type="allMids", rate=0.5, seed=11)
        answers = [trader.paper.call("/info", {"type": "allMids"}) for _ in range(20)]
        return ["code" in answer for answer in answers]

    first = pattern()
    assert first == pattern()
    assert {True, False} == set(first)


def test_each_read_lags_on_its_own_and_catches_up(trader: Trader) -> None:
    trader.sdk.order("BTC", True, 0.02, 105000, GTC)
    time.sleep(0.05)
    for kind in ("orderStatus", "clearinghouseState", "openOrders", "userFillsByTime"):
        trader.paper.control("faults", on="info", fault="info_lag", type=kind, seconds=1.5)
    placed = time.monotonic()
    place(trader, 9)
    trader.sdk.order("BTC", True, 0.01, 105000, GTC)
    info, user, cloid = trader.info, trader.address, Cloid.from_int(9)
    assert info.query_order_by_cloid(user, cloid) == {"status": "unknownOid"}
    assert info.open_orders(user) == []
    assert len(info.frontend_open_orders(user)) == 1
    assert len(info.user_fills(user)) == 2
    assert info.user_fills_by_time(user, 0) == []
    stale = info.user_state(user)
    assert stale["assetPositions"] == []
    eventually(lambda: info.query_order_by_cloid(user, cloid)["status"] == "order")
    assert time.monotonic() - placed > 1.3
    eventually(lambda: trader.szi() == "0.03")
    assert len(info.user_fills_by_time(user, 0)) == 2


def test_a_halted_chain_holds_actions_back_and_its_clock_stands(trader: Trader) -> None:
    trader.paper.control("settings", halted=True)
    before = trader.info.user_state(trader.address)["time"]
    trader.sdk.timeout = 0.3
    with pytest.raises(requests.exceptions.Timeout):
        place(trader)
    trader.sdk.timeout = 10
    assert trader.info.user_state(trader.address)["time"] == before
    assert trader.orders() == []
    trader.paper.control("settings", halted=False)
    eventually(lambda: len(trader.orders()) == 1)
    assert trader.info.user_state(trader.address)["time"] > before


def test_faults_are_listed_with_their_hits_and_wrong_ones_refused(trader: Trader) -> None:
    trader.paper.control("faults", on="exchange", fault="http_500", count=1)
    with pytest.raises(ServerError):
        place(trader)
    assert [row["hits"] for row in trader.paper.call("/control/faults")] == [1]
    assert trader.paper.control("faults", fault="earthquake")["code"] == 400
    assert trader.paper.control("faults", fault="drop", speed=1)["code"] == 400
    assert trader.paper.control("settings", gravity=1)["code"] == 400


def test_manual_trades_are_marked_and_cancels_by_hand_work(trader: Trader) -> None:
    logged = trader.paper.control("trade", user=trader.address, coin="SOL", side="buy", sz="3")
    assert (logged["isManual"], logged["signer"], logged["status"]) == (True, "manual", "filled")
    wrong = trader.paper.control("trade", user=trader.address, coin="SOL", side="up", sz="3")
    assert (wrong["code"], "side must be buy or sell" in wrong["body"]) == (400, True)
    assert trader.szi("SOL") == "3.0"
    oid = place(trader)["response"]["data"]["statuses"][0]["resting"]["oid"]
    assert trader.paper.control("cancel", oid=oid)["status"] == "canceled"
    assert trader.paper.control("cancel", oid=oid)["code"] == 400
    other = make_trader(trader.paper)
    assert trader.paper.call(f"/control/fills?user={other.address}") == []
    assert len(trader.paper.call(f"/control/fills?user={trader.address}")) == 1


def test_reads_can_be_cut_and_delayed_too(trader: Trader) -> None:
    trader.paper.control("faults", on="info", fault="drop", type="meta", count=1)
    with pytest.raises(requests.exceptions.ConnectionError):
        Info(trader.paper.url, skip_ws=True)
