"""Real parts for every test: a Postgres, Temporal servers, settings; started on first use and shared by the session."""

import gc
import os
import sys
import time
import uuid
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from temporalio.client import Client
from temporalio.testing import WorkflowEnvironment

from runtime import ports
from runtime.converter import data_converter
from runtime.errors import SetupError
from runtime.loading import load_settings
from runtime.namespaces import register_search_attributes
from runtime.postgres import Postgres
from runtime.secrets import KeyRing
from runtime.settings import Settings
from runtime.temporal_client import connect
from runtime.temporal_server import TemporalServer, find_temporal
from workflows import attributes

ROOT = Path(__file__).parent.parent
TEMPLATE = "holdfast_template"
# Durability is the subject of the fault suite; here it would only cost time.
QUICK_POSTGRES = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}


TEMPORAL = frozenset({"temporal_binary", "temporal_server", "temporal_client"})
REAL_PARTS = TEMPORAL | {"postgres", "database"}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what needs real parts, so that `-m "not real"` stays a run of a minute, and let the longest files begin."""
    for item in items:
        if _is_in(item, "integration", "contracts") or REAL_PARTS & set(getattr(item, "fixturenames", ())):
            item.add_marker(pytest.mark.real)
    # A file stays in one process, and one that takes minutes would end alone if it came last.
    items.sort(key=lambda item: (item.path.name != "test_up_once.py", not _is_in(item, "integration")))


def _is_in(item: pytest.Item, *folders: str) -> bool:
    return any(ROOT / "tests" / folder in item.path.parents for folder in folders)


def pytest_collection_finish(session: pytest.Session) -> None:
    """Build Temporal, which the first time takes longer than a test may, where a chosen test starts it; then tidy up.

    What is loaded stays out of later garbage collections: on a busy machine they took longer than a workflow may go without a word.
    """
    starts_temporal = any(
        _is_in(item, "integration", "replay") or TEMPORAL & set(getattr(item, "fixturenames", ()))
        for item in session.items
    )
    if starts_temporal and not session.config.getoption("collectonly"):
        with suppress(SetupError):  # the tests that need it say so
            _temporal()
    gc.collect()
    gc.freeze()


@pytest.hookimpl(tryfirst=True)
def pytest_sessionfinish() -> None:
    """Collect what workflows that were still running left behind: a collection in the middle of `ast.parse` breaks it (CPython 3.11)."""
    gc.collect()


def pytest_unconfigure() -> None:
    """Give the Temporal runtime a moment: an interpreter that exits right after its last client may crash (CPython 3.11)."""
    if "temporalio.bridge.runtime" in sys.modules:
        time.sleep(0.3)


@pytest.fixture(scope="session")
def keys() -> KeyRing:
    """One ring of master keys for the session."""
    return KeyRing.generate()


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Settings over a temporary home; nothing of the developer's environment reaches them."""
    return load_settings({"HOLDFAST_ENV": "testing", "HOLDFAST_HOME": str(tmp_path)}, env_file=None)


@pytest.fixture
def free_port() -> Callable[[], int]:
    """Find ports that nothing listens on."""
    return ports.free_port


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Postgres]:
    """A real Postgres."""
    with Postgres(tmp_path_factory.mktemp("postgres"), settings=QUICK_POSTGRES) as server:
        yield server


@pytest.fixture(scope="session")
def migrated_template(postgres: Postgres) -> str:
    """A database with every migration applied, which the tests' databases are copies of."""
    from storage.migrations.upgrade import upgrade

    upgrade(postgres.create_database(TEMPLATE))
    return TEMPLATE


@pytest.fixture
def database(postgres: Postgres, migrated_template: str) -> Iterator[str]:
    """The URL of a fresh migrated database of this test's own."""
    name = f"test_{uuid.uuid4().hex}"
    yield postgres.create_database(name, template=migrated_template)
    postgres.drop_database(name)


@pytest.fixture
def empty_database(postgres: Postgres) -> Iterator[str]:
    """The URL of a fresh database without any table."""
    name = f"empty_{uuid.uuid4().hex}"
    yield postgres.create_database(name)
    postgres.drop_database(name)


@pytest.fixture(scope="session")
def temporal_binary() -> Path:
    """The Temporal program; a machine that cannot have it fails the tests that need it."""
    return _temporal()


def _temporal() -> Path:
    settings = load_settings({name: os.environ[name] for name in ("HOLDFAST_CACHE",) if name in os.environ}, None)
    return find_temporal(settings.holdfast_cache, lambda line: print(line, file=sys.stderr))


@pytest.fixture(scope="session")
def temporal_server(temporal_binary: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TemporalServer]:
    """A real development server with our search attributes."""
    log = tmp_path_factory.mktemp("temporal") / "temporal.log"
    with TemporalServer(temporal_binary, log=log, headless=True, search_attributes=attributes.NAMES) as server:
        yield server


@pytest.fixture
async def temporal_client(temporal_server: TemporalServer, settings: Settings, keys: KeyRing) -> Client:
    """A client of the real server that encrypts; use a task queue of your own."""
    return await connect(settings, keys, address=temporal_server.address)


@pytest.fixture
async def time_skipping() -> AsyncIterator[WorkflowEnvironment]:
    """A server that skips time, of this test's own: a shared one lets tests skip each other's clock."""
    server = Path(sys.executable).with_name("temporal-test-server")
    environment = await WorkflowEnvironment.start_time_skipping(
        data_converter=data_converter(None), test_server_existing_path=str(server)
    )
    async with environment:
        await register_search_attributes(environment.client, attributes.NAMES)
        yield environment
