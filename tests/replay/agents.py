"""Scenarios of agents."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from typing import Any

from temporalio.client import Client, WorkflowHandle
from temporalio.exceptions import ApplicationError

from domain.cycles import CycleOutcome, CycleRequest
from domain.intents import IntentPolicy, OrderStyle
from domain.money import Price
from domain.orders import TimeInForce
from domain.watch import PositionReview
from tests.replay.staging import Scenario, cycles, exists, settled
from tests.workflows.fakes import FleetFakes, PaperIntent, an_agent, an_intent, until
from tests.workflows.intent_fakes import ONE
from workflows import attributes, ids
from workflows.user_agent.messages import Reason, Reconfigure, UserAgentInput
from workflows.user_agent.workflow import UserAgentWorkflow

Handle = WorkflowHandle[Any, Any]
LIMIT = IntentPolicy(style=OrderStyle.LIMIT, limit_px=Price(Decimal(99_000)), tif=TimeInForce.GTC)
FLAT = PositionReview(is_flat=True, filled_size=ONE, closed_by="stop_loss")
LONG_AGO = timedelta(hours=1)


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


def agents() -> list[Scenario]:
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
