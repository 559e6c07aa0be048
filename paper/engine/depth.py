"""How much the simulated makers hold at which distance: a curve per coin, fitted to recorded books (scripts/fit_depth.py).

Within y basis points of its best price a side holds `touch + depth * y^power` USD up to the reach of the recording; beyond it
grows with the square root of the distance (assumed), up to 200 basis points.
"""

from __future__ import annotations

import csv
import math
from dataclasses import dataclass
from functools import cache, lru_cache
from itertools import pairwise
from pathlib import Path

TABLE = Path(__file__).with_name("depth.csv")
FINE_LEVELS = 20
GROWTH = 1.25
FARTHEST_BP = 200.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Depth:
    """The curve of one coin; distances in basis points of the mid, sizes in USD."""

    half_spread_bp: float
    spacing_bp: float
    touch_usd: float
    depth_usd: float
    power: float
    reach_bp: float

    def behind(self, distance: float) -> float:
        """Return the USD behind the best level within a distance of it."""
        if distance <= self.reach_bp:
            return self.depth_usd * math.pow(distance, self.power)
        inside = self.depth_usd * math.pow(self.reach_bp, self.power)
        # The density at the reach goes on and falls with the square root: 2 * density * reach = 2 * power * inside.
        return inside + 2 * self.power * inside * (math.sqrt(distance / self.reach_bp) - 1)

    def reached_by(self, usd: float) -> float:
        """Return how far behind the best price an order of a size reaches."""
        rest = max(usd - self.touch_usd, 0.0)
        inside = self.depth_usd * math.pow(self.reach_bp, self.power)
        if rest <= inside:
            return math.pow(rest / self.depth_usd, 1 / self.power)
        return self.reach_bp * (1 + (rest / inside - 1) / (2 * self.power)) ** 2


@cache
def _table() -> dict[str, Depth]:
    with TABLE.open(newline="", encoding="utf-8") as file:
        return {
            row["coin"]: Depth(
                half_spread_bp=float(row["half_spread_bp"]),
                spacing_bp=float(row["spacing_bp"]),
                touch_usd=float(row["touch_usd"]),
                depth_usd=float(row["depth_usd"]),
                power=float(row["power"]),
                reach_bp=float(row["reach_bp"]),
            )
            for row in csv.DictReader(file)
        }


def depth_of(coin: str, level_usd: float) -> Depth:
    """Return a coin's curve; a coin of which nothing is known holds `level_usd` a basis point (assumed)."""
    return _table().get(coin) or Depth(
        half_spread_bp=0.5, spacing_bp=1.0, touch_usd=level_usd, depth_usd=level_usd, power=1.0, reach_bp=20.0
    )


@lru_cache(maxsize=256)
def ladder_of(depth: Depth, spacing_bp: float) -> tuple[tuple[float, float], ...]:
    """Return (distance, USD) of the levels: twenty of one spacing, then ever wider ones; a level stands for what is round it."""
    places = [index * spacing_bp for index in range(FINE_LEVELS)]
    while (farther := places[-1] * GROWTH) < FARTHEST_BP:
        places.append(farther)
    edges = [0.0, *((near + far) / 2 for near, far in pairwise(places)), places[-1]]
    held = [depth.behind(far) - depth.behind(near) for near, far in pairwise(edges)]
    held[0] += depth.touch_usd
    return tuple(zip(places, held, strict=True))
