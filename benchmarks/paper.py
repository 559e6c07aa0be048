"""How fast is the paper exchange? Signed orders a second over HTTP against what recovering their signatures alone costs.

Four figures, the server on one core and the client on another:

1. `ratio`: orders answered a second (one signed action an order, durable before its answer) over the signatures that the
   same core recovers a second when it does nothing else; above it the machine's cryptography would be the limit. Every
   connection has some requests under way at a time (`--pipelined`), so that many are made durable at once; what one at a
   time gives is printed, too. Signatures are recovered on the server's core right before and after each of seven rounds of
   orders, and the median of the rounds counts: a core whose twin serves other guests of the host loses a third from one
   second to the next, and more of one kind of work than of the other.
2. `p99_ms`: the 99th hundredth of an order's answer under an even load of half of what the server can with one request at a
   time on a connection.
3. 1,000 accounts with open orders while prices change ten times a second: what a price update and an answer take then.
4. `candles_per_s`: a day of one-minute candles of three coins replayed through the engine as fast as it goes.
"""

from __future__ import annotations

import asyncio
import statistics
import sys
from collections.abc import Coroutine
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import uvloop

from benchmarks.conditions import conditions, options_of
from benchmarks.paper_load import Answers, Json, Load, Wallet, orders_of, run_load, wallets
from benchmarks.paper_replay import replay_a_day
from benchmarks.paper_server import SERVER_CORE, PaperServer, pin, recoveries_per_second

CLIENT_CORE = 1
PART_OF_LIMIT = 0.5
ROUNDS = 7
SIGNATURES = 1_000


def main(arguments: list[str] | None = None) -> int:
    """Measure and print; the last line is for machines."""
    parser = options_of("paper", __doc__)
    parser.add_argument("--accounts", type=int, default=1_000)
    parser.add_argument("--orders", type=int, default=20_000)
    parser.add_argument("--connections", type=int, default=32)
    parser.add_argument("--pipelined", type=int, default=4)
    chosen = parser.parse_args(arguments)
    sys.stdout.write(conditions("none") + "\n")
    pin(CLIENT_CORE)
    keys = wallets(chosen.accounts)
    with TemporaryDirectory() as folder, PaperServer(Path(folder) / "paper.sqlite") as server:
        server.fund(keys)
        load = Load(port=server.port, connections=chosen.connections)
        _run(run_load(load, orders_of(keys, 1_000)))
        full, _ = _at_full_speed(server, load, orders_of(keys, chosen.orders))
        crowded = replace(load, pipelined=chosen.pipelined)
        rounds = [_round(server, crowded, keys, chosen.orders * 2 // 5) for _ in range(ROUNDS)]
        refused = full.refused + sum(item.refused for item in rounds)
        even = _run(run_load(load.at(full.per_second / 2), orders_of(keys, chosen.orders // 2)))
        _print("at half of that", even)
        server.update_prices_ten_times_a_second()
        crowd = _run(run_load(load.at(500), orders_of(keys, 2_500)))
        _print(f"{chosen.accounts:,} accounts with open orders, ten price updates a second", crowd)
        sys.stdout.write(f"  a price update took {server.tick_ms():.1f} ms\n")
    candles = replay_a_day()
    ratio = statistics.median(item.ratio for item in rounds)
    sys.stdout.write(f"ratio={ratio:.2f} p99_ms={even.quantile(0.99):.1f} candles_per_s={candles:.0f}\n")
    return 0 if ratio >= PART_OF_LIMIT and refused == even.refused == 0 else 1


@dataclass(frozen=True, slots=True, kw_only=True)
class _Round:
    """Orders for a second of the server's core, and the signatures that it recovered a second round them."""

    per_core_second: float
    signatures: float
    refused: int

    @property
    def ratio(self) -> float:
        return self.per_core_second / self.signatures


def _round(server: PaperServer, load: Load, keys: list[Wallet], count: int) -> _Round:
    orders, sample = orders_of(keys, count), orders_of(keys, SIGNATURES)
    before = _signatures_alone(sample)
    answers, per_core_second = _at_full_speed(server, load, orders)
    signatures = (before + _signatures_alone(sample)) / 2
    sys.stdout.write(f"  {signatures:,.0f} signatures: {per_core_second / signatures:.2f}\n")
    return _Round(per_core_second=per_core_second, signatures=signatures, refused=answers.refused)


def _signatures_alone(orders: list[Json]) -> float:
    """Return what the server's core recovers a second while the server has nothing to do."""
    pin(SERVER_CORE)
    try:
        return recoveries_per_second(orders)
    finally:
        pin(CLIENT_CORE)


def _run(load: Coroutine[Any, Any, Answers]) -> Answers:
    # Two cores share caches and often more: the less the client does, the less it takes from the server.
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(load)


def _at_full_speed(server: PaperServer, load: Load, orders: list[Json]) -> tuple[Answers, float]:
    """Return the answers and how many there were for a second of the server's core."""
    before = server.core_seconds()
    answers = _run(run_load(load, orders))
    per_core_second = answers.count / (server.core_seconds() - before)
    _print(f"full speed, {load.connections} connections with {load.pipelined} requests under way", answers)
    sys.stdout.write(f"  {per_core_second:,.0f} for a second of the server's core\n")
    return answers, per_core_second


def _print(what: str, answers: Answers) -> None:
    sys.stdout.write(
        f"{what}: {answers.count:,} orders, {answers.per_second:,.0f} a second, answered in "
        f"{answers.quantile(0.5):.1f} ms (median), {answers.quantile(0.99):.1f} ms (p99), {answers.refused} refused\n"
    )


if __name__ == "__main__":
    raise SystemExit(main())
