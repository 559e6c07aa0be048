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

HOUR_MS = 3_600_000


@dataclass(frozen=True, slots=True)
class Print:
    """One public trade; `is_buy` is the aggressor's side."""

    ms: int
    px: float
    sz: float
    is_buy: bool


@dataclass(frozen=True, slots=True)
class Ladder:
    """A book as it was recorded or is live: (price, size) of bids and asks, best first."""

    bids: tuple[tuple[float, float], ...]
    asks: tuple[tuple[float, float], ...]

    @property
    def mid(self) -> float:
        """The middle between the best bid and the best ask."""
        return (self.bids[0][0] + self.asks[0][0]) / 2


EMPTY = Ladder((), ())


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
    """Bars of one coin laid over market time; `start_ms` is where bar number `anchor` opens, `premiums` are by the hour."""

    bars: tuple[Bar, ...]
    bar_ms: int
    anchor: int
    start_ms: int
    premiums: tuple[float, ...] = ()

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

    def edge_after(self, market_ms: int) -> int:
        """Return the market time up to which one slice may reach."""
        return self.opens_at(self.index_at(market_ms) + 1)

    def slice(self, start: int, end: int) -> Bar:
        """Return what happened in [start, end), which lies within one bar."""
        bar = self.bar(self.index_at(start))
        if end - start == self.bar_ms:
            return bar
        first = self.part_at(start)
        last = first + (end - start) / self.bar_ms
        corners = [bar.corners()[n] for n, part in ((1, 1 / 3), (2, 2 / 3)) if first < part < last]
        seen = [bar.price(first), *corners, bar.price(min(last, 1.0))]
        return Bar(seen[0], max(seen), min(seen), seen[-1], bar.volume * (last - first))

    def turns(self, start: int, end: int) -> list[int]:
        """Return the corners of the bars within (start, end)."""
        first, last = self.index_at(start), self.index_at(end)
        opens = (self.opens_at(index) for index in range(first, last + 1))
        corners = (at + self.bar_ms * part // 3 for at in opens for part in range(3))
        return [at for at in corners if start < at < end]

    def prints(self, start: int, end: int) -> list[Print] | None:
        """Return nothing where nothing was traded, None where the trades of a bar may be made up."""
        del start
        return [] if self.bar(self.index_at(end)).volume == 0 else None

    def ladder(self, market_ms: int) -> Ladder | None:
        """Return no book: bars have none."""
        del market_ms
        return None

    def premium(self, market_ms: int) -> float | None:
        """Return the premium that came with the bar's hour, if the bars have one."""
        if not self.premiums:
            return None
        hours = max(HOUR_MS // self.bar_ms, 1)
        count = len(self.bars)
        # One value for a whole hour of the clock: the one of the bar in which the hour begins.
        place = (self.index_at(market_ms // HOUR_MS * HOUR_MS) + self.anchor) % (2 * count)
        return self.premiums[(place if place < count else 2 * count - 1 - place) // hours]

    def price(self, market_ms: int) -> Decimal:
        """Return the price at a market time, to ten figures."""
        value = self.bar(self.index_at(market_ms)).price(self.part_at(market_ms))
        return Decimal(f"{value:.10g}")
