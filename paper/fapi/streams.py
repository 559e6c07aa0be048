"""Streams: /ws/<name>, /ws with subscriptions, /stream?streams=; listen keys are names like any other."""

from __future__ import annotations

import asyncio
import json
import time
from collections import deque
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from starlette.websockets import WebSocket, WebSocketDisconnect

from paper.engine.changes import Changes
from paper.fapi import public_events, user_events
from paper.fapi.node import Node
from paper.faults import Fault, Faults

Json = dict[str, Any]
MESSAGES_A_SECOND = 10


@dataclass(slots=True, eq=False)
class Connection:
    """One client: its streams, whether they are wrapped, its queue, and messages held back by a fault."""

    streams: dict[str, None] = field(default_factory=dict)
    is_wrapped: bool = False
    queue: asyncio.Queue[str | None] = field(default_factory=lambda: asyncio.Queue(maxsize=10_000))
    held: list[str] = field(default_factory=list)
    silent_until: float = 0.0
    pushed: dict[str, str] = field(default_factory=dict)
    received: deque[float] = field(default_factory=lambda: deque(maxlen=MESSAGES_A_SECOND))

    def is_flooding(self, now: float) -> bool:
        """Count a message that came; tells whether more came within a second than the venue takes."""
        is_full = len(self.received) == MESSAGES_A_SECOND and now - self.received[0] < 1
        self.received.append(now)
        return is_full


