"""Signed orders over kept-alive connections, as fast as they are answered or at an even rate."""

from __future__ import annotations

import asyncio
import json
import time
from collections import deque
from dataclasses import dataclass, field, replace
from itertools import count
from typing import Any, cast

from coincurve import PrivateKey

from paper.hyperliquid.signing import l1_digest, public_address

NONCES = count(time.time_ns() // 1_000_000)
START_PX = {0: 97_000, 1: 3_400, 2: 180}
SIZES = {0: "0.001", 1: "0.01", 2: "0.2"}
LENGTH = b"content-length: "
Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Wallet:
    """A key and its address."""

    key: PrivateKey
    address: str


def wallets(number: int) -> list[Wallet]:
    """Make the same keys every time."""
    keys = [PrivateKey.from_int(7_000_003 + index) for index in range(number)]
    return [Wallet(key, public_address(key.public_key)) for key in keys]


def orders_of(keys: list[Wallet], number: int) -> list[Json]:
    """Sign one resting order after the other, the wallets in turn."""
    return [_signed(keys[index % len(keys)], index) for index in range(number)]


def _signed(wallet: Wallet, index: int) -> Json:
    asset = index % 3
    # Far from the market, so that the order rests; the ticks below keep five figures.
    px = START_PX[asset] * (90 - index % 5) // 100
    order = {"a": asset, "b": True, "p": str(px), "s": SIZES[asset], "r": False, "t": {"limit": {"tif": "Gtc"}}}
    action = {"type": "order", "orders": [order], "grouping": "na"}
    nonce = next(NONCES)
    raw = wallet.key.sign_recoverable(l1_digest(action, nonce, None, None), hasher=None)
    signature = {"r": "0x" + raw[:32].hex(), "s": "0x" + raw[32:64].hex(), "v": 27 + raw[64]}
    return {"action": action, "nonce": nonce, "signature": signature, "vaultAddress": None}


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """Where to, over how many connections, and how many orders a second (0: whenever one is answered).

    `pipelined` requests are under way on a connection at a time; an even rate has one.
    """

    port: int
    connections: int
    pipelined: int = 1
    per_second: float = 0.0

    def at(self, per_second: float) -> Load:
        """Return the same load at an even rate."""
        return replace(self, per_second=per_second, pipelined=1)


@dataclass(slots=True)
class Answers:
    """What came back: seconds from the moment an order was due to its answer."""

    waits: list[float] = field(default_factory=list)
    refused: int = 0
    seconds: float = 0.0

    @property
    def count(self) -> int:
        """How many were answered."""
        return len(self.waits)

    @property
    def per_second(self) -> float:
        """How many were answered a second."""
        return self.count / self.seconds

    def quantile(self, part: float) -> float:
        """Return a quantile of the waits in milliseconds."""
        return sorted(self.waits)[min(int(part * self.count), self.count - 1)] * 1000


@dataclass(slots=True)
class _Queue:
    requests: deque[tuple[float, bytes]]
    answers: Answers
    done: asyncio.Future[None]
    total: int


class _Connection(asyncio.Protocol):
    """So many requests under way as are allowed, one behind the other; a due time in the future is waited for."""

    def __init__(self, queue: _Queue, pipelined: int) -> None:
        self._queue = queue
        self._pipelined = pipelined
        self._due: deque[float] = deque()
        self._data = b""
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports are no subclasses of asyncio's.
        self._transport = cast("asyncio.Transport", transport)
        self._next(self._pipelined)

    def _next(self, number: int) -> None:
        ready: list[bytes] = []
        for _ in range(min(number, len(self._queue.requests))):
            due, request = self._queue.requests.popleft()
            now = time.monotonic()
            self._due.append(due or now)
            if due > now:
                asyncio.get_running_loop().call_later(due - now, self._send, request)
            else:
                ready.append(request)
        if ready:
            self._send(b"".join(ready))

    def _send(self, requests: bytes) -> None:
        assert self._transport is not None
        self._transport.write(requests)

    def data_received(self, data: bytes) -> None:
        data, place, answered = self._data + data, 0, 0
        now, answers = time.monotonic(), self._queue.answers
        while end := _end(data, place):
            answers.waits.append(now - self._due.popleft())
            answers.refused += data.find(b'"resting"', place, end) < 0
            place, answered = end, answered + 1
        self._data = data[place:]
        if self._queue.answers.count == self._queue.total and not self._queue.done.done():
            self._queue.done.set_result(None)
        self._next(answered)


def _end(data: bytes, place: int) -> int:
    """Return where the answer that begins at a place ends, 0 while it is not all there."""
    body = data.find(b"\r\n\r\n", place) + 4
    if body < 4:
        return 0
    length = data.find(LENGTH, place, body) + len(LENGTH)
    end = body + int(data[length : data.find(b"\r\n", length)])
    return end if end <= len(data) else 0


def _http(body: Json) -> bytes:
    data = json.dumps(body, separators=(",", ":")).encode()
    head = f"POST /exchange HTTP/1.1\r\nHost: paper\r\nContent-Type: application/json\r\nContent-Length: {len(data)}\r\n\r\n"
    return head.encode() + data


async def run_load(load: Load, orders: list[Json]) -> Answers:
    """Send all orders and wait for all answers."""
    loop = asyncio.get_running_loop()
    raw = [_http(order) for order in orders]
    start = time.monotonic() + 0.1
    step = 1 / load.per_second if load.per_second else 0.0
    due = ((start + index * step if step else 0.0, request) for index, request in enumerate(raw))
    queue = _Queue(deque(due), Answers(), loop.create_future(), len(orders))
    begun = time.monotonic()
    transports = [
        (await loop.create_connection(lambda: _Connection(queue, load.pipelined), "127.0.0.1", load.port))[0]
        for _ in range(load.connections)
    ]
    await asyncio.wait_for(queue.done, 120)
    queue.answers.seconds = time.monotonic() - begun
    for transport in transports:
        transport.close()
    return queue.answers
