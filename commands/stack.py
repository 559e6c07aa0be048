"""One deployment on this machine: Postgres, Temporal, paper exchange, worker and API, started in this order."""

import asyncio
import os
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from types import MappingProxyType

import httpx

from commands.parts import part_died
from commands.steps import Steps
from runtime.errors import SetupError
from runtime.namespaces import prepare_namespace
from runtime.ports import free_port
from runtime.postgres import Postgres
from runtime.processes import Child, Supervisor, wait_for
from runtime.secrets import KeyRing
from runtime.settings import Network, Settings
from runtime.temporal_client import connect
from runtime.temporal_server import TemporalServer, find_temporal
from storage.postgres.accounts import PostgresAccounts
from storage.postgres.engine import engine
from wiring.venues import HYPERLIQUID, TITLES, VENUES
from workflows import attributes

READY_TIMEOUT = timedelta(seconds=60)
WORKER_DRAIN = timedelta(seconds=25)
MOST_RESTARTS = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Feed:
    """The market of the paper exchange: a recorded file pattern, or synthetic from a seed."""

    path: str = ""
    speed: float | None = None
    seed: int | None = None

    @property
    def arguments(self) -> tuple[str, ...]:
        """Options of `python -m paper`."""
        pairs = (("--feed", self.path), ("--speed", self.speed), ("--seed", self.seed))
        return tuple(str(part) for name, value in pairs if value not in {"", None} for part in (name, value))


@dataclass(frozen=True, slots=True, kw_only=True)
class Places:
    """Where the parts answer."""

    database_url: str = field(default="", repr=False)
    temporal_address: str = ""
    temporal_ui: str = ""
    venue_urls: Mapping[str, str] = field(default_factory=dict)
    api_url: str = ""


