"""Child processes: started as commands in sessions of their own, tied to the launcher, stopped in reverse order."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from types import FrameType, TracebackType
from typing import IO, Self

TETHER = Path(__file__).with_name("tether.py")
STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
LOG_LIMIT_BYTES = 20_000_000
KILL_TIMEOUT_SECONDS = 10.0


def spawn(
    argv: Sequence[str],
    *,
    log: Path,
    env: Mapping[str, str] | None = None,
    death_signal: signal.Signals = signal.SIGTERM,
) -> subprocess.Popen[bytes]:
    """Start a command that gets `death_signal` when this process dies; start it from the main thread."""
    mode = "kernel" if sys.platform == "linux" else "watchdog"
    tether = [sys.executable, "-I", "-S", str(TETHER), str(int(death_signal)), str(os.getpid()), mode]
    log.parent.mkdir(parents=True, exist_ok=True)
    with _open_log(log) as output:
        return subprocess.Popen(
            [*tether, *argv],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=None if env is None else dict(env),
            # Otherwise Ctrl-C in the terminal stops Postgres before the worker has drained.
            start_new_session=True,
        )


def _open_log(log: Path) -> IO[bytes]:
    if log.exists() and log.stat().st_size > LOG_LIMIT_BYTES:
        log.replace(log.with_name(f"{log.name}.1"))
    return log.open("ab")


def end(process: subprocess.Popen[bytes], stop_signal: signal.Signals, timeout: timedelta) -> int:
    """Ask a child to stop, kill its whole session when it does not, and return its exit code."""
    if process.poll() is None:
        process.send_signal(stop_signal)
        try:
            return process.wait(timeout.total_seconds())
        except subprocess.TimeoutExpired:
            _kill_session(process)
    return process.wait(KILL_TIMEOUT_SECONDS)


def _kill_session(process: subprocess.Popen[bytes]) -> None:
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        process.kill()


def last_lines(log: Path, count: int = 5) -> str:
    """Return the end of a log for an error message."""
    if not log.exists():
        return ""
    return "\n".join(log.read_text(encoding="utf-8", errors="replace").splitlines()[-count:])


@dataclass(frozen=True, slots=True, kw_only=True)
class Child:
    """One supervised command."""

    name: str
    log: Path
    process: subprocess.Popen[bytes]
    stop_signal: signal.Signals
    stop_timeout: timedelta

    @property
    def pid(self) -> int:
        """The process id of the command itself."""
        return self.process.pid

    @property
    def is_running(self) -> bool:
        """Say whether the command has not ended."""
        return self.process.poll() is None

    @property
    def returncode(self) -> int | None:
        """The exit code, once there is one."""
        return self.process.poll()

    def send(self, signal_number: signal.Signals) -> None:
        """Send a signal, SIGKILL and SIGSTOP included."""
        self.process.send_signal(signal_number)

    def stop(self) -> None:
        """Stop the command and wait for its end."""
        # A stopped process takes no SIGTERM until it goes on.
        if self.is_running:
            self.process.send_signal(signal.SIGCONT)
        end(self.process, self.stop_signal, self.stop_timeout)


def never() -> bool:
    """Wait for ever."""
    return False


class Supervisor:
    """Starts children, watches them, and stops them in reverse order on Ctrl-C, SIGTERM or exit."""

    def __init__(self, logs: Path) -> None:
        self._logs = logs
        self._stops: list[tuple[str, Callable[[], None]]] = []
        self._children: list[Child] = []
        self._previous: dict[signal.Signals, object] = {}
        self._asked = threading.Event()

    @property
    def is_stopping(self) -> bool:
        """Say whether somebody asked for the end."""
        return self._asked.is_set()

    def start(
        self,
        name: str,
        argv: Sequence[str],
        *,
        env: Mapping[str, str] | None = None,
        stop_signal: signal.Signals = signal.SIGTERM,
        stop_timeout: timedelta = timedelta(seconds=10),
    ) -> Child:
        """Start a command; its output goes to the log `name`.log."""
        log = self._logs / f"{name}.log"
        process = spawn(argv, log=log, env=env)
        child = Child(name=name, log=log, process=process, stop_signal=stop_signal, stop_timeout=stop_timeout)
        self._children.append(child)
        self._stops.append((name, child.stop))
        return child

    def adopt(self, name: str, stop: Callable[[], None]) -> None:
        """Put a part that was started elsewhere into the order of stopping."""
        self._stops.append((name, stop))

    def forget(self, child: Child) -> None:
        """Stop watching a child, for example before it is replaced."""
        self._children.remove(child)
        self._stops = [(name, stop) for name, stop in self._stops if stop != child.stop]

    def watch(self, until: Callable[[], bool] = never, interval: timedelta = timedelta(seconds=0.2)) -> Child | None:
        """Wait until a child ends by itself (it is returned), `until` holds or the end is asked for (None)."""
        while not self._asked.is_set() and not until():
            for child in self._children:
                if not child.is_running:
                    return child
            self._asked.wait(interval.total_seconds())
        return None

    def ask_to_stop(self) -> None:
        """Make `watch` return."""
        self._asked.set()

    def stop(self, progress: Callable[[str], None] = lambda _name: None) -> None:
        """Stop everything in reverse order; one part that fails to stop does not keep the others."""
        self._asked.set()
        failures: list[BaseException] = []
        while self._stops:
            name, stop = self._stops.pop()
            progress(name)
            try:
                stop()
            except Exception as failure:  # noqa: BLE001
                failures.append(failure)
        self._children.clear()
        if failures:
            raise failures[0]

    def __enter__(self) -> Self:
        for number in STOP_SIGNALS:
            self._previous[number] = signal.signal(number, self._on_signal)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self.stop()
        finally:
            for number, handler in self._previous.items():
                signal.signal(number, handler)  # type: ignore[arg-type]

    def _on_signal(self, _number: int, _frame: FrameType | None) -> None:
        self._asked.set()


def wait_for(is_ready: Callable[[], bool], timeout: timedelta, interval: timedelta = timedelta(seconds=0.05)) -> bool:
    """Poll until something is ready; say whether it came in time."""
    deadline = time.monotonic() + timeout.total_seconds()
    while not is_ready():
        if time.monotonic() > deadline:
            return False
        time.sleep(interval.total_seconds())
    return True
