"""User streams over listen keys, with our own reconnect. They only wake somebody up; REST decides what has happened.

A listen key lives 60 minutes after it was made or kept alive, and is made with the account's key; a connection lives 24 hours.
Each account has a connection of its own, since one carries one listen key and its messages do not name the account.
"""

from __future__ import annotations

import asyncio
import json
import random
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator
from contextlib import aclosing
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import structlog
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import WebSocketException

from domain.errors import HoldfastError, Refused
from venues.base import SigningKey, StreamEvent
from venues.fapi.answers import BAD_SHAPE
from venues.fapi.client import FapiClient, VenueError
from venues.fapi.dialect import Paths
from venues.fapi.forced import PREFIXES
from venues.fapi.limits import Priority
from venues.fapi.wire import Call, to_algo_oid, to_coin

MOST_ADDRESSES = 200
_LOG = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """When to keep a listen key alive, when to connect anew, when silence is told, and how fast to come back.

    `silence` is no fault: a quiet account has no messages. It is told as a resync, since a dead stream looks the same, once the
    venue has said that it still knows the listen key.
    """

    keep_alive: timedelta = timedelta(minutes=30)
    connection: timedelta = timedelta(hours=23, minutes=50)
    silence: timedelta = timedelta(minutes=5)
    ping: timedelta = timedelta(seconds=60)
    shortest: timedelta = timedelta(seconds=1)
    longest: timedelta = timedelta(seconds=60)
    steady: timedelta = timedelta(seconds=60)

    def pause(self, failures: int) -> float:
        """Seconds before the next connection: doubled for each failure, plus up to half of it at random."""
        seconds = min(self.shortest.total_seconds() * 2.0 ** min(failures, 10), self.longest.total_seconds())
        return seconds * (1 + random.random() / 2)


class ListenKeys:
    """Makes and keeps listen keys."""

    def __init__(
        self,
        client: FapiClient,
        keys: Callable[[str], SigningKey],
        paths: Callable[[SigningKey], Paths],
    ) -> None:
        self._client = client
        self._keys = keys
        self._paths = paths

    def make(self, address: str) -> str:
        """Return the account's listen key; the venue extends the one that there is."""
        answer = self._ask(address, "POST")
        try:
            return str(answer["listenKey"])
        except BAD_SHAPE:
            raise Refused("no_listen_key", f"{self._client.dialect.title} gave no listen key.") from None

    def extend(self, address: str) -> None:
        """Keep the account's listen key alive for another 60 minutes."""
        self._ask(address, "PUT")

    def _ask(self, address: str, method: str) -> Any:
        key = self._keys(address)
        path = self._paths(key).at("listenKey")
        answer = self._client.ask(key, Call(method=method, path=path), 1, Priority.OPEN)
        if isinstance(answer, VenueError):
            raise self._client.refused(path, answer)
        return answer


