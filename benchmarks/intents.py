"""Intents per second from start to FILLED, and decision to order latency, against a workflow of one empty activity.

    python -m benchmarks.intents [--server dev|cluster] [--count 150] [--rounds 5] [--at-once 25]

Both run on the same server in the same minutes, each with one worker process of its own, alternating after a warm-up, with
`--at-once` in flight. `ratio` is throughput over the baseline's, the median of the rounds (at least 0.5),
`latency_ratio` the time of one intent from its start to FILLED, one at a time, over that of one baseline workflow from its start
to its result (at most 2.5). Each intent is a market order on a slot of its own: approved, written ahead, signed, sent to a paper
exchange whose rate limits are off, and filled; before it the leverage of the slot is set, as before any first trade of a coin.
The accounts are streamed and synced all the while. `unfilled` counts intents that ended otherwise.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import tempfile
import time
import uuid
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

from sqlalchemy import select
from temporalio.client import Client

from benchmarks.conditions import conditions, options_of, progress
from benchmarks.fleet import LIMITS
from benchmarks.processes import baseline_worker
from benchmarks.servers import temporal
from domain.accounts import AccountRef
from domain.intents import Intent, api_intent_id
from domain.money import Quantity
from storage.postgres.engine import transaction
from storage.postgres.tables import intents, orders
from tests.stack.full import FullStack, full_stack, start_intent

BASELINE_QUEUE = "benchmark-baseline"
SIZES = {
    "BTC": "0.001",
    "ETH": "0.02",
    "SOL": "0.5",
    "XRP": "50",
    "DOGE": "500",
    "HYPE": "3",
    "BNB": "0.2",
    "AVAX": "4",
    "LINK": "7",
    "kPEPE": "8000",
}
"""The coins of each account, at about a hundred dollars."""
WARM_UP = 60
ONE_BY_ONE = 30
LOOK_EVERY = 0.03
LOOK_AT_ONE_EVERY = 0.005
"""Seconds between looks for an intent that runs alone: with the longer pause its time was rounded up by as much as that."""
ENDS_WITHIN = 120.0
SETTLE = 3.0
"""Seconds after which the accounts of a round have been looked at and reconciled: a look follows a fill by one."""


def main() -> None:
    """Measure and print; the last line is name=value pairs."""
    options = _options()
    with (
        tempfile.TemporaryDirectory() as folder,
        temporal(options.server, Path(folder)) as address,
        full_stack(
            Path(folder) / "stack",
            workers=0,
            temporal_address=address,
            deadline=8,
            lag=10,
            paper_options=("--coins", ",".join(SIZES)),
        ) as stack,
        baseline_worker(stack, BASELINE_QUEUE),
    ):
        asyncio.run(Measurement(stack, options).run())


def _options() -> argparse.Namespace:
    parser = options_of("intents", __doc__)
    parser.add_argument("--count", type=int, default=150, help="intents a round")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--at-once", type=int, default=25, help="in flight at a time")
    return parser.parse_args()


class Measurement:
    """One run."""

    def __init__(self, stack: FullStack, options: argparse.Namespace) -> None:
        self._stack = stack
        self._options = options
        self._unfilled = 0

    async def run(self) -> None:
        """Warm up, measure one by one, then many at once, and print."""
        options, client = self._options, await self._stack.client()
        wishes = iter(_intents(self._stack, WARM_UP + ONE_BY_ONE + options.count * options.rounds))
        # It comes after the accounts, so that it streams and syncs them from the beginning.
        self._stack.add_worker()
        bases: list[float] = []
        subjects: list[float] = []
        with progress() as bar:
            task = bar.add_task("rounds", total=options.rounds + 2)
            await self._fill(client, wishes, WARM_UP)
            await self._baselines(client, WARM_UP)
            bar.advance(task)
            base_ms = await _one_by_one(lambda: self._baselines(client, 1))
            alone = [next(wishes) for _ in range(ONE_BY_ONE)]
            one = iter(alone)
            subject_ms = await _one_by_one(lambda: self._fill(client, one, 1))
            sent_ms = self._sent_ms({intent.intent_id for intent in alone})
            bar.advance(task)
            for _ in range(options.rounds):
                # The looks at the accounts of the round before are no part of the baseline.
                await asyncio.sleep(SETTLE)
                bases.append(options.count / await _timed(self._baselines(client, options.count)))
                subjects.append(options.count / await _timed(self._fill(client, wishes, options.count)))
                bar.advance(task)
        _print(options.server, bases, subjects, base_ms, subject_ms, statistics.median(sent_ms), self._unfilled)

    def _sent_ms(self, intent_ids: set[str]) -> list[float]:
        """Milliseconds from decision to the write-ahead of the opening order, by the database's clock."""
        query = select(orders.c.sent_at, intents.c.decided_at).where(
            orders.c.intent_id == intents.c.id,
            orders.c.opening,
            orders.c.sent_at.is_not(None),
            intents.c.id.in_(intent_ids),
        )
        with transaction(self._stack.bench.engine) as connection:
            return [(row.sent_at - row.decided_at).total_seconds() * 1000 for row in connection.execute(query)]

    async def _fill(self, client: Client, wishes: Iterator[Intent], count: int) -> None:
        """Start intents, a limited number in flight, and wait until each is filled, by the read model."""
        free = self._options.at_once
        running: dict[str, float] = {}
        started = 0
        while started < count or running:
            more = [next(wishes) for _ in range(min(free - len(running), count - started))]
            now = datetime.now(UTC)
            await asyncio.gather(*(start_intent(client, replace(intent, decided_at=now)) for intent in more))
            running |= {intent.intent_id: time.monotonic() for intent in more}
            started += len(more)
            await asyncio.sleep(LOOK_AT_ONE_EVERY if count == 1 else LOOK_EVERY)
            await self._forget_ended(running)

    async def _forget_ended(self, running: dict[str, float]) -> None:
        filled = await asyncio.to_thread(self._stack.filled, set(running))
        late = {name for name, since in running.items() if time.monotonic() - since > ENDS_WITHIN}
        left = set(running) - filled
        unfilled = (await asyncio.to_thread(self._stack.ended, left) | late) - filled if left else set()
        self._unfilled += len(unfilled)
        for name in filled | unfilled:
            running.pop(name)

    async def _baselines(self, client: Client, count: int) -> None:
        turn = asyncio.Semaphore(self._options.at_once)

        async def one(number: int) -> None:
            async with turn:
                handle = await client.start_workflow(
                    "OneActivity", number, id=f"baseline-{uuid.uuid4()}", task_queue=BASELINE_QUEUE
                )
                await handle.result()

        await asyncio.gather(*(one(number) for number in range(count)))


