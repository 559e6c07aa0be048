"""A day of one-minute candles of three coins through the whole engine, without a wall clock."""

from __future__ import annotations

import os
import sys
import time
from functools import partial
from pathlib import Path

from paper.hyperliquid.node import Node
from paper.hyperliquid.opening import Options, open_node
from paper.hyperliquid.ticking import tick

DATA = Path(os.environ.get("HOLDFAST_DATA", Path(__file__).parents[2] / "shared" / "data"))
MINUTES = 1_440
COINS = ("BTC", "ETH", "SOL")


def replay_a_day() -> float:
    """Let every bar of a day pass in its four corners; returns candles a second."""
    pattern = DATA / "candles" / "binance_{coin}USDT_1m.parquet"
    is_recorded = DATA.exists()
    if not is_recorded:
        sys.stdout.write(f"the recorded candles are not at {DATA}: a synthetic day instead\n")
    node = open_node(Options(coins=COINS, feed=str(pattern) if is_recorded else None))
    begun = time.perf_counter()
    _pass_time(node)
    seconds = time.perf_counter() - begun
    node.store.close()
    per_second = MINUTES * len(COINS) / seconds
    sys.stdout.write(
        f"a day of {MINUTES} bars of {len(COINS)} coins: {seconds:.1f} s, {per_second:,.0f} candles a second\n"
    )
    return per_second


def _pass_time(node: Node) -> None:
    start = node.venue.clock()
    # Within a tick the engine looks at every corner of the bar that has passed.
    for minute in range(MINUTES):
        node.venue.clock = partial(int, start + minute * 60_000)
        tick(node)
