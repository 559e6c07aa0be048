"""A platform halt while a thousand agents trade: CLOSED, DRAINED, until all have stopped, and what the venue admitted after.

    python -m benchmarks.halt [--server dev|cluster] [--agents 1000] [--cycle 600] [--rounds 3] [--agent-halts 40]

Each agent has a coin of an account for itself and trades on a synthetic market: every second cycle it opens, with a stop and a
take-profit, every other it closes. `--cycle` is what two cores hold; starts are spread over one cycle, and the rates of
cycles, opening and reducing orders before the first halt are printed. The venue answers `--answer-delay` seconds after it has
executed, so that requests are in flight when a halt comes.

The halt is the API's own call: the row is committed, then the PlatformWorkflow is told. `closed_p99_ms` is over the platform's
halts and `--agent-halts` halts of single agents in between. `drained_s` and `stopped_s` are the longest of the rounds, counted
from the commit: `stopped_s` until the last agent's workflow has taken the halt (read from the histories). After that
the halt stays for twice the order deadline; `admitted_after_drained` counts opening orders in the venue's own log between
DRAINED and the release.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import statistics
import tempfile
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import anyio.to_thread
import structlog
from rich.progress import Progress
from sqlalchemy import select
from temporalio.api.enums.v1 import EventType
from temporalio.client import Client

from api import halting
from api.deps import Parts, parts_over
from api.executions import Executions
from benchmarks.conditions import conditions, options_of, progress
from benchmarks.fleet import Fleet, Recipe, workflow_id
from benchmarks.servers import temporal
from domain.agents import AgentConfig, AgentMode
from domain.halts import HaltFlag, HaltScope
from storage.postgres.engine import transaction
from storage.postgres.tables import halts
from tests.stack.full import FullStack, full_stack
from workflows import ids

COINS = ("BTC", "ETH", "SOL", "XRP", "DOGE", "HYPE", "BNB", "AVAX", "LINK", "kPEPE")
TRADING = (
    ("eager", "true"),
    ("hold_cycles", "1"),
    ("stop_atr", "3"),
    ("profit_atr", "3"),
    ("conviction", "0.02"),
)
DEADLINE_SECONDS = 8
LOOK_EVERY = 0.5
STOPS_WITHIN = 600.0
SETTLE_SECONDS = 5.0
_PAGE = 50


@dataclass(slots=True, kw_only=True)
class Round:
    """One halt of the platform, in seconds from its commit."""

    closed_ms: float
    drained_s: float
    stopped_s: float
    admitted: int


@dataclass(slots=True, kw_only=True)
class Figures:
    """Everything measured; rates are per second, before the first halt."""

    rounds: list[Round] = field(default_factory=list)
    closed_ms: list[float] = field(default_factory=list)
    cycles: float = 0.0
    opening: float = 0.0
    reducing: float = 0.0

    @property
    def closed_p99_ms(self) -> float:
        """99 of 100 halts were committed within it."""
        ordered = sorted(self.closed_ms)
        return ordered[min(len(ordered) - 1, int(len(ordered) * 0.99))]


def main() -> None:
    """Measure and print; the last line is name=value pairs."""
    options = _options()
    # Every halt is a warning in the API's log; here they are the subject.
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    paper = ("--coins", ",".join(COINS))
    with (
        tempfile.TemporaryDirectory() as folder,
        temporal(options.server, Path(folder)) as address,
        full_stack(
            Path(folder) / "stack",
            workers=0,
            temporal_address=address,
            deadline=DEADLINE_SECONDS,
            lag=10,
            paper_options=paper,
        ) as stack,
    ):
        figures = asyncio.run(Measurement(stack, options).run())
    print(conditions(options.server))
    print(
        f"{options.agents} agents, a cycle each {options.cycle:.0f} s: {figures.cycles:.2f} cycles/s, "
        f"{figures.opening:.2f} opening and {figures.reducing:.2f} reducing orders/s before the first halt"
    )
    for each in figures.rounds:
        print(
            f"halt      closed {each.closed_ms:6.1f} ms  drained {each.drained_s:5.2f} s  stopped {each.stopped_s:6.2f} s"
            f"  admitted after drained {each.admitted}"
        )
    print(f"closed    median {statistics.median(figures.closed_ms):.1f} ms of {len(figures.closed_ms)} halts")
    print(
        f"closed_p99_ms={figures.closed_p99_ms:.1f} drained_s={max(each.drained_s for each in figures.rounds):.2f} "
        f"stopped_s={max(each.stopped_s for each in figures.rounds):.2f} "
        f"admitted_after_drained={sum(each.admitted for each in figures.rounds)}",
        flush=True,
    )


def _options() -> argparse.Namespace:
    parser = options_of("halt", __doc__)
    parser.add_argument("--agents", type=int, default=1000)
    parser.add_argument("--cycle", type=float, default=600.0, help="seconds from one cycle of an agent to its next")
    parser.add_argument("--trade", type=float, default=60.0, help="seconds of trading before each halt")
    parser.add_argument("--rounds", type=int, default=3, help="halts of the platform")
    parser.add_argument("--agent-halts", type=int, default=40, help="halts of single agents")
    parser.add_argument("--answer-delay", type=float, default=0.5, help="seconds from execution to answer at the venue")
    return parser.parse_args()


class Measurement:
    """One run."""

    def __init__(self, stack: FullStack, options: argparse.Namespace) -> None:
        self._stack = stack
        self._options = options
        self._fleet = Fleet(stack)
        self._configs: list[AgentConfig] = []
        self._figures = Figures()

    async def run(self) -> Figures:
        """Bring the fleet to trading, then halt and release it some times."""
        options = self._options
        with progress() as bar:
            client = await self._start(bar)
            parts = self._parts()
            await self._rates(bar)
            task = bar.add_task("halts", total=options.rounds)
            for number in range(options.rounds):
                if number:
                    await asyncio.sleep(options.trade)
                await self._halts_of_agents(parts, options.agent_halts // options.rounds)
                await self._round(parts, client)
                bar.advance(task)
        return self._figures

    async def _start(self, bar: Progress) -> Client:
        options, stack = self._options, self._stack
        accounts = self._fleet.accounts(-(-options.agents // len(COINS)))
        places = [(accounts[number // len(COINS)], COINS[number % len(COINS)]) for number in range(options.agents)]
        recipe = Recipe(cycle=timedelta(seconds=options.cycle), mode=AgentMode.LIVE, settings=TRADING)
        self._configs = self._fleet.add(places, recipe)
        stack.paper.post("settings", answer_delay_s=str(options.answer_delay))
        stack.add_worker(WORKER_CACHED_WORKFLOWS=str(4 * options.agents + 500))
        client = await stack.client()
        task = bar.add_task("agents", total=options.agents)
        every = options.cycle / options.agents
        await self._fleet.start(client, self._configs, lambda more: bar.advance(task, more), every=every, phases=2)
        await self._fleet.wait_for_cycle(self._configs, 1, lambda _: None, within=STOPS_WITHIN)
        return client

    def _parts(self) -> Parts:
        """What the API's routes work with."""
        bench = self._stack.bench
        executions = Executions(self._stack.client)
        return parts_over(self._stack.settings, bench.engine, executions, bench.ring, bench.venues)

    async def _rates(self, bar: Progress) -> None:
        """Let the fleet trade and count what it does."""
        seconds = self._options.trade
        task = bar.add_task("trading", total=int(seconds))
        since, cycles, begun = _now_ms(), self._fleet.cycles(), time.monotonic()
        while (passed := time.monotonic() - begun) < seconds:
            bar.update(task, completed=int(passed))
            await asyncio.sleep(1.0)
        bar.update(task, completed=int(seconds))
        orders = await asyncio.to_thread(self._stack.paper.orders, "")
        recent = [order for order in orders if order["time"] >= since]
        opening = [order for order in recent if _is_opening(order)]
        self._figures.cycles = (self._fleet.cycles() - cycles) / passed
        self._figures.opening = len(opening) / passed
        self._figures.reducing = (len(recent) - len(opening)) / passed

    async def _halts_of_agents(self, parts: Parts, count: int) -> None:
        for config in self._configs[:count]:
            flag = HaltFlag(scope=HaltScope.AGENT, key=config.agent_id, reason="benchmark", by="benchmark")
            answer = await anyio.to_thread.run_sync(partial(halting.close, parts, flag))
            self._figures.closed_ms.append(float(answer.closed_ms))
            await anyio.to_thread.run_sync(partial(_release, parts, flag))

    async def _round(self, parts: Parts, client: Client) -> None:
        """Halt, wait for both answers and for the last agent, watch the venue for a while, release."""
        flag = HaltFlag(reason="benchmark", by="benchmark")
        answer = await anyio.to_thread.run_sync(partial(halting.close, parts, flag))
        self._figures.closed_ms.append(float(answer.closed_ms))
        drained_at = await self._drained(answer.at)
        stopped_at = await self._stopped(client, answer.at)
        await asyncio.sleep(2 * DEADLINE_SECONDS)
        admitted = await asyncio.to_thread(self._admitted_since, drained_at)
        await anyio.to_thread.run_sync(partial(_release, parts, flag))
        self._figures.rounds.append(
            Round(
                closed_ms=float(answer.closed_ms),
                drained_s=(drained_at - answer.at).total_seconds(),
                stopped_s=(stopped_at - answer.at).total_seconds(),
                admitted=admitted,
            )
        )

    async def _drained(self, halted_at: datetime) -> datetime:
        query = select(halts.c.drained_at).where(halts.c.scope == "platform", halts.c.at == halted_at)
        deadline = time.monotonic() + STOPS_WITHIN
        while time.monotonic() < deadline:
            with transaction(self._stack.bench.engine) as connection:
                drained_at: datetime | None = connection.execute(query).scalar_one()
            if drained_at is not None:
                return drained_at
            await asyncio.sleep(LOOK_EVERY)
        raise RuntimeError("The halt was not drained in time.")

    async def _stopped(self, client: Client, halted_at: datetime) -> datetime:
        """When the last agent had taken the halt, read from the histories a while after all have been told."""
        left, last = list(self._configs), halted_at
        deadline = time.monotonic() + STOPS_WITHIN
        await _all_told(client, deadline)
        await asyncio.sleep(SETTLE_SECONDS)
        while left:
            if time.monotonic() > deadline:
                raise RuntimeError(f"{len(left)} agents did not hold in time.")
            await asyncio.sleep(LOOK_EVERY)
            found = await asyncio.gather(*(_held_at(client, config, halted_at) for config in left[:_PAGE]))
            last = max([last, *(at for at in found if at is not None)])
            left = [config for config, at in zip(left[:_PAGE], found, strict=True) if at is None] + left[_PAGE:]
        return last

    def _admitted_since(self, drained_at: datetime) -> int:
        since = int(drained_at.timestamp() * 1000)
        return sum(1 for order in self._stack.paper.orders("") if order["time"] > since and _is_opening(order))


