"""Live: events of one user by SSE and by WebSocket, resumed from the last id that the client has seen.

Truth is the table; LISTEN only wakes. A lost notification costs at most one heartbeat.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import suppress
from enum import StrEnum
from typing import Annotated, Any

from fastapi import APIRouter, Header, Query
from fastapi.responses import StreamingResponse
from pydantic import ValidationError
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketState

from api import auth
from api.auth import Me
from api.hub import Hub, Listener
from api.schemas.live import Hello
from domain.errors import HoldfastError, Refused
from storage.postgres.engine import dump
from storage.records import Caller, Event, Scope
from venues.base import Mark

HEARTBEAT_SECONDS = 15.0
HELLO_SECONDS = 10.0
SEND_SECONDS = 5.0
"""A client that takes longer to accept one message is slow, and is closed."""
CLOSE_SECONDS = 10.0
"""The code of a close stands behind what was not taken yet; so long a slow client may catch up and read it."""
MARKET_SECONDS = 5.0
"""One reading of all marks weighs 20 of the 1,200 a minute that the address may use, which trading needs more."""

CLOSE_BAD_MESSAGE = 4400
CLOSE_UNAUTHENTICATED = 4401
CLOSE_SLOW = 4408
CLOSE_GOING_AWAY = 1001

router = APIRouter(tags=["live"])


class Channel(StrEnum):
    """What a client can listen to."""

    TRADING = "trading"
    MARKET = "market"
    POSITIONS = "positions"


_CHANNELS = {
    "mark": Channel.MARKET,
    "market": Channel.MARKET,
    "position": Channel.POSITIONS,
    "portfolio": Channel.POSITIONS,
    "fill": Channel.POSITIONS,
}


def channel_of(kind: str) -> Channel:
    """Say which channel an event belongs to; what is neither market nor position is trading."""
    return _CHANNELS.get(kind, Channel.TRADING)


@router.get(
    "/api/events",
    response_class=StreamingResponse,
    responses={200: {"content": {"text/event-stream": {"schema": {"type": "string"}}}}},
)
async def stream_events(
    request: Request,
    me: Me,
    after: Annotated[int | None, Query(ge=0, le=2**62, description="Id of the last event already known.")] = None,
    last_event_id: Annotated[int | None, Header(ge=0, le=2**62)] = None,
) -> StreamingResponse:
    """Stream the caller's events as SSE, from Last-Event-ID or `after` on, else from now."""
    hub: Hub = request.app.state.hub
    known = last_event_id if last_event_id is not None else after
    cursor = await hub.newest(me.user_id) if known is None else known
    # Buffering proxies would hold events back.
    return StreamingResponse(_sse(hub, me, cursor), media_type="text/event-stream", headers={"X-Accel-Buffering": "no"})


async def _sse(hub: Hub, me: Caller, cursor: int) -> AsyncIterator[str]:
    yield ": connected\n\n"
    checked_at = time.monotonic()
    async with hub.listener(me.user_id) as listener:
        while not hub.is_closing:
            try:
                checked_at = await hub.require_valid(me, checked_at)
                found = await hub.since(me.user_id, cursor)
            except Refused:
                return
            except HoldfastError:
                found = ()
            for event in found:
                cursor = event.id
                yield f"id: {event.id}\nevent: {event.kind}\ndata: {json.dumps(message_of(event))}\n\n"
            if not found and not await listener.wait(HEARTBEAT_SECONDS):
                yield ": heartbeat\n\n"


def message_of(event: Event) -> dict[str, Any]:
    """Write an event for a client."""
    return {"id": event.id, "kind": event.kind, "at": event.at.isoformat(), "body": event.body}


@router.websocket("/api/ws")
async def serve_socket(socket: WebSocket) -> None:
    """Serve one WebSocket: first message {"token", "channels", "after"}; the token may come by header instead."""
    await socket.accept()
    hub: Hub = socket.app.state.hub
    try:
        hello, me = await _greet(socket)
        await _pump(socket, hub, me, hello)
    except Closed as closed:
        await _close(socket, closed.code, closed.reason)
    except WebSocketDisconnect:
        return


