"""Scenarios of accounts, shards and the platform."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import timedelta
from decimal import Decimal
from typing import Any

from temporalio.client import Client, WorkflowHandle

from domain.intents import IntentPolicy, OrderStyle
from domain.money import Price
from domain.orders import TimeInForce
from domain.supervision import ReconcileOutcome, ReconcileRequest
from domain.watch import PositionReview
from tests.replay.staging import Scenario, settled
from tests.workflows.fakes import START, until
from tests.workflows.intent_fakes import ONE
from tests.workflows.test_account import ACCOUNT, EXPOSED, Desk
from tests.workflows.test_platform import Control
from tests.workflows.test_stream_shard import Watch
from workflows import ids
from workflows.account.messages import AccountInput, ResetBreaker, Wake
from workflows.account.workflow import AccountWorkflow
from workflows.platform.messages import Broadcast, Halt, PlatformInput, Release
from workflows.platform.workflow import PlatformWorkflow
from workflows.stream_shard.messages import StreamShardInput
from workflows.stream_shard.workflow import StreamShardWorkflow

Handle = WorkflowHandle[Any, Any]
LIMIT = IntentPolicy(style=OrderStyle.LIMIT, limit_px=Price(Decimal(99_000)), tif=TimeInForce.GTC)
FLAT = PositionReview(is_flat=True, filled_size=ONE, closed_by="stop_loss")
LONG_AGO = timedelta(hours=1)


def _account(name: str, desk: Desk, play: Callable[[Handle], Awaitable[None]], *, rolls: bool = False) -> Scenario:
    async def run(client: Client) -> Handle:
        handle = await client.start_workflow(
            AccountWorkflow.run,
            AccountInput(account=ACCOUNT, reconcile_every=timedelta(milliseconds=200) if rolls else LONG_AGO),
            id=ids.account(ACCOUNT.account_id),
            task_queue=ids.QUEUE_WORKFLOW,
        )
        await play(handle)
        return handle

    return Scenario(
        name=f"account.{name}", workflows=[AccountWorkflow], activities=desk.activities(), play=run, rolls=rolls
    )


def accounts() -> list[Scenario]:
    return [_supervised(), _rolling_account()]


def _supervised() -> Scenario:
    def answer(_: ReconcileRequest) -> ReconcileOutcome:
        if desk.resets:
            return ReconcileOutcome(at=START, day="2026-01-01", opening_cash="1000", flagged=("buy 1 BTC at 100",))
        return ReconcileOutcome(
            at=START, day="2026-01-01", opening_cash="1000", breaker="lost 6 %", is_tripped=len(desk.requests) == 1
        )

    desk = Desk(answer)

    async def play(handle: Handle) -> None:
        await until(lambda: len(desk.notices) == 1)
        await settled(handle, "ActivityTaskCompleted", times=2)
        await handle.signal("wake", Wake(reason="fill", coin="BTC"))
        await settled(handle, "ActivityTaskCompleted", times=3)
        await handle.signal("reset_breaker", ResetBreaker(by="operator"))
        await settled(handle, "ActivityTaskCompleted", times=6)
        await settled(handle, "TimerStarted", times=3)

    return _account("tripped_woken_and_reset", desk, play)


def _rolling_account() -> Scenario:
    async def play(handle: Handle) -> None:
        await settled(handle, "WorkflowExecutionContinuedAsNew")

    return _account("continued_as_new", Desk(lambda _: EXPOSED), play, rolls=True)


def shards() -> list[Scenario]:
    watch = Watch()

    async def run(client: Client) -> Handle:
        handle = await client.start_workflow(
            StreamShardWorkflow.run,
            StreamShardInput(venue="hyperliquid", network="paper", max_rounds=2),
            id=ids.stream("hyperliquid", "default", 0),
            task_queue=ids.QUEUE_WORKFLOW,
        )
        await until(lambda: len(watch.runs) == 1)
        await handle.signal("reassign")
        await until(lambda: len(watch.runs) == 2 and watch.cancelled == 1)
        watch.ends.set()
        await settled(handle, "WorkflowExecutionContinuedAsNew")
        return handle

    return [
        Scenario(
            name="stream_shard.reassigned_and_continued_as_new",
            workflows=[StreamShardWorkflow],
            activities=watch.activities(),
            play=run,
        )
    ]


def platforms() -> list[Scenario]:
    control = Control()
    control.drains.set()

    async def run(client: Client) -> Handle:
        handle = await client.start_workflow(
            PlatformWorkflow.run,
            PlatformInput(max_rounds=2, watch_every=LONG_AGO),
            id=ids.PLATFORM,
            task_queue=ids.QUEUE_WORKFLOW,
        )
        await settled(handle, "TimerStarted")
        await handle.signal("halt", Halt(reason="drill", by="tester"))
        await until(lambda: "tell platform" in control.done)
        await settled(handle, "ActivityTaskCompleted", times=6)
        await handle.signal("release", Release(by="tester"))
        await until(lambda: "tell release platform" in control.done)
        await settled(handle, "ActivityTaskCompleted", times=8)
        await handle.signal("broadcast", Broadcast(signal="pause", user_id="user-1"))
        await settled(handle, "ActivityTaskCompleted", times=9)
        await handle.signal("watch_now")
        await settled(handle, "WorkflowExecutionContinuedAsNew")
        return handle

    return [
        Scenario(
            name="platform.halted_released_and_continued_as_new",
            workflows=[PlatformWorkflow],
            activities=control.activities(),
            play=run,
        )
    ]
