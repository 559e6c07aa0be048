"""Who waits for events: one LISTEN for the whole process wakes the clients of a user; truth is the table."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

import structlog
from starlette.concurrency import run_in_threadpool

from api.deps import Parts
from domain.errors import HoldfastError, Refused, Retryable
from storage.postgres.events import listen
from storage.records import Caller, Event
from venues.base import Mark

BATCH = 200
RETRY_SECONDS = 1.0
RECHECK_SECONDS = 30.0


@dataclass(slots=True, eq=False)
class Listener:
    """One client that waits for events of a user."""

    user_id: str
    woken: asyncio.Event = field(default_factory=asyncio.Event)

    async def wait(self, seconds: float) -> bool:
        """Wait to be woken; False when nothing came."""
        try:
            await asyncio.wait_for(self.woken.wait(), seconds)
        except TimeoutError:
            return False
        self.woken.clear()
        return True


class Hub:
    """One LISTEN for the whole process, shared by its clients."""

    def __init__(self, parts: Parts) -> None:
        self.parts = parts
        self._listeners: dict[str, set[Listener]] = {}
        self._log = structlog.get_logger("api.live")
        self.is_closing = False

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Listen while the API runs."""
        task = asyncio.create_task(self._listen())
        try:
            yield
        finally:
            self.close()
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    def close(self) -> None:
        """End every stream: a server waits for its open answers before it stops."""
        self.is_closing = True
        self._wake("")

    @asynccontextmanager
    async def listener(self, user_id: str) -> AsyncIterator[Listener]:
        """Be woken by events of a user."""
        listener = Listener(user_id=user_id)
        self._listeners.setdefault(user_id, set()).add(listener)
        try:
            yield listener
        finally:
            self._listeners[user_id].discard(listener)
            if not self._listeners[user_id]:
                del self._listeners[user_id]

    async def since(self, user_id: str, after: int) -> tuple[Event, ...]:
        """Read events after an id."""
        return await run_in_threadpool(self.parts.events.since, user_id, after, limit=BATCH)

    async def newest(self, user_id: str) -> int:
        """The id of the newest event."""
        return await run_in_threadpool(self.parts.events.newest, user_id)

    async def require_valid(self, me: Caller, checked_at: float) -> float:
        """Check now and then that the key of an open connection was not revoked since; returns when it was checked."""
        now = time.monotonic()
        if now - checked_at < RECHECK_SECONDS:
            return checked_at
        if not await run_in_threadpool(self._is_valid, me):
            raise Refused("unauthenticated", "The API key was revoked.", action="Connect again with another key.")
        return now

    def _is_valid(self, me: Caller) -> bool:
        try:
            user = self.parts.users.user(me.user_id)
            keys = self.parts.users.api_keys(me.user_id)
        except Retryable:
            return True
        is_live = any(key.key_id == me.key_id and key.revoked_at is None for key in keys)
        return is_live and user is not None and user.disabled_at is None

    def marks(self, venue: str, coins: tuple[str, ...]) -> tuple[Mark, ...]:
        """Read the prices of some coins at a venue; blocking, and shared by all clients for about a second."""
        market = self.parts.venues.of(venue, self.parts.settings.network_of(venue).value).market
        return tuple(market.mark(coin) for coin in coins)

    async def _listen(self) -> None:
        url = self.parts.engine.url.render_as_string(hide_password=False)
        while True:
            try:
                async for user_id in listen(url):
                    self._wake(user_id)
            except HoldfastError as error:
                self._log.warning("events not heard", code=error.code)
            await asyncio.sleep(RETRY_SECONDS)

    def _wake(self, user_id: str) -> None:
        """Wake the clients of a user, or all of them."""
        groups = [self._listeners.get(user_id, set())] if user_id else list(self._listeners.values())
        for group in groups:
            for listener in group:
                listener.woken.set()