class Closed(Exception):
    """The connection ends with a code and a reason."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


async def _greet(socket: WebSocket) -> tuple[Hello, Caller]:
    try:
        text = await asyncio.wait_for(socket.receive_text(), HELLO_SECONDS)
        hello = Hello.model_validate_json(text)
    except TimeoutError:
        raise Closed(CLOSE_UNAUTHENTICATED, "no first message") from None
    except (ValidationError, KeyError):
        raise Closed(CLOSE_BAD_MESSAGE, "the first message is not understood") from None
    token = hello.token.get_secret_value() if hello.token is not None else auth.bearer_of(socket)
    try:
        me = await run_in_threadpool(auth.authenticate, socket, token)
        auth.require_scope(me, Scope.READ)
    except Refused as refused:
        raise Closed(CLOSE_UNAUTHENTICATED, refused.code) from None
    except HoldfastError as error:
        raise Closed(CLOSE_GOING_AWAY, error.code) from None
    return hello, me


async def _pump(socket: WebSocket, hub: Hub, me: Caller, hello: Hello) -> None:
    """Send events until either side ends; reading goes on beside it, so that a gone client is noticed."""
    cursor = await hub.newest(me.user_id) if hello.after is None else hello.after
    await _send(socket, {"type": "ready", "after": cursor, "channels": list(hello.channels)})
    async with hub.listener(me.user_id) as listener:
        tasks = (
            asyncio.create_task(_send_events(socket, hub, me, listener, cursor, frozenset(hello.channels))),
            asyncio.create_task(_read(socket)),
            *([asyncio.create_task(_send_marks(socket, hub, hello))] if Channel.MARKET in hello.channels else []),
        )
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
        ended = await asyncio.gather(*tasks, return_exceptions=True)
    for outcome in ended:
        if isinstance(outcome, Exception):
            raise outcome


async def _send_events(
    socket: WebSocket, hub: Hub, me: Caller, listener: Listener, cursor: int, channels: frozenset[str]
) -> None:
    """Read in batches no larger than BATCH and send each event: what a client has not taken waits in the table."""
    checked_at = time.monotonic()
    while not hub.is_closing:
        try:
            checked_at = await hub.require_valid(me, checked_at)
            found = await hub.since(me.user_id, cursor)
        except Refused as refused:
            raise Closed(CLOSE_UNAUTHENTICATED, refused.code) from None
        except HoldfastError:
            found = ()
        for event in found:
            cursor = event.id
            channel = channel_of(event.kind)
            if channel in channels:
                await _send(socket, {"type": "event", "channel": channel, **message_of(event)})
        if not found and not await listener.wait(HEARTBEAT_SECONDS):
            await _send(socket, {"type": "heartbeat", "after": cursor})
    raise Closed(CLOSE_GOING_AWAY, "the server stops")


async def _send_marks(socket: WebSocket, hub: Hub, hello: Hello) -> None:
    """Send each coin's prices whenever they have changed; they are not resumed, the next ones come anyway."""
    shown: dict[str, Mark] = {}
    while True:
        try:
            marks = await run_in_threadpool(hub.marks, hello.venue, hello.coins)
        except Refused as refused:
            raise Closed(CLOSE_BAD_MESSAGE, refused.code) from None
        except HoldfastError:
            marks = ()
        for mark in marks:
            if shown.get(mark.coin) != mark:
                shown[mark.coin] = mark
                await _send(socket, {"type": "mark", "channel": Channel.MARKET, **dump(mark)})
        await asyncio.sleep(MARKET_SECONDS)


async def _read(socket: WebSocket) -> None:
    """Answer pings; anything else ends the connection."""
    while True:
        try:
            message = await socket.receive_json()
        except (ValueError, KeyError):
            raise Closed(CLOSE_BAD_MESSAGE, "not JSON") from None
        if message != {"type": "ping"}:
            raise Closed(CLOSE_BAD_MESSAGE, "only pings are understood")
        await _send(socket, {"type": "pong"})


async def _send(socket: WebSocket, message: dict[str, Any]) -> None:
    try:
        await asyncio.wait_for(socket.send_json(message), SEND_SECONDS)
    except TimeoutError:
        raise Closed(CLOSE_SLOW, "slow consumer") from None


async def _close(socket: WebSocket, code: int, reason: str) -> None:
    if socket.client_state is not WebSocketState.CONNECTED:
        return
    with suppress(RuntimeError, TimeoutError, WebSocketDisconnect):
        await asyncio.wait_for(socket.close(code, reason), CLOSE_SECONDS)
