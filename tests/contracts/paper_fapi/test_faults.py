"""What a tired venue and the network in between do to an order: which answers prove something and which do not."""

from collections.abc import Callable
from decimal import Decimal

import httpx
import pytest

from tests.contracts.paper_fapi.trader import SYMBOL, Trader, eventually
from tests.contracts.rigs.server import PaperServer

UNKNOWN = "Unknown error, please check your request or try again later."
TIMED_OUT = "Timeout waiting for response from backend server. Send status unknown; execution status unknown."
THROTTLED = (
    "Request throttled by system-level protection. Reduce-only/close-position orders are exempt. Please try again."
)
INTERNAL = "Internal error; unable to process your request. Please try again."


@pytest.mark.parametrize(
    ("fault", "refusal"),
    [
        ("http_503_unknown", (503, -1000, UNKNOWN)),
        ("http_503_unavailable", (503, -1000, "Service Unavailable.")),
        ("http_503_internal", (503, -1001, INTERNAL)),
        ("http_503_busy", (503, -1008, THROTTLED)),
        ("http_429", (429, -1003, "Too many requests; please use the websocket for live updates.")),
    ],
)
def test_a_tired_venue_refuses_in_the_words_that_tell_its_states_apart(
    trader: Trader, server: PaperServer, fault: str, refusal: tuple[int, int, str]
):
    server.fault(fault)
    assert trader.order().refusal == refusal
    assert trader.open_ids() == []
    assert trader.order().status == 200


def test_an_unknown_answer_may_hide_an_order(trader: Trader, server: PaperServer):
    """The words of an order that was placed are those of one that was not: only a look tells."""
    server.fault("execute_then_503")
    assert trader.order(newClientOrderId="hidden").refusal == (503, -1000, UNKNOWN)
    assert trader.get("order", symbol=SYMBOL, origClientOrderId="hidden").ok["status"] == "NEW"


def test_a_throttled_venue_takes_cancels_and_what_reduces(trader: Trader, server: PaperServer):
    trader.market().ok  # noqa: B018
    placed = trader.order().ok["orderId"]
    server.fault("http_503_busy", count=None)
    assert trader.order().code == -1008
    assert trader.delete("order", symbol=SYMBOL, orderId=placed).status == 200
    assert trader.market("SELL", reduceOnly="true").ok["status"] == "FILLED"


@pytest.mark.parametrize(
    ("fault", "status"),
    [
        ("http_403", 403),
        ("http_500", 500),
        ("execute_then_403", 403),
        ("execute_then_502", 502),
        ("http_503_empty", 503),
    ],
)
def test_a_proxy_answers_with_a_page_of_its_own(trader: Trader, server: PaperServer, fault: str, status: int):
    server.fault(fault)
    answer = trader.order()
    assert answer.status == status
    assert not answer.text.startswith("{")
    assert len(trader.open_ids()) == (1 if fault.startswith("execute") else 0)


def test_a_ban_says_until_when(trader: Trader, server: PaperServer):
    server.fault("http_418")
    answer = trader.order()
    assert answer.refusal[:2] == (418, -1003)
    assert "banned until" in answer.body["msg"]
    assert int(answer.headers["Retry-After"]) >= 120


def test_an_order_may_be_executed_after_the_venue_gave_up_on_it(trader: Trader, server: PaperServer, venue: str):
    server.fault("late_execution", seconds=0.5)
    answer = trader.order(newClientOrderId="late")
    assert answer.refusal == (408 if venue == "binance" else 503, -1007, TIMED_OUT)
    look: Callable[[], int] = lambda: trader.get("order", symbol=SYMBOL, origClientOrderId="late").status  # noqa: E731
    assert look() == 400
    assert eventually(lambda: look() == 200)


def test_a_connection_that_breaks_says_nothing_of_the_order(trader: Trader, server: PaperServer):
    for fault, count in (("drop", 0), ("execute_then_drop", 1)):
        server.fault(fault)
        with pytest.raises(httpx.TransportError):
            trader.order()
        assert len(trader.open_ids()) == count


def test_a_request_that_the_network_doubles_is_refused_or_placed_twice(trader: Trader, server: PaperServer, venue: str):
    """A wallet's nonce is used up the first time; a key's request is good for as long as its window."""
    server.fault("duplicate_request")
    kind = {"type": "MARKET", "price": None, "timeInForce": None}
    answer = trader.order(**kind)
    if venue == "aster":
        assert answer.refusal == (400, -4225, "Nonce Expired")
        assert trader.amount() == Decimal("0.010")
    else:
        assert answer.status == 200
        assert trader.amount() == Decimal("0.020")


def test_a_lagging_read_does_not_know_a_new_order_yet(trader: Trader, server: PaperServer):
    server.fault("info_lag", on="info", count=None, seconds=0.6, type="order")
    placed = trader.order().ok["orderId"]
    assert trader.get("order", symbol=SYMBOL, orderId=placed).refusal == (400, -2013, "Order does not exist.")
    assert eventually(lambda: trader.get("order", symbol=SYMBOL, orderId=placed).status == 200)
