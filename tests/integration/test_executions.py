"""Running workflows told from an activity's thread, on a real server."""

from __future__ import annotations

import asyncio
import uuid
from datetime import timedelta

import pytest
from temporalio import workflow
from temporalio.api.enums.v1 import EventType
from temporalio.client import Client, WorkflowHandle
from temporalio.worker import Worker

from wiring import executions
from wiring.executions import TemporalExecutions
from workflows import ids


@workflow.defn(name="Listener")
class Listener:
    @workflow.init
    def __init__(self) -> None:
        self._told = ""

    @workflow.run
    async def run(self) -> str:
        await workflow.wait_condition(lambda: bool(self._told))
        return self._told

    @workflow.signal
    def hold(self, reason: dict[str, str]) -> None:
        self._told = reason["text"]


async def start(client: Client, queue: str, count: int) -> list[tuple[str, str]]:
    user = str(uuid.uuid4())
    agents = [(user, f"agent-{number}") for number in range(count)]
    for _, agent in agents:
        await client.start_workflow(Listener.run, id=ids.agent(user, agent), task_queue=queue)
    return agents


async def is_told(handle: WorkflowHandle[object, object]) -> bool:
    kinds = [event.event_type async for event in handle.fetch_history_events()]
    return EventType.EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED in kinds


async def test_agents_are_told_no_faster_than_they_take_it(
    temporal_client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(executions, "AT_ONCE", 2)
    monkeypatch.setattr(executions, "TAKEN_WITHIN", timedelta(seconds=60))
    queue = f"listeners-{uuid.uuid4()}"
    agents = await start(temporal_client, queue, 7)
    handles = [temporal_client.get_workflow_handle(ids.agent(*agent)) for agent in agents]
    book = TemporalExecutions(temporal_client)
    call = asyncio.create_task(
        asyncio.to_thread(book.call_agents, tuple(agents), signal="hold", reason="fire", by="me")
    )
    done, _ = await asyncio.wait([call], timeout=2)
    assert not done
    assert [await is_told(handle) for handle in handles] == [True] * 4 + [False] * 3
    async with Worker(temporal_client, task_queue=queue, workflows=[Listener]):
        assert await call == 7
        assert [await handle.result() for handle in handles] == ["fire"] * 7


async def test_an_agent_that_takes_nothing_keeps_the_others_for_a_moment_only(
    temporal_client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(executions, "AT_ONCE", 2)
    monkeypatch.setattr(executions, "TAKEN_WITHIN", timedelta(seconds=0.2))
    agents = await start(temporal_client, f"nobody-{uuid.uuid4()}", 5)
    gone = [("nobody", "gone"), ("nobody", "gone too")]
    book = TemporalExecutions(temporal_client)
    call = asyncio.to_thread(book.call_agents, tuple(gone + agents), signal="hold", reason="fire", by="me")
    assert await asyncio.wait_for(call, 20) == 5
    for agent in agents:
        await temporal_client.get_workflow_handle(ids.agent(*agent)).terminate()
