"""Intents per second from start to FILLED, and decision to order latency, against a workflow of one empty activity.

    python -m benchmarks.intents [--server dev|cluster] [--count 300] [--rounds 3]

Both run on the same server in the same minutes, each with one worker process of its own, alternating after a warm-up; medians of
the rounds are compared. `ratio` is throughput over the baseline's (at least 0.5), `latency_ratio` the latency of one intent at a
time over that of one baseline workflow at a time (at most 2.5). The paper exchange runs with its rate limits off.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import sys
import tempfile
import time
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

from rich.progress import Progress
from temporalio.client import Client

from benchmarks.processes import baseline_worker
from benchmarks.servers import temporal
from domain.accounts import AccountRef
from domain.intents import Intent, api_intent_id
from domain.money import Quantity
from tests.stack.full import FullStack, full_stack, start_intent

BASELINE_QUEUE = "benchmark-baseline"
COINS = {"BTC": Decimal("0.001"), "ETH": Decimal("0.02"), "SOL": Decimal("0.5")}
WARM_UP = 50
ONE_BY_ONE = 40


def main() -> None:
    """Measure and print; the last line is name=value pairs."""
    parser = argparse.ArgumentParser(prog="benchmarks.intents", description=__doc__)
    parser.add_argument("--server", choices=("dev", "cluster"), default="dev")
    parser.add_argument("--count", type=int, default=300, help="intents a round")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    with (
        tempfile.TemporaryDirectory() as folder,
        temporal(options.server, Path(folder)) as address,
        full_stack(Path(folder) / "stack", temporal_address=address, deadline=8, lag=10) as stack,
        baseline_worker(stack, BASELINE_QUEUE),
    ):
        asyncio.run(_measure(stack, options.count, options.rounds))


async def _measure(stack: FullStack, count: int, rounds: int) -> None:
    client = await stack.client()
    needed = WARM_UP + ONE_BY_ONE + count * rounds
    intents = iter(_intents(stack, needed))
    bases: list[float] = []
    subjects: list[float] = []
    with Progress(disable=not sys.stderr.isatty()) as progress:
        task = progress.add_task("rounds", total=rounds + 2)
        await _together(stack, client, [next(intents) for _ in range(WARM_UP)])
        await _baselines(client, WARM_UP)
        progress.advance(task)
        base_ms = await _one_by_one(ONE_BY_ONE, lambda: _baselines(client, 1))
        subject_ms = await _one_by_one(ONE_BY_ONE, lambda: _together(stack, client, [next(intents)]))
        progress.advance(task)
        for _ in range(rounds):
            bases.append(count / await _timed(_baselines(client, count)))
            subjects.append(count / await _timed(_together(stack, client, [next(intents) for _ in range(count)])))
            progress.advance(task)
    base, subject = statistics.median(bases), statistics.median(subjects)
    sent_ms = _decision_to_order(stack)
    print(f"baseline  {base:8.1f} workflows/s  {base_ms:7.1f} ms one at a time")
    print(
        f"intents   {subject:8.1f} intents/s    {subject_ms:7.1f} ms one at a time, decision to order {sent_ms:.1f} ms"
    )
    print(
        f"ratio={subject / base:.2f} latency_ratio={subject_ms / base_ms:.2f} "
        f"intents_per_s={subject:.1f} decision_to_order_p50_ms={sent_ms:.1f}"
    )


def _intents(stack: FullStack, count: int) -> list[Intent]:
    """One slot for each intent: an account has one of each coin."""
    accounts: list[AccountRef] = []
    made: list[Intent] = []
    for number in range(count):
        if number % len(COINS) == 0:
            accounts.append(stack.bench.account(f"user-{uuid.uuid4()}", usdc="1000000"))
        coin, size = list(COINS.items())[number % len(COINS)]
        wish = stack.bench.wish(accounts[-1], f"intent-{number}", coin=coin, size=Quantity(size))
        made.append(replace(wish, intent_id=api_intent_id(wish.user_id, str(uuid.uuid4()))))
    return made


async def _together(stack: FullStack, client: Client, intents: list[Intent]) -> None:
    """Start intents at once and wait until each is filled, by the read model."""
    now = datetime.now(UTC)
    await asyncio.gather(*(start_intent(client, replace(intent, decided_at=now)) for intent in intents))
    wanted = {intent.intent_id for intent in intents}
    deadline = time.monotonic() + 120
    while left := wanted - stack.filled(wanted):
        ended = stack.ended(left)
        if ended or time.monotonic() > deadline:
            raise RuntimeError(f"{len(ended)} of {len(wanted)} intents ended unfilled: {stack.phases(left)}")
        await asyncio.sleep(0.01 if len(intents) == 1 else 0.05)


async def _baselines(client: Client, count: int) -> None:
    async def one(number: int) -> None:
        handle = await client.start_workflow(
            "OneActivity", number, id=f"baseline-{uuid.uuid4()}", task_queue=BASELINE_QUEUE
        )
        await handle.result()

    await asyncio.gather(*(one(number) for number in range(count)))


async def _one_by_one(count: int, call: Callable[[], Awaitable[None]]) -> float:
    return statistics.median([1000 * await _timed(call()) for _ in range(count)])


async def _timed(call: Awaitable[None]) -> float:
    started = time.perf_counter()
    await call
    return time.perf_counter() - started


def _decision_to_order(stack: FullStack) -> float:
    return statistics.median(stack.decision_to_order_ms())


if __name__ == "__main__":
    main()
