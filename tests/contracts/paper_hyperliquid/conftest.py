"""A paper venue as a process, and traders with the official SDK."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from eth_account import Account
from hyperliquid.exchange import Exchange
from hyperliquid.info import Info

ROOT = Path(__file__).parents[3]
READY = "paper hyperliquid listening on "


@dataclass
class Paper:
    """A running venue."""

    options: list[str]
    process: subprocess.Popen[str] = field(init=False)
    url: str = ""

    def start(self) -> None:
        command = [sys.executable, "-m", "paper", "--venue", "hyperliquid", *self.options]
        self.process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line.startswith(READY), line + self.process.stdout.read()
        self.url = line.removeprefix(READY).strip()

    def stop(self, how: signal.Signals = signal.SIGTERM) -> int:
        os.kill(self.process.pid, how)
        code = self.process.wait(10)
        assert self.process.stdout is not None
        self.process.stdout.close()
        return code

    def call(self, path: str, body: dict[str, Any] | None = None, method: str | None = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data, {"Content-Type": "application/json"}, method=method)
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                return json.loads(answer.read())
        except urllib.error.HTTPError as error:
            with error:
                return {"code": error.code, "body": error.read().decode()}

    def control(self, name: str, **body: Any) -> Any:
        return self.call(f"/control/{name}", body)

    def clear_faults(self) -> None:
        self.call("/control/faults", method="DELETE")


@dataclass
class Trader:
    """A funded account: `sdk` acts through an approved agent, `master` with the account's own key."""

    paper: Paper
    address: str
    master: Exchange
    sdk: Exchange
    info: Info

    def orders(self) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = self.paper.call(f"/control/orders?user={self.address}")
        return rows

    def szi(self, coin: str = "BTC") -> str:
        positions = self.info.user_state(self.address)["assetPositions"]
        return next((row["position"]["szi"] for row in positions if row["position"]["coin"] == coin), "0.0")


def make_trader(paper: Paper, usdc: str = "100000") -> Trader:
    wallet = Account.create()
    paper.control("deposit", user=wallet.address, usdc=usdc)
    master = Exchange(wallet, paper.url, timeout=10)
    answer, key = master.approve_agent("bot")
    assert answer["status"] == "ok"
    agent = Exchange(Account.from_key(key), paper.url, account_address=wallet.address, timeout=10)
    return Trader(paper, wallet.address.lower(), master, agent, Info(paper.url, skip_ws=True, timeout=10))


def eventually(check: Callable[[], Any], seconds: float = 5.0) -> Any:
    """Return the first true answer of a check, or fail at the deadline."""
    deadline = time.monotonic() + seconds
    while not (answer := check()):
        assert time.monotonic() < deadline, "it did not come true in time"
        time.sleep(0.02)
    return answer


@pytest.fixture(scope="package")
def shared() -> Iterator[Paper]:
    paper = Paper(["--port", "0", "--limits", "off"])
    paper.start()
    yield paper
    paper.stop()


@pytest.fixture
def paper(shared: Paper) -> Paper:
    """The shared venue with still prices and no faults."""
    shared.clear_faults()
    for coin, px in (("BTC", "100000"), ("ETH", "4000"), ("SOL", "200")):
        shared.control("price", coin=coin, px=px, freeze=True)
    return shared


@pytest.fixture
def trader(paper: Paper) -> Trader:
    return make_trader(paper)
