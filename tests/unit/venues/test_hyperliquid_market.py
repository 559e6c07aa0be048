"""Market data: read once for everybody, closed bars only, in the venue's own time."""

import threading
from datetime import timedelta
from typing import Any

import pytest

from domain.errors import Refused, Retryable
from tests.unit.venues.build import NOW, client_of, d
from venues.hyperliquid.market import HyperliquidMarket
from venues.hyperliquid.wire import to_millis

MINUTE = 60_000
UNIVERSE = [
    {"name": "BTC", "szDecimals": 5, "maxLeverage": 40},
    {"name": "OLD", "szDecimals": 1, "maxLeverage": 3, "isDelisted": True},
    {"name": "kPEPE", "szDecimals": 0, "maxLeverage": 10, "onlyIsolated": True, "isDelisted": None},
]
CONTEXT = {"funding": "0.0000125", "oraclePx": "69990.0", "markPx": "70000.0", "midPx": "70000.5"}


class Clock:
    """A clock that tests move."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


class Venue:
    """A market whose time tests move."""

    def __init__(self) -> None:
        self.millis = to_millis(NOW)
        self.shown_until = 0
        self.context: dict[str, Any] = CONTEXT

    def answers(self) -> dict[str, Any]:
        return {
            "metaAndAssetCtxs": lambda _: [{"universe": UNIVERSE}, [self.context, CONTEXT, CONTEXT]],
            "l2Book": lambda _: {"coin": "BTC", "time": self.millis, "levels": [[], []]},
            "candleSnapshot": lambda body: self.bars(body["req"]),
        }

    def bars(self, request: dict[str, Any]) -> list[dict[str, Any]]:
        last = min(request["endTime"], self.shown_until or self.millis)
        first = -(-request["startTime"] // MINUTE) * MINUTE
        return [
            {
                "t": t,
                "T": t + MINUTE - 1,
                "s": "BTC",
                "i": "1m",
                "o": "1",
                "c": "2",
                "h": "3",
                "l": "0.5",
                "v": "9",
                "n": 1,
            }
            for t in range(first, last + 1, MINUTE)
        ]


def test_instruments_carry_the_venues_rules_and_their_place_as_asset_id():
    with client_of(Venue().answers()) as (client, _):
        found = HyperliquidMarket(client).instruments()
    assert [(i.coin, i.asset_id, i.size_decimals, i.price_decimals) for i in found.values()] == [
        ("BTC", 0, 5, 1),
        ("OLD", 1, 1, 5),
        ("kPEPE", 2, 0, 6),
    ]
    assert (found["OLD"].is_delisted, found["kPEPE"].is_delisted, found["kPEPE"].only_isolated) == (True, False, True)


@pytest.mark.parametrize(("coin", "similar"), [("BTCC", "BTC"), ("btc", "BTC"), ("PEPE", "kPEPE")])
def test_an_unknown_coin_is_refused_with_similar_ones(coin: str, similar: str):
    with client_of(Venue().answers()) as (client, _), pytest.raises(Refused) as caught:
        HyperliquidMarket(client).instrument(coin)
    assert caught.value.code == "unknown_coin"
    assert similar in caught.value.action


def test_an_unknown_interval_is_refused():
    with client_of(Venue().answers()) as (client, _), pytest.raises(Refused) as caught:
        HyperliquidMarket(client).candles("BTC", "7m", 5)
    assert caught.value.code == "unknown_interval"


def test_a_mark_carries_the_venues_market_time():
    with client_of(Venue().answers()) as (client, _):
        mark = HyperliquidMarket(client).mark("BTC")
    assert (mark.mark_px, mark.mid_px, mark.oracle_px) == (d("70000"), d("70000.5"), d("69990"))
    assert (mark.funding_rate, mark.market_time) == (d("0.0000125"), NOW)


def test_the_mid_of_an_empty_book_is_the_mark_and_a_missing_mark_is_retryable():
    venue = Venue()
    venue.context = CONTEXT | {"midPx": None}
    with client_of(venue.answers()) as (client, _):
        assert HyperliquidMarket(client).mark("BTC").mid_px == d("70000")
        venue.context = CONTEXT | {"markPx": None}
        with pytest.raises(Retryable) as caught:
            HyperliquidMarket(client).mark("BTC")
    assert caught.value.code == "no_mark"


def test_a_second_of_questions_costs_one_answer_for_all_coins():
    clock = Clock()
    with client_of(Venue().answers()) as (client, stub):
        market = HyperliquidMarket(client, clock=clock)
        for coin in ("BTC", "OLD", "kPEPE", "BTC"):
            market.mark(coin)
        assert stub.kinds() == ["metaAndAssetCtxs", "l2Book"]
        clock.now = 1.5
        market.mark("BTC")
    assert len(stub.asked) == 4


def test_threads_that_ask_at_once_share_one_answer():
    with client_of(Venue().answers()) as (client, stub):
        market = HyperliquidMarket(client)
        threads = [threading.Thread(target=market.candles, args=("BTC", "1m", 5)) for _ in range(20)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert sorted(stub.kinds()) == ["candleSnapshot", "l2Book", "metaAndAssetCtxs"]


def test_callers_behind_a_failure_get_the_same_error_at_once():
    clock = Clock()
    with client_of(lambda _path, _body: (500, b"")) as (client, stub):
        market = HyperliquidMarket(client, clock=clock)
        for _ in range(5):
            with pytest.raises(Retryable):
                market.mark("BTC")
        assert len(stub.asked) == 1
        clock.now = 2.0
        with pytest.raises(Retryable):
            market.mark("BTC")
    assert len(stub.asked) == 2


def test_the_running_bar_is_left_out():
    venue = Venue()
    venue.millis += 59_000
    with client_of(venue.answers()) as (client, _):
        series = HyperliquidMarket(client).candles("BTC", "1m", 3)
    assert [bar.time for bar in series.candles] == [NOW - timedelta(minutes=n) for n in (3, 2, 1)]
    assert series.as_of == NOW + timedelta(seconds=59)
    assert (series.last.open, series.last.high, series.last.low, series.last.close) == (
        d("1"),
        d("3"),
        d("0.5"),
        d("2"),
    )


def test_candles_are_read_again_when_the_next_bar_has_closed_and_not_before():
    venue, clock = Venue(), Clock()
    with client_of(venue.answers()) as (client, stub):
        market = HyperliquidMarket(client, clock=clock)
        for at in (0, 30_000, 60_500):
            venue.millis, clock.now = to_millis(NOW) + at, clock.now + 2
            assert market.candles("BTC", "1m", 3).last.time == NOW - timedelta(minutes=1)
        assert stub.kinds().count("candleSnapshot") == 1
        venue.millis, clock.now = to_millis(NOW) + 61_500, clock.now + 2
        assert market.candles("BTC", "1m", 3).last.time == NOW
    assert stub.kinds().count("candleSnapshot") == 2


def test_a_venue_that_is_late_with_a_bar_is_asked_once_for_each_new_time():
    venue, clock = Venue(), Clock()
    with client_of(venue.answers()) as (client, stub):
        market = HyperliquidMarket(client, clock=clock)
        market.candles("BTC", "1m", 3)
        venue.shown_until = to_millis(NOW) - MINUTE
        venue.millis, clock.now = to_millis(NOW) + 200_000, 2.0
        late = [market.candles("BTC", "1m", 3) for _ in range(5)]
    assert stub.kinds().count("candleSnapshot") == 2
    assert late[-1].as_of - late[-1].last.time == timedelta(seconds=260)


def test_more_bars_than_were_kept_are_read_and_fewer_are_cut():
    with client_of(Venue().answers()) as (client, stub):
        market = HyperliquidMarket(client)
        lengths = [len(market.candles("BTC", "1m", count).candles) for count in (5, 50, 5)]
    assert lengths == [5, 50, 5]
    assert stub.kinds().count("candleSnapshot") == 2


def test_instruments_live_for_minutes_and_outlive_a_venue_that_does_not_answer():
    clock, answers = Clock(), Venue().answers()
    with client_of(answers) as (client, stub):
        market = HyperliquidMarket(client, clock=clock)
        market.instruments()
        clock.now = 299.0
        assert market.instrument("BTC").asset_id == 0
        assert stub.kinds().count("metaAndAssetCtxs") == 1
        answers["metaAndAssetCtxs"] = None
        clock.now = 1000.0
        assert market.instrument("BTC").asset_id == 0
        with pytest.raises(Retryable):
            market.mark("BTC")


def test_a_coin_that_was_listed_since_is_found():
    clock, answers = Clock(), Venue().answers()
    with client_of(answers) as (client, _):
        market = HyperliquidMarket(client, clock=clock)
        market.instruments()
        listed = [*UNIVERSE, {"name": "NEW", "szDecimals": 1, "maxLeverage": 3}]
        answers["metaAndAssetCtxs"] = [{"universe": listed}, [CONTEXT] * 4]
        clock.now = 10.0
        assert market.instrument("NEW").asset_id == 3


@pytest.mark.parametrize("answer", [[], {}, None, [{"universe": UNIVERSE}, []], [{"universe": []}, []]])
def test_a_market_of_an_unknown_shape_is_retryable(answer: Any):
    with client_of(Venue().answers() | {"metaAndAssetCtxs": answer}) as (client, _), pytest.raises(Retryable) as caught:
        HyperliquidMarket(client).mark("BTC")
    assert caught.value.code == "garbled_answer"
