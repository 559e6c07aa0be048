"""The simulated makers: levels round the mid that are eaten by takers and refill with time.

Model: the best bid and ask stand half a basis point off the mid and at least one tick apart; twenty levels a side,
one basis point (at least one tick) apart; a level holds `level_ntl` USD, a tenth more with every step away. What takers take
off the front comes back linearly, the whole depth within `refill_ms`. Simulated makers always queue behind users at the same
price, as their size is newer.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import ROUND_DOWN, Decimal

from paper.engine.instruments import Perp, price_step, tick_down, tick_up

LEVELS = 20
HALF_SPREAD = Decimal("0.00005")
STEP = Decimal("0.0001")
ZERO = Decimal(0)


@dataclass(slots=True, kw_only=True)
class Level:
    """A price with a size."""

    px: Decimal
    sz: Decimal


@dataclass(slots=True, kw_only=True)
class Side:
    """One side of the simulated book: the full levels at the present mid and how much of them is gone."""

    levels: tuple[Level, ...] = ()
    depth: Decimal = ZERO
    taken: Decimal = ZERO
    taken_ms: int = 0


@dataclass(slots=True, kw_only=True)
class Liquidity:
    """Both sides of the simulated book of one coin."""

    perp: Perp
    refill_ms: int = 10_000
    scale: Decimal = Decimal(1)
    mid: Decimal = ZERO
    bids: Side = field(default_factory=Side)
    asks: Side = field(default_factory=Side)

    def move(self, mid: Decimal) -> None:
        """Build the levels round a new mid; what was taken stays taken until it refills."""
        if mid == self.mid:
            return
        self.mid = mid
        for side, is_bid in ((self.bids, True), (self.asks, False)):
            side.levels = self._full_levels(mid, is_bid=is_bid)
            side.depth = sum((level.sz for level in side.levels), ZERO)

    def rescale(self, scale: Decimal) -> None:
        """Make the book deeper or thinner."""
        self.scale = scale
        mid, self.mid = self.mid, ZERO
        self.move(mid)

    def levels(self, *, is_bid: bool, now_ms: int) -> list[Level]:
        """Return what is there now, best first."""
        side = self.bids if is_bid else self.asks
        gone = self._refill(side, now_ms)
        left: list[Level] = []
        for level in side.levels:
            eaten = min(gone, level.sz)
            gone -= eaten
            if level.sz > eaten:
                left.append(Level(px=level.px, sz=level.sz - eaten))
        return left

    def take(self, sz: Decimal, *, is_bid: bool, now_ms: int) -> None:
        """Remove a size from the front of a side."""
        side = self.bids if is_bid else self.asks
        side.taken = self._refill(side, now_ms) + sz

    def _refill(self, side: Side, now_ms: int) -> Decimal:
        if side.taken:
            back = side.depth * max(now_ms - side.taken_ms, 0) / self.refill_ms
            side.taken = max(side.taken - back, ZERO).quantize(self.perp.lot, rounding=ROUND_DOWN)
        side.taken_ms = now_ms
        return side.taken

    def _full_levels(self, mid: Decimal, *, is_bid: bool) -> tuple[Level, ...]:
        sign = -1 if is_bid else 1
        decimals = self.perp.size_decimals
        rounded = tick_down if is_bid else tick_up
        gap = max(mid * STEP, price_step(mid, decimals))
        levels: list[Level] = []
        for index in range(LEVELS):
            px = rounded(mid * (1 + sign * HALF_SPREAD) + sign * gap * index, decimals)
            wanted = self.perp.level_ntl * self.scale * (10 + index) / 10 / px
            levels.append(Level(px=px, sz=max(wanted.quantize(self.perp.lot, rounding=ROUND_DOWN), self.perp.lot)))
        return tuple(levels)
