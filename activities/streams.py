"""One shard of accounts: user streams wake it, its own clock syncs it, and it wakes who has to know."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Coroutine
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass

from temporalio import activity

from activities.ports import Metrics, Streams
from activities.sightings import FILLS, Sightings
from domain.accounts import AccountRef
from domain.errors import HoldfastError
from domain.supervision import ShardReport, ShardRun
from storage.base import Accounts

BEAT_EVERY = 5.0
REREAD_EVERY = 15.0
_AT_ONCE = 4
_URGENT_AT_ONCE = 16
_SETTLE = 0.1
"""Seconds that a reading of fills waits for the neighbours of the first: one trade is several fills."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamParts:
    """What a shard works with."""

    accounts: Accounts
    streams: Streams
    sightings: Callable[[ShardRun], Sightings]
    metrics: Metrics


class StreamActivities:
    """Keeps shards of accounts in sync."""

    def __init__(self, parts: StreamParts) -> None:
        self._parts = parts
        # Of its own: looks that wait for the venue's limits may hold every other thread.
        self._urgent = ThreadPoolExecutor(_URGENT_AT_ONCE, thread_name_prefix="fills")

    @activity.defn
    async def run_shard(self, run: ShardRun) -> ShardReport:
        """Watch a shard's accounts for a while. Another may still be at it: all that is written is idempotent."""
        return await Shard(self._parts, run, self._urgent).live()


class Shard:
    """One life of a shard."""

    def __init__(self, parts: StreamParts, run: ShardRun, urgent: Executor) -> None:
        self._parts = parts
        self._run = run
        self._urgent = urgent
        self._filled: set[str] = set()
        self._sightings = parts.sightings(run)
        self._accounts: dict[str, AccountRef] = {}
        self._slots = asyncio.Semaphore(_AT_ONCE)
        self._busy: set[str] = set()
        self._syncing: set[asyncio.Task[None]] = set()
        self._listening: asyncio.Task[None] | None = None
        self._stirred = asyncio.Event()

    async def live(self) -> ShardReport:
        """Run until the time is over or the activity is cancelled; nothing of ours runs afterwards."""
        loop = asyncio.get_running_loop()
        ends = loop.time() + self._run.run_for.total_seconds()
        beat_at = reread_at = loop.time()
        try:
            while loop.time() < ends:
                if loop.time() >= reread_at:
                    await self._reread()
                    reread_at = loop.time() + REREAD_EVERY
                if loop.time() >= beat_at:
                    activity.heartbeat(len(self._accounts), self._sightings.report.syncs)
                    beat_at = loop.time() + BEAT_EVERY
                self._sync_due()
                await self._pause(min(ends, reread_at, beat_at) - loop.time())
        finally:
            await self._stop()
        return self._report()

    async def _pause(self, longest: float) -> None:
        """Sleep until an account is due or something happened; to look ten times a second cost idle shards more than syncing."""
        idle = (ref.account_id for ref in self._accounts.values() if ref.account_id not in self._busy)
        until = min([longest, *map(self._sightings.due_in, idle)])
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(max(until, 0)):
                await self._stirred.wait()
        self._stirred.clear()

    async def _reread(self) -> None:
        """Read which accounts belong to the shard; listen anew when they changed."""
        run = self._run
        try:
            records = await asyncio.to_thread(self._parts.accounts.shard, run.venue, run.network, run.egress, run.shard)
        except HoldfastError as error:
            activity.logger.warning("the accounts of the shard could not be read: %s", error)
            return
        accounts = {record.ref.address: record.ref for record in records}
        if accounts.keys() == self._accounts.keys() and self._listening is not None and not self._listening.done():
            return
        self._accounts = accounts
        self._sightings.keep(tuple(accounts.values()))
        await self._listen(tuple(accounts))

    async def _listen(self, addresses: tuple[str, ...]) -> None:
        await _end(self._listening)
        self._listening = asyncio.create_task(self._hear(addresses)) if addresses else None

    async def _hear(self, addresses: tuple[str, ...]) -> None:
        """Let the streams wake accounts; REST decides what it means. Without streams the clock alone does."""
        try:
            async for event in self._parts.streams.of(self._run.venue, self._run.network).events(addresses):
                account = self._accounts.get(event.address)
                if account is not None:
                    self._sightings.wake(account.account_id, event.kind)
                    self._stirred.set()
                    if event.kind in FILLS and account.account_id not in self._filled:
                        self._filled.add(account.account_id)
                        self._keep(self._read_fills(account))
        except HoldfastError as error:
            activity.logger.warning("no user streams, only the clock syncs: %s", error)

    def _sync_due(self) -> None:
        for account in self._accounts.values():
            if account.account_id not in self._busy and self._sightings.due_in(account.account_id) <= 0:
                self._busy.add(account.account_id)
                self._keep(self._sync(account))

    def _keep(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(work)
        self._syncing.add(task)
        task.add_done_callback(self._syncing.discard)

    async def _read_fills(self, account: AccountRef) -> None:
        """Read an account's fills at once, whatever its look has to wait for."""
        await asyncio.sleep(_SETTLE)
        self._filled.discard(account.account_id)
        try:
            await asyncio.get_running_loop().run_in_executor(self._urgent, self._sightings.read_fills, account)
        except Exception:  # noqa: BLE001 - a bug, told here: the look comes to the same
            activity.logger.exception("the fills of account %s could not be read", account.account_id)

    async def _sync(self, account: AccountRef) -> None:
        try:
            async with self._slots:
                await asyncio.to_thread(self._sightings.look, account)
        except HoldfastError as error:
            self._parts.metrics.count("sync_failures", venue=account.venue, code=error.code)
            activity.logger.warning("account %s could not be synced: %s", account.account_id, error)
        except Exception:  # noqa: BLE001 - a bug, told below
            # One account's fault must not end the watch over the others; it is looked at again in the next round.
            self._parts.metrics.count("sync_failures", venue=account.venue, code="bug")
            activity.logger.exception("account %s could not be synced", account.account_id)
        finally:
            self._busy.discard(account.account_id)
            self._stirred.set()

    async def _stop(self) -> None:
        await _end(self._listening)
        for task in tuple(self._syncing):
            await _end(task)

    def _report(self) -> ShardReport:
        return self._sightings.report


async def _end(task: asyncio.Task[None] | None) -> None:
    if task is not None:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
