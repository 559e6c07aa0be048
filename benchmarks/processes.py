"""Worker processes of the baselines."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

from temporalio.worker import Worker

from benchmarks.baseline import OneActivity, do_nothing
from runtime.loading import load_settings
from runtime.secrets import KeyRing
from runtime.temporal_client import connect
from tests.stack.full import FullStack
from tests.stack.paper import ROOT


@contextmanager
def baseline_worker(stack: FullStack, queue: str) -> Iterator[None]:
    """Run the baseline in a process like the worker's: same client, converter and encryption."""
    process = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.processes", queue], cwd=ROOT, env=stack.environment, stdout=subprocess.PIPE
    )
    try:
        assert process.stdout is not None
        process.stdout.readline()
        yield
    finally:
        process.terminate()
        process.wait(20)


async def _serve(queue: str) -> None:
    settings = load_settings()
    client = await connect(settings, KeyRing.of(settings))
    with ThreadPoolExecutor(64) as pool:
        worker = Worker(
            client,
            task_queue=queue,
            workflows=[OneActivity],
            activities=[do_nothing],
            activity_executor=pool,
            max_concurrent_activities=64,
        )
        print("serving", flush=True)
        await worker.run()


if __name__ == "__main__":
    asyncio.run(_serve(sys.argv[1]))
