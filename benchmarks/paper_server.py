"""The paper exchange on a core of its own, and what that core can recover of signatures alone."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
import urllib.request
from pathlib import Path
from typing import Any, Self

from benchmarks.paper_load import Json, Wallet
from paper.hyperliquid.signing import recover_l1

ROOT = Path(__file__).parents[1]
SERVER_CORE = 0
READY = "listening on http://127.0.0.1:"


def pin(core: int, pid: int = 0) -> None:
    """Keep a process (this one by default) to one core where the system knows how and has so many."""
    if hasattr(os, "sched_setaffinity") and (os.cpu_count() or 1) > core:
        os.sched_setaffinity(pid, {core})


def recoveries_per_second(orders: list[Json]) -> float:
    """Recover the signers of signed actions one after the other, nothing else."""
    best = 0.0
    for _ in range(3):
        begun = time.process_time()
        for order in orders:
            recover_l1(order["action"], order["nonce"], None, None, order["signature"])
        best = max(best, len(orders) / (time.process_time() - begun))
    return best


class PaperServer:
    """A paper Hyperliquid with a state file, pinned to one core."""

    def __init__(self, state: Path) -> None:
        self._command = [sys.executable, "-m", "paper", "--venue", "hyperliquid", "--port", "0", "--limits", "off"]
        self._command += ["--state", str(state)]
        self.port = 0
        self._stop = threading.Event()
        self._prices: threading.Thread | None = None
        self._updates: list[float] = []

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(self._command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
        pin(SERVER_CORE, self._process.pid)
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if READY not in line:
            raise RuntimeError(f"The paper exchange did not start: {line}")
        self.port = int(line.rpartition(":")[2])
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        if self._prices is not None:
            self._prices.join()
        self._process.terminate()
        self._process.wait(20)

    def core_seconds(self) -> float:
        """Return the processor time that the server has used so far."""
        fields = Path(f"/proc/{self._process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def control(self, path: str, body: Json) -> Any:
        """Use a control endpoint."""
        url = f"http://127.0.0.1:{self.port}/control/{path}"
        request = urllib.request.Request(url, json.dumps(body).encode(), {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=20) as answer:
            return json.loads(answer.read())

    def fund(self, keys: list[Wallet]) -> None:
        """Give every account money."""
        for wallet in keys:
            self.control("deposit", {"user": wallet.address, "usdc": "100000"})

    def update_prices_ten_times_a_second(self) -> None:
        """Move one coin after the other until the end, with the whole effect on orders and accounts."""
        self._prices = threading.Thread(target=self._update)
        self._prices.start()

    def _update(self) -> None:
        coins = (("BTC", 97_000), ("ETH", 3_400), ("SOL", 180))
        number = 0
        while not self._stop.wait(0.1):
            coin, px = coins[number % 3]
            begun = time.perf_counter()
            self.control("price", {"coin": coin, "px": str(px + px * (number % 7 - 3) // 1000)})
            self._updates.append(time.perf_counter() - begun)
            number += 1

    def tick_ms(self) -> float:
        """Return the median time of a price update as its sender sees it."""
        return sorted(self._updates)[len(self._updates) // 2] * 1000
