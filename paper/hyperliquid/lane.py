"""The short way of an action: read off the connection, run and made durable together with its neighbours, answered.

What can be read off the connections in one turn of the loop is one batch. The signers of all of it are found first, then all
of it runs in the order of its arrival: one step for many actions is half as long again when the steps take turns.

The way through ASGI costs as much as an order itself. It is kept for everything out of the ordinary: a fault in force, a
halted chain, a delay, a request that comes in pieces or cannot be read; both ways run the same functions.
"""

from __future__ import annotations

import asyncio
import logging
from functools import lru_cache
from typing import Any

from pydantic_core import from_json, to_json
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from paper.engine.errors import Unparsable
from paper.faults import Faults
from paper.hyperliquid import exchange
from paper.hyperliquid.exchange import Envelope
from paper.hyperliquid.limits import exchange_weight
from paper.hyperliquid.node import Node

Json = dict[str, Any]
REQUEST = b"POST /exchange HTTP/1.1\r\n"
NOTED = "%s -> %s"
UNPARSABLE = "Failed to deserialize the JSON body into the target type"
# A client's heads are the same from request to request but for the length.
HEADS = 1_000
LENGTH = b"content-length:"
# Headers that ask for more than an answer.
UNUSUAL = (b"\r\nexpect:", b"\r\nconnection: close", b"\r\ntransfer-encoding:", b"\r\nupgrade:")
TYPES = {
    200: b"200 OK\r\ncontent-type: application/json",
    429: b"429 Too Many Requests\r\ncontent-type: application/json",
}
GARBLED = b"422 Unprocessable Entity\r\ncontent-type: text/plain; charset=utf-8"


class Lane:
    """Runs the actions that are ready now as one batch and answers them when it is durable."""

    def __init__(self, node: Node, faults: Faults, log: logging.Logger) -> None:
        self._node = node
        self._faults = faults
        self._log = log
        self._is_logged = False
        self._waiting: list[tuple[asyncio.WriteTransport, Envelope | None]] = []

    @property
    def is_open(self) -> bool:
        """Whether nothing is in force that changes when an action runs or how it is answered."""
        settings = self._node.venue.settings
        delayed = settings.cancel_delay_s or settings.answer_delay_s or settings.fill_before_ack
        return not (self._faults.rules or settings.halted or delayed or settings.retry_after)

    def take_front(self, transport: asyncio.WriteTransport, ip: str, data: bytes) -> bytes:
        """Queue the whole actions at the front of what was read; returns what is behind them."""
        while data.startswith(REQUEST):
            body, rest = _first_body(data)
            if not body or not self.take(transport, ip, body):
                break
            data = rest
        return data

    def take(self, transport: asyncio.WriteTransport, ip: str, body: bytes) -> bool:
        """Queue an action, to be run and answered soon; False where the long way has to see to the request."""
        try:
            envelope = exchange.read_envelope(from_json(body))
        except (ValueError, Unparsable):
            return False
        if not self._waiting:
            # Whatever else can be read off the connections in this turn of the loop is in the same batch.
            asyncio.get_running_loop().call_soon(self.flush)
        limits = self._node.limits
        admitted = not limits.is_on or limits.admit_weight(
            ip, exchange_weight(envelope.action), self._node.venue.clock()
        )
        self._waiting.append((transport, envelope if admitted else None))
        return True

    def flush(self) -> None:
        """Run everything that waits, make it durable, then answer it."""
        waiting, self._waiting = self._waiting, []
        if not waiting:
            return
        node = self._node
        self._is_logged = self._log.isEnabledFor(logging.INFO)
        signers = [exchange.known_signer(node, envelope) if envelope else None for _, envelope in waiting]
        answers = [
            self._run(envelope, signer) if envelope else _answer(TYPES[429], b"null")
            for (_, envelope), signer in zip(waiting, signers, strict=True)
        ]
        node.commit()
        # One call of the system for all that a connection is answered.
        together: dict[asyncio.WriteTransport, list[bytes]] = {}
        for (transport, _), answer in zip(waiting, answers, strict=True):
            together.setdefault(transport, []).append(answer)
        for transport, mine in together.items():
            if not transport.is_closing():
                transport.write(b"".join(mine))

    def _run(self, envelope: Envelope, signer: str | None) -> bytes:
        try:
            answer = exchange.execute(self._node, envelope, signer)
        except Unparsable:
            return _answer(GARBLED, UNPARSABLE.encode())
        if self._is_logged:
            self._log.info(NOTED, envelope.action, answer)
        return _answer(TYPES[200], to_json(answer))


def _answer(head: bytes, body: bytes) -> bytes:
    return b"HTTP/1.1 %b\r\ncontent-length: %d\r\n\r\n%b" % (head, len(body), body)


class _Protocol(HttpToolsProtocol):
    """uvicorn's protocol with the short way before it."""

    lane: Lane
    _is_inside = False
    _taken_at = 0.0

    def data_received(self, data: bytes) -> None:
        if self.lane.is_open and self._is_ready():
            rest = self.lane.take_front(self.transport, _ip(self.client), data)
            if len(rest) < len(data):
                self._keep_alive()
            data = rest
        if data:
            # Answers stand in the order of their requests.
            self.lane.flush()
            super().data_received(data)

    def _keep_alive(self) -> None:
        """Close the connection when nothing more comes, as after any other answer.

        A timer of its own for every request would cost as much as reading it.
        """
        self._taken_at = self.loop.time()
        if self.timeout_keep_alive_task is None:
            self._look_again_in(self.timeout_keep_alive)

    def _look_again_in(self, seconds: float) -> None:
        self.timeout_keep_alive_task = self.loop.call_later(seconds, self.timeout_keep_alive_handler)

    def timeout_keep_alive_handler(self) -> None:
        left = self._taken_at + self.timeout_keep_alive - self.loop.time()
        if left > 0:
            self._look_again_in(left)
        else:
            super().timeout_keep_alive_handler()

    def _is_ready(self) -> bool:
        return not self._is_inside and getattr(self.cycle, "response_complete", True)

    def on_message_begin(self) -> None:
        self._is_inside = True
        super().on_message_begin()

    def on_message_complete(self) -> None:
        self._is_inside = False
        super().on_message_complete()


def protocol_of(lane: Lane) -> type[asyncio.Protocol]:
    """Return uvicorn's protocol with the short way before it."""
    return type("Protocol", (_Protocol,), {"lane": lane})


def _ip(client: tuple[str, int] | None) -> str:
    return client[0] if client else "unknown"


def _first_body(data: bytes) -> tuple[bytes, bytes]:
    """Return the body of the first request and what is behind it; no body where it is not all there or out of the ordinary."""
    head, _, body = data.partition(b"\r\n\r\n")
    length = _length(head)
    # Without its end a head has no body, and no action is empty.
    return (body[:length], body[length:]) if length is not None and len(body) >= length else (b"", data)


@lru_cache(HEADS)
def _length(head: bytes) -> int | None:
    """Return how long the body behind a head is, None where the head asks for more than an answer."""
    head = head.lower()
    start = head.find(LENGTH)
    if start < 0 or any(name in head for name in UNUSUAL):
        return None
    length = head[start + len(LENGTH) :].partition(b"\r\n")[0].strip()
    return int(length) if length.isdigit() else None
