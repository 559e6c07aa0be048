"""Recorded books, best prices and trades of several coins on one clock.

The price of a coin is the middle of its last book or best prices; where a recording has trades only, the price of the last
trade. All coins share one stretch of recorded time, which runs forwards and then backwards again (a trade that is replayed
backwards changes its side). In a gap of a recording the price stands still and nothing is printed.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from dataclasses import dataclass, field
from decimal import Decimal
from functools import lru_cache
from itertools import pairwise
from statistics import median_low

from paper.feeds.bars import EMPTY, Bar, Ladder, Print
from paper.feeds.errors import BadFeed

GAP_MS = 60_000
GAP_STEPS = 50
SLICE_MS = 60_000


@dataclass(slots=True)
class Recorded:
    """What was recorded of one coin, in order of time once `finish` was called."""

    quotes: list[tuple[int, Ladder]] = field(default_factory=list)
    prints: list[Print] = field(default_factory=list)

    def finish(self) -> None:
        """Sort by time; of several quotes of one moment the last one stays."""
        self.quotes = sorted(dict(self.quotes).items())
        self.prints.sort(key=lambda item: item.ms)

    def times(self) -> list[int]:
        """Return the moments at which anything was recorded."""
        return sorted({*(ms for ms, _ in self.quotes), *(item.ms for item in self.prints)})

    def path(self) -> list[tuple[int, float]]:
        """Return the price over time."""
        return [(ms, quote.mid) for ms, quote in self.quotes] or [(item.ms, item.px) for item in self.prints]

    def gaps(self) -> list[tuple[int, int]]:
        """Return the pauses that are far longer than the usual step, as (start, end)."""
        times = self.times()
        steps = [later - earlier for earlier, later in pairwise(times)]
        limit = max(GAP_MS, GAP_STEPS * median_low(steps)) if steps else GAP_MS
        return [(earlier, later) for earlier, later in pairwise(times) if later - earlier > limit]


@dataclass(frozen=True, slots=True)
class Axis:
    """Market time onto recorded time: from `first` for `length` milliseconds, then back again."""

    start_ms: int
    first: int
    length: int

    def at(self, market_ms: int) -> tuple[int, bool]:
        """Return the recorded time and whether it runs backwards."""
        place = (market_ms - self.start_ms) % (2 * self.length)
        is_back = place >= self.length
        return self.first + (2 * self.length - place if is_back else place), is_back

    def turn_after(self, market_ms: int) -> int:
        """Return the next market time at which the recording turns round."""
        return self.start_ms + ((market_ms - self.start_ms) // self.length + 1) * self.length


@dataclass(frozen=True, slots=True, eq=False)
class EventSeries:
    """One coin's recording laid over market time."""

    axis: Axis
    times: tuple[int, ...]
    prices: tuple[float, ...]
    quotes: tuple[tuple[int, Ladder], ...]
    deals: tuple[Print, ...] | None
    gaps: tuple[tuple[int, int], ...] = ()

    @property
    def start_ms(self) -> int:
        """The market time at which the replay begins."""
        return self.axis.start_ms

    def price(self, market_ms: int) -> Decimal:
        """Return the price that was last known."""
        return Decimal(f"{self.known_at(self.axis.at(market_ms)[0]):.10g}")

    def known_at(self, recorded_ms: int) -> float:
        """Return the price that was last known at a recorded time."""
        return self.prices[max(bisect_right(self.times, recorded_ms) - 1, 0)]

    def edge_after(self, market_ms: int) -> int:
        """Return the next turn, or a minute: slices of whole minutes are kept."""
        return min(self.axis.turn_after(market_ms), market_ms // SLICE_MS * SLICE_MS + SLICE_MS)

    def slice(self, start: int, end: int) -> Bar:
        """Return the bar of [start, end), which lies on one way of the recording."""
        low, is_back = self.axis.at(start)
        high, _ = self.axis.at(end - 1)
        first, last = min(low, high), max(low, high)
        bar = _bar(self, first, last)
        return bar.reversed() if is_back else bar

    def turns(self, start: int, end: int) -> list[int]:
        """Return the changes of the price within (start, end)."""
        found: list[int] = []
        at = start + 1
        while at < end:
            until = min(self.axis.turn_after(at), end)
            low, _ = self.axis.at(at)
            high, _ = self.axis.at(until - 1)
            inside = self.times[bisect_left(self.times, min(low, high)) : bisect_right(self.times, max(low, high))]
            found += sorted(at + abs(ms - low) for ms in inside)
            at = until
        return found

    def ladder(self, market_ms: int) -> Ladder | None:
        """Return the book or the best prices that were last seen; nobody offers anything in a gap."""
        recorded_ms, _ = self.axis.at(market_ms)
        if any(start < recorded_ms < end for start, end in self.gaps):
            return EMPTY
        if not self.quotes:
            return None
        return self.quotes[max(bisect_right(self.quotes, recorded_ms, key=lambda item: item[0]) - 1, 0)][1]

    def prints(self, start: int, end: int) -> list[Print] | None:
        """Return the trades of (start, end] in market time; None when the recording holds no trades at all."""
        if self.deals is None:
            return None
        found: list[Print] = []
        at = start + 1
        while at <= end:
            until = min(self.axis.turn_after(at), end + 1)
            found += self._one_way(at, until)
            at = until
        return found

    def _one_way(self, start: int, end: int) -> list[Print]:
        assert self.deals is not None
        low, is_back = self.axis.at(start)
        high, _ = self.axis.at(end - 1)
        first = bisect_left(self.deals, min(low, high), key=lambda item: item.ms)
        last = bisect_right(self.deals, max(low, high), key=lambda item: item.ms)
        if not is_back:
            return [Print(start + item.ms - low, item.px, item.sz, item.is_buy) for item in self.deals[first:last]]
        turned = reversed(self.deals[first:last])
        return [Print(start + low - item.ms, item.px, item.sz, not item.is_buy) for item in turned]

    def premium(self, market_ms: int) -> float | None:
        """Return nothing: these recordings have no premium."""
        del market_ms
        return None


@lru_cache(maxsize=20_000)
def _bar(series: EventSeries, first: int, last: int) -> Bar:
    begin = series.known_at(first)
    inside = series.prices[bisect_left(series.times, first) : bisect_right(series.times, last)]
    seen = [begin, *inside]
    deals = series.deals or ()
    low = bisect_left(deals, first, key=lambda item: item.ms)
    high = bisect_right(deals, last, key=lambda item: item.ms)
    return Bar(begin, max(seen), min(seen), seen[-1], sum(item.sz for item in deals[low:high]))


@dataclass(frozen=True, slots=True)
class Events:
    """The recordings of several coins over the time that all of them cover."""

    coins: dict[str, Recorded]
    notes: tuple[str, ...]

    def laid_at(self, begin: int) -> dict[str, EventSeries]:
        """Lay all coins over market time from one moment on."""
        spans = {coin: (item.times()[0], item.times()[-1]) for coin, item in self.coins.items()}
        first, last = max(start for start, _ in spans.values()), min(end for _, end in spans.values())
        if last - first < 1000:
            raise BadFeed(f"The recordings of {', '.join(self.coins)} have no second in common.")
        axis = Axis(begin, first, last - first)
        return {coin: _series(item, axis) for coin, item in self.coins.items()}


def _series(item: Recorded, axis: Axis) -> EventSeries:
    path = item.path()
    return EventSeries(
        axis=axis,
        times=tuple(ms for ms, _ in path),
        prices=tuple(px for _, px in path),
        quotes=tuple(item.quotes),
        deals=tuple(item.prints) if item.prints else None,
        gaps=tuple(item.gaps()),
    )
