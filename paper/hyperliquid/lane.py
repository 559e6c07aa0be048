"""The short way of an action: read off the connection, run and made durable together with its neighbours, answered.

What can be read off the connections in one turn of the loop is one batch. The signers of all of it are found first, then all
of it runs in the order of its arrival: one step for many actions is half as long again when the steps take turns.

The way through ASGI costs as much as an order itself. It is kept for everything out of the ordinary: a fault in force, a
halted chain, a delay, a request that comes in pieces or cannot be read; both ways run the same functions.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
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
UNPARSABLE = "Failed to deserialize the JSON body into the target type"
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

    def __init__(self, node: Node, faults: Faults, log: Callable[[Json, Json], None]) -> None:
        self._node = node
        self._faults = faults
        self._log = log
        self._waiting: list[tuple[asyncio.WriteTransport, Envelope | None]] = []

    @property
    def is_open(self) -> bool:
        """Whether nothing is in force that changes when an action runs or how it is answered."""
        settings = self._node.venue.settings
        delayed = settings.cancel_delay_s or settings.answer_delay_s or settings.fill_before_ack
        return not (self._faults.rules or settings.halted or delayed or settings.retry_after)

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
        signers = [exchange.known_signer(node, envelope) if envelope else None for _, envelope in waiting]
        answers = [
            self._run(envelope, signer) if envelope else _answer(TYPES[429], b"null")
            for (_, envelope), signer in zip(waiting, signers, strict=True)
        ]
        node.commit()
        for (transport, _), answer in zip(waiting, answers, strict=True):
            if not transport.is_closing():
                transport.write(answer)

    def _run(self, envelope: Envelope, signer: str | None) -> bytes:
        try:
            answer = exchange.execute(self._node, envelope, signer)
        except Unparsable:
            return _answer(GARBLED, UNPARSABLE.encode())
        self._log(envelope.action, answer)
        return _answer(TYPES[200], to_json(answer))


def _answer(head: bytes, body: bytes) -> bytes:
    return b"HTTP/1.1 %b\r\ncontent-length: %d\r\n\r\n%b" % (head, len(body), body)


def protocol_of(lane: Lane) -> type[asyncio.Protocol]:
    """Return uvicorn's protocol with the short way before it."""

    class Protocol(HttpToolsProtocol):
        _is_inside = False
        _taken_at = 0.0

        def data_received(self, data: bytes) -> None:
            if self._is_ready() and data.startswith(REQUEST) and lane.is_open:
                body = _whole_body(data)
                if body is not None and lane.take(self.transport, self.client[0] if self.client else "unknown", body):
                    self._keep_alive()
                    return
            # Answers stand in the order of their requests.
            lane.flush()
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

    return Protocol


def _whole_body(data: bytes) -> bytes | None:
    """Return the body of a request that is all there and alone, None for any other."""
    head, mark, body = data.partition(b"\r\n\r\n")
    head = head.lower()
    start = head.find(LENGTH)
    if not mark or start < 0 or any(name in head for name in UNUSUAL):
        return None
    length = head[start + len(LENGTH) :].partition(b"\r\n")[0].strip()
    return body if length.isdigit() and int(length) == len(body) else None
