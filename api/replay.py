"""Replaying an execution with today's code: what happened, step by step, and where the code would now do something else."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from temporalio.api.enums.v1 import EventType
from temporalio.api.history.v1 import HistoryEvent
from temporalio.api.sdk.v1 import UserMetadata
from temporalio.client import Client, WorkflowHistory
from temporalio.converter import DataConverter
from temporalio.service import RPCError, RPCStatusCode
from temporalio.worker import Replayer

from domain.errors import Refused
from workflows import sandbox
from workflows.account.workflow import AccountWorkflow
from workflows.platform.workflow import PlatformWorkflow
from workflows.stream_shard.workflow import StreamShardWorkflow
from workflows.trade_intent.workflow import TradeIntentWorkflow
from workflows.user_agent.workflow import UserAgentWorkflow

WORKFLOWS: tuple[type, ...] = (
    UserAgentWorkflow,
    TradeIntentWorkflow,
    AccountWorkflow,
    StreamShardWorkflow,
    PlatformWorkflow,
)
_TASK_ENDS = frozenset({EventType.EVENT_TYPE_WORKFLOW_TASK_COMPLETED})
_NOISE = frozenset(
    {"WORKFLOW_TASK_SCHEDULED", "WORKFLOW_TASK_STARTED", "WORKFLOW_TASK_COMPLETED", "ACTIVITY_TASK_STARTED"}
)
_LONGEST = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One event of a history in people's words. `summary` is what the workflow said about it."""

    event_id: int
    at: datetime
    what: str
    subject: str = ""
    summary: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplayReport:
    """What a replay showed. `differs_at` is the event from which today's code would do something else, 0 when it never would."""

    workflow_id: str
    run_id: str
    workflow_type: str
    steps: tuple[Step, ...]
    differs_at: int = 0
    difference: str = ""

    @property
    def is_compatible(self) -> bool:
        """Whether today's code gives the same commands all the way."""
        return self.differs_at == 0


async def fetch(client: Client, workflow_id: str, run_id: str = "") -> WorkflowHistory:
    """Fetch a history; raises Refused(execution_unknown)."""
    handle = client.get_workflow_handle(workflow_id, run_id=run_id or None)
    try:
        return await handle.fetch_history()
    except RPCError as error:
        if error.status is not RPCStatusCode.NOT_FOUND:
            raise
        raise Refused(
            "execution_unknown",
            f"Temporal knows no execution {workflow_id}.",
            action="Give the whole workflow id, such as agent/USER/AGENT, intent/INTENT, account/ACCOUNT or platform.",
        ) from error


async def replay(
    history: WorkflowHistory, converter: DataConverter, *, workflows: Sequence[type] = WORKFLOWS
) -> ReplayReport:
    """Replay a history with today's code and find the first event at which it would differ."""
    started = history.events[0].workflow_execution_started_event_attributes
    difference = await _difference(history, converter, workflows)
    differs_at = await _first(history, converter, workflows) if difference else 0
    return ReplayReport(
        workflow_id=history.workflow_id,
        run_id=started.original_execution_run_id,
        workflow_type=started.workflow_type.name,
        steps=await _steps(history, converter),
        differs_at=differs_at,
        difference=difference[:_LONGEST],
    )


async def _difference(history: WorkflowHistory, converter: DataConverter, workflows: Sequence[type]) -> str:
    replayer = Replayer(workflows=list(workflows), data_converter=converter, workflow_runner=sandbox.runner())
    result = await replayer.replay_workflow(history, raise_on_replay_failure=False)
    return "" if result.replay_failure is None else str(result.replay_failure)


async def _first(history: WorkflowHistory, converter: DataConverter, workflows: Sequence[type]) -> int:
    """Search the shortest prefix, cut after a workflow task, that today's code does not survive; return its last command."""
    cuts = [index for index, event in enumerate(history.events) if event.event_type in _TASK_ENDS]
    ends = [*(_commands_end(history.events, cut) for cut in cuts)]
    low, high = 0, len(ends) - 1
    while low < high:
        middle = (low + high) // 2
        prefix = WorkflowHistory(history.workflow_id, history.events[: ends[middle]])
        if await _difference(prefix, converter, workflows):
            high = middle
        else:
            low = middle + 1
    first_command = min(cuts[low] + 1, len(history.events) - 1)
    return history.events[first_command].event_id


def _commands_end(events: Sequence[HistoryEvent], cut: int) -> int:
    """Return the end of the events that a workflow task's commands made."""
    task_id = events[cut].event_id
    end = cut + 1
    while end < len(events) and _task_of(events[end]) == task_id:
        end += 1
    return end


def _task_of(event: HistoryEvent) -> int:
    body = getattr(event, event.WhichOneof("attributes") or "", None)
    return int(getattr(body, "workflow_task_completed_event_id", 0))


async def _steps(history: WorkflowHistory, converter: DataConverter) -> tuple[Step, ...]:
    steps: list[Step] = []
    for event in history.events:
        what = EventType.Name(event.event_type).removeprefix("EVENT_TYPE_")
        if what not in _NOISE:
            summary = await _summary(event.user_metadata, converter)
            at = event.event_time.ToDatetime(tzinfo=UTC)
            name = what.lower().replace("_", " ")
            steps.append(Step(event_id=event.event_id, at=at, what=name, subject=_subject(event), summary=summary))
    return tuple(steps)


async def _summary(metadata: UserMetadata, converter: DataConverter) -> str:
    if not metadata.HasField("summary"):
        return ""
    decoded: list[Any] = await converter.decode([metadata.summary], [str])
    return str(decoded[0])


_SUBJECTS: dict[str, Callable[[Any], str]] = {
    "activity_task_scheduled_event_attributes": lambda a: f"{a.activity_type.name} on {a.task_queue.name}",
    "activity_task_failed_event_attributes": lambda a: a.failure.message,
    "workflow_execution_signaled_event_attributes": lambda a: a.signal_name,
    "workflow_execution_started_event_attributes": lambda a: a.workflow_type.name,
    "start_child_workflow_execution_initiated_event_attributes": lambda a: a.workflow_id,
    "signal_external_workflow_execution_initiated_event_attributes": lambda a: (
        f"{a.signal_name} to {a.workflow_execution.workflow_id}"
    ),
    "workflow_execution_update_accepted_event_attributes": lambda a: a.accepted_request.input.name,
    "timer_started_event_attributes": lambda a: f"{a.start_to_fire_timeout.ToTimedelta()}",
    "workflow_task_failed_event_attributes": lambda a: a.failure.message,
}


def _subject(event: HistoryEvent) -> str:
    name = event.WhichOneof("attributes") or ""
    return _SUBJECTS[name](getattr(event, name))[:_LONGEST] if name in _SUBJECTS else ""
