"""One scenario for each path of each workflow: what is started, what its activities answer, what it is told."""

from __future__ import annotations

import threading
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

from temporalio.client import Client, WorkflowHandle
from temporalio.exceptions import ApplicationError
from temporalio.service import RPCError

from domain.approvals import Approval
from domain.cycles import CycleOutcome, CycleRequest
from domain.intents import Criteria, Intent, IntentKind, IntentPhase, IntentPolicy, OrderStyle
from domain.money import Price, Quantity
from domain.orders import OrderState, Side, TimeInForce
from domain.supervision import ReconcileOutcome, ReconcileRequest
from domain.watch import Ownership, PositionReview
from tests.workflows.fakes import START, FleetFakes, PaperIntent, an_agent, an_intent, until
from tests.workflows.intent_fakes import ONE, IntentFakes, a_wish, ended, filled, silent
from tests.workflows.test_account import ACCOUNT, EXPOSED, Desk
from tests.workflows.test_platform import Control
from tests.workflows.test_stream_shard import Watch
from workflows import attributes, ids
from workflows.account.messages import AccountInput, ResetBreaker, Wake
from workflows.account.workflow import AccountWorkflow
from workflows.platform.messages import Broadcast, Halt, PlatformInput, Release
from workflows.platform.workflow import PlatformWorkflow
from workflows.stream_shard.messages import StreamShardInput
from workflows.stream_shard.workflow import StreamShardWorkflow
from workflows.trade_intent.messages import Amendment, CloseRequest, IntentStatus, TradeIntentInput
from workflows.trade_intent.workflow import TradeIntentWorkflow
from workflows.user_agent.messages import Reason, Reconfigure, UserAgentInput
from workflows.user_agent.workflow import UserAgentWorkflow

