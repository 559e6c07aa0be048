"""Workers of a process: one for workflows, and pools of their own for each queue, since priority does not preempt."""

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from temporalio.client import Client
from temporalio.worker import Worker

from workflows import ids, sandbox

DRAIN = timedelta(seconds=15)
"""Time for running activities to finish when a worker stops: a send in flight then need not be resolved by the next."""

STREAMS_AT_ONCE = 200

TASKS_TO_A_POLL = 4
"""A poll that waits holds a place among the tasks that are under way at once."""

BEAT = timedelta(seconds=1)
"""Heartbeats reach the server this often; the SDK would keep them back for four fifths of the time-out, which leaves no slack."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pool:
    """One task queue with threads of its own; `threads` 0 means that its activities are async."""

    queue: str
    activities: Sequence[Callable[..., Any]]
    threads: int = 0
    per_second: float | None = None
    drain: timedelta = DRAIN


def workflow_worker(client: Client, kinds: Sequence[type], *, cached: int, at_once: int) -> Worker:
    """Make the worker that runs workflows and nothing else; `at_once` tasks of them are under way.

    By the SDK's default they are a hundred. Priorities order what waits at the server, not what has been handed out: behind the
    first tasks of hundreds of intents, a stop's own waited for the most of a second.
    """
    return Worker(
        client,
        task_queue=ids.QUEUE_WORKFLOW,
        workflows=kinds,
        workflow_runner=sandbox.runner(),
        max_cached_workflows=cached,
        max_concurrent_workflow_tasks=at_once,
        # One of them for new executions, the others for those that are in memory; the SDK asks for two.
        max_concurrent_workflow_task_polls=max(at_once // TASKS_TO_A_POLL, 2),
        # A dead worker's executions move to another one after this; ten seconds, the default, are long for a position.
        sticky_queue_schedule_to_start_timeout=timedelta(seconds=2),
        graceful_shutdown_timeout=timedelta(seconds=5),
    )


def activity_worker(client: Client, pool: Pool) -> Worker:
    """Make the worker of one queue; as many threads as slots, or slots would be taken and wait for a thread."""
    slots = pool.threads or STREAMS_AT_ONCE
    executor = ThreadPoolExecutor(pool.threads, thread_name_prefix=pool.queue) if pool.threads else None
    return Worker(
        client,
        task_queue=pool.queue,
        activities=pool.activities,
        activity_executor=executor,
        max_concurrent_activities=slots,
        max_task_queue_activities_per_second=pool.per_second,
        max_heartbeat_throttle_interval=BEAT,
        graceful_shutdown_timeout=pool.drain,
    )


async def serve(workers: Sequence[Worker], stop: asyncio.Event) -> None:
    """Run workers until `stop` is set or one of them fails; then drain all of them."""
    runs = [asyncio.create_task(worker.run()) for worker in workers]
    asked = asyncio.create_task(stop.wait())
    await asyncio.wait([*runs, asked], return_when=asyncio.FIRST_COMPLETED)
    asked.cancel()
    await asyncio.gather(*(worker.shutdown() for worker, run in zip(workers, runs, strict=True) if not run.done()))
    await asyncio.gather(*runs)
