"""Fail points obey files, once, and in tests only."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from activities.submission import pass_by
from runtime.loading import load_settings
from wiring.fail_points import fail_point_of, obeying


def test_an_order_is_obeyed_once_and_told(tmp_path: Path) -> None:
    """The second sender passes."""
    done: list[str] = []
    reached = obeying(tmp_path, done.append)
    (tmp_path / "after_gate").write_text("sleep 5")

    reached("before_write_ahead", "abc")
    reached("after_gate", "abc")
    reached("after_gate", "abc")

    assert done == ["sleep 5"]
    assert (tmp_path / "after_gate.reached").read_text().endswith(" abc")


def test_an_order_for_one_client_id_waits_for_it(tmp_path: Path) -> None:
    """Others pass."""
    done: list[str] = []
    reached = obeying(tmp_path, done.append)
    (tmp_path / "after_gate").write_text("kill client:abc")

    reached("after_gate", "xyz")
    assert done == []
    reached("after_gate", "abc")
    assert done == ["kill"]


def test_outside_of_tests_nothing_is_obeyed(tmp_path: Path) -> None:
    """A file in the home folder must not be able to kill a worker that trades."""
    assert fail_point_of(load_settings({"HOLDFAST_HOME": str(tmp_path)}, None)) is pass_by


def test_a_thread_that_stops_its_process_does_nothing_more_before_it_goes_on() -> None:
    """A step further and the order would be sent that was to be caught before its send."""
    code = (
        "import os, threading, time\n"
        "from wiring.fail_points import _act\n"
        "def sender():\n"
        "    for _ in range(60):\n"
        "        _act('stop')\n"
        "        os.write(1, b'.')\n"
        "threading.Thread(target=sender).start()\n"
        "time.sleep(60)\n"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as child:
        try:
            assert child.stdout is not None
            os.set_blocking(child.stdout.fileno(), False)
            for _ in range(60):
                _until_stopped(child.pid)
                assert child.stdout.read() is None
                os.kill(child.pid, signal.SIGCONT)
                _until(lambda: child.stdout is not None and child.stdout.read() == b".")
        finally:
            child.kill()


def _until_stopped(pid: int) -> None:
    stat = Path(f"/proc/{pid}/stat")
    _until(lambda: stat.read_text().rpartition(")")[2].split()[0] == "T")


def _until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.001)