Handle = WorkflowHandle[Any, Any]
LIMIT = IntentPolicy(style=OrderStyle.LIMIT, limit_px=Price(Decimal(99_000)), tif=TimeInForce.GTC)
FLAT = PositionReview(is_flat=True, filled_size=ONE, closed_by="stop_loss")
LONG_AGO = timedelta(hours=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """How to make one history. `rolls` needs a server that suggests to continue as new after a few events."""

    name: str
    workflows: list[type]
    activities: list[Callable[..., Any]]
    play: Callable[[Client], Awaitable[Handle]]
    rolls: bool = False


@dataclass
class Steps:
    """Cycles that follow one another at once, and then stand still."""

    outcomes: list[CycleOutcome]
    done: list[int] = field(default_factory=list)

    def __call__(self, request: CycleRequest) -> CycleOutcome:
        self.done.append(request.cycle)
        number = len(self.done)
        if number < len(self.outcomes):
            return self.outcomes[number - 1]
        last = self.outcomes[-1] if number == len(self.outcomes) else CycleOutcome(cycle=request.cycle)
        return CycleOutcome(cycle=request.cycle, intents=last.intents, held=last.held, next_after=LONG_AGO)


def scenarios() -> list[Scenario]:
    """Every scenario, with fakes of its own."""
    return [*_agents(), *_intents(), *_accounts(), *_shards(), *_platforms()]


def _agent(
    name: str, fakes: FleetFakes, play: Callable[[Client, Handle], Awaitable[None]], *, rounds: int = 0
) -> Scenario:
    async def run(client: Client) -> Handle:
        config = an_agent(agent_id=name, cycle_every=timedelta(seconds=2))
        handle = await client.start_workflow(
            UserAgentWorkflow.run,
            UserAgentInput(config=config, max_rounds=rounds),
            id=ids.agent(config.user_id, config.agent_id),
            task_queue=ids.QUEUE_WORKFLOW,
            search_attributes=attributes.of(user=config.user_id, agent=config.agent_id, phase="running"),
        )
        await play(client, handle)
        return handle

    return Scenario(
        name=f"user_agent.{name}",
        workflows=[UserAgentWorkflow, PaperIntent],
        activities=fakes.activities(),
        play=run,
        rolls=False,
    )


def _agents() -> list[Scenario]:
    return [
        _idle_agent(),
        _opening_agent(),
        _rolling_agent(),
        _paused_agent(),
        _failing_agent(),
        _held_agent(),
        _emergency_agent(),
    ]


def _idle_agent() -> Scenario:
    steps = Steps([CycleOutcome(note="hold")] * 3)

    async def play(_: Client, handle: Handle) -> None:
        await until(lambda: len(steps.done) == 3)
        await cycles(handle, 3)
        await handle.signal("stop")
        await handle.result()

    return _agent("idle_then_stopped", FleetFakes(cycle=steps), play)


def _opening_agent() -> Scenario:
    steps = Steps([CycleOutcome(cycle=1, intents=(an_intent(1, agent_id="opened_and_reported"),), next_after=LONG_AGO)])

    async def play(client: Client, handle: Handle) -> None:
        child = client.get_workflow_handle(ids.intent(an_intent(1, agent_id="opened_and_reported").intent_id))
        await exists(child)
        await settled(handle, "StartChildWorkflowExecutionInitiated")
        await handle.execute_update(
            UserAgentWorkflow.reconfigure,
            Reconfigure(config=an_agent(agent_id="opened_and_reported", coins=("BTC", "ETH"))),
        )
        await child.signal("close")
        await child.result()
        await settled(handle, "WorkflowExecutionSignaled")
        await handle.signal("stop", Reason(text="done"))
        await handle.result()

    return _agent("opened_and_reported", FleetFakes(cycle=steps), play)


def _rolling_agent() -> Scenario:
    steps = Steps([CycleOutcome(cycle=1, intents=(an_intent(1, agent_id="continued_as_new"),), next_after=LONG_AGO)])

    async def play(client: Client, handle: Handle) -> None:
        await exists(client.get_workflow_handle(ids.intent(an_intent(1, agent_id="continued_as_new").intent_id)))
        await settled(handle, "WorkflowExecutionContinuedAsNew")

    return _agent("continued_as_new", FleetFakes(cycle=steps), play, rounds=1)


def _paused_agent() -> Scenario:
    steps = Steps([CycleOutcome(cycle=1, next_after=LONG_AGO)])
    fakes = FleetFakes(cycle=steps)

    async def play(_: Client, handle: Handle) -> None:
        await cycles(handle, 1)
        await handle.signal("pause")
        await until(lambda: len(fakes.shown) == 1)
        await handle.signal("resume")
        await until(lambda: len(fakes.shown) == 2)
        await settled(handle, "ActivityTaskCompleted", times=3)
        await handle.signal("stop")
        await handle.result()

    return _agent("paused_and_resumed", fakes, play)


def _failing_agent() -> Scenario:
    def cycle(request: CycleRequest) -> CycleOutcome:
        raise ApplicationError("Adviser trend failed: KeyError", type="adviser_failed", non_retryable=True)

    fakes = FleetFakes(cycle=cycle)

    async def play(_: Client, handle: Handle) -> None:
        await until(lambda: len(fakes.notices) == 1)
        await until(lambda: len(fakes.shown) == 1)
        await settled(handle, "ActivityTaskCompleted", times=2)
        await handle.signal("stop")
        await handle.result()

    return _agent("failed", fakes, play)


def _held_agent() -> Scenario:
    steps = Steps(
        [CycleOutcome(cycle=1, held="platform halted", intents=(an_intent(1, agent_id="halted"),), next_after=LONG_AGO)]
    )

    async def play(_: Client, handle: Handle) -> None:
        await cycles(handle, 1)
        await settled(handle, "UpsertWorkflowSearchAttributes")
        await handle.signal("release")
        await handle.signal("stop")
        await handle.result()

    return _agent("halted", FleetFakes(cycle=steps), play)


def _emergency_agent() -> Scenario:
    steps = Steps([CycleOutcome(cycle=1, intents=(an_intent(1, agent_id="emergency_stopped"),), next_after=LONG_AGO)])

    async def play(client: Client, handle: Handle) -> None:
        child = client.get_workflow_handle(ids.intent(an_intent(1, agent_id="emergency_stopped").intent_id))
        await exists(child)
        await settled(handle, "ChildWorkflowExecutionStarted")
        await handle.signal("emergency_stop", Reason(text="fire", by="operator"))
        await handle.result()

    return _agent("emergency_stopped", FleetFakes(cycle=steps), play)


def _intent(
    name: str,
    fakes: IntentFakes,
    play: Callable[[Handle], Awaitable[None]],
    intent: Intent | None = None,
    *,
    rolls: bool = False,
    review_every: timedelta = timedelta(minutes=5),
) -> Scenario:
    wish = replace(intent or a_wish(), intent_id=name)

    async def run(client: Client) -> Handle:
        handle = await client.start_workflow(
            TradeIntentWorkflow.run,
            TradeIntentInput(intent=wish, review_every=review_every),
            id=ids.intent(wish.intent_id),
            task_queue=ids.QUEUE_WORKFLOW,
            search_attributes=attributes.of(user=wish.user_id, phase="CREATED"),
        )
        await play(handle)
        return handle

    return Scenario(
        name=f"trade_intent.{name}",
        workflows=[TradeIntentWorkflow],
        activities=fakes.activities(),
        play=run,
        rolls=rolls,
    )


async def ends(handle: Handle) -> None:
    """Wait for the end."""
    await handle.result()


async def fires(handle: Handle) -> None:
    """Wait for protection, then let the stop fire."""
    await in_phase(handle, IntentPhase.PROTECTED)
    await handle.signal("fill_recorded")
    await handle.result()


def _intents() -> list[Scenario]:
    return [
        _intent("filled_and_closed_by_its_stop", IntentFakes(review=lambda _: FLAT), fires),
        _intent("refused", IntentFakes(approve=lambda _: Approval(code="max_position", reason="Too large.")), ends),
        _intent("halted", IntentFakes(place=lambda order: ended(order.key, OrderState.VOID, "halted")), ends),
        _intent("criteria_not_met", _impatient(), ends, _criteria_wish()),
        _partial(),
        _unknown_then_found(),
        _intent("unknown_then_resent", _resent(), fires),
        _cancelled(),
        _cancelled_while_filling(),
        _closed_by_request(),
        _intent("close_stands_in", IntentFakes(claim=lambda _: Ownership(owner="intent-gone")), ends, _close_wish()),
        _amended(),
        _rolling_intent(),
    ]


def _criteria_wish() -> Intent:
    return a_wish(policy=IntentPolicy(criteria=Criteria(mark_below=Price(Decimal(1))), wait_until=START))


def _impatient() -> IntentFakes:
    def criteria(_: Any) -> None:
        raise ApplicationError("not met in time", type="criteria_not_met", non_retryable=True)

    return IntentFakes(criteria=criteria)


def _close_wish() -> Intent:
    return a_wish(intent_id="intent-2", kind=IntentKind.CLOSE, side=Side.SELL, size=None, reason="done")


def _partial() -> Scenario:
    part = Quantity(Decimal("0.04"))
    reviews: list[int] = []

    def review(request: Any) -> PositionReview:
        reviews.append(1)
        if len(reviews) > 1:
            return FLAT
        opening = ended(filled(_key(request.intent)).key, OrderState.WORKING, size=part)
        return PositionReview(opening=opening, position_size=part, filled_size=part, missing=("sl",))

    fakes = IntentFakes(place=lambda order: ended(order.key, OrderState.WORKING), review=review)

    async def play(handle: Handle) -> None:
        await in_phase(handle, IntentPhase.WORKING)
        await handle.signal("fill_recorded")
        await until(lambda: "protect" in fakes.names())
        await settled(handle, "ActivityTaskCompleted", times=4)
        await handle.signal("fill_recorded")
        await handle.result()

    return _intent("partially_filled", fakes, play, a_wish(policy=LIMIT))


def _key(intent: Intent) -> Any:
    from domain.orders import OrderKey

    return OrderKey(intent_id=intent.intent_id, step="open")


def _unknown_then_found() -> Scenario:
    known = threading.Event()
    fakes = IntentFakes(
        place=lambda order: ended(order.key, OrderState.UNKNOWN, "timeout"),
        resolve=lambda key: filled(key) if known.is_set() else silent(key),
        review=lambda _: FLAT,
    )

    async def play(handle: Handle) -> None:
        await in_phase(handle, IntentPhase.UNKNOWN)
        known.set()
        await fires(handle)

    return _intent("unknown_then_found", fakes, play)


def _resent() -> IntentFakes:
    def place(order: Any) -> Any:
        return filled(order.key) if order.key.step == "open.2" else ended(order.key, OrderState.UNKNOWN, "timeout")

    return IntentFakes(
        place=place,
        resolve=lambda key: ended(key, OrderState.EXPIRED, "nonce_burned"),
        review=lambda _: FLAT,
    )


def _cancelled() -> Scenario:
    fakes = IntentFakes(
        place=lambda order: ended(order.key, OrderState.WORKING), review=lambda _: PositionReview(is_flat=True)
    )

    async def play(handle: Handle) -> None:
        await in_phase(handle, IntentPhase.WORKING)
        await handle.signal("cancel")
        await handle.result()

    return _intent("cancelled", fakes, play, a_wish(policy=LIMIT))


def _cancelled_while_filling() -> Scenario:
    reviews: list[int] = []

    def review(_: Any) -> PositionReview:
        reviews.append(1)
        return PositionReview(position_size=ONE, filled_size=ONE, missing=("sl",)) if len(reviews) == 1 else FLAT

    fakes = IntentFakes(place=lambda order: ended(order.key, OrderState.WORKING), review=review)

    async def play(handle: Handle) -> None:
        await in_phase(handle, IntentPhase.WORKING)
        await handle.signal("cancel")
        await fires(handle)

    return _intent("cancelled_while_filling", fakes, play, a_wish(policy=LIMIT))


def _closed_by_request() -> Scenario:
    async def play(handle: Handle) -> None:
        await in_phase(handle, IntentPhase.PROTECTED)
        await handle.signal("close", CloseRequest(reason="enough"))
        await handle.result()

    return _intent("closed_by_request", IntentFakes(), play)


def _amended() -> Scenario:
    reviews: list[int] = []

    def review(_: Any) -> PositionReview:
        reviews.append(1)
        return PositionReview(position_size=ONE, filled_size=ONE, missing=("sl",)) if len(reviews) == 1 else FLAT

    fakes = IntentFakes(review=review)

    async def play(handle: Handle) -> None:
        await in_phase(handle, IntentPhase.PROTECTED)
        await handle.execute_update(TradeIntentWorkflow.amend, Amendment(stop_px=Price(Decimal(95_000))))
        await until(lambda: fakes.names().count("protect") == 2)
        await settled(handle, "ActivityTaskCompleted", times=5)
        await handle.signal("fill_recorded")
        await handle.result()

    return _intent("amended", fakes, play)


def _rolling_intent() -> Scenario:
    async def play(handle: Handle) -> None:
        await in_phase(handle, IntentPhase.PROTECTED)
        await settled(handle, "WorkflowExecutionContinuedAsNew")

    return _intent("continued_as_new", IntentFakes(), play, rolls=True, review_every=timedelta(milliseconds=200))


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


def _accounts() -> list[Scenario]:
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


def _shards() -> list[Scenario]:
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


def _platforms() -> list[Scenario]:
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
        await settled(handle, "ActivityTaskCompleted", times=5)
        await handle.signal("release", Release(by="tester"))
        await until(lambda: "tell release platform" in control.done)
        await settled(handle, "ActivityTaskCompleted", times=7)
        await handle.signal("broadcast", Broadcast(signal="pause", user_id="user-1"))
        await settled(handle, "ActivityTaskCompleted", times=8)
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


async def settled(handle: Handle, event: str, *, times: int = 1) -> None:
    """Wait until a run's history has so many events of a kind, and no workflow task under way.

    What a scenario does next must not meet the workflow in the middle of a task, or the order of events would be left to chance.
    """
    run = handle.first_execution_run_id or handle.result_run_id

    async def holds() -> bool:
        from temporalio.api.enums.v1 import EventType

        client: Client = handle._client
        history = await client.get_workflow_handle(handle.id, run_id=run).fetch_history()
        names = [
            EventType.Name(each.event_type).removeprefix("EVENT_TYPE_").replace("_", "") for each in history.events
        ]
        is_quiet = names[-1] not in {"WORKFLOWTASKSCHEDULED", "WORKFLOWTASKSTARTED"}
        return is_quiet and names.count(event.upper()) >= times

    await until(holds, seconds=60)


async def cycles(handle: Handle, number: int) -> None:
    """Wait until so many cycles are over."""
    await settled(handle, "ActivityTaskCompleted", times=number)


async def exists(handle: Handle) -> None:
    """Wait until an execution exists."""

    async def holds() -> bool:
        with suppress(RPCError):
            await handle.describe()
            return True
        return False

    await until(holds)


async def in_phase(handle: Handle, phase: IntentPhase) -> None:
    """Wait for a phase of an intent."""

    async def holds() -> bool:
        status: IntentStatus = await handle.query(TradeIntentWorkflow.status)
        return status.phase is phase

    await until(holds)
