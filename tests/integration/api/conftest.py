"""A served API: uvicorn in a thread, a worker of stand-ins in another."""

from __future__ import annotations

import asyncio
import secrets
import threading
import time
import uuid
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar

import httpx
import pytest
import uvicorn
from prometheus_client import CollectorRegistry
from sqlalchemy import Engine
from structlog.contextvars import merge_contextvars
from structlog.testing import capture_logs
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from api.app import Given, create_app
from api.deps import Parts
from domain.accounts import AccountRef
from runtime.loading import load_settings
from runtime.namespaces import prepare_namespace
from runtime.ports import free_port
from runtime.postgres import Postgres
from runtime.secrets import KeyRing
from runtime.settings import Settings
from runtime.temporal_client import connect
from runtime.temporal_server import TemporalServer
from storage.postgres.engine import engine as make_engine
from storage.postgres.users import PostgresUsers
from storage.records import Scope
from tests.integration.api import stand_ins
from tests.stack.paper import Paper
from workflows import attributes, ids

T = TypeVar("T")


class Background:
    """An event loop in a thread."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()

    def run(self, call: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(call, self._loop).result(30)

    def stop(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()


@dataclass(frozen=True, slots=True, kw_only=True)
class Temporal:
    """A namespace of these tests' own, so that the fixed id `platform` is nobody else's."""

    client: Client
    address: str
    namespace: str
    loop: Background


class Api:
    """One user's view of the served API."""

    def __init__(self, base_url: str, key: str, name: str = "") -> None:
        self.base_url = base_url
        self.name = name
        self.key = key
        self.http = httpx.Client(base_url=base_url, timeout=20, headers={"Authorization": f"Bearer {key}"})

    def get(self, path: str, **keywords: Any) -> httpx.Response:
        return self.http.get(path, **keywords)

    def post(self, path: str, body: object = None, *, key: str = "", **headers: str) -> httpx.Response:
        given = {"Idempotency-Key": key or str(uuid.uuid4()), **headers}
        return self.http.post(path, json={} if body is None else body, headers=given)

    def patch(self, path: str, body: object) -> httpx.Response:
        return self.http.patch(path, json=body)

    def delete(self, path: str) -> httpx.Response:
        return self.http.delete(path)

    def code(self, answer: httpx.Response) -> str:
        return str(answer.json()["error"]["code"])


class Served:
    """The API as a process would run it, and the ports behind it."""

    def __init__(self, app: Any, port: int, engine: Engine) -> None:
        self.base_url = f"http://127.0.0.1:{port}"
        self.engine = engine
        self.app = app
        self._port = port
        config = uvicorn.Config(app, host="127.0.0.1", port=port, log_config=None, timeout_graceful_shutdown=2)
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run, daemon=True)
        self._clients: list[Api] = []

    @property
    def parts(self) -> Parts:
        found: Parts = self.app.state.parts
        return found

    def start(self) -> None:
        self._thread.start()
        wait_for(lambda: self._server.started or not self._thread.is_alive())
        assert self._server.started

    def stop(self) -> None:
        for client in self._clients:
            client.http.close()
        self._server.should_exit = True
        self._thread.join(20)
        assert not self._thread.is_alive()

    def user(self, name: str = "", *, is_admin: bool = False, scopes: tuple[Scope, ...] = (Scope.ADMIN,)) -> Api:
        users = PostgresUsers(self.engine)
        made = users.add(f"{name or 'user'}-{uuid.uuid4().hex[:8]}", is_admin=is_admin)
        return self.client(users.issue(made.user_id, scopes=scopes).secret, made.name)

    def client(self, key: str, name: str = "") -> Api:
        api = Api(self.base_url, key, name)
        self._clients.append(api)
        return api


def wait_for(holds: Callable[[], object], seconds: float = 15) -> None:
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, "did not happen in time"
        time.sleep(0.02)


@pytest.fixture(scope="package")
def temporal(
    temporal_server: TemporalServer, keys: KeyRing, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Temporal]:
    namespace = f"api-{uuid.uuid4().hex[:8]}"
    loop = Background()
    home = tmp_path_factory.mktemp("api")
    settings = load_settings(environment_of(home, temporal_server.address, namespace), env_file=None)
    client = loop.run(_prepared(settings, keys))
    worker = loop.run(_working(client))
    yield Temporal(client=client, address=temporal_server.address, namespace=namespace, loop=loop)
    loop.run(worker.shutdown())
    loop.stop()


