"""Playing scenarios on real development servers and keeping what they leave behind."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from temporalio.api.enums.v1 import EventType
from temporalio.api.history.v1 import HistoryEvent
from temporalio.client import Client, WorkflowHistory
from temporalio.service import RPCError

from runtime.converter import data_converter
from runtime.temporal_server import TemporalServer
from tests.replay.staging import Scenario
from tests.workflows.fakes import Fleet
from workflows import attributes

FOLDER = Path(__file__).parent / "histories"
FINGERPRINTS = Path(__file__).parent / "fingerprints.json"
SHORT = "limit.historyCount.suggestContinueAsNew=25"


@dataclass(frozen=True, slots=True, kw_only=True)
class Servers:
    """A server as it is, and one that suggests to continue as new after a few events."""

    usual: str
    short: str

    def of(self, scenario: Scenario) -> str:
        """The address that a scenario needs."""
        return self.short if scenario.rolls else self.usual


@contextmanager
def servers(binary: Path, folder: Path) -> Iterator[Servers]:
    """Start both servers and stop them again."""
    names = attributes.NAMES
    with (
        TemporalServer(binary, log=folder / "usual.log", headless=True, search_attributes=names) as usual,
        TemporalServer(
            binary, log=folder / "short.log", headless=True, search_attributes=names, dynamic_config=(SHORT,)
        ) as short,
    ):
        yield Servers(usual=usual.address, short=short.address)


async def play(scenario: Scenario, address: str) -> WorkflowHistory:
    """Play a scenario and return the history of its first run. Payloads are not encrypted, so that people can read them."""
    client = await Client.connect(address, data_converter=data_converter(None))
    async with Fleet(client, workflows=scenario.workflows, activities=scenario.activities):
        handle = await scenario.play(client)
        run = handle.first_execution_run_id
        history = await client.get_workflow_handle(handle.id, run_id=run).fetch_history()
        with suppress(RPCError):
            await client.get_workflow_handle(handle.id).terminate("recorded")
        return history


def keep(scenario: Scenario, history: WorkflowHistory) -> None:
    """Write a history to its file, in a form that diffs well."""
    FOLDER.mkdir(exist_ok=True)
    # A stack trace names folders of the machine that recorded it, and replaying does not look at it.
    body = json.dumps(json.loads(history.to_json(), object_hook=_without_trace), indent=1, sort_keys=True)
    (FOLDER / f"{scenario.name}.json").write_text(body + "\n")


def kept(name: str) -> WorkflowHistory:
    """Read a history."""
    body = (FOLDER / f"{name}.json").read_text()
    attributes_of_start = json.loads(body)["events"][0]["workflowExecutionStartedEventAttributes"]
    return WorkflowHistory.from_json(attributes_of_start.get("workflowId", name), body)


def _without_trace(value: dict[str, Any]) -> dict[str, Any]:
    return value | {"stackTrace": ""} if "stackTrace" in value else value


def fingerprint(history: WorkflowHistory) -> list[str]:
    """Name every command that the workflow gave, with what it was about and which queue it went to."""
    return [named for event in history.events if (named := _command(event))]


def _command(event: HistoryEvent) -> str:
    match EventType.Name(event.event_type).removeprefix("EVENT_TYPE_"):
        case "ACTIVITY_TASK_SCHEDULED":
            scheduled = event.activity_task_scheduled_event_attributes
            return f"activity {scheduled.activity_type.name} on {scheduled.task_queue.name}"
        case "START_CHILD_WORKFLOW_EXECUTION_INITIATED":
            child = event.start_child_workflow_execution_initiated_event_attributes
            return f"child {child.workflow_type.name} on {child.task_queue.name}, policy {child.parent_close_policy}"
        case "SIGNAL_EXTERNAL_WORKFLOW_EXECUTION_INITIATED":
            return f"signal {event.signal_external_workflow_execution_initiated_event_attributes.signal_name}"
        case "WORKFLOW_EXECUTION_UPDATE_ACCEPTED":
            return "update accepted"
        case "TIMER_STARTED" | "TIMER_CANCELED" | "ACTIVITY_TASK_CANCEL_REQUESTED" as name:
            return name.lower().replace("_", " ")
        case "UPSERT_WORKFLOW_SEARCH_ATTRIBUTES":
            fields = event.upsert_workflow_search_attributes_event_attributes.search_attributes.indexed_fields
            return f"attributes {', '.join(sorted(fields))}"
        case (
            "WORKFLOW_EXECUTION_COMPLETED" | "WORKFLOW_EXECUTION_CONTINUED_AS_NEW" | "WORKFLOW_EXECUTION_FAILED" as name
        ):
            return name.removeprefix("WORKFLOW_EXECUTION_").lower().replace("_", " ")
        case _:
            return ""
