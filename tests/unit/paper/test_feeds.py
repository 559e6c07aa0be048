"""Prices over market time: replayed, synthetic, jumping, frozen."""

import math
import os
from datetime import UTC, datetime
from decimal import Decimal
from functools import cache
from itertools import pairwise
from pathlib import Path
from statistics import correlation, stdev

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from paper.feeds.bars import Bar, Series
from paper.feeds.feed import Feed, MarketClock, open_feed
from paper.feeds.recorded import BadFeed, load
from paper.feeds.synthetic import Knobs, knobs_of, walk

START = 1_795_000_020_000
MINUTE = 60_000
DATA = Path(os.environ.get("HOLDFAST_DATA", Path(__file__).parents[4] / "shared" / "data"))
HEADER = "date,open,high,low,close,volume\n"


@cache
def still_feed() -> Feed:
    return feed_of()


def feed_of(template: str | None = None, speed: float = 1.0) -> Feed:
    return open_feed(
        {"BTC": 97_000.0}, MarketClock(wall_start=START, market_start=START, speed=speed), seed=3, template=template
    )


KNOBS = st.builds(
    Knobs,
    jumps=st.floats(0, 50),
    correlation=st.floats(0, 1),
    volatility=st.floats(0, 4),
    drift=st.floats(0, 3),
)


def returns_of(coin: str, **knobs: float) -> list[float]:
    bars = walk(coin, 100.0, 5, 6_000, Knobs(**knobs)).bars
    return [math.log(bar.close / bar.open) for bar in bars]


def test_coins_move_together_as_much_as_is_asked_for() -> None:
    measured = [
        correlation(
            returns_of("BTC", jumps=0, drift=0, correlation=c), returns_of("ETH", jumps=0, drift=0, correlation=c)
        )
        for c in (0.0, 0.7, 1.0)
    ]
    # Both take their part of one factor, so they share the square of it.
    assert [round(value, 1) for value in measured] == [0.0, 0.5, 1.0]


def test_jumps_are_rare_and_far_beyond_what_a_minute_moves() -> None:
    calm, jumping = (returns_of("BTC", jumps=jumps, volatility=0.2, drift=0) for jumps in (0, 20))
    assert max(map(abs, calm)) < 0.004
    assert 20 < sum(abs(value) > 0.004 for value in jumping) < 200


def test_the_market_has_calm_and_wild_phases() -> None:
    moves = returns_of("BTC", jumps=0, drift=0)
    hours = sorted(stdev(moves[first : first + 60]) for first in range(0, 6_000, 60))
    assert hours[90] > 2 * hours[10]


def test_the_premium_follows_the_price_and_stays_within_its_pull() -> None:
    made = walk("BTC", 100.0, 5)
    hours = [made.bars[first : first + 60] for first in range(0, len(made.bars), 60)]
    rises = [math.log(hour[-1].close / hour[0].open) for hour in hours]
    changes = [later - 0.8 * earlier for earlier, later in pairwise([0.0, *made.premiums])]
    assert correlation(rises, changes) > 0.5
    assert 0.0001 < stdev(made.premiums) < 0.005
    assert correlation(made.premiums[:-1], made.premiums[1:]) > 0.5


def test_an_hour_has_one_premium_and_funding_is_paid_by_it() -> None:
    feed = feed_of()
    hour = START // 3_600_000 * 3_600_000
    assert len({feed.premium("BTC", hour + minutes * MINUTE) for minutes in range(60)}) == 1
    assert len({feed.premium("BTC", hour + hours * 60 * MINUTE) for hours in range(48)}) == 48


@settings(deadline=None, max_examples=25)
@given(KNOBS, st.integers(0, 1_000))
def test_every_choice_of_knobs_makes_sound_bars(knobs: Knobs, seed: int) -> None:
    bars = walk("SOL", 180.0, seed, 300, knobs).bars
    assert all(0 < bar.low <= min(bar.open, bar.close) <= max(bar.open, bar.close) <= bar.high for bar in bars)
    assert all(bar.volume > 0 for bar in bars)


