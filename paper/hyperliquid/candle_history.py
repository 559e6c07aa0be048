"""Candles that clients ask for: closed ones are made once and kept, long ones are made of hours."""

from __future__ import annotations

from dataclasses import dataclass, field

from paper.feeds.feed import Candle, Feed

HOUR_MS = 3_600_000
# The venue's coins are this old: as many hours as one answer may hold.
LISTED_HOURS = 5_000
SETTLED_MS = 120_000


@dataclass(slots=True)
class CandleHistory:
    """The candles of all coins by interval and opening time."""

    feed: Feed
    kept: dict[tuple[str, int], dict[int, Candle]] = field(default_factory=dict)

    def listed_ms(self) -> int:
        """Return the market time at which the history begins."""
        return (self.feed.clock.market_start // HOUR_MS - LISTED_HOURS) * HOUR_MS

    def candles(self, coin: str, length: int, start: int, end: int, now: int) -> list[Candle]:
        """Return candles that open in [start, end], the forming one included, none after it or before the listing."""
        kept = self.kept.setdefault((coin, length), {})
        first = -(-max(start, self.listed_ms()) // length) * length
        last = min(end, now) // length * length
        rows: list[Candle] = []
        for opens in range(first, last + 1, length):
            row = kept.get(opens)
            if row is None:
                row = self._made(coin, length, opens, now)
                if opens + length + SETTLED_MS <= now:
                    kept[opens] = row
            rows.append(row)
        return rows

    def _made(self, coin: str, length: int, opens: int, now: int) -> Candle:
        if length <= HOUR_MS or length % HOUR_MS:
            return self.feed.candles(coin, length, opens, opens, now)[0]
        hours = self.candles(coin, HOUR_MS, opens, opens + length - 1, now)
        return Candle(
            opens_ms=opens,
            open=hours[0].open,
            high=max(hour.high for hour in hours),
            low=min(hour.low for hour in hours),
            close=hours[-1].close,
            volume=sum(hour.volume for hour in hours),
        )
