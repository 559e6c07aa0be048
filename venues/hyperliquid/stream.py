"""User streams over one WebSocket, with our own reconnect. They only wake somebody up; REST decides what has happened.

Two subscriptions a user: `userFills`, whose messages name the user, and `orderUpdates`, whose messages do not. Where
several users share a connection an order event therefore has no address and is told by its client id. The venue allows
ten users an IP address over all user subscriptions, ten connections and thirty new connections a minute.
"""

from __future__ import annotations

import asyncio
import json
import random
import time
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import aclosing
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import structlog
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import WebSocketException

from domain.errors import Refused
from venues.base import StreamEvent
from venues.hyperliquid.config import HyperliquidConfig
from venues.hyperliquid.rows import BAD_SHAPE
from venues.hyperliquid.wire import from_cloid

MOST_USERS = 10
_PING = json.dumps({"method": "ping"})
_LOG = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """When to ping, when to call a connection dead, and how fast to come back.

    A `steady` connection resets the back-off; the shortest pause keeps below thirty new connections a minute.
    """

    ping_after: timedelta = timedelta(seconds=10)
    silence: timedelta = timedelta(seconds=30)
    subscribe_within: timedelta = timedelta(seconds=10)
    shortest: timedelta = timedelta(seconds=2)
    longest: timedelta = timedelta(seconds=30)
    steady: timedelta = timedelta(seconds=60)

    def pause(self, failures: int) -> float:
        """Seconds before the next connection: doubled for each failure, plus up to half of it at random."""
        seconds = min(self.shortest.total_seconds() * 2.0 ** min(failures, 10), self.longest.total_seconds())
        return seconds * (1 + random.random() / 2)


class HyperliquidStream:
    """Wake-ups of up to ten users for each call of `events`."""

    def __init__(self, config: HyperliquidConfig, pace: Pace | None = None) -> None:
        self._config = config
        self._pace = pace or Pace()

    async def events(self, addresses: tuple[str, ...]) -> AsyncIterator[StreamEvent]:
        """Yield events for ever; a `resync` of an address follows each subscription of it, so that no gap stays
        unseen."""
        if len(addresses) > MOST_USERS:
            raise Refused("too_many_addresses", f"One connection follows {MOST_USERS} users, not {len(addresses)}.")
        failures = 0
        while True:
            started = time.monotonic()
            try:
                async with aclosing(self._connection(addresses)) as events:
                    async for event in events:
                        yield event
            except (OSError, WebSocketException) as error:
                _LOG.warning("stream_lost", venue="hyperliquid", users=len(addresses), error=type(error).__name__)
            is_steady = time.monotonic() - started >= self._pace.steady.total_seconds()
            failures = 0 if is_steady else failures + 1
            await asyncio.sleep(self._pace.pause(failures))

    async def _connection(self, addresses: tuple[str, ...]) -> AsyncGenerator[StreamEvent, None]:
        """Yield the events of one connection until it is lost; raises TimeoutError (an OSError) when it is silent."""
        opening = connect(
            self._config.stream_url,
            open_timeout=self._config.timeout.total_seconds(),
            close_timeout=1,
            # The venue wants its own ping message; a frame keeps nothing alive there.
            ping_interval=None,
            proxy=None if self._config.is_local else True,
        )
        async with opening as socket:
            for address in addresses:
                await socket.send(_subscription("userFills", address))
                await socket.send(_subscription("orderUpdates", address))
            waiting = {address.lower(): address for address in addresses}
            give_up = time.monotonic() + self._pace.subscribe_within.total_seconds()
            while True:
                text = await self._receive(socket)
                for event in read_events(text, addresses):
                    if event.kind != "resync" or waiting.pop(event.address.lower(), None) is not None:
                        yield event
                if waiting and time.monotonic() > give_up:
                    # A refused subscription looks like silence, and nothing else tells it from a quiet account.
                    raise TimeoutError(f"{len(waiting)} subscriptions were not confirmed.")

    async def _receive(self, socket: ClientConnection) -> str:
        """Return the next message, pinging while there is none; raises TimeoutError after too long a silence."""
        heard = time.monotonic()
        while True:
            try:
                async with asyncio.timeout(self._pace.ping_after.total_seconds()):
                    message = await socket.recv()
                return message if isinstance(message, str) else message.decode(errors="replace")
            except TimeoutError:
                if time.monotonic() - heard >= self._pace.silence.total_seconds():
                    raise
                await socket.send(_PING)


def read_events(text: str, addresses: tuple[str, ...]) -> Iterator[StreamEvent]:
    """Read one message; what is unknown or garbled is skipped, since the next synchronisation sees the truth anyway."""
    try:
        message = json.loads(text)
        match message["channel"]:
            case "subscriptionResponse":
                yield from _confirmed(message["data"], addresses)
            case "userFills":
                yield from _fills(message["data"], addresses)
            case "orderUpdates":
                yield from _orders(message["data"], addresses)
            case "error":
                _LOG.warning("stream_refused", venue="hyperliquid", text=str(message["data"])[:200])
    except BAD_SHAPE:
        return


def _confirmed(data: dict[str, Any], addresses: tuple[str, ...]) -> Iterator[StreamEvent]:
    subscription = data["subscription"]
    if data["method"] == "subscribe" and subscription["type"] == "userFills":
        yield StreamEvent(address=_ours(subscription["user"], addresses), kind="resync")


def _fills(data: dict[str, Any], addresses: tuple[str, ...]) -> Iterator[StreamEvent]:
    address = _ours(data["user"], addresses)
    if data.get("isSnapshot"):
        return
    for fill in data["fills"]:
        liquidated = str((fill.get("liquidation") or {}).get("liquidatedUser") or "").lower()
        yield StreamEvent(
            address=address,
            kind="liquidation" if liquidated == address.lower() else "fill",
            coin=fill["coin"],
            client_id=from_cloid(fill.get("cloid")),
            oid=str(fill["oid"]),
        )


def _orders(data: list[dict[str, Any]], addresses: tuple[str, ...]) -> Iterator[StreamEvent]:
    address = addresses[0] if len(addresses) == 1 else ""
    for update in data:
        order = update["order"]
        client_id = from_cloid(order.get("cloid"))
        if address or client_id:
            yield StreamEvent(
                address=address, kind="order", coin=order["coin"], client_id=client_id, oid=str(order["oid"])
            )


def _ours(user: str, addresses: tuple[str, ...]) -> str:
    """Return the address as the caller wrote it; raises KeyError for somebody else's."""
    by_lower = {address.lower(): address for address in addresses}
    return by_lower[user.lower()]


def _subscription(kind: str, user: str) -> str:
    return json.dumps({"method": "subscribe", "subscription": {"type": kind, "user": user}})
