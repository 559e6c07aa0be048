"""The life of a shard."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from temporalio import activity
from temporalio.client import WorkflowHandle
from temporalio.exceptions import ApplicationError
from temporalio.testing import WorkflowEnvironment

from domain.supervision import ShardReport, ShardRun
from tests.workflows.fakes import Fleet, until
from workflows import ids
from workflows.stream_shard.messages import StreamShardInput
from workflows.stream_shard.workflow import StreamShardWorkflow


@dataclass
class Watch:
    """The shard's activity: it runs until it is told to end, fails, or is cancelled."""

    ends: asyncio.Event = field(default_factory=asyncio.Event)
    fails: int = 0
    runs: list[ShardRun] = field(default_factory=list)
    cancelled: int = 0

    def activities(self) -> list[Callable[..., Any]]:
        @activity.defn(name="run_shard")
        async def run_shard(run: ShardRun) -> ShardReport:
            self.runs.append(run)
            if len(self.runs) <= self.fails:
                raise ApplicationError("the worker died", type="crash")
            try:
                while not self.ends.is_set():
                    activity.heartbeat(len(self.runs))
                    await asyncio.sleep(0.05)
            except asyncio.CancelledError:
                self.cancelled += 1
                raise
            self.ends.clear()
            return ShardReport(accounts=2, syncs=len(self.runs))

        return [run_shard]


async def start(environment: WorkflowEnvironment, *, max_rounds: int = 0) -> WorkflowHandle[Any, Any]:
    return await environment.client.start_workflow(
        StreamShardWorkflow.run,
        StreamShardInput(venue="hyperliquid", network="paper", max_rounds=max_rounds),
        id=ids.stream("hyperliquid", "default", 0),
        task_queue=ids.QUEUE_WORKFLOW,
    )


def fleet(environment: WorkflowEnvironment, watch: Watch) -> Fleet:
    return Fleet(environment.client, workflows=[StreamShardWorkflow], activities=watch.activities())


async def test_a_watch_that_has_ended_begins_again(time_skipping: WorkflowEnvironment) -> None:
    watch = Watch()
    async with fleet(time_skipping, watch):
        handle = await start(time_skipping)
        await until(lambda: len(watch.runs) == 1)
        watch.ends.set()
        await until(lambda: len(watch.runs) == 2)
        report: ShardReport = await handle.query(StreamShardWorkflow.status)
        await handle.terminate()
    assert report == ShardReport(accounts=2, syncs=1)
    assert watch.runs[0].sync_every == timedelta(seconds=30)


async def test_a_watch_that_broke_is_retried(time_skipping: WorkflowEnvironment) -> None:
    watch = Watch(fails=2)
    async with fleet(time_skipping, watch):
        handle = await start(time_skipping)
        await until(lambda: len(watch.runs) == 3)
        await handle.terminate()


async def test_a_reassignment_begins_the_watch_anew(time_skipping: WorkflowEnvironment) -> None:
    watch = Watch()
    async with fleet(time_skipping, watch):
        handle = await start(time_skipping)
        await until(lambda: len(watch.runs) == 1)
        await handle.signal("reassign")
        await until(lambda: len(watch.runs) == 2)
        await until(lambda: watch.cancelled == 1)
        await handle.terminate()


async def test_a_shard_continues_as_new_between_two_watches(time_skipping: WorkflowEnvironment) -> None:
    watch = Watch()
    async with fleet(time_skipping, watch):
        handle = await start(time_skipping, max_rounds=1)
        await until(lambda: len(watch.runs) == 1)
        watch.ends.set()
        await until(lambda: len(watch.runs) >= 2)
        current = await time_skipping.client.get_workflow_handle(handle.id).describe()
        await time_skipping.client.get_workflow_handle(handle.id).terminate()
    assert current.run_id != handle.first_execution_run_id
