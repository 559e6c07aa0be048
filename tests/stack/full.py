"""A whole stack of real parts: Postgres, Temporal, a paper exchange and workers as processes."""

from __future__ import annotations

import base64
import os
import secrets
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy import select
from temporalio.client import Client

from api.starts import intent_of
from domain.intents import TERMINAL_PHASES, Intent, IntentPhase
from runtime.loading import load_settings
from runtime.postgres import Postgres
from runtime.secrets import KeyRing
from runtime.settings import Settings
from runtime.temporal_client import connect
from runtime.temporal_server import TemporalServer, find_temporal
from storage.migrations.upgrade import upgrade
from storage.postgres.engine import transaction
from storage.postgres.tables import intents, orders
from tests.stack.paper import ROOT, Paper
from tests.stack.trading import Bench, addresses, bench
from workflows import attributes


@dataclass
class WorkerProcess:
    """One `python -m worker`."""

    environment: dict[str, str]
    log: Path
    queues: str = "all"
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it and wait until it serves."""
        before = self.log.stat().st_size if self.log.exists() else 0
        with self.log.open("ab") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "worker", "--queues", self.queues],
                cwd=ROOT,
                env=self.environment,
                stdout=output,
                stderr=output,
            )
        deadline = time.monotonic() + 60
        while b"serving" not in self.log.read_bytes()[before:]:
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(self.log.read_text()[-3000:])
            time.sleep(0.1)

    @property
    def is_running(self) -> bool:
        """Whether the process lives."""
        return self.process is not None and self.process.poll() is None

    def signal(self, number: int) -> None:
        """Send a signal."""
        if self.process is not None and self.is_running:
            os.kill(self.process.pid, number)

    def stop(self) -> None:
        """End it cleanly, by force after a while."""
        if self.process is None:
            return
        self.signal(signal.SIGCONT)
        self.signal(signal.SIGTERM)
        try:
            self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait(10)


@dataclass
class FullStack:
    """The running parts. `bench` looks at the same database and venue from this process."""

    home: Path
    postgres: Postgres
    temporal_address: str
    paper: Paper
    bench: Bench
    settings: Settings
    environment: dict[str, str]
    workers: list[WorkerProcess] = field(default_factory=list)

    def add_worker(self, queues: str = "all", **more: str) -> WorkerProcess:
        """Start one more worker."""
        number = len(self.workers)
        worker = WorkerProcess({**self.environment, **more}, self.home / f"worker-{number}.log", queues)
        self.workers.append(worker)
        worker.start()
        return worker

    def filled(self, intent_ids: set[str]) -> set[str]:
        """Which of some intents have been filled, by the read model."""
        phases = [phase.value for phase in (IntentPhase.FILLED, IntentPhase.PROTECTED)]
        query = select(intents.c.id).where(intents.c.id.in_(intent_ids), intents.c.phase.in_(phases))
        with transaction(self.bench.engine) as connection:
            return set(connection.scalars(query))

    def ended(self, intent_ids: set[str]) -> set[str]:
        """Which of some intents have ended."""
        phases = [phase.value for phase in TERMINAL_PHASES]
        query = select(intents.c.id).where(intents.c.id.in_(intent_ids), intents.c.phase.in_(phases))
        with transaction(self.bench.engine) as connection:
            return set(connection.scalars(query))

    def phases(self, intent_ids: set[str]) -> dict[str, int]:
        """How many of some intents are in which phase, with the reason."""
        query = select(intents.c.phase, intents.c.reason).where(intents.c.id.in_(intent_ids))
        with transaction(self.bench.engine) as connection:
            return dict(Counter(f"{row.phase} {row.reason}" for row in connection.execute(query)))

    def decision_to_order_ms(self) -> list[float]:
        """Milliseconds from decision to send of every opening order."""
        query = select(orders.c.sent_at, intents.c.decided_at).where(
            orders.c.intent_id == intents.c.id, orders.c.opening, orders.c.sent_at.is_not(None)
        )
        with transaction(self.bench.engine) as connection:
            return [(row.sent_at - row.decided_at).total_seconds() * 1000 for row in connection.execute(query)]

    async def client(self) -> Client:
        """Connect as the worker does."""
        return await connect(self.settings, self.bench.ring)


async def start_intent(client: Client, intent: Intent) -> None:
    """Start an intent as the API does: its tasks are fair to other users' and its id is never used twice."""
    start = intent_of(intent)
    await client.start_workflow(start.kind, start.argument, id=start.id, **start.keywords)


@contextmanager
def full_stack(
    home: Path,
    *,
    workers: int = 1,
    deadline: int = 2,
    lag: int = 2,
    paper_options: tuple[str, ...] = (),
    venues: tuple[str, ...] = (),
    temporal_address: str = "",
    durable: bool = True,
    **environment: str,
) -> Iterator[FullStack]:
    """Start everything in a folder and stop it again; `venues` are further paper exchanges beside Hyperliquid's."""
    home.mkdir(parents=True, exist_ok=True)
    relaxed = {} if durable else {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
    binary = find_temporal(load_settings({}, env_file=None).holdfast_cache)
    with Postgres(home / "pg", settings={"max_connections": "200", **relaxed}) as postgres:
        upgrade(postgres.url)
        temporal = None
        if not temporal_address:
            temporal = TemporalServer(
                binary,
                database=home / "temporal.db",
                log=home / "temporal.log",
                headless=True,
                search_attributes=attributes.NAMES,
            )
            temporal_address = temporal.start()
        try:
            with ExitStack() as opened:
                paper = opened.enter_context(Paper(home / "paper", extra=paper_options))
                others = tuple(
                    opened.enter_context(Paper(home / venue, venue=venue, extra=paper_options)) for venue in venues
                )
                given = {**addresses(others), **environment}
                stack = opened.enter_context(
                    _parts(home, postgres, temporal_address, paper, deadline, lag, given, others)
                )
                for _ in range(workers):
                    stack.add_worker()
                yield stack
        finally:
            if temporal is not None:
                temporal.stop()


@contextmanager
def _parts(
    home: Path,
    postgres: Postgres,
    temporal_address: str,
    paper: Paper,
    deadline: int,
    lag: int,
    more: dict[str, str],
    others: tuple[Paper, ...],
) -> Iterator[FullStack]:
    text = f"test:{base64.b64encode(secrets.token_bytes(32)).decode()}"
    ring = KeyRing.parse(text)
    (home / "home").mkdir(exist_ok=True)
    # The bench registers the epoch as this deployment; a worker under another id would wait for a person.
    (home / "home" / "deployment.id").write_text("test")
    given = {
        "HOLDFAST_ENV": "testing",
        "HOLDFAST_HOME": str(home / "home"),
        "DATABASE_URL": postgres.url,
        "TEMPORAL_ADDRESS": temporal_address,
        "HYPERLIQUID_URL": paper.url,
        # The paper exchange counts nothing here: limits have tests of their own.
        "HYPERLIQUID_WEIGHT_PER_MINUTE": "10000000",
        "ORDER_DEADLINE_SECONDS": str(deadline),
        "LOOKUP_LAG_SECONDS": str(lag),
        "HOLDFAST_MASTER_KEY": text,
        **more,
    }
    looking = bench(paper, postgres.url, home / "home", ring, others=others, DATABASE_POOL_SIZE="5")
    stack = FullStack(
        home=home,
        postgres=postgres,
        temporal_address=temporal_address,
        paper=paper,
        bench=looking,
        settings=load_settings(given, env_file=None),
        environment={**os.environ, **given},
    )
    try:
        yield stack
    finally:
        for worker in stack.workers:
            worker.stop()
        looking.close()
