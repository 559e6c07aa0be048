"""The feed of all coins: prices and candles over market time, with jumps and freezes laid over the series."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal

from paper.feeds import live, recorded, synthetic
from paper.feeds.bars import Bar, Ladder, Print, Series
from paper.feeds.errors import BadFeed
from paper.feeds.source import Source

HISTORY_BARS = 2_000
# Below this, a price between two looks is hardly different; above so many moments a look takes longer than it stands for.
UNSEEN_MS = 1_000
MOST_MOMENTS = 60
HOUR_MS = 3_600_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Overlay:
    """From a market time on: the series times a factor, or a fixed price."""

    from_ms: int
    factor: float = 1.0
    fixed: Decimal | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Candle:
    """One candle in market time; floats, rounded to a tick when they are written out."""

    opens_ms: int
    open: float
    high: float
    low: float
    close: float
    volume: float


@dataclass(slots=True, kw_only=True)
class MarketClock:
    """Market time: equal to the wall clock at the first start, then `speed` times as fast."""

    wall_start: int
    market_start: int
    speed: float = 1.0

    def at(self, wall_ms: int) -> int:
        """Return the market time of a wall time."""
        return self.market_start + int((wall_ms - self.wall_start) * self.speed)


@dataclass(slots=True, kw_only=True)
class Feed:
    """Series and overlays of every coin; everything is a pure function of market time."""

    clock: MarketClock
    seed: int
    series: Mapping[str, Source]
    overlays: dict[str, list[Overlay]] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    looked_ms: int | None = None
    printed_ms: dict[str, int] = field(default_factory=dict)

    def overlay_at(self, coin: str, market_ms: int) -> Overlay:
        """Return what lies over the series at a market time."""
        overlays = self.overlays.get(coin, [])
        place = bisect_right(overlays, market_ms, key=lambda overlay: overlay.from_ms)
        return overlays[place - 1] if place else Overlay(from_ms=0)

    def price(self, coin: str, market_ms: int) -> Decimal:
        """Return a coin's mid at a market time."""
        overlay = self.overlay_at(coin, market_ms)
        if overlay.fixed is not None:
            return overlay.fixed
        plain = self.series[coin].price(market_ms)
        return plain if overlay.factor == 1.0 else Decimal(f"{float(plain) * overlay.factor:.10g}")

    def passed(self, market_ms: int) -> list[int]:
        """Return the moments since the last call that must be looked at, or fast market time would pass over lows and highs."""
        since, self.looked_ms = self.looked_ms, market_ms
        if since is None or market_ms - since < UNSEEN_MS:
            return []
        turns = sorted({at for source in self.series.values() for at in source.turns(since, market_ms)})
        return turns[:: len(turns) // MOST_MOMENTS + 1]

    def jump(self, coin: str, px: Decimal, market_ms: int) -> None:
        """Set the price now; the series goes on from there with its own moves."""
        factor = float(px) / float(self.series[coin].price(market_ms))
        self._lay(coin, Overlay(from_ms=market_ms, factor=factor))

    def freeze(self, coin: str, px: Decimal, market_ms: int) -> None:
        """Hold the price."""
        self._lay(coin, Overlay(from_ms=market_ms, fixed=px))

    def _lay(self, coin: str, overlay: Overlay) -> None:
        overlays = self.overlays.setdefault(coin, [])
        while overlays and overlays[-1].from_ms >= overlay.from_ms:
            overlays.pop()
        overlays.append(overlay)
        # What the price did before it was moved by hand is over: nobody's order may meet it any more.
        if self.looked_ms is not None:
            self.looked_ms = max(self.looked_ms, overlay.from_ms)

    def premium(self, coin: str, market_ms: int) -> float:
        """Return the average premium of the hour in which a market time lies."""
        own = self.series[coin].premium(market_ms)
        return synthetic.premium(coin, market_ms // HOUR_MS, self.seed) if own is None else own

    def ladder(self, coin: str, market_ms: int) -> Ladder | None:
        """Return the recorded or live book; None where there is none or the price was moved by hand."""
        source = self.series.get(coin)
        overlay = self.overlay_at(coin, market_ms)
        if source is None or overlay.fixed is not None or overlay.factor != 1.0:
            return None
        return source.ladder(market_ms)

    def prints(self, coin: str, start: int, end: int) -> list[Print] | None:
        """Return the public trades of (start, end]; None where they are not known and may be made up."""
        source = self.series.get(coin)
        if source is None:
            return None
        overlay = self.overlay_at(coin, end)
        known = source.prints(start, end)
        return None if overlay.fixed is not None or (overlay.factor != 1.0 and known) else known

    def candles(self, coin: str, interval_ms: int, start_ms: int, end_ms: int, now_ms: int) -> list[Candle]:
        """Return candles that open in [start, end], the forming one included, none after it."""
        series = self.series[coin]
        first = -(-start_ms // interval_ms) * interval_ms
        last = min(end_ms, now_ms) // interval_ms * interval_ms
        return [self._candle(series, coin, opens, interval_ms, now_ms) for opens in range(first, last + 1, interval_ms)]

    def _candle(self, series: Source, coin: str, opens: int, interval_ms: int, now_ms: int) -> Candle:
        end = min(opens + interval_ms, now_ms + 1)
        parts = self._parts(series, coin, opens, end)
        return Candle(
            opens_ms=opens,
            open=parts[0].open,
            high=max(part.high for part in parts),
            low=min(part.low for part in parts),
            close=parts[-1].close,
            volume=sum(part.volume for part in parts),
        )

    def _parts(self, series: Source, coin: str, start: int, end: int) -> list[Bar]:
        """Return the bars, or slices of bars, that make up [start, end)."""
        edges = [overlay.from_ms for overlay in self.overlays.get(coin, []) if start < overlay.from_ms < end]
        parts: list[Bar] = []
        at = start
        while at < end:
            until = min([series.edge_after(at), end, *(edge for edge in edges if edge > at)])
            parts.append(self._slice(series, coin, at, until))
            at = until
        return parts

    def _slice(self, series: Source, coin: str, start: int, end: int) -> Bar:
        overlay = self.overlay_at(coin, start)
        if overlay.fixed is not None:
            px = float(overlay.fixed)
            return Bar(px, px, px, px, 0.0)
        return _scaled(series.slice(start, end), overlay.factor)


def _scaled(bar: Bar, factor: float) -> Bar:
    if factor == 1.0:
        return bar
    return Bar(bar.open * factor, bar.high * factor, bar.low * factor, bar.close * factor, bar.volume)


def open_feed(
    coins: dict[str, float],
    clock: MarketClock,
    *,
    seed: int,
    template: str | None,
    anchors: dict[str, int] | None = None,
) -> Feed:
    """Build the feed of several coins; `coins` maps a coin to the start price of its random walk."""
    starts = anchors or {}
    kind = (template or synthetic.NAME).partition(":")[0]
    if template is not None and kind == live.NAME:
        if clock.speed != 1:
            raise BadFeed("A live feed runs as fast as the wall clock: leave --speed away.", "feed_speed")
        return Feed(clock=clock, seed=seed, series=live.open_live(template, coins, clock.market_start))
    if template is None or kind == synthetic.NAME:
        walks = synthetic.walks(coins, seed, template)
        bars = {coin: item.bars for coin, item in walks.items()}
        laid = _lay(bars, synthetic.BAR_MS, clock, starts)
        series = {coin: replace(item, premiums=walks[coin].premiums) for coin, item in laid.items()}
        return Feed(clock=clock, seed=seed, series=series)
    recording = recorded.read(template, tuple(coins))
    if isinstance(recording, recorded.Events):
        begin = min(starts.values(), default=clock.market_start)
        return Feed(clock=clock, seed=seed, series=recording.laid_at(begin), notes=recording.notes)
    return Feed(
        clock=clock,
        seed=seed,
        series=_lay(recording.bars, recording.bar_ms, clock, starts),
        notes=recording.notes,
    )


def _lay(
    bars: dict[str, tuple[Bar, ...]], bar_ms: int, clock: MarketClock, starts: dict[str, int]
) -> dict[str, Series]:
    boundary = clock.market_start // bar_ms * bar_ms
    # Enough bars lie before the anchor for a client's indicators; the coins share it, or they would not be aligned.
    anchor = min(HISTORY_BARS, min(len(rows) for rows in bars.values()) // 2)
    return {
        coin: Series(bars=rows, bar_ms=bar_ms, anchor=anchor, start_ms=starts.get(coin, boundary))
        for coin, rows in bars.items()
    }
