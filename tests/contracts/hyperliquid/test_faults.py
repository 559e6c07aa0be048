"""Whatever happens to a write on its way, its answer is sorted unknown and the lookup tells the truth."""

import time
from datetime import timedelta

import pytest

from domain.errors import Retryable
from domain.orders import TimeInForce
from tests.contracts.hyperliquid.trader import PaperServer, Trader
from venues.base import SightingStatus, Verdict

LOST_AFTER = [
    "execute_then_drop",
    "execute_then_429",
    "execute_then_403",
    "execute_then_502",
    "execute_then_503",
    "short_statuses",
    "garbage",
]
LOST_BEFORE = ["drop", "http_429", "http_500", "http_503_empty"]


@pytest.mark.parametrize("fault", LOST_AFTER)
def test_an_executed_order_whose_answer_was_lost_is_unknown_and_then_found(trader: Trader, fault: str):
    terms, name = trader.terms(factor="0.8", tif=TimeInForce.GTC), trader.name()
    request = trader.sign(terms, name)
    trader.server.fault(fault)
    answer = trader.venue.trading.send(request)
    assert answer.verdict is Verdict.UNKNOWN
    assert answer.code
    assert len(trader.admitted()) == 1
    trader.server.reset()
    seen = _look(trader, name, terms)
    assert (seen.status, seen.matches) == (SightingStatus.OPEN, True)


@pytest.mark.parametrize("fault", LOST_BEFORE)
def test_an_order_that_never_arrived_is_unknown_not_found_and_its_nonce_can_be_burned(trader: Trader, fault: str):
    terms, name, nonce = trader.terms(), trader.name(), trader.fresh_nonce()
    request = trader.sign(terms, name, nonce=nonce)
    trader.server.fault(fault)
    answer = trader.venue.trading.send(request)
    assert answer.verdict is Verdict.UNKNOWN
    trader.server.reset()
    assert _look(trader, name, terms).status is SightingStatus.NOT_FOUND
    assert trader.noop(nonce).verdict is Verdict.ACCEPTED
    assert trader.admitted() == []


def test_a_write_is_posted_once_even_when_the_connection_breaks(trader: Trader):
    request = trader.sign(trader.terms(factor="0.8", tif=TimeInForce.GTC), trader.name())
    trader.server.fault("execute_then_drop", count=None)
    assert trader.venue.trading.send(request).code == "no_answer"
    (rule,) = trader.server.get("faults")
    assert rule["hits"] == 1


def test_a_write_that_is_late_beyond_the_timeout_is_unknown_and_may_still_run(server: PaperServer):
    with Trader.funded(server, timeout=timedelta(milliseconds=500)) as trader:
        terms, name = trader.terms(factor="0.8", tif=TimeInForce.GTC), trader.name()
        request = trader.sign(terms, name)
        server.fault("delay", seconds=1.5)
        answer = trader.venue.trading.send(request)
        assert (answer.verdict, answer.code) == (Verdict.UNKNOWN, "no_answer")
        give_up = time.monotonic() + 10
        while trader.look(name, terms).status is SightingStatus.NOT_FOUND:
            assert time.monotonic() < give_up
            time.sleep(0.05)


def test_a_write_that_is_late_beyond_its_deadline_never_runs(server: PaperServer):
    with Trader.funded(server, timeout=timedelta(milliseconds=500)) as trader:
        terms, name = trader.terms(factor="0.8", tif=TimeInForce.GTC), trader.name()
        request = trader.sign(terms, name, expires_at=trader.deadline(0.7))
        server.fault("delay", seconds=1.5)
        assert trader.venue.trading.send(request).verdict is Verdict.UNKNOWN
        give_up = time.monotonic() + 10
        # An order that is sent after it and answered shows that the late one has been decided on.
        while trader.venue.trading.venue_time(trader.account) < request.expires_at + timedelta(seconds=2):
            assert time.monotonic() < give_up
            time.sleep(0.05)
        assert trader.admitted() == []


def test_a_request_that_the_network_doubled_makes_one_order(trader: Trader):
    terms, name = trader.terms(factor="0.8", tif=TimeInForce.GTC), trader.name()
    request = trader.sign(terms, name)
    trader.server.fault("duplicate_request")
    answer = trader.venue.trading.send(request)
    assert answer.verdict in {Verdict.ACCEPTED, Verdict.UNKNOWN}
    assert len(trader.admitted()) == 1


@pytest.mark.parametrize("fault", ["http_429", "http_500", "http_503_empty", "garbage"])
def test_a_read_without_an_answer_is_retryable(trader: Trader, fault: str):
    trader.server.fault(fault, on="info", type="frontendOpenOrders", count=5)
    with pytest.raises(Retryable):
        trader.venue.accounts.open_orders(trader.account)


def test_a_read_whose_connection_broke_once_is_answered(trader: Trader):
    trader.server.fault("drop", on="info", type="frontendOpenOrders")
    assert trader.venue.accounts.open_orders(trader.account) == ()


def test_a_lookup_that_lags_shows_nothing_yet(trader: Trader):
    trader.server.fault("info_lag", on="info", type="orderStatus", count=None, seconds=3)
    terms, name = trader.terms(factor="0.8", tif=TimeInForce.GTC), trader.name()
    assert trader.place(terms, name).verdict is Verdict.ACCEPTED
    assert trader.look(name, terms).status is SightingStatus.NOT_FOUND


def _look(trader: Trader, name: str, terms):
    """Look up, however long the adapter rests after a 429."""
    give_up = time.monotonic() + 15
    while True:
        try:
            return trader.look(name, terms)
        except Retryable:
            assert time.monotonic() < give_up
            time.sleep(0.1)
