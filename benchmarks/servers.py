"""The Temporal server that a measurement runs on."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

from runtime.loading import load_settings
from runtime.temporal_server import TemporalServer, find_temporal
from workflows import attributes


@contextmanager
def temporal(kind: str, home: Path) -> Iterator[str]:
    """Start a server: `dev` is the development server with a database file, `cluster` the real one on Postgres."""
    if kind == "dev":
        server = TemporalServer(
            find_temporal(load_settings({}, env_file=None).holdfast_cache),
            database=home / "temporal.db",
            log=home / "temporal.log",
            headless=True,
            search_attributes=attributes.NAMES,
        )
        try:
            yield server.start()
        finally:
            server.stop()
        return
    with _cluster(home) as address:
        yield address


@contextmanager
def _cluster(home: Path) -> Iterator[str]:
    from runtime.postgres import Postgres
    from runtime.temporal_cluster import TemporalCluster, build_cluster

    settings = load_settings({}, env_file=None)
    with Postgres(home / "temporal-pg") as postgres:
        cluster = TemporalCluster(
            build_cluster(settings.holdfast_cache),
            postgres.url,
            home=home / "cluster",
            headless=True,
            retention=timedelta(days=30),
            search_attributes=attributes.NAMES,
        )
        try:
            yield cluster.start()
        finally:
            cluster.stop()
