"""Public data: one answer for many callers, hourly funding whatever the interval, closed bars alone."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Any

import pytest

from domain.errors import Refused, Retryable
from tests.unit.venues.build_fapi import API_KEY, Asked, Said, Stub, by_path, scripted
from tests.unit.venues.test_fapi_rows import symbol
from venues.binance.config import BinanceConfig
from venues.binance.venue import connect
from venues.fapi.limits import RequestBudget
from venues.fapi.market import FapiMarket
from venues.fapi.wire import to_millis

NOW = datetime(2026, 11, 21, 12, 0, 30, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


class Clock:
    """A clock that tests move."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def premium(coin: str = "BTC", **changed: Any) -> dict[str, Any]:
    plain = {
        "symbol": f"{coin}USDT",
        "markPrice": "60000.5",
        "indexPrice": "60001",
        "lastFundingRate": "0.0008",
        "time": to_millis(NOW),
    }
    return plain | changed


def bar(at: datetime) -> list[Any]:
    return [to_millis(at), "1", "3", "0.5", "2", "10", to_millis(at + MINUTE) - 1, "20", 5, "4", "8", "0"]


@contextmanager
def market_of(clock: Clock | None = None, **answers: Any) -> Iterator[tuple[FapiMarket, Stub]]:
    given: dict[str, Any] = {
        "exchangeInfo": {"symbols": [symbol(), symbol(symbol="ETHUSDT")]},
        "premiumIndex": [premium(), premium("ETH")],
        "ticker/bookTicker": [{"symbol": "BTCUSDT", "bidPrice": "60000", "askPrice": "60002"}],
        "fundingInfo": [{"symbol": "ETHUSDT", "fundingIntervalHours": 4}],
        "klines": [],
    }
    with scripted(by_path(given | answers)) as stub:
        venue = connect(BinanceConfig(url=stub.url), lambda _: API_KEY, RequestBudget(1_000_000, timedelta(0)))
        try:
            yield FapiMarket(venue.client, clock=clock or Clock()), stub
        finally:
            venue.close()


def test_a_mark_has_the_mid_of_the_book_and_the_funding_of_an_hour():
    with market_of() as (market, _):
        found = market.mark("BTC")
        assert (found.mark_px, found.mid_px, found.oracle_px) == (Decimal("60000.5"), Decimal(60001), Decimal(60001))
        assert (found.funding_rate, found.market_time) == (Decimal("0.0001"), NOW)
        # Listed with an interval of its own, and without a book.
        other = market.mark("ETH")
        assert (other.funding_rate, other.mid_px) == (Decimal("0.0002"), other.mark_px)


@pytest.mark.parametrize("book", [{"bidPrice": "0", "askPrice": "60002"}, {"bidPrice": "60000", "askPrice": "0.00"}])
def test_the_mid_of_a_book_with_one_side_is_the_mark(book: dict[str, str]):
    answers: dict[str, Any] = {"ticker/bookTicker": [{"symbol": "BTCUSDT", **book}]}
    with market_of(**answers) as (market, _):
        assert market.mark("BTC").mid_px == Decimal("60000.5")


@pytest.mark.parametrize("answer", [Said(status=500, body=b""), [{"symbol": "ETHUSDT"}], {"code": 1}])
def test_a_mark_is_worth_more_than_its_funding_interval(answer: Any):
    with market_of(fundingInfo=answer) as (market, _):
        assert market.mark("BTC").mark_px == Decimal("60000.5")


def test_marks_of_about_the_same_moment_cost_one_reading():
    clock = Clock()
    with market_of(clock) as (market, stub):
        for coin in ("BTC", "ETH", "BTC"):
            market.mark(coin)
        assert stub.paths().count("GET /fapi/v1/premiumIndex") == 1
        clock.now += 2
        market.mark("BTC")
        assert stub.paths().count("GET /fapi/v1/premiumIndex") == 2


def test_callers_behind_a_failure_get_the_same_error_and_not_a_time_out_each():
    clock = Clock()
    with market_of(clock, premiumIndex=Said(status=503, body=b"")) as (market, stub):
        for _ in range(3):
            with pytest.raises(Retryable):
                market.mark("BTC")
        assert stub.paths().count("GET /fapi/v1/premiumIndex") == 1
        clock.now += 1
        with pytest.raises(Retryable):
            market.mark("BTC")
        assert stub.paths().count("GET /fapi/v1/premiumIndex") == 2


def test_a_coin_without_a_mark_is_asked_for_again_and_a_strange_price_is_none():
    with market_of(premiumIndex=[premium("ETH")]) as (market, _):
        with pytest.raises(Retryable) as caught:
            market.mark("BTC")
        assert caught.value.code == "no_mark"
    with market_of(premiumIndex=[premium(markPrice="NaN")]) as (market, _):
        with pytest.raises(Retryable) as caught:
            market.mark("BTC")
        assert caught.value.code == "garbled_answer"


def test_an_unknown_coin_is_refused_with_its_neighbours_after_a_look_for_new_listings():
    clock = Clock()
    with market_of(clock) as (market, stub):
        market.instruments()
        clock.now += 10
        with pytest.raises(Refused) as caught:
            market.instrument("BTD")
        assert (caught.value.code, "BTC" in caught.value.action) == ("unknown_coin", True)
        assert stub.paths().count("GET /fapi/v1/exchangeInfo") == 2


def test_old_instruments_serve_while_the_venue_does_not_answer():
    clock, answers = Clock(), [Said(body={"symbols": [symbol()]})]

    def info(_: Asked) -> Said:
        return answers.pop() if answers else Said(status=503, body=b"")

    with market_of(clock, exchangeInfo=info) as (market, _):
        assert set(market.instruments()) == {"BTC"}
        clock.now += 10_000
        assert set(market.instruments()) == {"BTC"}


def test_the_running_bar_is_left_out_and_closed_ones_are_read_once():
    def klines(asked: Asked) -> list[Any]:
        start = datetime.fromtimestamp(int(asked.form["startTime"]) / 1000, UTC)
        first = start.replace(second=0, microsecond=0) + MINUTE
        count = int((NOW - first) / MINUTE) + 1
        return [bar(first + MINUTE * place) for place in range(count)]

    with market_of(klines=klines) as (market, stub):
        series = market.candles("BTC", "1m", 3)
        assert [one.time for one in series.candles] == [NOW.replace(second=0) - MINUTE * back for back in (3, 2, 1)]
        assert series.as_of == NOW
        assert market.candles("BTC", "1m", 2).candles == series.candles[-2:]
        assert stub.paths().count("GET /fapi/v1/klines") == 1


def test_many_candles_are_read_in_pages():
    start_of: list[int] = []

    def klines(asked: Asked) -> list[Any]:
        first, last = int(asked.form["startTime"]), int(asked.form["endTime"])
        start_of.append(first)
        begin = datetime.fromtimestamp(-(-first // 60_000) * 60, UTC)
        times = [begin + MINUTE * place for place in range(int(asked.form["limit"]))]
        return [bar(at) for at in times if to_millis(at) <= min(last, to_millis(NOW))]

    with market_of(klines=klines) as (market, _):
        series = market.candles("BTC", "1m", 4000)
        times = [one.time for one in series.candles]
        assert len(times) == 4000
        assert all(after - before == MINUTE for before, after in pairwise(times))
        assert len(start_of) == 3


def test_an_unknown_interval_is_refused():
    with market_of() as (market, _):
        with pytest.raises(Refused) as caught:
            market.candles("BTC", "7m", 5)
        assert caught.value.code == "unknown_interval"
