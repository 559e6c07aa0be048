"""Streams: subscriptions, snapshots and what is pushed (reference section 4)."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from starlette.websockets import WebSocket, WebSocketDisconnect

from paper.engine.changes import Changes
from paper.engine.errors import Unparsable
from paper.faults import Fault, Faults
from paper.hyperliquid import channels, exchange, info, pushes, subscriptions
from paper.hyperliquid.limits import PerMinute
from paper.hyperliquid.node import Node
from paper.hyperliquid.parsing import typed

Json = dict[str, Any]
CONNECTIONS = 10
SUBSCRIPTIONS = 1000
NEW_CONNECTIONS = 30
MESSAGES = 2_000
IDLE_S = 60.0
PENDING_POSTS = 100
GREETING = "Websocket connection established."


@dataclass(slots=True, eq=False)
class Connection:
    """One client: its subscriptions by their normalised text, its queue, and messages held back by a fault."""

    ip: str
    subscriptions: dict[str, Json] = field(default_factory=dict)
    queue: asyncio.Queue[str | None] = field(default_factory=lambda: asyncio.Queue(maxsize=10_000))
    held: list[str] = field(default_factory=list)
    posts: int = 0
    sent_at: float = field(default_factory=time.monotonic)
    silent_until: float = 0.0
    pushed: dict[str, str] = field(default_factory=dict)


class Hub:
    """All connections of the venue."""

    def __init__(self, node: Node, faults: Faults, act: Callable[[exchange.Envelope], Awaitable[Json]]) -> None:
        self._node = node
        self._faults = faults
        self._act = act
        self._connections: set[Connection] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._last_books = 0.0
        self._opened = PerMinute(NEW_CONNECTIONS)
        self._received = PerMinute(MESSAGES)

    @property
    def count(self) -> int:
        """How many clients are connected."""
        return len(self._connections)

    async def serve(self, socket: WebSocket) -> None:
        """Serve a client until it or a fault ends the connection."""
        ip = socket.client.host if socket.client else "unknown"
        same = sum(connection.ip == ip for connection in self._connections)
        limits = self._node.limits
        if limits.is_on and (same >= CONNECTIONS or not self._opened.admit(ip, time.monotonic())):
            await socket.close(1008)
            return
        await socket.accept()
        await socket.send_text(GREETING)
        connection = Connection(ip=ip)
        self._connections.add(connection)
        reader = asyncio.create_task(self._read(socket, connection))
        try:
            await self._write(socket, connection)
        finally:
            self._connections.discard(connection)
            reader.cancel()
            with suppress(asyncio.CancelledError, WebSocketDisconnect, RuntimeError):
                await reader

    async def _read(self, socket: WebSocket, connection: Connection) -> None:
        try:
            while True:
                await self._receive(connection, await socket.receive_text())
        except (WebSocketDisconnect, RuntimeError, KeyError):
            self._close(connection)

    async def _write(self, socket: WebSocket, connection: Connection) -> None:
        with suppress(WebSocketDisconnect, RuntimeError):
            while (text := await connection.queue.get()) is not None:
                await socket.send_text(text)
                connection.sent_at = time.monotonic()
            await socket.close()

    async def _receive(self, connection: Connection, text: str) -> None:
        if self._node.limits.is_on and not self._received.admit(connection.ip, time.monotonic()):
            self._refuse(connection, "Too many websocket messages sent.")
            return
        try:
            message = json.loads(text)
            method = message["method"]
        except (ValueError, KeyError, TypeError):
            method, message = None, {}
        match method:
            case "ping":
                self._send(connection, "pong", None)
            case "subscribe" | "unsubscribe":
                self._subscribe(connection, text, message)
            case "post":
                self._post(connection, text, message)
            case _:
                self._refuse(connection, _unreadable(text))

    def _subscribe(self, connection: Connection, text: str, message: Json) -> None:
        try:
            wanted = subscriptions.normalised(self._node, message.get("subscription"))
        except Unparsable:
            self._refuse(connection, _unreadable(text))
            return
        key = subscriptions.key(wanted)
        if message["method"] == "unsubscribe":
            if connection.subscriptions.pop(key, None) is None:
                self._refuse(connection, f"Already unsubscribed: {key}")
                return
            connection.pushed.pop(key, None)
            self._acknowledge(connection, "unsubscribe", wanted)
            return
        if key in connection.subscriptions:
            self._refuse(connection, f"Already subscribed: {key}")
            return
        if refusal := self._limit(connection, wanted):
            self._refuse(connection, refusal)
            return
        connection.subscriptions[key] = wanted
        self._acknowledge(connection, "subscribe", wanted)
        for channel, data in channels.snapshot(self._node, wanted):
            connection.pushed[key] = json.dumps(channels.without_time(data))
            self._send(connection, channel, data)

    def _limit(self, connection: Connection, wanted: Json) -> str:
        if not self._node.limits.is_on:
            return ""
        if len(connection.subscriptions) >= SUBSCRIPTIONS:
            return "Cannot track more than 1000 subscriptions."
        users = {
            str(subscription["user"])
            for other in self._connections
            if other.ip == connection.ip
            for subscription in other.subscriptions.values()
            if "user" in subscription
        }
        most = self._node.venue.settings.ws_users
        if "user" in wanted and wanted["user"] not in users and len(users) >= most:
            return f"Cannot track more than {most} total users."
        return ""

    def _acknowledge(self, connection: Connection, method: str, subscription: Json) -> None:
        self._send(connection, "subscriptionResponse", {"method": method, "subscription": subscription})

    def _refuse(self, connection: Connection, text: str) -> None:
        self._send(connection, "error", text)

    def _post(self, connection: Connection, text: str, message: Json) -> None:
        number, request = message.get("id"), message.get("request")
        if (
            not isinstance(number, int)
            or not isinstance(request, dict)
            or request.get("type") not in {"info", "action"}
        ):
            self._refuse(connection, _unreadable(text))
            return
        if connection.posts >= PENDING_POSTS:
            self._refuse(connection, f"too many pending post requests id={number}")
            return
        connection.posts += 1
        task = asyncio.create_task(self._answer_post(connection, text, number, request))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _answer_post(self, connection: Connection, text: str, number: int, request: Json) -> None:
        payload = request.get("payload")
        try:
            if request["type"] == "info":
                payload = typed(payload, dict)
                data = info.answer(self._node, payload)
                response: Json = {"type": "info", "payload": {"type": payload["type"], "data": data}}
            else:
                response = {"type": "action", "payload": await self._act(exchange.read_envelope(payload))}
        except Unparsable:
            self._refuse(connection, _unreadable(text))
            return
        finally:
            connection.posts -= 1
        self._send(connection, "post", {"id": number, "response": response})

    def publish(self, changes: Changes) -> None:
        """Push what changed to whoever subscribed."""
        if not self._connections or not changes.events:
            return
        messages = pushes.messages(changes)
        for connection in tuple(self._connections):
            for key, channel, data in messages:
                if key in connection.subscriptions:
                    self._send(connection, channel, data)

    async def tick(self) -> None:
        """Push market data and account states that changed, and close connections that heard nothing for a minute."""
        now = time.monotonic()
        with_books = now - self._last_books >= 0.5
        self._last_books = now if with_books else self._last_books
        answers: dict[str, tuple[str, Any] | None] = {}
        for connection in tuple(self._connections):
            for key, subscription in tuple(connection.subscriptions.items()):
                if key not in answers:
                    answers[key] = channels.periodic(self._node, subscription, with_books=with_books)
                self._push_changed(connection, key, answers[key])
            if now - connection.sent_at > IDLE_S:
                self._close(connection)

    def _push_changed(self, connection: Connection, key: str, answer: tuple[str, Any] | None) -> None:
        if answer is None:
            return
        channel, data = answer
        comparable = json.dumps(channels.without_time(data))
        if channel in channels.STEADY or connection.pushed.get(key) != comparable:
            connection.pushed[key] = comparable
            self._send(connection, channel, data)

    def _send(self, connection: Connection, channel: str, data: Any) -> None:
        message = {"channel": channel} if data is None else {"channel": channel, "data": data}
        text = json.dumps(message)
        if connection.silent_until > time.monotonic() and channel != "pong":
            return
        rule = self._faults.for_message(channel) if channel not in {"pong", "subscriptionResponse"} else None
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


def _unreadable(text: str) -> str:
    return f"Error parsing JSON into valid websocket request: {text}"
