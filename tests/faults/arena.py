"""The arena: one whole stack that serves many runs, kept alive while parts of it are killed, stopped and cut off."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import time
import uuid
from collections.abc import AsyncIterator, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path

from sqlalchemy import func, select
from temporalio.client import Client

from domain.accounts import AccountRef
from runtime.loading import load_settings
from runtime.temporal_server import TemporalServer, find_temporal
from storage.postgres.engine import transaction
from storage.postgres.tables import portfolios
from tests.faults.proxy import Proxy
from tests.faults.sites import Site, sites_of
from tests.stack.full import FullStack, full_stack
from wiring.venues import HYPERLIQUID
from workflows import attributes

WORKERS = 2
COINS = ("BTC", "ETH", "SOL", "HYPE", "BNB")
ASTER_DEADLINE = "11"
"""Seconds. The venue admits a nonce for ten; less would be a fence that it does not keep."""


@dataclass(kw_only=True)
class Arena:
    """The stack, its keeper and what may be broken."""

    stack: FullStack
    temporal: TemporalServer
    sites: dict[str, Site]
    venue_proxies: dict[str, list[Proxy]]
    temporal_proxies: list[Proxy]
    client: Client | None = None
    places: dict[str, asyncio.Lock] = field(default_factory=dict)
    put_back: dict[str, float] = field(default_factory=dict)
    """When a price that a run had moved was put back, by venue and coin."""
    keeper: asyncio.Task[None] | None = None
    accounts: dict[str, list[AccountRef]] = field(default_factory=dict)
    restarts: int = 0

    @property
    def running_client(self) -> Client:
        """The Temporal client."""
        assert self.client is not None
        return self.client

    @property
    def fail_points(self) -> Path:
        """Where orders for fail points are left."""
        folder = self.stack.home / "home" / "run" / "fail-points"
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    async def account(self, venue: str) -> AccountRef:
        """Take an account that the streams have heard of; one made later would be heard within fifteen seconds."""
        if self.accounts.get(venue):
            return self.accounts[venue].pop()
        return await asyncio.to_thread(_new_account, self.stack, venue)

    def place(self, name: str) -> asyncio.Lock:
        """One order at a time lies at a place."""
        return self.places.setdefault(name, asyncio.Lock())

    async def keep(self) -> None:
        """Bring back workers that died."""
        while True:
            for worker in self.stack.workers:
                if not worker.is_running:
                    self.restarts += 1
                    with contextlib.suppress(RuntimeError):
                        await asyncio.to_thread(worker.start)
            await asyncio.sleep(0.2)


@asynccontextmanager
async def arena(home: Path, accounts: Mapping[str, int]) -> AsyncIterator[Arena]:
    """Start a stack with two workers, each behind proxies of its own, and so many funded accounts at each venue."""
    with _parts(home, accounts) as made:
        made.client = await made.stack.client()
        made.keeper = asyncio.create_task(made.keep())
        try:
            yield made
        finally:
            made.keeper.cancel()
            for worker in made.stack.workers:
                worker.signal(signal.SIGCONT)


@contextmanager
def _parts(home: Path, accounts: Mapping[str, int]) -> Iterator[Arena]:
    home.mkdir(parents=True, exist_ok=True)
    temporal = TemporalServer(
        find_temporal(load_settings({}, env_file=None).holdfast_cache),
        database=home / "temporal.db",
        log=home / "temporal.log",
        headless=True,
        search_attributes=attributes.NAMES,
    )
    address = temporal.start()
    proxies: list[Proxy] = []
    try:
        others = tuple(venue for venue in accounts if venue != HYPERLIQUID)
        with full_stack(
            home / "stack",
            workers=0,
            temporal_address=address,
            paper_options=("--coins", ",".join(COINS)),
            venues=others,
            ASTER_DEADLINE_SECONDS=ASTER_DEADLINE,
        ) as stack:
            sites = sites_of(stack.bench)
            for site in sites.values():
                # Runs share the markets: what one trades must not move the book in which another one rests.
                site.paper.post("settings", impact="0")
            to_venue = {name: [Proxy(site.paper.port) for _ in range(WORKERS)] for name, site in sites.items()}
            to_server = [Proxy(int(address.rpartition(":")[2])) for _ in range(WORKERS)]
            proxies += [*chain(*to_venue.values()), *to_server]
            for proxy in proxies:
                proxy.start()
            # Made before the workers start, which listen to the accounts that they find.
            funded = {venue: [_new_account(stack, venue) for _ in range(count)] for venue, count in accounts.items()}
            with ThreadPoolExecutor(WORKERS) as threads:
                starts = [
                    threads.submit(_add_worker, stack, {name: made[number] for name, made in to_venue.items()}, server)
                    for number, server in enumerate(to_server)
                ]
                for start in starts:
                    start.result()
            _wait_until_known(stack, sum(accounts.values()))
            yield Arena(
                stack=stack,
                temporal=temporal,
                sites=sites,
                venue_proxies=to_venue,
                temporal_proxies=to_server,
                accounts=funded,
            )
    finally:
        for proxy in proxies:
            proxy.stop()
        temporal.stop()


def _add_worker(stack: FullStack, venues: Mapping[str, Proxy], server: Proxy) -> None:
    urls = {f"{name.upper()}_URL": f"http://127.0.0.1:{proxy.port}" for name, proxy in venues.items()}
    stack.add_worker(**urls, TEMPORAL_ADDRESS=f"127.0.0.1:{server.port}")


def _new_account(stack: FullStack, venue: str) -> AccountRef:
    return stack.bench.account(f"user-{uuid.uuid4()}", usdc="100000", venue=venue)


def _wait_until_known(stack: FullStack, accounts: int) -> None:
    """Wait until every account was looked at once: right after a start the first looks stand in line."""
    deadline = time.monotonic() + 120
    while True:
        with transaction(stack.bench.engine) as connection:
            known = connection.scalar(select(func.count()).select_from(portfolios)) or 0
        if known >= accounts or time.monotonic() > deadline:
            return
        time.sleep(0.2)
