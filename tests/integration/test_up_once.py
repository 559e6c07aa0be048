"""The main job, as a new user would run it: one command, real parts, orders that fill and are protected."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DATA = Path(os.environ.get("HOLDFAST_DATA", ROOT.parent / "shared" / "data"))
RECORDED = DATA / "candles" / "hl_{coin}_5m.parquet"
NEEDS_DATA = pytest.mark.skipif(
    not (DATA / "candles" / "hl_BTC_5m.parquet").exists(), reason=f"there are no recorded candles in {DATA}"
)
PATIENCE_SECONDS = 240

Arguments = tuple[str, ...]


def environment(folder: Path) -> dict[str, str]:
    """The developer's environment without settings of ours, with temporary folders inside the test's."""
    kept = {"PATH", "HOME", "LANG", "HOLDFAST_CACHE"}
    return {name: value for name, value in os.environ.items() if name in kept} | {"TMPDIR": str(folder)}


def left_running(folder: Path) -> list[str]:
    """Name processes that still belong to the folder."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            text = (process / "environ").read_bytes() + (process / "cmdline").read_bytes()
        except OSError:
            continue
        if str(folder).encode() in text and int(process.name) != os.getpid():
            found.append((process / "cmdline").read_bytes().replace(b"\0", b" ").decode())
    return found


@pytest.mark.real
@pytest.mark.slow
@pytest.mark.timeout(PATIENCE_SECONDS + 60)
@pytest.mark.parametrize(
    ("feed", "agents"),
    [
        pytest.param((), 3, id="synthetic"),
        pytest.param(("--venue", "all", "--agents", "2"), 6, id="three venues"),
        pytest.param(("--feed", str(RECORDED)), 3, id="recorded", marks=[NEEDS_DATA, pytest.mark.data]),
    ],
)
def test_once_trades_protects_and_reconciles(
    tmp_path: Path, feed: Arguments, agents: int, temporal_binary: Path
) -> None:
    """Some agents, three cycles each, a filled and protected trade each, no difference, nothing left behind."""
    command = [sys.executable, str(ROOT / "cli.py"), "up", "--once", "--json", *feed]
    answer = subprocess.run(
        command,
        env=environment(tmp_path),
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
        check=False,
    )

    assert answer.returncode == 0, answer.stdout + answer.stderr
    figures = json.loads(answer.stdout)
    assert figures["agents"] == agents
    assert figures["cycles"] >= 3 * agents
    assert figures["filled"] >= agents
    assert figures["protected"] >= agents
    assert float(figures["unexplained_difference"]) == 0
    assert figures["unknown_orders"] == 0
    assert float(figures["unprotected_max_s"]) <= 5
    assert left_running(tmp_path) == []
    assert list(tmp_path.glob("holdfast-*")) == []


class Deployment:
    """A `holdfast up` in a home of its own, driven by the command line."""

    def __init__(self, folder: Path) -> None:
        self.home = folder / "home"
        self._environment = environment(folder) | {"HOLDFAST_HOME": str(self.home)}
        self._log = folder / "up.log"
        self.process: subprocess.Popen[bytes] | None = None

    def up(self, *arguments: str) -> None:
        """Start, and wait until the demo runs; default ports that are in use are replaced."""
        with self._log.open("wb") as output:
            command = [sys.executable, str(ROOT / "cli.py"), "up", *arguments]
            self.process = subprocess.Popen(command, env=self._environment, stdout=output, stderr=output)
        self.until(lambda: b"api_key" in self._log.read_bytes(), "the demo to run")

    def asked(self, *arguments: str) -> list[dict[str, str]]:
        """Run a command and read its answer."""
        command = [sys.executable, str(ROOT / "cli.py"), *arguments, "--json"]
        answer = subprocess.run(command, env=self._environment, capture_output=True, text=True, timeout=60, check=True)
        rows: list[dict[str, str]] = json.loads(answer.stdout)
        return rows

    def until(self, is_so: Callable[[], bool], what: str) -> None:
        """Wait with a deadline."""
        deadline = time.monotonic() + PATIENCE_SECONDS / 2
        while not is_so():
            assert time.monotonic() < deadline, f"waited in vain for {what}: {self._log.read_text()}"
            assert self.process is None or self.process.poll() is None, self._log.read_text()
            time.sleep(0.5)

    def end(self, number: signal.Signals) -> int:
        """End it and return its exit code."""
        assert self.process is not None
        self.process.send_signal(number)
        code = self.process.wait(60)
        self.process = None
        return code


@pytest.fixture
def deployment(tmp_path: Path, temporal_binary: Path) -> Iterator[Deployment]:
    """A deployment that is gone afterwards."""
    made = Deployment(tmp_path)
    yield made
    if made.process is not None:
        made.end(signal.SIGTERM)


@pytest.mark.real
@pytest.mark.slow
@pytest.mark.timeout(PATIENCE_SECONDS + 60)
def test_after_a_kill_and_after_ctrl_c_the_same_agents_positions_and_intents_go_on(
    deployment: Deployment, tmp_path: Path
) -> None:
    """The first launcher is killed, so nothing was said to any part; the second is asked to stop and leaves nothing."""
    deployment.up()
    deployment.until(lambda: len(deployment.asked("intent", "list", "--phase", "PROTECTED")) == 3, "protected trades")
    intents = {row["id"] for row in deployment.asked("intent", "list")}
    agents = {row["id"]: int(row["cycle"]) for row in deployment.asked("agent", "list")}
    deployment.end(signal.SIGKILL)
    waited = time.monotonic() + 60
    while left_running(tmp_path):
        assert time.monotonic() < waited, left_running(tmp_path)
        time.sleep(0.5)

    deployment.up()
    deployment.until(
        lambda: all(int(row["cycle"]) > agents[row["id"]] for row in deployment.asked("agent", "list")), "next cycles"
    )

    assert {row["id"] for row in deployment.asked("agent", "list")} == agents.keys()
    assert intents <= {row["id"] for row in deployment.asked("intent", "list")}
    opened = [row["coin"] for row in deployment.asked("intent", "list") if row["kind"] == "open"]
    assert sorted(opened) == ["BTC", "ETH", "SOL"]
    assert deployment.end(signal.SIGINT) == 0
    assert left_running(tmp_path) == []
