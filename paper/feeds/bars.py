"""A series of bars as a continuous price over market time.

Rules. Market time is wall time at the first start and runs `speed` times as fast; after a restart it goes on from where
it was saved, or from the wall clock if that is ahead. A series is shifted so that bar `anchor` starts at the bar boundary
(UTC) at or before the market time of the first start; a series that ends is run backwards and forwards again (mirrored), so
that any market time has a price without a jump. Inside a bar the price goes open, far extreme, near extreme, close in
straight lines of a third each: low first when the bar closes up, high first when it closes down. Prices are therefore a
pure function of market time, and the forming candle is exactly what a client saw.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal


@dataclass(frozen=True, slots=True)
class Bar:
    """One recorded bar, as floats: they only ever pass through rounding to a tick."""

    open: float
    high: float
    low: float
    close: float
    volume: float

    def reversed(self) -> Bar:
        """Return the bar as it looks when time runs backwards."""
        return Bar(self.close, self.high, self.low, self.open, self.volume)

    def corners(self) -> tuple[float, float, float, float]:
        """Return the four prices in the order in which the bar visits them."""
        if self.close >= self.open:
            return (self.open, self.low, self.high, self.close)
        return (self.open, self.high, self.low, self.close)

    def price(self, part: float) -> float:
        """Return the price at a part (0 to 1) of the bar."""
        corners = self.corners()
        leg = min(int(part * 3), 2)
        start, end = corners[leg], corners[leg + 1]
        return start + (end - start) * (part * 3 - leg)

    def until(self, part: float) -> Bar:
        """Return the bar as it stands at a part of it."""
        corners = self.corners()
        seen = [*corners[: min(int(part * 3), 2) + 1], self.price(part)]
        return Bar(self.open, max(seen), min(seen), seen[-1], self.volume * part)


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """Bars of one coin laid over market time; `start_ms` is where bar number `anchor` opens."""

    bars: tuple[Bar, ...]
    bar_ms: int
    anchor: int
    start_ms: int

    def index_at(self, market_ms: int) -> int:
        """Return the number of the bar at a market time, counted from the anchor; may be negative."""
        return (market_ms - self.start_ms) // self.bar_ms

    def bar(self, index: int) -> Bar:
        """Return bar `index` from the anchor, mirrored at both ends."""
        count = len(self.bars)
        place = (index + self.anchor) % (2 * count)
        return self.bars[place] if place < count else self.bars[2 * count - 1 - place].reversed()

    def opens_at(self, index: int) -> int:
        """Return the market time at which a bar opens."""
        return self.start_ms + index * self.bar_ms

    def part_at(self, market_ms: int) -> float:
        """Return how much of its bar has passed at a market time."""
        return ((market_ms - self.start_ms) % self.bar_ms) / self.bar_ms

    def price(self, market_ms: int) -> Decimal:
        """Return the price at a market time, to ten figures."""
        value = self.bar(self.index_at(market_ms)).price(self.part_at(market_ms))
        return Decimal(f"{value:.10g}")
