"""Children die with their launcher, stop in reverse order and are watched."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from runtime.processes import TETHER, Child, Supervisor, last_lines, wait_for

PATIENCE = timedelta(seconds=15)
# Writes its name when it is asked to stop.
POLITE = """
import pathlib, signal, sys, time
def stop(*_):
    with open(sys.argv[1], "a") as file: file.write(sys.argv[2] + "\\n")
    sys.exit(0)
signal.signal(signal.SIGTERM, stop)
print("ready", flush=True)
time.sleep(60)
"""
STUBBORN = (
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('ready', flush=True); time.sleep(60)"
)
LAUNCHER = """
import pathlib, sys, time
from runtime.processes import spawn
child = spawn([sys.executable, "-c", "import time; time.sleep(60)"], log=pathlib.Path(sys.argv[1]))
print(child.pid, flush=True)
time.sleep(60)
"""


def polite(supervisor: Supervisor, name: str, record: Path) -> Child:
    child = supervisor.start(name, [sys.executable, "-c", POLITE, str(record), name])
    assert wait_for(lambda: "ready" in last_lines(child.log), PATIENCE)
    return child


def note(record: Path, name: str) -> None:
    record.write_text(record.read_text() + f"{name}\n")


def is_gone(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return True
    # A zombie that nobody has waited for still takes signals.
    return "State:\tZ" in Path(f"/proc/{process}/status").read_text() if Path("/proc/self").exists() else False


def test_children_stop_in_the_reverse_order_of_their_start(tmp_path: Path) -> None:
    record = tmp_path / "record"
    with Supervisor(tmp_path) as supervisor:
        polite(supervisor, "first", record)
        supervisor.adopt("adopted", lambda: note(record, "adopted"))
        polite(supervisor, "second", record)
    assert record.read_text().split() == ["second", "adopted", "first"]


def test_a_child_that_ignores_the_request_is_killed(tmp_path: Path) -> None:
    with Supervisor(tmp_path) as supervisor:
        child = supervisor.start("stubborn", [sys.executable, "-c", STUBBORN], stop_timeout=timedelta(seconds=0.2))
        assert wait_for(lambda: "ready" in last_lines(child.log), PATIENCE)
    assert child.returncode == -signal.SIGKILL


def test_a_paused_child_is_stopped_too(tmp_path: Path) -> None:
    record = tmp_path / "record"
    with Supervisor(tmp_path) as supervisor:
        polite(supervisor, "paused", record).send(signal.SIGSTOP)
    assert record.read_text().split() == ["paused"]


def test_one_part_that_fails_to_stop_does_not_keep_the_others_running(tmp_path: Path) -> None:
    record = tmp_path / "record"

    def fail() -> None:
        raise OSError("cannot stop")

    supervisor = Supervisor(tmp_path)
    polite(supervisor, "first", record)
    supervisor.adopt("broken", fail)
    with pytest.raises(OSError, match="cannot stop"):
        supervisor.stop()
    assert record.read_text().split() == ["first"]


def test_a_child_that_ends_by_itself_is_reported(tmp_path: Path) -> None:
    with Supervisor(tmp_path) as supervisor:
        polite(supervisor, "lasting", tmp_path / "record")
        ended = supervisor.start("ending", [sys.executable, "-c", "raise SystemExit(3)"])
        assert supervisor.watch(interval=timedelta(seconds=0.01)) is ended
        assert ended.returncode == 3


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_watch(tmp_path: Path, number: signal.Signals) -> None:
    with Supervisor(tmp_path) as supervisor:
        timer = threading.Timer(0.1, lambda: os.kill(os.getpid(), number))
        timer.start()
        assert supervisor.watch() is None
        assert supervisor.is_stopping
        timer.join()


def test_the_watch_ends_when_its_condition_holds(tmp_path: Path) -> None:
    with Supervisor(tmp_path) as supervisor:
        assert supervisor.watch(until=lambda: True) is None
        assert not supervisor.is_stopping


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_child_dies_with_its_launcher(tmp_path: Path, number: signal.Signals) -> None:
    command = [sys.executable, "-c", LAUNCHER, str(tmp_path / "child.log")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as launcher:
        assert launcher.stdout is not None
        child = int(launcher.stdout.readline())
        launcher.send_signal(number)
    assert wait_for(lambda: is_gone(child), PATIENCE)


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_the_watchdog_stops_a_child_where_the_kernel_cannot(tmp_path: Path) -> None:
    command = f"""
import os, subprocess, sys, time
child = subprocess.Popen([sys.executable, {str(TETHER)!r}, "15", str(os.getpid()), "watchdog", "sleep", "60"])
print(child.pid, flush=True)
time.sleep(60)
"""
    with subprocess.Popen([sys.executable, "-c", command], stdout=subprocess.PIPE, text=True) as launcher:
        assert launcher.stdout is not None
        child = int(launcher.stdout.readline())
        is_sleeping: Callable[[], bool] = lambda: Path(f"/proc/{child}/cmdline").read_bytes().startswith(b"sleep")  # noqa: E731
        assert wait_for(is_sleeping, PATIENCE)
        launcher.kill()
    assert wait_for(lambda: is_gone(child), PATIENCE)


def test_a_child_whose_launcher_is_already_gone_never_starts(tmp_path: Path) -> None:
    answer = subprocess.run(
        [sys.executable, str(TETHER), "15", "1", "watchdog", "touch", str(tmp_path / "started")], check=False
    )
    assert answer.returncode == 1
    assert not (tmp_path / "started").exists()
