"""Seeded random markets: several coins that move together, calm and wild phases, jumps, and funding that follows a premium.

One market factor a seed drives all coins: its phases (a chain of four, from quiet to crisis) set everybody's volatility, and
each coin takes its part of the factor's moves by `correlation`, the rest being its own. Jumps come to the market and to single
coins, on average `jumps` of each kind a day. A coin's premium is pulled back to zero and pushed by its own hourly returns: what
rises fast trades above its index, and funding follows. `--feed synthetic:jumps=4,correlation=0.9,volatility=2,drift=0` turns
the knobs.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields, replace
from functools import lru_cache
from random import Random

from paper.feeds.bars import Bar
from paper.feeds.errors import BadFeed

NAME = "synthetic"
BAR_MS = 60_000
COUNT = 20_000
STEPS = 4
CALM = 0.0006
PULL = 0.0004
DAY_BARS = 1_440
HOUR_BARS = 60
# Phases with their volatility; from each one the next is drawn from the neighbours, so that storms build up and die down.
PHASES = (0.6, 1.0, 1.8, 3.0)
STEPS_OF = ((0, 1, 1), (0, 0, 1, 2), (1, 1, 2, 3), (2, 2))
BETAS = {"BTC": 1.0, "ETH": 1.2, "SOL": 1.5}
BETA = 1.4
JUMP = 0.008
PREMIUM_MEMORY = 0.8
PREMIUM_PUSH = 0.02
PREMIUM_NOISE = 0.00015


@dataclass(frozen=True, slots=True)
class Knobs:
    """What may be chosen: jumps a day, correlation (0 to 1), volatility and drift as multiples of the usual."""

    jumps: float = 0.5
    correlation: float = 0.7
    volatility: float = 1.0
    drift: float = 1.0


@dataclass(frozen=True, slots=True)
class Walk:
    """The bars of one coin and its premium by the hour of bars."""

    bars: tuple[Bar, ...]
    premiums: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class _Beat:
    """One bar of the market factor: the phase's volatility, the factor's moves, its jump."""

    volatility: float
    moves: tuple[float, ...]
    jump: float


def knobs_of(template: str | None) -> Knobs:
    """Read `synthetic:name=value,...`; raises BadFeed."""
    chosen = Knobs()
    known = {item.name for item in fields(Knobs)}
    for part in (template or "").partition(":")[2].split(","):
        name, _, value = part.partition("=")
        if not part:
            continue
        try:
            number = float(value)
        except ValueError:
            number = -1.0
        if name not in known or number < 0 or (name == "correlation" and number > 1):
            raise BadFeed(f"The synthetic feed has no {part!r}; it takes {', '.join(sorted(known))} as NAME=NUMBER.")
        chosen = replace(chosen, **{name: number})
    return chosen


@lru_cache(maxsize=8)
def _factor(seed: int, jumps: float, count: int) -> tuple[_Beat, ...]:
    random = Random(f"{seed}/market")
    beats: list[_Beat] = []
    phase, left = 1, 0
    for _ in range(count):
        if left == 0:
            left = random.randint(30, 240)
            phase = random.choice(STEPS_OF[phase])
        left -= 1
        moves = tuple(random.gauss(0, 1) for _ in range(STEPS))
        beats.append(_Beat(PHASES[phase], moves, _jump(random, jumps)))
    return tuple(beats)


def _jump(random: Random, jumps: float) -> float:
    return random.gauss(0, JUMP) * random.choice((1, 1, 2)) if random.random() < jumps / DAY_BARS else 0.0


@lru_cache(maxsize=32)
def walk(coin: str, start_px: float, seed: int, count: int = COUNT, knobs: Knobs | None = None) -> Walk:
    """Return one-minute bars round a start price; equal for equal coin, seed and knobs."""
    chosen = knobs or Knobs()
    random = Random(f"{seed}/{coin}")
    beta = BETAS.get(coin, BETA)
    own_part = math.sqrt(1 - chosen.correlation**2)
    bars: list[Bar] = []
    log_px, drift, left = 0.0, 0.0, 0
    for beat in _factor(seed, chosen.jumps, count):
        volatility = CALM * chosen.volatility * beat.volatility * beta
        if left == 0:
            left = random.randint(20, 120)
            drift = random.choice((-1, 0, 1)) * volatility * random.uniform(0.05, 0.2) * chosen.drift
        left -= 1
        steps = [log_px]
        for move in beat.moves:
            shock = chosen.correlation * move + own_part * random.gauss(0, 1)
            # The pull keeps a long walk within a factor of about two of the start.
            steps.append(steps[-1] + (drift + volatility * shock) / 2 - PULL * steps[-1] / STEPS)
        steps[-1] += (beat.jump * chosen.correlation + _jump(random, chosen.jumps)) * beta
        prices = [start_px * math.exp(step) for step in steps]
        bars.append(Bar(prices[0], max(prices), min(prices), prices[-1], _volume(random, start_px, beat.volatility)))
        log_px = steps[-1]
    return Walk(tuple(bars), tuple(_premiums(random, bars)))


def _volume(random: Random, start_px: float, volatility: float) -> float:
    return round(random.lognormvariate(0, 0.5) * 400_000 / start_px * volatility, 4)


def _premiums(random: Random, bars: list[Bar]) -> list[float]:
    """Follow the premium from hour to hour."""
    premium = 0.0
    premiums: list[float] = []
    for first in range(0, len(bars), HOUR_BARS):
        gone = bars[first : first + HOUR_BARS]
        rise = math.log(gone[-1].close / gone[0].open)
        premium = PREMIUM_MEMORY * premium + PREMIUM_PUSH * rise + random.gauss(0, PREMIUM_NOISE)
        premiums.append(premium)
    return premiums


@lru_cache(maxsize=10_000)
def premium(coin: str, hour: int, seed: int) -> float:
    """Return a made-up average premium of an hour for feeds that know none; mostly small, sometimes beyond the funding clamp."""
    return Random(f"{seed}/{coin}/{hour}").gauss(0.0001, 0.0005)


def walks(coins: dict[str, float], seed: int, template: str | None) -> dict[str, Walk]:
    """Return the walks of several coins; raises BadFeed."""
    knobs = knobs_of(template)
    return {coin: walk(coin, start_px, seed, knobs=knobs) for coin, start_px in coins.items()}
