"""One run of one case: an account of its own, what it wishes, what it breaks, and the evidence it leaves."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import time
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any

from sqlalchemy import select
from temporalio.client import WorkflowExecutionStatus
from temporalio.exceptions import WorkflowAlreadyStartedError
from temporalio.service import RPCError, RPCStatusCode

from domain.accounts import AccountRef
from domain.errors import Retryable
from domain.intents import Intent, IntentKind, IntentPhase, Protection, api_intent_id
from domain.money import Quantity
from domain.orders import OrderKey
from storage.postgres.engine import transaction
from storage.postgres.tables import events, fills, intents, orders, slots
from tests.faults.arena import Arena
from tests.faults.oracle import Evidence
from tests.faults.patience import PATIENCE, patiently
from tests.faults.sites import Site
from tests.stack.full import FullStack, start_intent
from tests.stack.paper import Paper
from tests.stack.trading import LOOSE
from workflows import attributes, ids
from workflows.account.messages import AccountInput, Wake
from workflows.account.workflow import AccountWorkflow

SIZES = {"BTC": Decimal("0.002"), "ETH": Decimal("0.02"), "SOL": Decimal("0.5")}
"""What any case trades at any time, beside any other."""
PRIVATE = {"HYPE": Decimal(2), "BNB": Decimal("0.1")}
"""What only one run at a venue trades at a time: its book is frozen, or its price jumps."""
SNAPSHOT_LIVES = 9.0
"""Seconds until no worker tells a price that has changed since: its snapshots live eight when requests are scarce."""
_TERMINAL = ("CLOSED", "CANCELLED", "REFUSED", "EXPIRED", "FAILED")
_RPC = timedelta(seconds=20)


@dataclass(kw_only=True)
class Run:
    """One run of one case: an account of its own, the intents it made, and what it broke."""

    arena: Arena
    rng: Random
    account: AccountRef
    wishes: list[Intent] = field(default_factory=list)
    crowd: list[AccountRef] = field(default_factory=list)
    unreachable: tuple[tuple[float, float], ...] = ()
    skew: tuple[float, int] = (0.0, 0)
    drained_at: datetime | None = None
    copied: set[str] = field(default_factory=set)
    notes: list[str] = field(default_factory=list)
    undo: list[Callable[[], object]] = field(default_factory=list)
    coins: AsyncExitStack = field(default_factory=AsyncExitStack)

    @property
    def stack(self) -> FullStack:
        """The stack."""
        return self.arena.stack

    @property
    def site(self) -> Site:
        """The venue of this run."""
        return self.arena.sites[self.account.venue]

    @property
    def paper(self) -> Paper:
        """The paper exchange of this run."""
        return self.site.paper

    def wish(self, **changes: Any) -> Intent:
        """Make an intent of this run with a stop, at market unless told otherwise."""
        coin = changes.pop("coin", None) or self.rng.choice(sorted(SIZES))
        given = {
            "intent_id": api_intent_id(self.account.user_id, str(uuid.UUID(int=self.rng.getrandbits(128)))),
            "coin": coin,
            "size": Quantity((SIZES | PRIVATE)[coin]),
            "limits": replace(LOOSE, max_slippage=Decimal("0.05")),
            "protection": self.stop_at(coin, "0.85"),
            "decided_at": datetime.now(UTC),
        }
        wish = self.stack.bench.wish(self.account, "unused", **{**given, **changes})
        self.wishes.append(wish)
        return wish

    def stop_at(self, coin: str, fraction: str) -> Protection:
        """A stop at a fraction of the mark of this run's venue."""
        return self.stack.bench.stop_at(coin, fraction, self.account.venue)

    async def alone_on(self, coin: str) -> None:
        """Have a coin of this venue to this run alone until it has been judged, at prices that all workers have seen."""
        name = f"{self.account.venue} {coin}"
        await self.coins.enter_async_context(self.arena.place(name))
        since = time.monotonic() - self.arena.put_back.get(name, 0)
        # What another run moved and put back is still told by a worker's snapshot: a stop would be refused by the old price.
        await asyncio.sleep(max(0.0, SNAPSHOT_LIVES - since))

    def put_back(self, coin: str, px: Decimal) -> None:
        """Put the price of a coin back to where it was before this run moved it."""
        self.paper.post("price", coin=coin, px=str(px))
        self.arena.put_back[f"{self.account.venue} {coin}"] = time.monotonic()

    async def start(self, wish: Intent) -> Intent:
        """Start the workflow of an intent, however often that takes."""
        tries = 0

        async def once() -> None:
            nonlocal tries
            tries += 1
            try:
                await start_intent(self.arena.running_client, wish)
            except WorkflowAlreadyStartedError:
                # Only what an earlier, unanswered try has started may be there.
                if tries == 1:
                    raise

        await patiently(once)
        return wish

    async def reach(self, wish: Intent, *phases: IntentPhase, seconds: float = PATIENCE) -> str:
        """Wait until the read model shows one of some phases, or an end."""
        wanted = {*(phase.value for phase in phases), *_TERMINAL}
        return await self._poll(wish, wanted, seconds)

    async def opens(self, wish: Intent) -> None:
        """Wait until a position is open and protected; an open that ends otherwise would leave the case without its matter."""
        phase = await self.reach(wish, IntentPhase.PROTECTED)
        if phase not in {IntentPhase.PROTECTED, IntentPhase.CLOSED}:
            why = await asyncio.to_thread(self._reason, wish)
            self.notes.append(f"the open of {wish.coin} that this case is about became {phase}: {why}")

    async def until(self, holds: Any, seconds: float = PATIENCE) -> None:
        """Wait until something holds."""
        async with asyncio.timeout(seconds):
            while not await asyncio.to_thread(holds):
                await asyncio.sleep(0.1)

    def aim(self, wish: Intent, fault: str, *, step: str = "open", on: str = "exchange", **more: Any) -> int:
        """Aim a fault of the venue at one step of an intent; returns its number."""
        cloid = self.site.name(OrderKey(intent_id=wish.intent_id, step=step))
        return self.paper.fault(on, fault, match={"cloid": cloid}, rate=1, **{"count": 1, **more})

    @asynccontextmanager
    async def order_at(self, place: str, order: str, wish: Intent, step: str = "open") -> AsyncIterator[Path]:
        """Leave an order (kill, stop) at a place for one step; yields the file that tells that it was carried out."""
        client_id = OrderKey(intent_id=wish.intent_id, step=step).client_id
        async with self.arena.place(place):
            told = self.arena.fail_points / f"{place}.reached"
            told.unlink(missing_ok=True)
            (self.arena.fail_points / place).write_text(f"{order} client:{client_id}", encoding="utf-8")
            try:
                yield told
            finally:
                (self.arena.fail_points / place).unlink(missing_ok=True)

    async def stopped_pid(self, told: Path, seconds: float = 60.0) -> int:
        """Wait until a process stopped itself at a place; returns its id."""
        await self.until(told.exists, seconds)
        words = await asyncio.to_thread(told.read_text, encoding="utf-8")
        return int(words.split()[0])

    def go_on(self, pid: int) -> None:
        """Let a stopped process continue."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGCONT)

    async def signal(self, wish: Intent, name: str, *arguments: Any) -> None:
        """Signal an intent; one that has ended is left alone."""
        handle = self.arena.running_client.get_workflow_handle(ids.intent(wish.intent_id))
        try:
            await patiently(lambda: handle.signal(name, *arguments, rpc_timeout=_RPC))
        except RPCError as error:
            if error.status is not RPCStatusCode.NOT_FOUND:
                raise

    async def terminate(self, wish: Intent) -> None:
        """End the workflow of an intent as an operator's mistake does: without a last word."""
        handle = self.arena.running_client.get_workflow_handle(ids.intent(wish.intent_id))
        with contextlib.suppress(RPCError):
            await patiently(lambda: handle.terminate("fault suite", rpc_timeout=_RPC))
        if await self._runs(wish):
            raise RuntimeError(f"{wish.intent_id} outlived its termination.")

    async def reconciled(self, wish: Intent, seconds: float = 60.0) -> None:
        """Reconcile the account, as its rounds do, until an intent without an owner is shown as ended."""
        async with asyncio.timeout(seconds):
            while await asyncio.to_thread(self._is_left, wish):
                await patiently(self._wake_account)
                await asyncio.sleep(1)

    async def _wake_account(self) -> None:
        await self.arena.running_client.start_workflow(
            AccountWorkflow.run,
            AccountInput(account=self.account),
            id=ids.account(self.account.account_id),
            task_queue=ids.QUEUE_WORKFLOW,
            search_attributes=attributes.of(user=self.account.user_id, venue=self.account.venue),
            start_signal="wake",
            start_signal_args=[Wake(reason="fault suite")],
            rpc_timeout=_RPC,
        )

    def _is_left(self, wish: Intent) -> bool:
        live = self.stack.bench.books.journal.live_rows(self.account.account_id, wish.coin)
        return self._phase(wish) not in _TERMINAL or bool(live)

    async def adopted(self, wish: Intent) -> None:
        """Close the slot of an owner that is gone by a close intent, as a user would."""
        close = replace(
            wish,
            intent_id=api_intent_id(self.account.user_id, f"close {wish.intent_id}"),
            kind=IntentKind.CLOSE,
            side=wish.side.opposite,
            size=None,
            decided_at=datetime.now(UTC),
        )
        self.wishes.remove(wish)
        self.wishes.append(close)
        await self.start(close)
        await self.reach(close, IntentPhase.CLOSED)
        await self.reconciled(wish)

    async def wind_down(self) -> None:
        """Undo what the case broke for everybody, close what is open, and wait until every intent has ended."""
        for undo in self.undo:
            await asyncio.to_thread(undo)
        for wish in self.wishes:
            await self.signal(wish, "close")
        for wish in self.wishes:
            await self._poll(wish, set(_TERMINAL), PATIENCE)

    async def evidence(self) -> list[Evidence]:
        """Collect what the witnesses say of each account."""
        running = frozenset([wish.intent_id for wish in self.wishes if await self._runs(wish)])
        return [await asyncio.to_thread(self._collect, account, running) for account in (self.account, *self.crowd)]

    async def _runs(self, wish: Intent) -> bool:
        handle = self.arena.running_client.get_workflow_handle(ids.intent(wish.intent_id))
        try:
            described = await patiently(lambda: handle.describe(rpc_timeout=_RPC))
        except RPCError as error:
            if error.status is not RPCStatusCode.NOT_FOUND:
                raise
            return False
        return described.status is WorkflowExecutionStatus.RUNNING

    async def _poll(self, wish: Intent, wanted: set[str], seconds: float) -> str:
        deadline = asyncio.get_running_loop().time() + seconds
        while True:
            phase = await asyncio.to_thread(self._phase, wish)
            if phase in wanted:
                return phase
            if asyncio.get_running_loop().time() > deadline:
                self.notes.append(f"{wish.coin} {wish.intent_id} stayed {phase or 'unseen'}, wanted {sorted(wanted)}")
                return phase
            await asyncio.sleep(0.15)

    def _phase(self, wish: Intent) -> str:
        try:
            with transaction(self.stack.bench.engine) as connection:
                return str(connection.scalar(select(intents.c.phase).where(intents.c.id == wish.intent_id)) or "")
        except Retryable:
            # The database is gone on purpose; who asks, asks again.
            return ""

    def _reason(self, wish: Intent) -> str:
        query = select(intents.c.reason_code + " " + intents.c.reason).where(intents.c.id == wish.intent_id)
        with transaction(self.stack.bench.engine) as connection:
            return str(connection.scalar(query))

    def told(self, account: AccountRef) -> frozenset[str]:
        """Client ids of which the user was told that they filled more than they were for."""
        body = events.c.body
        query = select(body["client_id"].astext).where(
            events.c.kind == "order_overfilled", body["account_id"].astext == account.account_id
        )
        with transaction(self.stack.bench.engine) as connection:
            return frozenset(connection.scalars(query))

    def _collect(self, account: AccountRef, running: frozenset[str]) -> Evidence:
        log = self.site.log(account)
        tables = (orders, fills, slots)
        with transaction(self.stack.bench.engine) as connection:
            rows, journaled, owned = (
                [
                    dict(row._mapping)
                    for row in connection.execute(select(t).where(t.c.account_id == account.account_id))
                ]
                for t in tables
            )
            stated = connection.execute(select(intents).where(intents.c.account_id == account.account_id)).all()
        return Evidence(
            admitted=log.admitted,
            venue_fills=log.on_the_wall(*self.skew),
            open_orders=log.working,
            positions=log.positions,
            rows=rows,
            fills=journaled,
            intents=[dict(row._mapping) for row in stated],
            slots=owned,
            running=running,
            drained_at=self.drained_at,
            unreachable=self.unreachable,
            prefix=self.site.prefix,
            copied=frozenset(self.copied),
            told=self.told(account),
        )
