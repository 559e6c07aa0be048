"""The worker: settings, adapters and activities put together, and served until a signal. `python -m worker --help`."""

import argparse
import asyncio
import gc
import os
import signal
import sys
import time
import uuid
from contextlib import AbstractAsyncContextManager, nullcontext, suppress
from datetime import timedelta
from pathlib import Path

import structlog
from sqlalchemy import Engine
from temporalio.client import Client
from temporalio.worker import Worker

from domain.errors import HoldfastError
from domain.halts import HaltFlag
from runtime.errors import SetupError
from runtime.loading import load_settings
from runtime.metrics import Metrics, serve_metrics
from runtime.secrets import KeyRing
from runtime.settings import Settings
from runtime.telemetry import configure_logging, init_sentry
from runtime.temporal_client import connect
from storage.postgres import schema
from storage.postgres.accounts import PostgresAccounts
from storage.postgres.engine import engine as make_engine
from storage.postgres.epochs import PostgresEpochs
from storage.postgres.events import PostgresEvents
from storage.postgres.halts import PostgresHalts
from wiring.account_keys import account_keys
from wiring.activities import Assembly, Wired
from wiring.executions import TemporalExecutions
from wiring.fail_points import fail_point_of
from wiring.fence import Ground
from wiring.halts_heard import heeding_halts
from wiring.heartbeat import beating
from wiring.kinds import WORKFLOWS
from wiring.notices import StoredNotices
from wiring.pools import Pool, activity_worker, serve, workflow_worker
from wiring.venues import VENUES, connections
from workflows import attributes, ids, options
from workflows.platform.messages import PlatformInput

HALT_THREADS = 12
"""For `hf-halt`: two commits and four followers of narrower halts, the platform's own four steps, and some to spare."""
QUEUES = ("workflow", "close", "open", "read", "stream")
# A stream's activity is resumed elsewhere at once; what it has under way is idempotent.
STREAM_DRAIN = timedelta(seconds=2)
GARBAGE_LOOK = 20_000
"""New objects after which the collector looks at the young ones; by the default of 700 an intent makes it look a dozen times."""
LAST_MOMENT_SECONDS = 0.3


def main() -> None:
    """Serve the queues that are asked for until SIGINT or SIGTERM; exit 3 for set-up, 1 when a worker fails."""
    options = argparse.ArgumentParser(prog="worker", description="Serve task queues of Holdfast.")
    options.add_argument("--queues", default="all", help=f"all, or of {', '.join(QUEUES)}, separated by commas or |")
    queues = chosen_queues(options.parse_args().queues)
    # The sandbox loads a workflow's file anew for each run. Without bytecode each run compiles it, a fifth of a worker's time,
    # and containers often set PYTHONDONTWRITEBYTECODE.
    sys.dont_write_bytecode = False
    try:
        settings = load_settings()
        configure_logging(settings, f"worker-{os.getpid()}")
        init_sentry(settings, "worker")
        asyncio.run(run(settings, queues))
    except (SetupError, HoldfastError) as failure:
        sys.stderr.write(f"{failure.message} {failure.action} [{failure.code}]\n")
        sys.exit(3)
    # The SDK's threads may still hold the interpreter: leaving at once ends in a segmentation fault now and then.
    time.sleep(LAST_MOMENT_SECONDS)


def chosen_queues(text: str) -> frozenset[str]:
    """Read --queues; leave with one sentence when a name is unknown."""
    names = frozenset(name.strip() for name in text.replace("|", ",").split(",") if name.strip())
    if names == {"all"}:
        return frozenset(QUEUES)
    if unknown := sorted(names - set(QUEUES)):
        sys.exit(f"Unknown queue {unknown[0]}; there are all, {', '.join(QUEUES)}. [bad_queue]")
    return names


async def run(settings: Settings, queues: frozenset[str]) -> None:
    """Connect everything, start what always runs, and serve."""
    stop = _stopped_by_signals()
    engine = _engine(settings)
    deployment = deployment_id(settings.holdfast_home)
    await asyncio.to_thread(_prepare_database, engine, settings, deployment)
    keys = KeyRing.of(settings)
    client = await connect(settings, keys)
    executions = TemporalExecutions(client, sync_every=settings.sync_interval)
    venues = connections(settings, account_keys(engine, keys))
    metrics = Metrics()
    port = serve_metrics(settings.metrics_port)
    ground = Ground(
        settings=settings,
        engine=engine,
        keys=keys,
        venues=venues.directory(),
        executions=executions,
        notifier=StoredNotices(PostgresEvents(engine)),
        reached=fail_point_of(settings),
    )
    wired = Assembly(ground, venues.streams(), metrics, deployment).wired()
    workers = workers_of(client, settings, queues, wired)
    about = {"queues": sorted(queues), "metrics_port": port}
    async with beating(settings.holdfast_home, "worker", about), _heeding(engine, ground, queues):
        if "workflow" in queues:
            await _start_standing(client, executions, engine)
        _leave_alone_what_stays()
        structlog.get_logger("worker").info("serving", **about)
        await serve(workers, stop)
    venues.close()
    engine.dispose()


