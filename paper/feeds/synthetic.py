"""A seeded random walk with trends, calm and wild phases, and funding."""

from __future__ import annotations

import math
from functools import lru_cache
from random import Random

from paper.feeds.bars import Bar

NAME = "synthetic"
BAR_MS = 60_000
COUNT = 20_000
CALM = 0.0006
PULL = 0.0004


@lru_cache(maxsize=32)
def walk(coin: str, start_px: float, seed: int, count: int = COUNT) -> tuple[Bar, ...]:
    """Return one-minute bars round a start price; equal for equal coin and seed."""
    random = Random(f"{seed}/{coin}")
    bars: list[Bar] = []
    log_px, drift, volatility, left = 0.0, 0.0, CALM, 0
    for _ in range(count):
        if left == 0:
            left = random.randint(20, 120)
            volatility = CALM * random.choice((0.6, 1.0, 1.0, 1.8))
            drift = random.choice((-1, 0, 1)) * volatility * random.uniform(0.2, 0.6)
        left -= 1
        steps = [log_px]
        for _ in range(4):
            # The pull keeps a long walk within a factor of about two of the start.
            steps.append(steps[-1] + random.gauss(drift, volatility) / 2 - PULL * steps[-1] / 4)
        prices = [start_px * math.exp(step) for step in steps]
        bars.append(Bar(prices[0], max(prices), min(prices), prices[-1], _volume(random, start_px, volatility)))
        log_px = steps[-1]
    return tuple(bars)


def _volume(random: Random, start_px: float, volatility: float) -> float:
    return round(random.lognormvariate(0, 0.5) * 400_000 / start_px * volatility / CALM, 4)


def premium(coin: str, hour: int, seed: int) -> float:
    """Return a coin's average premium over an hour; mostly small, sometimes beyond the funding clamp."""
    return Random(f"{seed}/{coin}/{hour}").gauss(0.0001, 0.0005)


def walks(coins: dict[str, float], seed: int, template: str | None) -> dict[str, tuple[Bar, ...]]:
    """Return the bars of several coins."""
    del template
    return {coin: walk(coin, start_px, seed) for coin, start_px in coins.items()}