class FapiStream:
    """Wake-ups of up to 200 accounts for each call of `events`."""

    def __init__(
        self,
        client: FapiClient,
        keys: Callable[[str], SigningKey],
        paths: Callable[[SigningKey], Paths],
        pace: Pace | None = None,
    ) -> None:
        self._client = client
        self._listen_keys = ListenKeys(client, keys, paths)
        self._pace = pace or Pace()

    async def events(self, addresses: tuple[str, ...]) -> AsyncIterator[StreamEvent]:
        """Yield events for ever; a `resync` of an address follows each connection of it, so that no gap stays unseen."""
        if len(addresses) > MOST_ADDRESSES:
            raise Refused("too_many_addresses", f"One reader follows {MOST_ADDRESSES} accounts, not {len(addresses)}.")
        heard: asyncio.Queue[StreamEvent] = asyncio.Queue(maxsize=1000)
        tasks = [asyncio.create_task(self._follow(address, heard)) for address in addresses]
        try:
            while True:
                yield await heard.get()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _follow(self, address: str, heard: asyncio.Queue[StreamEvent]) -> None:
        failures = 0
        while True:
            started = time.monotonic()
            try:
                async with aclosing(self._connection(address)) as events:
                    async for event in events:
                        await heard.put(event)
                # It ended as planned: the day is over or the listen key has expired.
            except (OSError, WebSocketException, HoldfastError) as error:
                _LOG.warning("stream_lost", venue=self._client.dialect.name, error=type(error).__name__)
            # A listen key that expires as soon as it is made must not be asked for in a tight loop.
            is_steady = time.monotonic() - started >= self._pace.steady.total_seconds()
            failures = 0 if is_steady else failures + 1
            await asyncio.sleep(self._pace.pause(failures))

    async def _connection(self, address: str) -> AsyncGenerator[StreamEvent, None]:
        """Yield the events of one connection until its day is over or its listen key has expired."""
        listen_key = await asyncio.to_thread(self._listen_keys.make, address)
        config = self._client.config
        opening = connect(
            f"{config.ws_url}/ws/{listen_key}",
            open_timeout=config.timeout.total_seconds(),
            close_timeout=1,
            # The venue pings as well; ours finds a dead connection sooner.
            ping_interval=self._pace.ping.total_seconds(),
            ping_timeout=self._pace.ping.total_seconds(),
            proxy=None if config.is_local else True,
        )
        async with opening as socket:
            yield StreamEvent(address=address, kind="resync")
            keeping = asyncio.create_task(self._keep(address, socket))
            try:
                async for event in self._messages(address, socket):
                    yield event
            finally:
                # Not a task group: it would wrap the loss of the connection, and nobody would come back.
                keeping.cancel()
                await asyncio.gather(keeping, return_exceptions=True)

    async def _messages(self, address: str, socket: ClientConnection) -> AsyncGenerator[StreamEvent, None]:
        ends = time.monotonic() + self._pace.connection.total_seconds()
        while (left := ends - time.monotonic()) > 0:
            try:
                async with asyncio.timeout(min(self._pace.silence.total_seconds(), left)):
                    message = await socket.recv()
            except TimeoutError:
                if time.monotonic() < ends:
                    # A key that another program closed dies without a word: asking is the only way to learn of it.
                    await asyncio.to_thread(self._listen_keys.extend, address)
                yield StreamEvent(address=address, kind="resync")
                continue
            text = message if isinstance(message, str) else message.decode(errors="replace")
            if is_expired(text):
                return
            for event in read_events(text, address):
                yield event

    async def _keep(self, address: str, socket: ClientConnection) -> None:
        """Extend the listen key now and then; one that cannot be extended is replaced with its connection."""
        while True:
            await asyncio.sleep(self._pace.keep_alive.total_seconds())
            try:
                await asyncio.to_thread(self._listen_keys.extend, address)
            except HoldfastError as error:
                _LOG.warning("listen_key_lost", venue=self._client.dialect.name, code=error.code)
                await socket.close()
                return


def is_expired(text: str) -> bool:
    """Whether a message says that the listen key is dead; nothing follows on its connection."""
    return '"listenKeyExpired"' in text


def read_events(text: str, address: str) -> Iterator[StreamEvent]:
    """Read one message; what is unknown or garbled is skipped, since the next synchronisation sees the truth anyway."""
    try:
        message = json.loads(text)
        match message.get("data", message):
            case {"e": "ORDER_TRADE_UPDATE", "o": dict(order)}:
                yield _of_order(order, address)
            case {"e": "ALGO_UPDATE", "o": dict(order)}:
                oid = to_algo_oid(order["aid"])
                yield StreamEvent(
                    address=address, kind="order", coin=to_coin(order["s"]), client_id=str(order["caid"]), oid=oid
                )
            case {"e": "ACCOUNT_UPDATE", "a": dict(change)}:
                yield from _of_account(change, address)
            case {"e": "MARGIN_CALL" | "ACCOUNT_CONFIG_UPDATE"}:
                yield StreamEvent(address=address, kind="resync")
    except BAD_SHAPE:
        return


def _of_order(order: dict[str, Any], address: str) -> StreamEvent:
    client_id = str(order["c"])
    kind = "fill" if order["x"] == "TRADE" else "order"
    if order["x"] == "CALCULATED" or client_id.startswith(PREFIXES):
        kind = "liquidation"
    return StreamEvent(address=address, kind=kind, coin=to_coin(order["s"]), client_id=client_id, oid=str(order["i"]))


def _of_account(change: dict[str, Any], address: str) -> Iterator[StreamEvent]:
    """An order's own event tells of its effect already; what moves money otherwise is worth a look."""
    if change.get("m") != "ORDER":
        yield StreamEvent(address=address, kind="resync")