def workers_of(client: Client, settings: Settings, queues: frozenset[str], wired: Wired) -> list[Worker]:
    """Make the workers of the chosen queues; every pool knows every activity, the queue decides whose threads it takes."""
    threads = settings.worker_threads
    pools = (
        # Who closes also halts: a drain must not wait for a thread until closes and looks for unknown orders are done.
        ("close", Pool(queue=ids.QUEUE_HALT, activities=wired.blocking, threads=HALT_THREADS)),
        ("close", Pool(queue=ids.QUEUE_CLOSE, activities=wired.blocking, threads=threads)),
        *(
            ("open", Pool(queue=ids.queue_open(venue), activities=wired.blocking, threads=2 * threads))
            for venue in VENUES
        ),
        ("read", Pool(queue=ids.QUEUE_READ, activities=wired.blocking, threads=2 * threads)),
        ("stream", Pool(queue=ids.QUEUE_STREAM, activities=wired.streams, drain=STREAM_DRAIN)),
    )
    workers = [activity_worker(client, pool) for name, pool in pools if name in queues]
    if "workflow" in queues:
        cached, at_once = settings.worker_cached_workflows, settings.worker_workflow_tasks
        workers.append(workflow_worker(client, WORKFLOWS, cached=cached, at_once=at_once))
    return workers


def deployment_id(home: Path) -> str:
    """Read this deployment's id, made at first use: a copied database meets another one, and opens nothing."""
    file = home / "deployment.id"
    home.mkdir(parents=True, exist_ok=True)
    with suppress(FileExistsError), file.open("x", encoding="ascii") as output:
        output.write(str(uuid.uuid4()))
    return file.read_text(encoding="ascii").strip()


def _leave_alone_what_stays() -> None:
    """Have the collector of cycles look at what is new: half a million objects of modules live as long as the process."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(GARBAGE_LOOK)


def _engine(settings: Settings) -> Engine:
    if settings.database_url is None:
        raise SetupError("no_postgres", "DATABASE_URL is not set.", "Set it, or start everything with `holdfast up`.")
    return make_engine(
        settings.database_url.get_secret_value(),
        pool_size=settings.database_pool_size,
        max_overflow=settings.database_pool_overflow,
        pool_wait=timedelta(seconds=settings.database_pool_wait_seconds),
    )


def _prepare_database(engine: Engine, settings: Settings, deployment: str) -> None:
    schema.check(engine)
    PostgresEpochs(engine).register(deployment)
    if settings.trading_halted:
        PostgresHalts(engine).commit(HaltFlag(reason="TRADING_HALTED is set.", by="settings"))


async def _start_standing(client: Client, executions: TemporalExecutions, engine: Engine) -> None:
    """Start what always runs: the platform's workflow, and a stream for each shard of accounts."""
    await client.start_workflow(
        "PlatformWorkflow",
        PlatformInput(),
        id=ids.PLATFORM,
        task_queue=ids.QUEUE_WORKFLOW,
        search_attributes=attributes.of(phase="open"),
        static_summary="halts, broadcasts and the watchdog",
        # Behind the backlog of an overloaded worker a halt would be closed and not drained for minutes.
        priority=options.HALTS,
        task_timeout=options.HALT_TASK,
        # The database may be in a new epoch, in which opens wait until the halts in force are back.
        start_signal="watch_now",
    )
    shards = await asyncio.to_thread(PostgresAccounts(engine).shards)
    await asyncio.to_thread(executions.ensure_shards, shards)


def _heeding(engine: Engine, ground: Ground, queues: frozenset[str]) -> AbstractAsyncContextManager[None]:
    """Listen for halts where there are opens that give way to them."""
    return heeding_halts(engine, ground.giving_way) if "open" in queues else nullcontext()


def _stopped_by_signals() -> asyncio.Event:
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    return stop


if __name__ == "__main__":
    main()
