"""Perpetuals of the paper venue with their tick, lot and margin rules.

Written apart from `domain.instruments` on purpose: a judge that shares the rounding code of the judged finds no bug in it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_EVEN, Decimal
from functools import cache, lru_cache

MINIMUM_NOTIONAL = Decimal(10)
SIGNIFICANT_FIGURES = 5
PERP_DECIMALS = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Tier:
    """A margin tier: from which notional (USD) on which leverage is the largest."""

    lower_bound: Decimal
    max_leverage: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Perp:
    """One perpetual; `start_px` seeds the synthetic feed, `level_ntl` (USD) is the size of one simulated book level.

    With a `base` it is a spot pair of that token against USDC, whose prices have 8 - szDecimals decimals, two more than those
    of perpetuals: `tick_decimals` is what the tick rule takes as szDecimals. `lot` is the smallest step of a size.
    """

    coin: str
    asset: int
    size_decimals: int
    margin_table: int
    tiers: tuple[Tier, ...]
    start_px: Decimal
    level_ntl: Decimal
    base: str = ""
    only_isolated: bool = False
    is_strict: bool = False
    is_spot: bool = field(init=False)
    tick_decimals: int = field(init=False)
    max_leverage: int = field(init=False)
    lot: Decimal = field(init=False)

    def __post_init__(self) -> None:
        """Work out what every order asks for."""
        made = {
            "is_spot": bool(self.base),
            "tick_decimals": self.size_decimals - 2 if self.base else self.size_decimals,
            "max_leverage": self.tiers[0].max_leverage,
            "lot": _step(self.size_decimals),
        }
        for name, value in made.items():
            object.__setattr__(self, name, value)


def _tiers(*steps: tuple[int, int]) -> tuple[Tier, ...]:
    return tuple(Tier(lower_bound=Decimal(lower), max_leverage=leverage) for lower, leverage in steps)


# coin: (szDecimals, margin table, tiers, start price, notional of a level). Reference 1.1 and 5.7.
_KNOWN: dict[str, tuple[int, int, tuple[Tier, ...], str, int]] = {
    "BTC": (5, 56, _tiers((0, 40), (150_000_000, 20)), "97000", 80_000),
    "ETH": (4, 55, _tiers((0, 25), (100_000_000, 15)), "3400", 50_000),
    "SOL": (2, 54, _tiers((0, 20), (70_000_000, 10)), "180", 30_000),
    "XRP": (0, 53, _tiers((0, 20), (40_000_000, 10)), "2.2", 15_000),
    "DOGE": (0, 52, _tiers((0, 10), (20_000_000, 5)), "0.21", 10_000),
    "HYPE": (2, 52, _tiers((0, 10), (20_000_000, 5)), "32", 10_000),
    "BNB": (3, 51, _tiers((0, 10), (3_000_000, 5)), "640", 10_000),
    "AVAX": (2, 51, _tiers((0, 10), (3_000_000, 5)), "24", 8_000),
    "LINK": (1, 51, _tiers((0, 10), (3_000_000, 5)), "14", 8_000),
    "kPEPE": (0, 51, _tiers((0, 10), (3_000_000, 5)), "0.012", 5_000),
}


def perp(coin: str, asset: int) -> Perp:
    """Return the perpetual of a coin; coins that the venue does not know get a 3x single-tier table."""
    size_decimals, table, tiers, start_px, level = _KNOWN.get(coin, (2, 3, _tiers((0, 3)), "10", 5_000))
    return Perp(
        coin=coin,
        asset=asset,
        size_decimals=size_decimals,
        margin_table=table,
        tiers=tiers,
        start_px=Decimal(start_px),
        level_ntl=Decimal(level),
    )


@cache
def _step(decimals: int) -> Decimal:
    return Decimal(1).scaleb(-decimals)


def price_step(at: Decimal, size_decimals: int) -> Decimal:
    """Return the distance between valid prices near `at`: five figures, 6 - szDecimals decimals, integers always."""
    decimals = min(PERP_DECIMALS - size_decimals, SIGNIFICANT_FIGURES - 1 - at.adjusted())
    return _step(max(decimals, 0))


# The prices of a market are much the same from order to order.
@lru_cache(10_000)
def is_on_tick(px: Decimal, size_decimals: int) -> bool:
    """Tell whether a price keeps the tick rule."""
    return px > 0 and px % price_step(px, size_decimals) == 0


def tick_down(px: Decimal, size_decimals: int) -> Decimal:
    """Round a price down to a tick, never to zero."""
    step = price_step(px, size_decimals)
    return max((px / step).to_integral_value(rounding=ROUND_FLOOR), Decimal(1)) * step


def tick_up(px: Decimal, size_decimals: int) -> Decimal:
    """Round a price up to a tick."""
    step = price_step(px, size_decimals)
    return (px / step).to_integral_value(rounding=ROUND_CEILING) * step


def tick_near(px: Decimal, size_decimals: int) -> Decimal:
    """Round a price to the nearest tick."""
    step = price_step(px, size_decimals)
    return max((px / step).to_integral_value(rounding=ROUND_HALF_EVEN), Decimal(1)) * step


def maintenance_margin(notional: Decimal, tiers: tuple[Tier, ...]) -> Decimal:
    """Return the maintenance margin: half the initial margin at the tier's largest leverage, less the deduction (5.7)."""
    rate, deduction = Decimal(0), Decimal(0)
    for tier in tiers:
        if notional < tier.lower_bound:
            break
        tier_rate = 1 / Decimal(2 * tier.max_leverage)
        deduction += tier.lower_bound * (tier_rate - rate) if tier.lower_bound else Decimal(0)
        rate = tier_rate
    return notional * rate - deduction


def maintenance_rate(notional: Decimal, tiers: tuple[Tier, ...]) -> Decimal:
    """Return the maintenance rate of the tier in which a notional lies."""
    reached = [tier for tier in tiers if notional >= tier.lower_bound]
    return 1 / Decimal(2 * (reached or tiers)[-1].max_leverage)
