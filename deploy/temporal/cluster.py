"""Run the real Temporal server on Postgres until Ctrl-C; prints its addresses."""

import argparse
import sys
from datetime import timedelta
from pathlib import Path

from runtime.errors import SetupError
from runtime.loading import load_settings
from runtime.postgres import Postgres
from runtime.processes import Supervisor
from runtime.settings import Settings
from runtime.temporal_cluster import TemporalCluster, build_cluster
from workflows import attributes

# Temporal keeps up to fifty connections and Holdfast's processes have pools of their own.
CONNECTIONS = {"max_connections": "300"}


def main() -> int:
    """Build, start, wait and stop."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--home", type=Path, help="folder of the server, default HOLDFAST_HOME/cluster")
    parser.add_argument("--shards", type=int, default=512, help="history shards, fixed for ever at the first start")
    parser.add_argument("--build-only", action="store_true", help="build the programs and leave")
    arguments = parser.parse_args()
    try:
        _run(load_settings(), arguments)
    except SetupError as failure:
        print(f"{failure.code}: {failure}", file=sys.stderr)
        return 1
    return 0


def _run(settings: Settings, arguments: argparse.Namespace) -> None:
    programs = build_cluster(settings.holdfast_cache)
    if arguments.build_only:
        return
    home = (arguments.home or settings.holdfast_home / "cluster").absolute()
    with Supervisor(home / "logs") as supervisor:
        cluster = TemporalCluster(
            programs,
            _database(settings, home, supervisor),
            home=home,
            port=settings.temporal_port,
            ui_port=settings.temporal_ui_port,
            shards=arguments.shards,
            namespace=settings.temporal_namespace,
            retention=timedelta(days=settings.temporal_retention_days),
            search_attributes=attributes.NAMES,
        )
        supervisor.adopt("Temporal", cluster.stop)
        print(f"TEMPORAL_ADDRESS={cluster.start()}")
        print(f"Web UI {cluster.ui_url}", flush=True)
        supervisor.watch(lambda: not cluster.is_running)


def _database(settings: Settings, home: Path, supervisor: Supervisor) -> str:
    if settings.database_url is not None:
        return settings.database_url.get_secret_value()
    server = Postgres(home, port=settings.postgres_port, settings=CONNECTIONS)
    url = server.start()
    supervisor.adopt("Postgres", server.stop)
    return url


if __name__ == "__main__":
    sys.exit(main())
