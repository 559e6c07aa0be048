"""The real Temporal server on Postgres, with its Web UI: built once, run without containers."""

import json
import os
import signal
import subprocess
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import unquote, urlsplit

from runtime.errors import SetupError
from runtime.go_build import Program, Progress, build
from runtime.namespaces import prepare_when_ready
from runtime.ports import LOOPBACK, free_port
from runtime.processes import end, last_lines, spawn, wait_for
from runtime.temporal_server import answers

SERVER = Program(
    name="temporal-server", package="go.temporal.io/server/cmd/server", version="v1.31.2", needs_go=(1, 26, 4)
)
SQL_TOOL = Program(
    name="temporal-sql-tool", package="go.temporal.io/server/cmd/tools/sql", version="v1.31.2", needs_go=(1, 26, 4)
)
UI = Program(
    name="temporal-ui", package="github.com/temporalio/ui-server/v2/cmd/server", version="v2.42.1", needs_go=(1, 25, 0)
)
PROGRAMS = (SERVER, SQL_TOOL, UI)
PLUGIN = "postgres12_pgx"
SCHEMAS = {"temporal": "postgresql/v12/temporal", "temporal_visibility": "postgresql/v12/visibility"}
CONNECTIONS = {"temporal": 40, "temporal_visibility": 10}
SERVICES = ("frontend", "history", "matching", "worker")
START_TIMEOUT = timedelta(seconds=90)
STOP_TIMEOUT = timedelta(seconds=30)
# The first two let priorities and fairness work; one partition keeps their order over a whole queue.
DYNAMIC_CONFIG: Mapping[str, object] = {
    "matching.useNewMatcher": True,
    "matching.enableFairness": True,
    "matching.numTaskqueueReadPartitions": 1,
    "matching.numTaskqueueWritePartitions": 1,
    # A namespace that was just made is known to every service within a second, not within ten.
    "system.namespaceCacheRefreshInterval": "1s",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterPrograms:
    """The built programs."""

    server: Path
    sql_tool: Path
    ui: Path


def build_cluster(cache: Path, progress: Progress = print) -> ClusterPrograms:
    """Build the server, its schema tool and the Web UI into the cache, unless they are there."""
    server, sql_tool, ui = build(PROGRAMS, cache, progress)
    return ClusterPrograms(server=server, sql_tool=sql_tool, ui=ui)


class TemporalCluster:
    """One Temporal server with all four services on a Postgres; `start` returns its address."""

    def __init__(
        self,
        programs: ClusterPrograms,
        database_url: str,
        *,
        home: Path,
        port: int = 0,
        ui_port: int = 0,
        shards: int = 64,
        namespace: str = "default",
        retention: timedelta = timedelta(days=30),
        search_attributes: Iterable[str] = (),
        headless: bool = False,
    ) -> None:
        self._programs = programs
        self._database = urlsplit(database_url)
        self._home = home
        self._port = port
        self._ui_port = ui_port
        self._shards = shards
        self._namespace = namespace
        self._retention = retention
        self._search_attributes = tuple(search_attributes)
        self._headless = headless
        self._processes: list[subprocess.Popen[bytes]] = []

    @property
    def address(self) -> str:
        """Host and port for clients."""
        return f"{LOOPBACK}:{self._port}"

    @property
    def ui_url(self) -> str | None:
        """The Web UI, unless the cluster is headless."""
        return None if self._headless else f"http://{LOOPBACK}:{self._ui_port}"

    @property
    def is_running(self) -> bool:
        """Say whether every process lives."""
        return bool(self._processes) and all(process.poll() is None for process in self._processes)

    def start(self) -> str:
        """Set the schema up, start the server and the UI, prepare the namespace and return the address."""
        self._home.mkdir(parents=True, exist_ok=True)
        self._port = free_port(self._port or 7233)
        for database, schema in SCHEMAS.items():
            self._set_up_schema(database, schema)
        try:
            self._start_processes()
        except BaseException:
            self.stop()
            raise
        return self.address

    def stop(self) -> None:
        """Stop the UI and the server."""
        while self._processes:
            end(self._processes.pop(), signal.SIGTERM, STOP_TIMEOUT)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def _log(self) -> Path:
        return self._home / "logs" / "temporal-server.log"

    def _start_processes(self) -> None:
        self._start_server()
        if not self._headless:
            self._start_ui()
        prepare_when_ready(
            self.address, self._namespace, retention=self._retention, search_attributes=self._search_attributes
        )

    def _start_server(self) -> None:
        config = self._write("server.yaml", self._config())
        command = [str(self._programs.server), "--config-file", str(config), "--allow-no-auth", "start"]
        process = spawn(command, log=self._log)
        self._processes.append(process)
        wait_for(lambda: process.poll() is not None or answers(self._port), START_TIMEOUT)
        if process.poll() is not None:
            raise SetupError(
                "temporal_failed", f"Temporal did not start: {last_lines(self._log, 3)}", f"See {self._log}."
            )

    def _start_ui(self) -> None:
        self._ui_port = free_port(self._ui_port or self._port + 1000)
        config = self._write("ui/holdfast.yaml", {
            "host": LOOPBACK, "port": self._ui_port, "enableUi": True, "temporalGrpcAddress": self.address,
            "defaultNamespace": self._namespace, "notifyOnNewVersion": False,
        })  # fmt: skip
        command = [str(self._programs.ui), "--root", str(self._home), "--config", config.parent.name]
        log = self._home / "logs" / "temporal-ui.log"
        self._processes.append(spawn([*command, "--env", config.stem, "start"], log=log))

    def _write(self, name: str, body: Mapping[str, object]) -> Path:
        """Write a configuration as JSON, which YAML contains; the server's has the database's password."""
        file = self._home / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.unlink(missing_ok=True)
        with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as output:
            json.dump(body, output, indent=2)
        return file

    def _set_up_schema(self, database: str, schema: str) -> None:
        self._sql(database, "create-database", may_fail=True)
        # Version 0.0 is refused where a version stands already: that database is only brought forward.
        self._sql(database, "setup-schema", "-v", "0.0", may_fail=True)
        self._sql(database, "update-schema", "--schema-name", schema)

    def _sql(self, database: str, *command: str, may_fail: bool = False) -> None:
        place = self._database
        environment = {
            **os.environ,
            "SQL_HOST": place.hostname or LOOPBACK,
            "SQL_PORT": str(place.port or 5432),
            "SQL_USER": unquote(place.username or ""),
            "SQL_PASSWORD": unquote(place.password or ""),
            "SQL_DATABASE": database,
            "SQL_PLUGIN": PLUGIN,
        }
        answer = subprocess.run([self._programs.sql_tool, *command], env=environment, capture_output=True, check=False)
        if answer.returncode != 0 and not may_fail:
            reason = (answer.stdout + answer.stderr).decode(errors="replace").strip().splitlines()[-1:]
            raise SetupError(
                "temporal_schema", f"Temporal's schema {database} cannot be set up: {reason}.", "Check the database."
            )

    def _config(self) -> Mapping[str, object]:
        dynamic = {name: [{"value": value}] for name, value in DYNAMIC_CONFIG.items()}
        return {
            "log": {"stdout": True, "level": "warn"},
            "persistence": {
                "defaultStore": "temporal",
                "visibilityStore": "temporal_visibility",
                "numHistoryShards": self._shards,
                "datastores": {name: self._store(name, connections) for name, connections in CONNECTIONS.items()},
            },
            "global": {"membership": {"maxJoinDuration": "30s", "broadcastAddress": LOOPBACK}},
            "services": {service: {"rpc": self._rpc(service)} for service in SERVICES},
            "clusterMetadata": {
                "failoverVersionIncrement": 10,
                "masterClusterName": "active",
                "currentClusterName": "active",
                "clusterInformation": {
                    "active": {
                        "enabled": True, "initialFailoverVersion": 1, "rpcName": "frontend", "rpcAddress": self.address
                    }
                },
            },
            "archival": {"history": {"state": "disabled"}, "visibility": {"state": "disabled"}},
            "dynamicConfigClient": {"filepath": str(self._write("dynamic.yaml", dynamic)), "pollInterval": "10s"},
        }  # fmt: skip

    def _rpc(self, service: str) -> Mapping[str, object]:
        grpc = self._port if service == "frontend" else free_port()
        return {"grpcPort": grpc, "membershipPort": free_port(), "bindOnLocalHost": True}

    def _store(self, database: str, connections: int) -> Mapping[str, object]:
        place = self._database
        return {
            "sql": {
                "pluginName": PLUGIN,
                "databaseName": database,
                "connectAddr": f"{place.hostname}:{place.port or 5432}",
                "connectProtocol": "tcp",
                "user": unquote(place.username or ""),
                "password": unquote(place.password or ""),
                "maxConns": connections,
                "maxIdleConns": connections,
                "maxConnLifetime": "1h",
            }
        }
