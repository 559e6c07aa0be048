"""Fakes of activities: they keep the names and the types, remember what they did, and can fail after acting."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from threading import Lock
from typing import Any, Self

from temporalio import activity, workflow
from temporalio.client import Client
from temporalio.worker import Worker

with workflow.unsafe.imports_passed_through():
    from domain.agents import AgentConfig, AgentMode
    from domain.cycles import AgentShown, CycleOutcome, CycleRequest
    from domain.halts import EmergencyOutcome, EmergencyStop
    from domain.intents import Intent, IntentKind, IntentPhase, IntentReport, agent_intent_id
    from domain.notices import Notice
    from domain.orders import Side
    from workflows import ids, sandbox
    from workflows.trade_intent.messages import CloseRequest, TradeIntentInput

ACTIVITY_QUEUES = (ids.QUEUE_HALT, ids.QUEUE_READ, ids.QUEUE_CLOSE, ids.QUEUE_STREAM, ids.queue_open("hyperliquid"))
SLOTS = 40
START = datetime(2026, 1, 1, tzinfo=UTC)


def an_agent(**changes: Any) -> AgentConfig:
    """An agent of one coin that cycles each minute."""
    config = AgentConfig(
        agent_id="agent-1",
        user_id="user-1",
        account_id="account-1",
        venue="hyperliquid",
        adviser="trend",
        coins=("BTC",),
        mode=AgentMode.LIVE,
        cycle_every=timedelta(minutes=1),
        name="first",
    )
    return replace(config, **changes)


def an_intent(
    cycle: int, *, coin: str = "BTC", kind: IntentKind = IntentKind.OPEN, agent_id: str = "agent-1"
) -> Intent:
    """An intent as a cycle would make it."""
    side = Side.BUY if kind is IntentKind.OPEN else Side.SELL
    return Intent(
        intent_id=agent_intent_id(agent_id, cycle, coin, side, kind),
        user_id="user-1",
        account_id="account-1",
        venue="hyperliquid",
        coin=coin,
        kind=kind,
        side=side,
        decided_at=START,
        agent_id=agent_id,
        cycle=cycle,
        conviction=Decimal(1) if kind is IntentKind.OPEN else None,
        strategy="trend",
    )


def nothing(request: CycleRequest) -> CycleOutcome:
    """Decide nothing."""
    return CycleOutcome(cycle=request.cycle, note="hold")


@dataclass
class FleetFakes:
    """The activities around an agent; `cycle` decides, the lists remember."""

    cycle: Callable[[CycleRequest], CycleOutcome] = nothing
    stop: Callable[[EmergencyStop], EmergencyOutcome] | None = None
    show: Callable[[AgentShown], None] | None = None
    requests: list[CycleRequest] = field(default_factory=list)
    shows_asked: int = 0
    shown: list[AgentShown] = field(default_factory=list)
    notices: list[Notice] = field(default_factory=list)
    told_on: list[str] = field(default_factory=list)
    cancelled: list[EmergencyStop] = field(default_factory=list)
    emergencies: list[EmergencyStop] = field(default_factory=list)
    lock: Lock = field(default_factory=Lock)

    def activities(self) -> list[Callable[..., Any]]:
        """All of them, by the names of the real ones."""

        @activity.defn(name="run_cycle")
        def run_cycle(request: CycleRequest) -> CycleOutcome:
            with self.lock:
                self.requests.append(request)
            return self.cycle(request)

        @activity.defn(name="show_agent")
        def show_agent(shown: AgentShown) -> None:
            self.shows_asked += 1
            if self.show is not None:
                self.show(shown)
            self.shown.append(shown)

        @activity.defn(name="notify")
        def notify(notice: Notice) -> None:
            self.notices.append(notice)
            self.told_on.append(activity.info().task_queue)

        @activity.defn(name="cancel_working")
        def cancel_working(stop: EmergencyStop) -> None:
            self.cancelled.append(stop)

        @activity.defn(name="emergency_stop")
        def emergency_stop(stop: EmergencyStop) -> EmergencyOutcome:
            self.emergencies.append(stop)
            if self.stop is not None:
                return self.stop(stop)
            return EmergencyOutcome(flat_at=START, closed_coins=stop.coins)

        return [run_cycle, show_agent, notify, cancel_working, emergency_stop]


@workflow.defn(name="TradeIntentWorkflow")
class PaperIntent:
    """An intent that lives until it is cancelled or closed, and then reports to its agent."""

    @workflow.init
    def __init__(self, start: TradeIntentInput) -> None:
        self._intent = start.intent
        self._ended: IntentPhase | None = None

    @workflow.run
    async def run(self, start: TradeIntentInput) -> str:
        await workflow.wait_condition(lambda: self._ended is not None)
        agent = workflow.get_external_workflow_handle(ids.agent(self._intent.user_id, self._intent.agent_id))
        assert self._ended is not None
        report = IntentReport(intent_id=self._intent.intent_id, coin=self._intent.coin, phase=self._ended)
        await agent.signal("intent_reported", report)
        return self._ended.value

    @workflow.signal
    def cancel(self) -> None:
        self._ended = IntentPhase.CANCELLED

    @workflow.signal
    def close(self, request: CloseRequest | None = None) -> None:
        self._ended = IntentPhase.CLOSED


async def until(condition: Callable[[], bool | Awaitable[bool]], seconds: float = 20.0) -> None:
    """Poll until it holds; fails at the deadline."""
    async with asyncio.timeout(seconds):
        while True:  # what is awaited happens in other threads, so it is looked for
            holds = condition()
            if holds is True or (not isinstance(holds, bool) and await holds):
                return
            await asyncio.sleep(0.02)


class Fleet:
    """One worker per queue, all with the same fakes."""

    def __init__(
        self,
        client: Client,
        *,
        workflows: list[type],
        activities: list[Callable[..., Any]],
    ) -> None:
        self._pool = ThreadPoolExecutor(
            40 * len(ACTIVITY_QUEUES)
        )  # as many as a worker's activity slots, else slots are taken and idle
        self._workers: list[AbstractAsyncContextManager[Any]] = [
            Worker(client, task_queue=ids.QUEUE_WORKFLOW, workflows=workflows, workflow_runner=sandbox.runner()),
            *(
                Worker(
                    client,
                    task_queue=queue,
                    activities=activities,
                    activity_executor=self._pool,
                    max_concurrent_activities=SLOTS,
                    max_heartbeat_throttle_interval=timedelta(seconds=1),
                )
                for queue in ACTIVITY_QUEUES
            ),
        ]

    async def __aenter__(self) -> Self:
        for worker in self._workers:
            await worker.__aenter__()
        return self

    async def __aexit__(self, *failure: object) -> None:
        for worker in reversed(self._workers):
            await worker.__aexit__(*failure)
        self._pool.shutdown(wait=False, cancel_futures=True)