class Hub:
    """All connections of the venue."""

    def __init__(self, node: Node, faults: Faults) -> None:
        self._node = node
        self._faults = faults
        self._connections: set[Connection] = set()
        self._second = 0.0

    @property
    def count(self) -> int:
        """How many clients are connected."""
        return len(self._connections)

    async def serve(self, socket: WebSocket, streams: Iterable[str], *, is_wrapped: bool) -> None:
        """Serve a client until it or a fault ends the connection."""
        await socket.accept()
        connection = Connection(streams=dict.fromkeys(streams), is_wrapped=is_wrapped)
        self._connections.add(connection)
        reader = asyncio.create_task(self._read(socket, connection))
        try:
            with suppress(WebSocketDisconnect, RuntimeError, TimeoutError):
                # The venue ends every connection after a day, whatever goes on there.
                async with asyncio.timeout(self._node.settings.connection_s):
                    while (text := await connection.queue.get()) is not None:
                        await socket.send_text(text)
            with suppress(WebSocketDisconnect, RuntimeError):
                await socket.close()
        finally:
            self._connections.discard(connection)
            reader.cancel()
            with suppress(asyncio.CancelledError, WebSocketDisconnect, RuntimeError):
                await reader

    async def _read(self, socket: WebSocket, connection: Connection) -> None:
        try:
            while True:
                text = await socket.receive_text()
                if connection.is_flooding(time.monotonic()):
                    break
                self._receive(connection, text)
            self._close(connection)
        except (WebSocketDisconnect, RuntimeError, KeyError):
            self._close(connection)

    def _receive(self, connection: Connection, text: str) -> None:
        try:
            message = json.loads(text)
            method, number = message["method"], message.get("id")
            names = [str(name) for name in message.get("params") or []]
        except (ValueError, KeyError, TypeError, AttributeError):
            self._queue(connection, json.dumps({"code": 3, "msg": "Invalid JSON: expected value at line 1 column 1"}))
            return
        result: Any = None
        match method:
            case "SUBSCRIBE":
                wanted = connection.streams | dict.fromkeys(names)
                if len(wanted) > self._node.dialect.streams:
                    self._close(connection)
                    return
                connection.streams = wanted
            case "UNSUBSCRIBE":
                for name in names:
                    connection.streams.pop(name, None)
            case "LIST_SUBSCRIPTIONS":
                result = list(connection.streams)
            case "SET_PROPERTY":
                connection.is_wrapped = bool((message.get("params") or [None, False])[1])
            case "GET_PROPERTY":
                result = connection.is_wrapped
            case _:
                body = {"code": 2, "msg": f"Invalid request: unknown variant `{method}`", "id": number}
                self._queue(connection, json.dumps(body))
                return
        self._queue(connection, json.dumps({"result": result, "id": number}))

    def publish(self, changes: Changes) -> None:
        """Push what changed to whoever listens."""
        told = list(user_events.messages(self._node, changes)) if changes.events or self._node.notices else []
        if not self._connections:
            return
        keys: dict[str, list[str]] = {}
        for key, (user, _) in self._node.listen_keys.items():
            keys.setdefault(user, []).append(key)
        for user, event in told:
            for key in keys.get(user, []):
                self._tell(key, event)
        for row in changes.events:
            for stream, event in public_events.happened(self._node, row):
                self._tell(stream, event)

    def _tell(self, stream: str, event: Json) -> None:
        for connection in tuple(self._connections):
            if stream in connection.streams:
                self._send(connection, stream, event)

    async def tick(self) -> None:
        """Push market data that changed, and end listen keys whose hour is over."""
        now = time.monotonic()
        is_second = now - self._second >= 1
        self._second = now if is_second else self._second
        wanted = {
            stream
            for connection in self._connections
            for stream in connection.streams
            if "@" in stream or stream[:1] == "!"
        }
        for stream in wanted:
            answer = public_events.periodic(self._node, stream, is_second=is_second)
            if answer is not None:
                self._push_changed(stream, answer)
        self._end_keys()

    def _push_changed(self, stream: str, answer: Json | list[Json]) -> None:
        comparable = json.dumps(_without_times(answer))
        for connection in tuple(self._connections):
            is_steady = "markPrice" in stream
            if stream in connection.streams and (is_steady or connection.pushed.get(stream) != comparable):
                connection.pushed[stream] = comparable
                self._send(connection, stream, answer)

    def _end_keys(self) -> None:
        now = self._node.venue.now()
        for key, (_, until) in tuple(self._node.listen_keys.items()):
            if now >= until:
                self._tell(key, {"e": "listenKeyExpired", "E": now, "listenKey": key})
                del self._node.listen_keys[key]
                self._node.save_listen_keys()

    def _send(self, connection: Connection, stream: str, event: Json | list[Json]) -> None:
        body: Any = {"stream": stream, "data": event} if connection.is_wrapped else event
        text = json.dumps(body, separators=(",", ":"))
        if connection.silent_until > time.monotonic():
            return
        kind = str(event.get("e")) if isinstance(event, dict) else stream
        rule = self._faults.for_message(kind)
        if rule is None:
            self._queue(connection, text)
            return
        match rule.fault:
            case Fault.WS_DUPLICATE:
                self._queue(connection, text)
                self._queue(connection, text)
            case Fault.WS_REORDER:
                # Held until the next message has gone, then sent behind it.
                connection.held.append(text)
                asyncio.get_running_loop().call_later(rule.seconds, self._release, connection)
            case Fault.WS_LATE:
                asyncio.get_running_loop().call_later(rule.seconds, self._queue, connection, text)
            case Fault.WS_SILENT:
                connection.silent_until = time.monotonic() + rule.seconds
            case Fault.WS_CLOSE:
                self._close(connection)
            case _:
                self._queue(connection, text)

    def _queue(self, connection: Connection, text: str) -> None:
        if connection.queue.full():
            self._close(connection)
            return
        connection.queue.put_nowait(text)
        self._release(connection)

    def _release(self, connection: Connection) -> None:
        held, connection.held = connection.held, []
        for text in reversed(held):
            connection.queue.put_nowait(text)

    def _close(self, connection: Connection) -> None:
        while not connection.queue.empty():
            connection.queue.get_nowait()
        connection.queue.put_nowait(None)

    async def close(self) -> None:
        """End all connections."""
        for connection in tuple(self._connections):
            self._close(connection)
        await asyncio.sleep(0)


def _without_times(answer: Json | list[Json]) -> Any:
    if isinstance(answer, list):
        return [_without_times(row) for row in answer]
    return {key: value for key, value in answer.items() if key not in {"E", "T", "u", "U", "pu", "O", "C"}}
