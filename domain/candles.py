"""Candles: a series that has a gap or is stale is refused, never patched."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from domain.errors import Refused
from domain.money import Price, Quantity

INTERVALS: dict[str, timedelta] = {
    "1m": timedelta(minutes=1),
    "3m": timedelta(minutes=3),
    "5m": timedelta(minutes=5),
    "15m": timedelta(minutes=15),
    "30m": timedelta(minutes=30),
    "1h": timedelta(hours=1),
    "4h": timedelta(hours=4),
    "1d": timedelta(days=1),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Candle:
    """One bar; `time` is its opening, prices in quote currency, volume in base units."""

    time: datetime
    open: Price
    high: Price
    low: Price
    close: Price
    volume: Quantity


@dataclass(frozen=True, slots=True, kw_only=True)
class CandleSeries:
    """Closed bars of one coin, oldest first, and the market time of the answer that they came with."""

    coin: str
    interval: str
    candles: tuple[Candle, ...]
    as_of: datetime

    @property
    def step(self) -> timedelta:
        """Length of a bar."""
        return INTERVALS[self.interval]

    @property
    def last(self) -> Candle:
        """The newest closed bar."""
        return self.candles[-1]


def require_usable(series: CandleSeries, *, at_least: int, max_age: timedelta | None = None) -> CandleSeries:
    """Return the series when it is long enough, gapless and fresh; refuse it otherwise.

    `max_age` bounds the distance between the end of the last bar and `as_of`; two bars by default.
    """
    if len(series.candles) < at_least:
        raise Refused(
            "candles_too_few",
            f"{series.coin} has {len(series.candles)} closed {series.interval} candles, {at_least} are needed.",
            action="Wait for more history or choose a longer feed.",
        )
    for earlier, later in zip(series.candles, series.candles[1:], strict=False):
        if later.time - earlier.time != series.step:
            raise Refused(
                "candles_gap",
                f"{series.coin} {series.interval} has no bar after {earlier.time.isoformat()}.",
                action="The cycle is skipped; the series is read again at the next one.",
            )
    age = series.as_of - (series.last.time + series.step)
    if age > (max_age or 2 * series.step):
        raise Refused(
            "candles_stale",
            f"The last {series.coin} {series.interval} bar ended {age} ago.",
            action="Check the venue's status; the agent trades again when bars arrive.",
        )
    return series
