"""A Temporal development server of our own, with priorities and fairness switched on."""

import asyncio
import re
import shutil
import signal
import socket
import subprocess
from collections.abc import Iterable, Sequence
from datetime import timedelta
from pathlib import Path
from types import TracebackType
from typing import Self

from runtime.errors import SetupError
from runtime.go_build import Program, Progress, build
from runtime.namespaces import prepare_when_ready
from runtime.ports import LOOPBACK, free_port
from runtime.processes import end, last_lines, spawn, wait_for

# Later 1.x tags carry a replace directive, which `go install` refuses.
CLI = Program(name="temporal", package="github.com/temporalio/cli/cmd/temporal", version="v1.5.1", needs_go=(1, 25, 0))
OLDEST_SERVER = (1, 29)
# Without them the server silently ignores priorities and fairness keys.
DYNAMIC_CONFIG = (
    "matching.useNewMatcher=true",
    "matching.enableFairness=true",
    "matching.numTaskqueueReadPartitions=1",
    "matching.numTaskqueueWritePartitions=1",
)
START_TIMEOUT = timedelta(seconds=60)
STOP_TIMEOUT = timedelta(seconds=15)


def find_temporal(cache: Path, progress: Progress = print) -> Path:
    """Find the Temporal CLI: on PATH, in the cache, built, or downloaded by the SDK; else no_temporal."""
    if (on_path := shutil.which("temporal")) and _is_new_enough(Path(on_path), progress):
        return Path(on_path)
    try:
        return build([CLI], cache, progress)[0]
    except SetupError as failure:
        progress(failure.message)
        return _downloaded_by_sdk(cache, failure)


def _is_new_enough(binary: Path, progress: Progress) -> bool:
    """Refuse servers without priorities and fairness; the version line is `temporal version X (Server Y, UI Z)`."""
    answer = subprocess.run([binary, "--version"], capture_output=True, text=True, check=False)
    version = re.search(r"Server (\d+)\.(\d+)", answer.stdout)
    if version and (int(version[1]), int(version[2])) >= OLDEST_SERVER:
        return True
    progress(f"{binary} is too old for priorities and fairness; using one of our own.")
    return False


def _downloaded_by_sdk(cache: Path, failure: SetupError) -> Path:
    """Let the SDK fetch its own development server into the cache."""
    from temporalio.testing import WorkflowEnvironment

    folder = cache / "sdk"
    folder.mkdir(parents=True, exist_ok=True)

    async def fetch() -> None:
        async with await WorkflowEnvironment.start_local(download_dest_dir=str(folder)):
            pass

    try:
        asyncio.run(fetch())
        return next(file for file in sorted(folder.glob("temporal*")) if file.is_file())
    except (RuntimeError, StopIteration) as refusal:
        raise SetupError("no_temporal", f"Temporal cannot be had: {failure.message}", failure.action) from refusal


class TemporalServer:
    """One development server; `start` returns its address once the namespace is ready."""

    def __init__(
        self,
        binary: Path,
        *,
        log: Path,
        database: Path | None = None,
        port: int = 0,
        ui_port: int = 0,
        namespace: str = "default",
        retention: timedelta = timedelta(days=30),
        search_attributes: Iterable[str] = (),
        headless: bool = False,
        dynamic_config: Iterable[str] = (),
        codec_endpoint: str = "",
    ) -> None:
        self._codec_endpoint = codec_endpoint
        self._dynamic_config = (*DYNAMIC_CONFIG, *dynamic_config)
        self._binary = binary
        self._log = log
        self._database = database
        self._port = port
        self._ui_port = ui_port
        self._namespace = namespace
        self._retention = retention
        self._search_attributes = tuple(search_attributes)
        self._headless = headless
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def address(self) -> str:
        """Host and port for clients."""
        return f"{LOOPBACK}:{self._port}"

    @property
    def ui_url(self) -> str | None:
        """The Web UI, unless the server is headless."""
        return None if self._headless else f"http://{LOOPBACK}:{self._ui_port}"

    @property
    def pid(self) -> int:
        """The process id of the server."""
        if self._process is None:
            raise SetupError("temporal_stopped", "Temporal is not running.", "Start it first.")
        return self._process.pid

    @property
    def is_running(self) -> bool:
        """Say whether the server lives."""
        return self._process is not None and self._process.poll() is None

    def start(self) -> str:
        """Start, wait until it answers, set retention and search attributes, and return the address."""
        self._port = free_port(self._port)
        if not self._headless:
            self._ui_port = free_port(self._ui_port or self._port + 1000)
        if self._database is not None:
            self._database.parent.mkdir(parents=True, exist_ok=True)
        self._process = spawn(self._command(), log=self._log)
        wait_for(lambda: not self.is_running or answers(self._port), START_TIMEOUT)
        try:
            self._prepare()
        except BaseException:
            self.stop()
            raise
        return self.address

    def stop(self) -> None:
        """Stop the server; what it knows is in its database file."""
        if self._process is not None:
            if self.is_running:
                self._process.send_signal(signal.SIGCONT)
            end(self._process, signal.SIGTERM, STOP_TIMEOUT)
            self._process = None

    def kill(self) -> None:
        """Kill the server without warning."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _prepare(self) -> None:
        if not self.is_running:
            raise SetupError("temporal_failed", f"Temporal did not start: {last_lines(self._log)}", f"See {self._log}.")
        prepare_when_ready(
            self.address, self._namespace, retention=self._retention, search_attributes=self._search_attributes
        )

    def _command(self) -> Sequence[str]:
        options = ["--ip", LOOPBACK, "--port", str(self._port), "--namespace", self._namespace, "--log-level", "warn"]
        options += ["--headless"] if self._headless else ["--ui-port", str(self._ui_port)]
        options += ["--ui-codec-endpoint", self._codec_endpoint] if self._codec_endpoint and not self._headless else []
        options += ["--db-filename", str(self._database)] if self._database else []
        options += [part for value in self._dynamic_config for part in ("--dynamic-config-value", value)]
        return [str(self._binary), "server", "start-dev", *options]


def answers(port: int) -> bool:
    """Say whether somebody listens on a port of loopback."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.settimeout(0.5)
        return probe.connect_ex((LOOPBACK, port)) == 0
