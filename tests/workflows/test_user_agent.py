"""The life of an agent."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from temporalio.client import WorkflowExecutionStatus, WorkflowHandle
from temporalio.testing import WorkflowEnvironment

from domain.cycles import CycleOutcome
from tests.workflows.fakes import Fleet, FleetFakes, PaperIntent, an_agent, an_intent
from workflows import attributes, ids
from workflows.user_agent.messages import AgentReport, UserAgentInput
from workflows.user_agent.workflow import UserAgentWorkflow


def fleet(environment: WorkflowEnvironment, fakes: FleetFakes) -> Fleet:
    return Fleet(environment.client, workflows=[UserAgentWorkflow, PaperIntent], activities=fakes.activities())


async def start(environment: WorkflowEnvironment, given: UserAgentInput) -> WorkflowHandle[Any, Any]:
    config = given.config
    return await environment.client.start_workflow(
        UserAgentWorkflow.run,
        given,
        id=ids.agent(config.user_id, config.agent_id),
        task_queue=ids.QUEUE_WORKFLOW,
        search_attributes=attributes.of(user=config.user_id, agent=config.agent_id, phase="running"),
    )


async def until(condition: Callable[[], bool], seconds: float = 20.0) -> None:
    """Poll until it holds; fails at the deadline."""
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110 - what is awaited happens in other threads
            await asyncio.sleep(0.02)


async def report(handle: WorkflowHandle[Any, Any]) -> AgentReport:
    return await handle.query(UserAgentWorkflow.status)


async def test_an_agent_cycles_by_its_clock_and_starts_each_intent_once(time_skipping: WorkflowEnvironment) -> None:
    fakes = FleetFakes(
        cycle=lambda r: CycleOutcome(cycle=r.cycle, intents=(an_intent(r.cycle),) if r.cycle == 1 else ())
    )
    async with fleet(time_skipping, fakes):
        handle = await start(time_skipping, UserAgentInput(config=an_agent()))
        await until(lambda: len(fakes.requests) == 1)
        await time_skipping.sleep(timedelta(minutes=2, seconds=1))
        await until(lambda: len(fakes.requests) == 3)
        child = time_skipping.client.get_workflow_handle(ids.intent(an_intent(1).intent_id))
        description = await child.describe()
        now = await report(handle)
        await handle.signal("stop")
        await handle.result()
    assert [request.cycle for request in fakes.requests] == [1, 2, 3]
    gaps = {b.started_at - a.started_at for a, b in zip(fakes.requests, fakes.requests[1:], strict=False)}
    assert all(timedelta(minutes=1) <= gap < timedelta(minutes=1, seconds=5) for gap in gaps)
    assert description.status is WorkflowExecutionStatus.RUNNING
    assert now.open_intents == (an_intent(1).intent_id,)
    assert fakes.cancelled[0].open_intents == (an_intent(1).intent_id,)
