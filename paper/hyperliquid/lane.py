"""The short way of an action: read off the connection, run, made durable together with its neighbours, answered.

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
    """Runs actions at once and answers them when the batch that is ready now is durable."""

    def __init__(self, node: Node, faults: Faults, log: Callable[[Json, Json], None]) -> None:
        self._node = node
        self._faults = faults
        self._log = log
        self._waiting: list[tuple[asyncio.WriteTransport, bytes]] = []

    @property
    def is_open(self) -> bool:
        """Whether nothing is in force that changes when an action runs or how it is answered."""
        settings = self._node.venue.settings
        delayed = settings.cancel_delay_s or settings.answer_delay_s or settings.fill_before_ack
        return not (self._faults.rules or settings.halted or delayed or settings.retry_after)

    def take(self, transport: asyncio.WriteTransport, ip: str, body: bytes) -> bool:
        """Run an action and answer it soon; False where the long way has to see to the request."""
        try:
            envelope = exchange.read_envelope(from_json(body))
        except (ValueError, Unparsable):
            return False
        if not self._node.limits.admit_weight(ip, exchange_weight(envelope.action), self._node.venue.clock()):
            self._answer(transport, TYPES[429], b"null")
            return True
        try:
            answer = exchange.execute(self._node, envelope)
        except Unparsable:
            self._answer(transport, GARBLED, UNPARSABLE.encode())
            return True
        self._log(envelope.action, answer)
        self._answer(transport, TYPES[200], to_json(answer))
        return True

    def _answer(self, transport: asyncio.WriteTransport, head: bytes, body: bytes) -> None:
        if not self._waiting:
            # Whatever else can be read off the connections in this turn of the loop is in the same batch.
            asyncio.get_running_loop().call_soon(self.flush)
        self._waiting.append((transport, b"HTTP/1.1 %b\r\ncontent-length: %d\r\n\r\n%b" % (head, len(body), body)))

    def flush(self) -> None:
        """Make everything durable that was run, then answer it."""
        waiting, self._waiting = self._waiting, []
        if waiting:
            self._node.commit()
        for transport, data in waiting:
            if not transport.is_closing():
                transport.write(data)


def protocol_of(lane: Lane) -> type[asyncio.Protocol]:
    """Return uvicorn's protocol with the short way before it."""

    class Protocol(HttpToolsProtocol):
        _is_inside = False

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
            """Close the connection when nothing more comes, as after any other answer."""
            self._unset_keepalive_if_required()
            self.timeout_keep_alive_task = self.loop.call_later(
                self.timeout_keep_alive, self.timeout_keep_alive_handler
            )

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