def _intents(stack: FullStack, count: int) -> list[Intent]:
    """One slot for each intent: an account has one of each coin."""
    accounts: list[AccountRef] = []
    made: list[Intent] = []
    for number in range(count):
        if number % len(SIZES) == 0:
            accounts.append(stack.bench.account(f"user-{uuid.uuid4()}", usdc="1000000"))
        coin, size = list(SIZES.items())[number % len(SIZES)]
        wish = stack.bench.wish(
            accounts[-1], f"intent-{number}", coin=coin, size=Quantity(Decimal(size)), limits=LIMITS
        )
        made.append(replace(wish, intent_id=api_intent_id(wish.user_id, str(uuid.uuid4()))))
    return made


async def _one_by_one(call: Callable[[], Awaitable[None]]) -> float:
    return statistics.median([1000 * await _timed(call()) for _ in range(ONE_BY_ONE)])


async def _timed(call: Awaitable[None]) -> float:
    started = time.perf_counter()
    await call
    return time.perf_counter() - started


def _print(
    server: str,
    bases: list[float],
    subjects: list[float],
    base_ms: float,
    subject_ms: float,
    sent_ms: float,
    unfilled: int,
) -> None:
    base, subject = statistics.median(bases), statistics.median(subjects)
    # Within a round: what the machine gives away changes from minute to minute.
    ratio = statistics.median(one / other for one, other in zip(subjects, bases, strict=True))
    print(conditions(server))
    print(f"baseline  {base:7.1f} workflows/s {base_ms:7.1f} ms one at a time    rounds {_rounds(bases)}")
    print(f"intents   {subject:7.1f} intents/s   {subject_ms:7.1f} ms one at a time    rounds {_rounds(subjects)}")
    print(f"          decision to order {sent_ms:.1f} ms, unfilled {unfilled}")
    print(f"ratio={ratio:.2f} latency_ratio={subject_ms / base_ms:.2f}", flush=True)


def _rounds(values: list[float]) -> str:
    return " ".join(f"{value:.1f}" for value in values)


if __name__ == "__main__":
    main()
