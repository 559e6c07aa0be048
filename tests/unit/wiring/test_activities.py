"""A worker serves every activity that there is: one that is missing would wait for ever."""

import importlib
import inspect
import pkgutil
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry
from temporalio.client import Client
from temporalio.testing import WorkflowEnvironment

import activities
from domain.errors import Misconfigured
from runtime.loading import load_settings
from runtime.metrics import Metrics
from runtime.secrets import KeyRing
from storage.postgres.engine import engine
from storage.postgres.events import PostgresEvents
from wiring.account_keys import account_keys
from wiring.activities import Assembly, Wired
from wiring.executions import TemporalExecutions
from wiring.fail_points import fail_point_of
from wiring.fence import Ground
from wiring.notices import StoredNotices
from wiring.venues import connections, directory, hyperliquid


def defined() -> set[str]:
    """Name every activity of the package."""
    modules = [
        importlib.import_module(found.name) for found in pkgutil.iter_modules(activities.__path__, "activities.")
    ]
    classes = {owner for module in modules for _, owner in inspect.getmembers(module, inspect.isclass)}
    methods = [method for owner in classes for _, method in inspect.getmembers(owner, inspect.isfunction)]
    return {name for method in methods if (name := name_of(method))}


def name_of(method: object) -> str:
    """The name under which an activity is served, '' for any other method."""
    definition = getattr(method, "__temporal_activity_definition", None)
    return str(definition.name) if definition is not None else ""


def wire(client: Client, home: Path) -> Wired:
    """Wire a worker; nothing is connected before the first call."""
    settings = load_settings({"HOLDFAST_ENV": "testing", "HOLDFAST_HOME": str(home)}, None)
    books = engine("postgresql://nobody:nothing@127.0.0.1:1/none")
    keys = KeyRing.generate()
    venues = connections(settings, account_keys(books, keys))
    ground = Ground(
        settings=settings,
        engine=books,
        keys=keys,
        venues=venues.directory(),
        executions=TemporalExecutions(client),
        notifier=StoredNotices(PostgresEvents(books)),
        reached=fail_point_of(settings),
    )
    return Assembly(ground, venues.streams(), Metrics(CollectorRegistry()), "test").wired()


async def test_every_activity_is_served(time_skipping: WorkflowEnvironment, tmp_path: Path) -> None:
    """Blocking ones in threads, streams in the event loop."""
    wired = wire(time_skipping.client, tmp_path)

    served = {name_of(method) for method in (*wired.blocking, *wired.streams)}
    assert served == defined()
    assert {name_of(method) for method in wired.streams} == {"run_shard"}


def test_another_network_is_refused_by_name(tmp_path: Path) -> None:
    """An account of the test network must never be traded on paper."""
    settings = load_settings({"HOLDFAST_HOME": str(tmp_path)}, None)
    venues = directory(hyperliquid(settings))

    assert venues.of("hyperliquid", "paper").network == "paper"
    with pytest.raises(Misconfigured) as refusal:
        venues.of("hyperliquid", "mainnet")
    assert refusal.value.code == "venue_unknown"
