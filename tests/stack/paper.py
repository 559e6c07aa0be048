"""A paper exchange as a process of its own, and its control endpoints."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path
from typing import Any, Self

import httpx

from runtime.ports import free_port

ROOT = Path(__file__).parents[2]


class Paper:
    """One paper exchange; `post` speaks to its loopback-only control endpoints."""

    def __init__(
        self,
        folder: Path,
        *,
        venue: str = "hyperliquid",
        limits: str = "off",
        seed: int = 7,
        extra: tuple[str, ...] = (),
    ) -> None:
        self._folder = folder
        self.venue = venue
        self._arguments = ("--limits", limits, "--seed", str(seed), *extra)
        self._process: subprocess.Popen[bytes] | None = None
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._http = httpx.Client(base_url=self.url, timeout=10, trust_env=False)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        """Start and wait until it answers."""
        self._folder.mkdir(parents=True, exist_ok=True)
        command = [sys.executable, "-m", "paper", "--venue", self.venue, "--port", str(self.port)]
        command += ["--state", str(self._folder / "paper.sqlite"), *self._arguments]
        with (self._folder / "paper.log").open("ab") as log:
            self._process = subprocess.Popen(command, cwd=ROOT, stdout=log, stderr=log)
        deadline = time.monotonic() + 20
        while True:
            try:
                if self._http.get("/control/health").status_code == 200:
                    return
            except httpx.TransportError:
                pass
            if time.monotonic() > deadline or self._process.poll() is not None:
                raise RuntimeError((self._folder / "paper.log").read_text()[-2000:])
            time.sleep(0.05)

    def stop(self) -> None:
        """Stop it."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait(10)
        self._http.close()

    def kill(self) -> None:
        """End it without a word; `start` brings it back with its state."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(10)

    def post(self, path: str, **body: Any) -> Any:
        """Use a control endpoint."""
        answer = self._http.post(f"/control/{path}", json=body)
        if answer.is_error:
            # What the exchange says of it is the part that helps.
            raise httpx.HTTPStatusError(f"{path} {body}: {answer.text}", request=answer.request, response=answer)
        return answer.json()

    def fault(self, on: str, fault: str, **more: Any) -> int:
        """Arm a fault; returns its number."""
        return int(self.post("faults", on=on, fault=fault, **more)["id"])

    def hits(self, fault: int) -> int:
        """How often a fault has hit."""
        rules = self._http.get("/control/faults").json()
        return next((int(rule["hits"]) for rule in rules if rule["id"] == fault), 0)

    def lift(self, fault: int) -> None:
        """Disarm one fault."""
        self._http.delete("/control/faults", params={"id": fault}).raise_for_status()

    def clear_faults(self) -> None:
        """Disarm every fault."""
        self._http.delete("/control/faults").raise_for_status()

    def orders(self, user: str) -> list[dict[str, Any]]:
        """Every order ever admitted for a user."""
        answer: list[dict[str, Any]] = self._http.get("/control/orders", params={"user": user}).json()
        return answer

    def fills(self, user: str) -> list[dict[str, Any]]:
        """Every fill of a user; Binance's and AsterDEX's paper exchanges alone list them here."""
        answer: list[dict[str, Any]] = self._http.get("/control/fills", params={"user": user}).json()
        return answer

    def info(self, **body: Any) -> Any:
        """Ask a public question."""
        return self._http.post("/info", json=body).json()