async def _prepared(settings: Settings, keys: KeyRing) -> Client:
    client = await connect(settings, keys)
    end = time.monotonic() + 60
    while True:
        try:
            await prepare_namespace(client, retention=timedelta(days=30), search_attributes=attributes.NAMES)
        except RPCError as error:
            # The servers take up to ten seconds to see a new namespace.
            if error.status is not RPCStatusCode.NOT_FOUND or time.monotonic() > end:
                raise
            await asyncio.sleep(0.2)
        else:
            return client


async def _working(client: Client) -> Worker:
    worker = Worker(
        client,
        task_queue=ids.QUEUE_WORKFLOW,
        workflows=list(stand_ins.KINDS),
        workflow_runner=UnsandboxedWorkflowRunner(),
    )
    task = asyncio.create_task(worker.run())
    worker._keep = task  # type: ignore[attr-defined]
    return worker


def environment_of(home: Path, temporal: str, namespace: str, venue: str = "http://127.0.0.1:9") -> dict[str, str]:
    return {
        "HYPERLIQUID_URL": venue,
        # Each new account is asked for at the venue, and the tests make more of them than a user does.
        "HYPERLIQUID_WEIGHT_PER_MINUTE": "1000000",
        "HOLDFAST_ENV": "testing",
        "HOLDFAST_HOME": str(home),
        "TEMPORAL_ADDRESS": temporal,
        "TEMPORAL_NAMESPACE": namespace,
        "ALLOWED_ORIGINS": "https://desk.example",
    }


@pytest.fixture(scope="package")
def paper(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Paper]:
    with Paper(tmp_path_factory.mktemp("paper")) as exchange:
        yield exchange


@pytest.fixture(autouse=True)
def logged() -> Iterator[list[Any]]:
    """What the API logs; without this every expected fault would be drawn in colour."""
    with capture_logs(processors=[merge_contextvars]) as entries:
        yield entries


@pytest.fixture(scope="package")
def served(
    postgres: Postgres,
    migrated_template: str,
    temporal: Temporal,
    paper: Paper,
    keys: KeyRing,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Served]:
    """One API for every test that keeps to users of its own."""
    url = postgres.create_database(f"api_{uuid.uuid4().hex}", template=migrated_template)
    environment = environment_of(tmp_path_factory.mktemp("home"), temporal.address, temporal.namespace, paper.url)
    yield from serving(load_settings(environment, env_file=None), url, keys)


@pytest.fixture
def alone(database: str, temporal: Temporal, paper: Paper, keys: KeyRing, tmp_path: Path) -> Iterator[Served]:
    """An API of this test's own, for what concerns every user."""
    environment = environment_of(tmp_path, temporal.address, temporal.namespace, paper.url)
    yield from serving(load_settings(environment, env_file=None), database, keys)


@pytest.fixture
def served_without_temporal(database: str, keys: KeyRing, tmp_path: Path) -> Iterator[Served]:
    nobody = f"127.0.0.1:{free_port()}"
    settings = load_settings(environment_of(tmp_path, nobody, "default"), env_file=None)
    yield from serving(settings, database, keys)


def serving(settings: Settings, database: str, keys: KeyRing) -> Iterator[Served]:
    engine = make_engine(database, pool_size=5, max_overflow=5)
    given = Given(settings=settings, engine=engine, keys=keys, registry=CollectorRegistry(), has_logging=False)
    served = Served(create_app(given), free_port(), engine)
    served.start()
    yield served
    served.stop()


@pytest.fixture
def ann(served: Served) -> Api:
    """An administrator with one account."""
    return with_account(served.user("ann", is_admin=True))


@pytest.fixture
def bob(served: Served) -> Api:
    """Another user with an account of his own."""
    return with_account(served.user("bob"))


def with_account(api: Api, address: str = "") -> Api:
    answer = api.post("/api/accounts", {"network": "paper", "address": address or random_address()})
    assert answer.status_code == 201, answer.text
    return api


def random_address() -> str:
    return f"0x{secrets.token_hex(20)}"


def account_ref(api: Api) -> AccountRef:
    shown = api.get("/api/accounts").json()["items"][0]
    return AccountRef(
        account_id=shown["id"],
        user_id=shown["user_id"],
        venue=shown["venue"],
        network=shown["network"],
        address=shown["address"],
    )
