"""The simulated makers: levels round the mid that are eaten by takers, refill with time and step back from who eats them.

Model (docs/explanation/paper-market.md has the formulas): the levels follow the coin's depth curve, or a recorded or live book
where the feed has one. What takers take off the front comes back evenly within `refill_ms` of the last of them. The whole
simulated book leans towards what was taken on balance, by `impact` of the distance that the balance would have reached; the
balance halves every `impact_half_life_ms`. Both times are market time. Simulated makers always queue behind users at the same
price, as their size is newer.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import ROUND_DOWN, Decimal

from paper.engine.depth import FARTHEST_BP, Depth, depth_of, ladder_of
from paper.engine.instruments import Perp, price_step, tick_down, tick_up
from paper.feeds.bars import Ladder

ZERO = Decimal(0)
BP = Decimal("0.0001")
# After so many half-lives a balance is forgotten; a rest of cents would keep the arithmetic busy for ever.
HALVES = 40
THINNEST = Decimal("1e-9")
Rows = tuple[tuple[float, float], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Level:
    """A price with a size."""

    px: Decimal
    sz: Decimal


@dataclass(slots=True, kw_only=True)
class Side:
    """One side of the simulated book: the full levels from a best price on, how much is gone and was after the last taker."""

    levels: tuple[Level, ...] | None = None
    front: Level | None = None
    best: Decimal = ZERO
    mid: Decimal = ZERO
    shown: tuple[Level, ...] | None = None
    taken: Decimal = ZERO
    taken_ms: int = 0
    hole: Decimal = ZERO


@dataclass(slots=True, kw_only=True)
class Liquidity:
    """Both sides of the simulated book of one coin; `balance` is what was bought less what was sold."""

    perp: Perp
    refill_ms: int = 10_000
    scale: Decimal = Decimal(1)
    impact: float = 0.5
    impact_half_life_ms: int = 30_000
    speed: float = 1.0
    mid: Decimal = ZERO
    bids: Side = field(default_factory=Side)
    asks: Side = field(default_factory=Side)
    balance: float = 0.0
    balance_ms: int = 0
    ladder: Ladder | None = None
    curve: Depth = field(init=False)

    def __post_init__(self) -> None:
        self.curve = depth_of(self.perp.coin, float(self.perp.level_ntl))

    def move(self, mid: Decimal) -> None:
        """Stand round a new mid; what was taken stays taken until it refills."""
        self.mid = mid

    def show(self, ladder: Ladder | None) -> None:
        """Take the levels of a real book, behind which the coin's curve goes on; None goes back to the curve."""
        if ladder is self.ladder:
            return
        self.ladder = ladder
        self.bids.shown = self._shown_levels(ladder.bids, is_bid=True) if ladder else None
        self.asks.shown = self._shown_levels(ladder.asks, is_bid=False) if ladder else None

    def rescale(self, scale: Decimal) -> None:
        """Make the book deeper or thinner; what is gone shrinks along, and new depth comes in whole."""
        scale = max(scale, THINNEST)
        for side in (self.bids, self.asks):
            side.best, side.mid, side.levels, side.front = ZERO, ZERO, None, None
            part = min(scale / self.scale, Decimal(1))
            side.taken, side.hole = side.taken * part, side.hole * part
        self.scale = scale
        ladder, self.ladder = self.ladder, None
        self.show(ladder)

    def levels(self, *, is_bid: bool, now_ms: int) -> list[Level]:
        """Return what is there now, best first."""
        side = self.bids if is_bid else self.asks
        gone = self._refill(side, now_ms)
        full = self._full(side, is_bid=is_bid, now_ms=now_ms)
        if not gone:
            return list(full)
        left: list[Level] = []
        for level in full:
            eaten = min(gone, level.sz)
            gone -= eaten
            if level.sz > eaten:
                left.append(Level(px=level.px, sz=level.sz - eaten) if eaten else level)
        return left

    def first(self, *, is_bid: bool, now_ms: int) -> Level | None:
        """Return the best level that is there now."""
        side = self.bids if is_bid else self.asks
        if side.taken or side.shown is not None:
            found = self.levels(is_bid=is_bid, now_ms=now_ms)
            return found[0] if found else None
        self._stand(side, is_bid=is_bid, now_ms=now_ms)
        if side.levels is not None:
            return side.levels[0] if side.levels else None
        # Nearly every call wants the best of a side of which nothing is gone: the levels behind it need not be made.
        if side.front is None:
            (_, usd), *_ = ladder_of(self.curve, self._spacing(side.best))
            side.front = Level(px=side.best, sz=self._size(usd, side.best))
        return side.front

    def take(self, sz: Decimal, *, is_bid: bool, now_ms: int) -> None:
        """Remove a size from the front of a side."""
        side = self.bids if is_bid else self.asks
        side.taken = self._refill(side, now_ms) + sz
        side.hole = side.taken
        # Measured in a book of scale one: a book that is made thinner later must not leap.
        usd = float(sz * self.mid / self.scale)
        self.balance = self._balance_at(now_ms) + (-usd if is_bid else usd)
        self.balance_ms = now_ms

    def lean_bp(self, now_ms: int) -> float:
        """Return how far the book leans up from the mid, in basis points."""
        balance = self._balance_at(now_ms)
        if not balance:
            return 0.0
        # A trade in a book made thin weighs as much as one of a thousand times its size: without an end prices reach zero.
        reached = min(self.impact * self.curve.reached_by(abs(balance)), FARTHEST_BP)
        return reached if balance > 0 else -reached

    def _balance_at(self, now_ms: int) -> float:
        if not self.balance:
            return 0.0
        halves = max(now_ms - self.balance_ms, 0) * self.speed / self.impact_half_life_ms
        if halves > HALVES:
            self.balance = 0.0
        return self.balance * math.pow(0.5, halves)

    def _refill(self, side: Side, now_ms: int) -> Decimal:
        if side.taken:
            passed = Decimal(max(now_ms - side.taken_ms, 0) * self.speed)
            back = side.hole * passed / self.refill_ms
            side.taken = max(side.taken - back, ZERO).quantize(self.perp.lot, rounding=ROUND_DOWN)
        side.taken_ms = now_ms
        return side.taken

    def tick(self, px: Decimal, *, is_bid: bool) -> Decimal:
        """Round a price away from the mid to where an order may stand."""
        return (tick_down if is_bid else tick_up)(px, self.perp.tick_decimals)

    def step(self) -> Decimal:
        """Return the distance between valid prices at the mid."""
        return price_step(self.mid, self.perp.tick_decimals)

    def _full(self, side: Side, *, is_bid: bool, now_ms: int) -> tuple[Level, ...]:
        if side.shown is not None:
            return side.shown
        self._stand(side, is_bid=is_bid, now_ms=now_ms)
        if side.levels is None:
            side.levels = self._curve_levels(side.best, is_bid=is_bid)
        return side.levels

    def _stand(self, side: Side, *, is_bid: bool, now_ms: int) -> None:
        """Find the best price of a side; where it has changed, the levels have to be made again."""
        if not self.mid:
            side.levels = ()
            return
        if side.mid == self.mid and not self.balance:
            return
        off = self.lean_bp(now_ms) + (-1 if is_bid else 1) * self.curve.half_spread_bp
        best = self.tick(self.mid * (1 + Decimal(off) * BP), is_bid=is_bid)
        if best != side.best:
            side.best, side.levels, side.front = best, None, None
        # A book that leans moves by itself: it has to be looked at again.
        side.mid = ZERO if self.balance else self.mid

    def _spacing(self, best: Decimal) -> float:
        return max(self.curve.spacing_bp, round(float(self.step() / (best * BP)), 3))

    def _size(self, usd: float, px: Decimal) -> Decimal:
        """Return whole lots, at least one."""
        lots = int(usd * float(self.scale) / float(px) / float(self.perp.lot))
        return max(lots, 1) * self.perp.lot

    def _curve_levels(self, best: Decimal, *, is_bid: bool) -> tuple[Level, ...]:
        ladder = ladder_of(self.curve, self._spacing(best))
        unit, step = float(best * BP), self.step()
        width = float(step)
        signed = -step if is_bid else step
        # Whole steps away from the best price, rounded outwards; the tolerance keeps a whole number from being the next one.
        steps = [math.ceil(far * unit / width - 1e-6) for far, _ in ladder]
        prices = [best + signed * count for count in steps]
        levels = tuple(Level(px=px, sz=self._size(usd, px)) for px, (_, usd) in zip(prices, ladder, strict=True))
        # Where another power of ten begins, the steps between prices change.
        if len(set(steps)) == len(steps) and prices[-1].adjusted() == best.adjusted():
            return levels
        return self._merged(((level.px, level.sz) for level in levels), is_bid=is_bid)

    def _shown_levels(self, rows: Rows, *, is_bid: bool) -> tuple[Level, ...]:
        if not rows:
            return ()
        real = [(Decimal(f"{px:.10g}"), Decimal(f"{sz:.10g}") * self.scale) for px, sz in rows if sz > 0]
        if not real:
            return self._curve_levels(self.tick(Decimal(f"{rows[0][0]:.10g}"), is_bid=is_bid), is_bid=is_bid)
        last = real[-1][0]
        tail = self._curve_levels(self.tick(real[0][0], is_bid=is_bid), is_bid=is_bid)
        behind = [(level.px, level.sz) for level in tail if (level.px < last if is_bid else level.px > last)]
        return self._merged([*real, *behind], is_bid=is_bid)

    def _merged(self, rows: Iterable[tuple[Decimal, Decimal]], *, is_bid: bool) -> tuple[Level, ...]:
        """Put sizes on valid prices and lots, best first."""
        sizes: dict[Decimal, Decimal] = {}
        for px, sz in rows:
            place = self.tick(px, is_bid=is_bid)
            sizes[place] = sizes.get(place, ZERO) + sz
        lot = self.perp.lot
        return tuple(Level(px=px, sz=max(sz.quantize(lot, rounding=ROUND_DOWN), lot)) for px, sz in sizes.items())