@pytest.mark.parametrize(
    "text", ["synthetic:speed=1", "synthetic:jumps", "synthetic:jumps=-1", "synthetic:correlation=2"]
)
def test_a_knob_that_does_not_exist_is_refused(text: str) -> None:
    with pytest.raises(BadFeed, match="takes correlation, drift, jumps, volatility as NAME=NUMBER"):
        feed_of(text)


def test_knobs_are_read_from_the_option() -> None:
    assert knobs_of("synthetic:jumps=4,volatility=0.5") == Knobs(jumps=4, volatility=0.5)
    assert knobs_of("synthetic") == knobs_of(None) == Knobs()


def test_a_walk_depends_on_its_seed_alone() -> None:
    assert walk("BTC", 100.0, 1, 50) == walk("BTC", 100.0, 1, 50)
    assert walk("BTC", 100.0, 1, 50) != walk("BTC", 100.0, 2, 50)
    assert walk("BTC", 100.0, 1, 50) != walk("ETH", 100.0, 1, 50)


def test_a_walk_has_sound_bars_without_gaps_and_stays_near_its_start() -> None:
    bars = walk("BTC", 100.0, 1).bars
    assert all(bar.low <= min(bar.open, bar.close) <= max(bar.open, bar.close) <= bar.high for bar in bars)
    assert all(later.open == earlier.close for earlier, later in pairwise(bars))
    assert 25 < min(bar.low for bar in bars) < max(bar.high for bar in bars) < 400


