"""What a scenario is, and how it waits for the workflow that it plays with."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Any

from temporalio.client import Client, WorkflowHandle
from temporalio.service import RPCError

from domain.intents import IntentPolicy, OrderStyle
from domain.money import Price
from domain.orders import TimeInForce
from domain.watch import PositionReview
from tests.workflows.fakes import until
from tests.workflows.intent_fakes import ONE

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
