"""Memory per idle agent, history events per idle cycle, and how many agents one worker holds.

    python -m benchmarks.agents [--server dev|cluster] [--agents 1100] [--first 100]

One worker process serves the workflows, a second one everything else. The first agents do one cycle each, then the rest;
`mb_per_agent` is the growth of the workflow worker's proportional set size between the two, divided by the agents that came
in between (at most 0.15); its cache holds more workflows than there are agents, so none is thrown out.
`events_per_idle_cycle` is counted in the histories of agents that ran a dozen idle cycles (at most 11). `agents` is how many
the worker held at the end, a sample of them answering queries.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import tempfile
import time
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from temporalio.api.enums.v1 import EventType
from temporalio.client import Client

from benchmarks.conditions import conditions, options_of, progress
from benchmarks.fleet import Fleet, Recipe, workflow_id
from benchmarks.memory import settled_pss_mb
from benchmarks.servers import temporal
from domain.agents import AgentConfig, AgentMode
from tests.stack.full import FullStack, full_stack

AGENTS_PER_ACCOUNT = 100
PROBES = 3
PROBE_CYCLES = 12
SAMPLE = 30
SPARE_CACHE = 500
OTHER_QUEUES = "close,open,read,stream"
IDLE = Recipe(cycle=timedelta(hours=6), mode=AgentMode.SIMULATE)
PROBE = Recipe(cycle=timedelta(seconds=2), mode=AgentMode.SIMULATE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Holding:
    """What was measured."""

    before_mb: float
    after_mb: float
    added: int
    events: float
    slowest_query_ms: float

    @property
    def mb_per_agent(self) -> float:
        """Growth per agent."""
        return (self.after_mb - self.before_mb) / self.added


def main() -> None:
    """Measure and print; the last line is name=value pairs."""
    parser = options_of("agents", __doc__)
    parser.add_argument("--agents", type=int, default=1100, help="how many in the end")
    parser.add_argument("--first", type=int, default=100, help="how many before the first reading")
    parser.add_argument("--within", type=float, default=1800.0, help="seconds that the first cycles may take")
    options = parser.parse_args()
    with (
        tempfile.TemporaryDirectory() as folder,
        temporal(options.server, Path(folder)) as address,
        full_stack(Path(folder) / "stack", workers=0, temporal_address=address, deadline=8, lag=10) as stack,
    ):
        found = asyncio.run(_measure(stack, options))
    print(conditions(options.server))
    print(
        f"worker    {found.before_mb:8.1f} MB with {options.first} agents, {found.after_mb:.1f} MB with {options.agents}"
    )
    print(f"queries   {found.slowest_query_ms:8.1f} ms, the slowest of {SAMPLE} agents at random")
    print(
        f"mb_per_agent={found.mb_per_agent:.3f} events_per_idle_cycle={found.events:.1f} agents={options.agents}",
        flush=True,
    )


async def _measure(stack: FullStack, options: argparse.Namespace) -> Holding:
    fleet, total = Fleet(stack), options.agents
    accounts = fleet.accounts(-(-total // AGENTS_PER_ACCOUNT))
    places = [(accounts[number // AGENTS_PER_ACCOUNT], "BTC") for number in range(total)]
    everybody = fleet.add(places, IDLE)
    probes = fleet.add(places[:PROBES], PROBE)
    holder = stack.add_worker("workflow", WORKER_CACHED_WORKFLOWS=str(total + SPARE_CACHE))
    stack.add_worker(OTHER_QUEUES)
    assert holder.process is not None
    client = await stack.client()
    with progress() as bar:
        events = await _events_per_cycle(fleet, client, probes)
        task = bar.add_task("agents", total=total)

        def told(more: int) -> None:
            bar.advance(task, more)

        await _run(fleet, client, everybody[: options.first], told, options.within)
        before = await asyncio.to_thread(settled_pss_mb, holder.process.pid)
        await _run(fleet, client, everybody[options.first :], told, options.within)
        after = await asyncio.to_thread(settled_pss_mb, holder.process.pid)
    slowest = await _slowest_query(client, everybody)
    return Holding(
        before_mb=before, after_mb=after, added=total - options.first, events=events, slowest_query_ms=slowest
    )


async def _run(fleet: Fleet, client: Client, configs: list[AgentConfig], told: object, within: float) -> None:
    """Start agents and let each do its first cycle."""
    await fleet.start(client, configs, lambda _: None)
    await fleet.wait_for_cycle(configs, 1, told, within=within)  # type: ignore[arg-type]


async def _events_per_cycle(fleet: Fleet, client: Client, probes: list[AgentConfig]) -> float:
    """Let agents do idle cycles, count the events from one decision to the next, and stop them."""
    await fleet.start(client, probes, lambda _: None)
    await fleet.wait_for_cycle(probes, PROBE_CYCLES, lambda _: None, within=300)
    counts = [await _spacing(client, probe) for probe in probes]
    for probe in probes:
        await client.get_workflow_handle(workflow_id(probe)).signal("stop")
        await client.get_workflow_handle(workflow_id(probe)).result()
    return max(counts)


async def _spacing(client: Client, probe: AgentConfig) -> float:
    scheduled = [
        event.event_id
        async for event in client.get_workflow_handle(workflow_id(probe)).fetch_history_events()
        if event.event_type == EventType.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED
    ]
    return (scheduled[-1] - scheduled[0]) / (len(scheduled) - 1)


async def _slowest_query(client: Client, configs: list[AgentConfig]) -> float:
    """Ask some agents for their status: a workflow that fell out of the cache has to be replayed first."""
    slowest = 0.0
    for config in random.sample(configs, min(SAMPLE, len(configs))):
        begun = time.perf_counter()
        await client.get_workflow_handle(workflow_id(config)).query("status")
        slowest = max(slowest, 1000 * (time.perf_counter() - begun))
    return slowest


if __name__ == "__main__":
    main()
