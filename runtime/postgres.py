"""A real Postgres of our own: initialised, started in the foreground, tied to this process, stopped cleanly."""

import os
import secrets
import shutil
import signal
import subprocess
from collections.abc import Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import quote

import psycopg
from psycopg import sql

from runtime.errors import SetupError
from runtime.ports import LOOPBACK, free_port
from runtime.postgres_binaries import find_binaries
from runtime.privileges import Nobody, drop_root
from runtime.processes import end, last_lines, spawn, wait_for

ROLE = "holdfast"
RECOVERY_TIMEOUT = timedelta(minutes=10)
PREVIOUS_TIMEOUT = timedelta(seconds=15)
LEAST_ROOM = 1 << 20
STOP_TIMEOUT = timedelta(seconds=30)


class Postgres:
    """One Postgres on a data folder; `start` returns its URL."""

    def __init__(
        self, home: Path, *, port: int = 0, database: str = "holdfast", settings: Mapping[str, str] | None = None
    ) -> None:
        self._home = home
        self._log = home / "logs" / "postgres.log"
        self._port = port
        self._database = database
        self._settings = dict(settings or {})
        self._process: subprocess.Popen[bytes] | None = None
        self._password = ""
        self._data = home / "postgres"

    @property
    def url(self) -> str:
        """The URL of the database, password included: keep it out of logs."""
        return self.url_of(self._database)

    @property
    def port(self) -> int:
        """The port that it listens on."""
        return self._port

    @property
    def pid(self) -> int:
        """The process id of the postmaster."""
        return self._running.pid

    @property
    def is_running(self) -> bool:
        """Say whether the postmaster lives."""
        return self._process is not None and self._process.poll() is None

    def url_of(self, database: str) -> str:
        """The URL of another database of this server."""
        return f"postgresql://{ROLE}:{quote(self._password)}@{LOOPBACK}:{self._port}/{database}"

    def start(self) -> str:
        """Initialise the data folder if it is new, start, wait until it answers and return the URL."""
        self._home.mkdir(parents=True, exist_ok=True)
        self._password = _password(self._home / "postgres.password")
        binaries = find_binaries(self._data)
        nobody = drop_root(self._home, self._data, binaries)
        self._data = nobody.data
        if not (nobody.data / "PG_VERSION").is_file():
            _initialise(nobody, self._password)
        self._wait_for_previous()
        self._port = free_port(self._port)
        self._process = spawn(self._command(nobody), log=self._log, env=_environment(), death_signal=signal.SIGINT)
        self._wait_until_ready()
        self.create_database(self._database, if_missing=True)
        return self.url

    def stop(self) -> None:
        """Stop cleanly: sessions are ended, the write-ahead log is closed."""
        if self._process is not None:
            self._process.send_signal(signal.SIGCONT) if self._process.poll() is None else None
            end(self._process, signal.SIGINT, STOP_TIMEOUT)
            self._process = None

    def kill(self) -> None:
        """Kill the postmaster without warning, as a crash would."""
        self._running.kill()
        self._running.wait()
        self._process = None

    def create_database(self, name: str, *, template: str | None = None, if_missing: bool = False) -> str:
        """Create a database, as a copy of another one if asked, and return its URL."""
        with self._administration() as connection:
            exists = connection.execute("select 1 from pg_database where datname = %s", [name]).fetchone()
            if exists is None or not if_missing:
                source = sql.SQL(" template {}").format(sql.Identifier(template)) if template else sql.SQL("")
                connection.execute(sql.SQL("create database {}").format(sql.Identifier(name)) + source)
        return self.url_of(name)

    def drop_database(self, name: str) -> None:
        """Drop a database and end whoever is connected to it."""
        with self._administration() as connection:
            connection.execute(sql.SQL("drop database if exists {} with (force)").format(sql.Identifier(name)))

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is None:
            raise SetupError("postgres_stopped", "Postgres is not running.", "Start it first.")
        return self._process

    def _administration(self) -> psycopg.Connection[tuple[object, ...]]:
        return psycopg.connect(self.url_of("postgres"), autocommit=True, connect_timeout=10)

    def _command(self, nobody: Nobody) -> Sequence[str]:
        values = {
            "listen_addresses": LOOPBACK,
            "port": str(self._port),
            "unix_socket_directories": "",
            "max_connections": "200",
            "shared_preload_libraries": "",
        } | self._settings
        flags = [part for name, value in values.items() for part in ("-c", f"{name}={value}")]
        return [*nobody.prefix, str(nobody.binaries / "postgres"), "-D", str(nobody.data), *flags]

    def _wait_for_previous(self) -> None:
        """Wait for a postmaster whose launcher was killed: it is shutting down; refuse one that goes on living."""
        if wait_for(lambda: not _is_held(self._data), PREVIOUS_TIMEOUT):
            return
        raise SetupError(
            "postgres_running",
            f"Another Postgres runs on {self._data}.",
            "Stop the other `holdfast up`, or set HOLDFAST_HOME to another folder.",
        )

    def _wait_until_ready(self) -> None:
        wait_for(lambda: not self.is_running or self._is_ready(), RECOVERY_TIMEOUT)
        if not self.is_running or not self._is_ready():
            self.stop()
            reason = last_lines(self._log)
            _require_room(reason, self._data)
            raise SetupError("postgres_failed", f"Postgres did not start: {reason}", f"See {self._log}.")

    def _is_ready(self) -> bool:
        # After a crash the stale file still says "ready": only our own child's process id counts.
        lines = _pid_file(self._data)
        return len(lines) > 7 and lines[0] == str(self.pid) and lines[7].startswith("ready")