class Stack:
    """Starts the parts, restarts a worker or an API that dies, and knows where everything is."""

    def __init__(
        self,
        settings: Settings,
        supervisor: Supervisor,
        steps: Steps,
        *,
        feed: Feed,
        venues: tuple[str, ...] = (HYPERLIQUID,),
        extra: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        self._settings = settings
        self._supervisor = supervisor
        self._steps = steps
        self._feed = feed
        self._venues = venues
        self._extra = dict(extra)
        self._starters: dict[str, Callable[[], Child]] = {}
        self._ports: dict[str, int] = {}
        self._restarts = 0
        self._servers: list[tuple[str, Postgres | TemporalServer]] = []
        self.places = Places()

    def start(self, temporal_binary: Path | None) -> Places:
        """Start every part that is not given by a setting and wait until each one answers."""
        self._choose_ports()
        for part in (
            self._start_postgres,
            self._migrate,
            lambda: self._start_temporal(temporal_binary),
            self._start_papers,
            self._start_worker_and_api,
        ):
            if self._supervisor.is_stopping:
                raise KeyboardInterrupt
            part()
        return self.places

    def watch(self, until: Callable[[], bool], interval: timedelta) -> None:
        """Keep the parts alive until `until` holds or the end is asked for; part_died when one cannot be kept."""
        while (dead := self._supervisor.watch(lambda: self._a_server_died() or until(), interval)) is not None:
            self._restart(dead)
        for name, server in self._servers:
            if not server.is_running and not self._supervisor.is_stopping:
                raise SetupError("part_died", f"{name} ended by itself.", f"See {self._settings.logs}.")

    def environment(self) -> dict[str, str]:
        """Return the environment of a child: the user's own, and where the parts are."""
        places = self.places
        values = {
            "HOLDFAST_HOME": str(self._settings.holdfast_home),
            "DATABASE_URL": places.database_url,
            "TEMPORAL_ADDRESS": places.temporal_address,
            **{f"{venue.upper()}_URL": url for venue, url in places.venue_urls.items()},
            "HOLDFAST_API_URL": places.api_url,
            "ALLOWED_ORIGINS": ",".join(
                dict.fromkeys([*self._settings.allowed_origins, *_origins(places.temporal_ui)])
            ),
        }
        return {**os.environ, **self._extra, **{name: value for name, value in values.items() if value}}

    def _start_postgres(self) -> None:
        if self._settings.database_url is not None:
            self.places = replace(self.places, database_url=self._settings.database_url.get_secret_value())
            return
        with self._steps.step("Postgres") as note:
            server = Postgres(self._settings.holdfast_home, port=self._ports["postgres_port"])
            url = server.start()
            self._adopt("Postgres", server)
            self.places = replace(self.places, database_url=url)
            note(f"127.0.0.1:{server.port}")

    def _migrate(self) -> None:
        from storage.migrations.upgrade import upgrade

        with self._steps.step("Migrations"):
            upgrade(self.places.database_url)

    def _start_temporal(self, binary: Path | None) -> None:
        if self._settings.temporal_address is not None:
            with self._steps.step("Temporal") as note:
                asyncio.run(prepare_given(self._settings))
                self.places = replace(self.places, temporal_address=self._settings.temporal_address)
                note(self._settings.temporal_address)
            return
        with self._steps.step("Temporal") as note:
            server = TemporalServer(
                binary or find_temporal(self._settings.holdfast_cache, self._steps.say),
                database=self._settings.holdfast_home / "temporal" / "temporal.db",
                log=self._settings.logs / "temporal.log",
                port=self._ports["temporal_port"],
                ui_port=self._ports["temporal_ui_port"],
                namespace=self._settings.temporal_namespace,
                retention=timedelta(days=self._settings.temporal_retention_days),
                search_attributes=attributes.NAMES,
                codec_endpoint=self._codec_endpoint(),
            )
            address = server.start()
            self._adopt("Temporal", server)
            self.places = replace(self.places, temporal_address=address, temporal_ui=server.ui_url or "")
            note(address)

    def _codec_endpoint(self) -> str:
        """Where the Web UI has payloads decrypted."""
        host, port = self._settings.api_host, self._ports["api_port"]
        return f"http://{host}:{port}/codec/{KeyRing.of(self._settings).codec_tokens()[0]}"

    def _start_papers(self) -> None:
        """Start a paper exchange for each venue that is asked for, and for each that an account is on."""
        known = paper_venues(self.places.database_url)
        for venue in VENUES:
            if needs_paper(self._settings, venue) and (venue in self._venues or venue in known):
                self._choose_port(f"paper_{venue}_port")
                self._start_paper(venue)

    def _start_paper(self, venue: str) -> None:
        with self._steps.step(f"Paper {TITLES[venue]}") as note:
            port = self._ports[f"paper_{venue}_port"]
            state = self._settings.holdfast_home / "paper"
            state.mkdir(parents=True, exist_ok=True)
            command = ["-m", "paper", "--venue", venue, "--port", str(port)]
            command += ["--state", str(state / f"{venue}.sqlite"), *self._feed.arguments]
            url = f"http://127.0.0.1:{port}"
            name = "paper" if venue == HYPERLIQUID else f"paper-{venue}"
            self._await(self._spawn(name, command), lambda: answers(f"{url}/control/health"))
            self.places = replace(self.places, venue_urls={**self.places.venue_urls, venue: url})
            note(url)

    def _start_worker_and_api(self) -> None:
        """Start both at once: each takes seconds to load its libraries."""
        with self._steps.step("Worker and API") as note:
            started = time.time()
            beats = self._settings.holdfast_home / "run"
            host, port = self._settings.api_host, self._ports["api_port"]
            self.places = replace(self.places, api_url=f"http://{host}:{port}")
            worker = self._spawn("worker", ["-m", "worker"], drain=WORKER_DRAIN)
            command = ["-m", "uvicorn", "api.app:app", "--host", host, "--port", str(port), "--log-level", "warning"]
            api = self._spawn("api", command)
            self._await(worker, lambda: has_heartbeat(beats, started))
            self._await(api, lambda: answers(f"{self.places.api_url}/api/health/ready"))
            note(self.places.api_url)

    def _spawn(self, name: str, command: list[str], *, drain: timedelta = timedelta(seconds=10)) -> Child:
        """Start a child of ours; remember how, to start it again."""

        def start() -> Child:
            environment = self.environment()
            return self._supervisor.start(name, [sys.executable, *command], env=environment, stop_timeout=drain)

        self._starters[name] = start
        return start()

    def _await(self, child: Child, is_ready: Callable[[], bool]) -> None:
        """Wait until a child answers; part_died with its last words when it does not."""
        is_over = wait_for(lambda: is_ready() or not child.is_running or self._supervisor.is_stopping, READY_TIMEOUT)
        if self._supervisor.is_stopping:
            raise KeyboardInterrupt
        if not is_over or not child.is_running:
            raise part_died(f"The {child.name} did not start", child.log)

    def _restart(self, dead: Child) -> None:
        self._restarts += 1
        if self._restarts > MOST_RESTARTS:
            raise part_died(f"The {dead.name} keeps ending", dead.log)
        self._steps.say(f"[yellow]The {dead.name} ended with code {dead.returncode}; starting it again.[/yellow]")
        self._supervisor.forget(dead)
        self._starters[dead.name]()

    def _adopt(self, name: str, server: Postgres | TemporalServer) -> None:
        self._supervisor.adopt(name, server.stop)
        self._servers.append((name, server))

    def _a_server_died(self) -> bool:
        return any(not server.is_running for _, server in self._servers)

    def _choose_ports(self) -> None:
        """Choose every port before anything starts; one in use is replaced and said, unless it was set."""
        names = ["api_port"]
        names += ["postgres_port"] if self._settings.database_url is None else []
        names += ["temporal_port", "temporal_ui_port"] if self._settings.temporal_address is None else []
        names += [f"paper_{venue}_port" for venue in self._venues if needs_paper(self._settings, venue)]
        for name in names:
            self._choose_port(name)

    def _choose_port(self, name: str) -> None:
        if name in self._ports:
            return
        wanted: int = getattr(self._settings, name)
        self._ports[name] = free_port(wanted, is_fixed=self._settings.is_set(name))
        if self._ports[name] != wanted:
            self._steps.say(f"  [yellow]Port {wanted} is in use; {name.upper()} is {self._ports[name]} now.[/yellow]")


def needs_paper(settings: Settings, venue: str) -> bool:
    """Say whether a venue is played here: on paper, and not at an address that somebody gave."""
    return settings.network_of(venue) is Network.PAPER and not settings.is_set(f"{venue}_url")


def paper_venues(database_url: str) -> frozenset[str]:
    """Find the venues of the paper accounts that an earlier start has left."""
    books = engine(database_url, pool_size=1, max_overflow=1)
    try:
        return frozenset(account.ref.venue for account in PostgresAccounts(books).active(network="paper"))
    finally:
        books.dispose()


def _origins(ui: str) -> tuple[str, ...]:
    """The Web UI by each of its names: it calls the API for the codec, and a browser is exact about them."""
    return (ui, ui.replace("127.0.0.1", "localhost")) if ui else ()


async def prepare_given(settings: Settings) -> None:
    """Connect to the server of the settings and register what we need there; no_temporal when it does not answer."""
    client = await connect(settings, None)
    retention = timedelta(days=settings.temporal_retention_days)
    await prepare_namespace(client, retention=retention, search_attributes=attributes.NAMES)


def answers(url: str, body: dict[str, str] | None = None) -> bool:
    """Say whether a URL answers 200."""
    try:
        answer = httpx.post(url, json=body, timeout=2) if body else httpx.get(url, timeout=2)
    except httpx.HTTPError:
        return False
    return answer.status_code == httpx.codes.OK


def has_heartbeat(folder: Path, since: float) -> bool:
    """Say whether a worker has written its heartbeat since an instant."""
    return any(file.stat().st_mtime >= since for file in folder.glob("worker-*.json"))
