"""A paper venue as a process of its own, with its control endpoints; it can stand still, die and come back."""

import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

import httpx

ROOT = Path(__file__).parents[3]
STARTS_WITHIN = 30.0
LISTENING = "listening on "


class PaperServer:
    """`python -m paper --venue NAME` on a free port; after a restart it listens on the same one."""

    def __init__(
        self, folder: Path, venue: str = "hyperliquid", *, limits: str = "off", seed: int = 1, speed: float = 1
    ) -> None:
        self._folder = folder
        self._venue = venue
        self._options = ["--limits", limits, "--seed", str(seed), "--speed", str(speed)]
        self._port = 0
        self.url = ""

    def __enter__(self) -> Self:
        try:
            self._start()
        except AssertionError:
            self._end(signal.SIGKILL)
            raise
        self._control = httpx.Client(base_url=self.url, trust_env=False, timeout=10)
        return self

    def __exit__(self, *_: object) -> None:
        self._control.close()
        self._end(signal.SIGTERM)

    def restart(self) -> None:
        """Kill the process without a word and start it again with the state that it had made durable."""
        self._end(signal.SIGKILL)
        self._start()

    def _start(self) -> None:
        state = self._folder / f"{self._venue}.sqlite"
        command = [sys.executable, "-m", "paper", "--venue", self._venue, "--port", str(self._port)]
        self._process = subprocess.Popen(
            [*command, "--state", str(state), *self._options],
            cwd=ROOT,
            env=os.environ | {"PYTHONUNBUFFERED": "1"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self._lines: queue.Queue[str] = queue.Queue()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        self.url = self._find_url()
        self._port = int(self.url.rsplit(":", 1)[1])

    def _end(self, how: signal.Signals) -> None:
        self._process.send_signal(how)
        self._process.wait(timeout=20)
        self._reader.join(timeout=5)
        assert self._process.stdout is not None
        self._process.stdout.close()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._lines.put(line)

    def _find_url(self) -> str:
        seen: list[str] = []
        give_up = time.monotonic() + STARTS_WITHIN
        while time.monotonic() < give_up:
            try:
                seen.append(self._lines.get(timeout=0.2))
            except queue.Empty:
                assert self._process.poll() is None, "".join(seen)
                continue
            if LISTENING in seen[-1]:
                return seen[-1].split(LISTENING)[1].split()[0]
        raise AssertionError("The paper server did not start: " + "".join(seen))

    @contextmanager
    def stopped(self) -> Iterator[None]:
        """Let the process stand still: it accepts and says nothing."""
        self._process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self._process.send_signal(signal.SIGCONT)

    def post(self, path: str, **body: Any) -> Any:
        """Post to a control endpoint."""
        answer = self._control.post(f"/control/{path}", json=body)
        assert answer.is_success, f"/control/{path} {body}: {answer.text}"
        return answer.json()

    def get(self, path: str, **query: str) -> Any:
        """Ask a control endpoint."""
        return self._control.get(f"/control/{path}", params=query).raise_for_status().json()

    def fault(self, fault: str, *, on: str = "exchange", **more: Any) -> None:
        """Put one fault in force, once unless told otherwise."""
        self.post("faults", **({"on": on, "fault": fault, "count": 1} | more))

    def lift_faults(self) -> None:
        """Lift all faults."""
        self._control.delete("/control/faults").raise_for_status()

    def move(self, coin: str, px: object) -> None:
        """Jump mark and mid of a coin to a price and hold them there."""
        self.post("price", coin=coin, px=str(px), freeze=True)