async def _all_told(client: Client, deadline: float) -> None:
    """Wait until the platform tells nobody any more: to read a thousand histories before would slow down what is timed."""
    platform = client.get_workflow_handle(ids.PLATFORM)
    while time.monotonic() < deadline:
        pending = (await platform.describe()).raw_description.pending_activities
        if not any(each.activity_type.name.startswith("tell_of") for each in pending):
            return
        await asyncio.sleep(LOOK_EVERY)


async def _held_at(client: Client, config: AgentConfig, halted_at: datetime) -> datetime | None:
    """When an agent's workflow completed the task in which it was told to hold; None when it has not yet."""
    told = False
    async for event in client.get_workflow_handle(workflow_id(config)).fetch_history_events():
        at = event.event_time.ToDatetime(UTC)
        if event.event_type == EventType.EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED:
            name = event.workflow_execution_signaled_event_attributes.signal_name
            told = told or (name == "hold" and at >= halted_at)
        elif told and event.event_type == EventType.EVENT_TYPE_WORKFLOW_TASK_COMPLETED:
            return at
    return None


def _release(parts: Parts, flag: HaltFlag) -> None:
    halting.release(parts, scope=HaltScope(flag.scope), key=flag.key, by=flag.by)


def _is_opening(order: dict[str, Any]) -> bool:
    return not order["reduceOnly"] and order["trigger"] is None and not order["isLiquidation"]


def _now_ms() -> int:
    return int(time.time() * 1000)


if __name__ == "__main__":
    main()