def _password(file: Path) -> str:
    if not file.exists():
        _write_private(file, secrets.token_hex(24))
    return file.read_text(encoding="ascii").strip()


def _write_private(file: Path, text: str) -> None:
    with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="ascii") as output:
        output.write(text)


def _initialise(nobody: Nobody, password: str) -> None:
    """Make the data folder beside its place and move it there, so that a half-made one is never used."""
    fresh = nobody.data.with_name(f"{nobody.data.name}.new")
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir(mode=0o700)
    nobody.lend(fresh)
    password_file = nobody.data.with_name("password.new")
    password_file.unlink(missing_ok=True)
    _write_private(password_file, password)
    nobody.lend(password_file)
    try:
        _run_initdb(nobody, fresh, password_file)
    finally:
        password_file.unlink()
    fresh.rename(nobody.data)


def _run_initdb(nobody: Nobody, data: Path, password_file: Path) -> None:
    command = [
        *nobody.prefix,
        str(nobody.binaries / "initdb"),
        "-D",
        str(data),
        "-U",
        ROLE,
        f"--pwfile={password_file}",
    ]
    options = [
        f"--pwfile={password_file}",
        "--auth=scram-sha-256",
        "--locale=C.UTF-8",
        "--encoding=UTF8",
        "--no-instructions",
    ]
    answer = subprocess.run([*command, *options], capture_output=True, env=_environment(), check=False)
    if answer.returncode != 0:
        reason = " ".join(answer.stderr.decode(errors="replace").split())
        _require_room(reason, data)
        raise SetupError("initdb_failed", f"Postgres cannot make {data}: {reason}.", "Check the disk and its rights.")


def _require_room(reason: str, data: Path) -> None:
    """Raise disk_full when that is the reason that Postgres gave, or would have given: its log lies on the same disk."""
    if "No space left on device" in reason or shutil.disk_usage(data).free < LEAST_ROOM:
        raise SetupError(
            "disk_full", f"The disk of {data} is full.", "Free some space and start again; nothing is lost."
        )


def _environment() -> dict[str, str]:
    # PGDATA, PGPORT or PGHOST of the user's own Postgres would lead ours astray.
    return {name: value for name, value in os.environ.items() if not name.startswith("PG")}


def _pid_file(data: Path) -> list[str]:
    try:
        return (data / "postmaster.pid").read_text().splitlines()
    except OSError:
        return []


def _is_held(data: Path) -> bool:
    """Say whether the process that the lock file names is alive and is a Postgres on this folder."""
    lines = _pid_file(data)
    if not lines or not lines[0].isdigit():
        return False
    command = Path(f"/proc/{lines[0]}/cmdline")
    if Path("/proc/self").exists():
        return command.exists() and str(data).encode() in _bytes_of(command)
    return _is_alive(int(lines[0]))


def _bytes_of(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError:
        return b""


def _is_alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