@settings(deadline=None)
@given(st.integers(-10_000_000, 10_000_000), st.sampled_from([1, 3, 5, 60]))
def test_candles_hold_every_price_that_was_seen(offset: int, minutes: int) -> None:
    feed = still_feed()
    length = minutes * MINUTE
    now = START + offset * 100
    candle = feed.candles("BTC", length, now // length * length, now, now)[-1]
    assert candle.opens_ms <= now < candle.opens_ms + length
    assert abs(Decimal(candle.close) - feed.price("BTC", now)) < Decimal("0.5")
    for part in range(11):
        seen = float(feed.price("BTC", candle.opens_ms + (now - candle.opens_ms) * part // 10))
        assert candle.low - 0.5 <= seen <= candle.high + 0.5


def test_candles_of_a_long_interval_are_made_of_the_short_ones() -> None:
    feed = feed_of()
    now = START + 10 * MINUTE
    hour = START // 3_600_000 * 3_600_000 - 3_600_000
    long = feed.candles("BTC", 3_600_000, hour, hour, now)[0]
    short = feed.candles("BTC", MINUTE, hour, hour + 59 * MINUTE, now)
    assert (long.open, long.close) == (short[0].open, short[-1].close)
    assert (long.high, long.low) == (max(c.high for c in short), min(c.low for c in short))
    assert long.volume == pytest.approx(sum(c.volume for c in short))


def test_history_and_future_have_no_gap_and_no_jump() -> None:
    bars = tuple(Bar(float(n), n + 1.5, n - 0.5, float(n + 1), 1.0) for n in range(10, 15))
    series = Series(bars=bars, bar_ms=MINUTE, anchor=2, start_ms=START)
    prices = [series.price(START + step * MINUTE // 4) for step in range(-100, 100)]
    assert all(abs(later - earlier) < 3 for earlier, later in pairwise(prices))


def test_a_jump_sets_the_price_and_the_series_goes_on_from_there() -> None:
    feed = feed_of()
    feed.jump("BTC", Decimal(50_000), START + 90_000)
    assert feed.price("BTC", START + 90_000) == 50_000
    assert feed.price("BTC", START + 89_999) > 80_000
    later = feed.price("BTC", START + 20 * MINUTE)
    assert later != 50_000
    assert 45_000 < later < 55_000
    opens = (START + 90_000) // MINUTE * MINUTE
    candle = feed.candles("BTC", MINUTE, opens, opens, START + 4 * MINUTE)[0]
    assert candle.high > 80_000
    assert candle.low < 51_000


def test_a_frozen_price_stands_until_it_is_released() -> None:
    feed = feed_of()
    feed.freeze("BTC", Decimal(90_000), START)
    assert {feed.price("BTC", START + step * MINUTE) for step in range(100)} == {Decimal(90_000)}
    feed.jump("BTC", Decimal(90_000), START + 100 * MINUTE)
    assert len({feed.price("BTC", START + step * MINUTE) for step in range(100, 150)}) > 10


def test_speed_changes_market_time_only() -> None:
    clock = feed_of(speed=60).clock
    assert clock.at(START) == START
    assert clock.at(START + 1_000) == START + 60_000


def csv_file(folder: Path, text: str) -> str:
    (folder / "BTC.csv").write_text(HEADER + text, encoding="utf-8")
    return str(folder / "{coin}.csv")


def test_csv_candles_are_replayed_over_the_present(tmp_path: Path) -> None:
    first = datetime(2025, 3, 1, tzinfo=UTC)
    rows = [f"{int(first.timestamp()) + 300 * n},{100 + n},{102 + n},{99 + n},{101 + n},5\n" for n in range(40)]
    feed = feed_of(csv_file(tmp_path, "".join(rows)))
    series = feed.series["BTC"]
    assert isinstance(series, Series)
    assert series.bar_ms == 300_000
    opens = START // 300_000 * 300_000
    candle = feed.candles("BTC", 300_000, opens, opens, opens + 600_000)[0]
    bar = series.bars[series.anchor]
    assert (candle.open, candle.high, candle.low, candle.close, candle.volume) == (
        bar.open,
        bar.high,
        bar.low,
        bar.close,
        5,
    )


def test_a_hole_in_a_file_is_filled_with_flat_bars(tmp_path: Path) -> None:
    text = "2025-03-01T00:00:00Z,1,1,1,1,1\n2025-03-01T00:01:00Z,1,2,1,2,1\n2025-03-01T00:04:00Z,3,3,3,3,1\n2025-03-01T00:05:00Z,3,3,3,3,1\n2025-03-01T00:06:00Z,3,3,3,3,1\n"
    bars, bar_ms = load(csv_file(tmp_path, text), "BTC")
    assert bar_ms == MINUTE
    assert [bar.close for bar in bars] == [1, 2, 2, 2, 3, 3]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "needs the columns"),
        ("1,1,1,1,1,1\n", "1 bars"),
        ("1,5,4,3,5,1\n" * 4, "impossible bar"),
        ("soon,1,1,1,1,1\n" * 4, "where a time should be"),
        ("1,1,much,1,1,1\n" * 4, "where the numbers of a bar should be"),
        ("1,1,1,1,1,1\n" * 4, "repeats bars"),
    ],
)
def test_a_bad_file_is_refused_with_a_sentence(tmp_path: Path, text: str, reason: str) -> None:
    with pytest.raises(BadFeed, match=reason):
        load(csv_file(tmp_path, text), "BTC")


@pytest.mark.parametrize("name", ["BTC.csv", "BTC.csv.gz", "BTC.parquet"])
def test_a_file_that_is_not_what_its_name_says_is_refused_with_a_sentence(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"\x00\xff junk")
    with pytest.raises(BadFeed, match="cannot be read as what its name says"):
        load(str(tmp_path / name.replace("BTC", "{coin}")), "BTC")


def test_a_missing_file_and_missing_columns_are_named(tmp_path: Path) -> None:
    with pytest.raises(BadFeed, match=r"There is no feed file .*BTC\.csv"):
        load(str(tmp_path / "{coin}.csv"), "BTC")
    (tmp_path / "BTC.csv").write_text("a,b\n1,2\n1,2\n1,2\n", encoding="utf-8")
    with pytest.raises(BadFeed, match="needs the columns"):
        load(str(tmp_path / "{coin}.csv"), "BTC")


@pytest.mark.data
@pytest.mark.parametrize("coin", ["BTC", "ETH", "SOL"])
def test_the_recorded_candles_of_hyperliquid_are_a_feed(coin: str) -> None:
    template = str(DATA / "candles" / "hl_{coin}_5m.parquet")
    if not DATA.exists():
        pytest.skip(f"the recorded data is not at {DATA}")
    bars, bar_ms = load(template, coin)
    assert bar_ms == 300_000
    assert len(bars) > 30_000
