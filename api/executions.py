"""Workflows, started, signalled, updated and asked from the threads of routes through the client in the API's event loop."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypeVar

import anyio.from_thread
from temporalio.client import (
    Client,
    WorkflowExecutionStatus,
    WorkflowFailureError,
    WorkflowQueryFailedError,
    WorkflowQueryRejectedError,
    WorkflowUpdateFailedError,
)
from temporalio.common import QueryRejectCondition, TypedSearchAttributes, WorkflowIDConflictPolicy
from temporalio.exceptions import ApplicationError, WorkflowAlreadyStartedError
from temporalio.service import RPCError, RPCStatusCode

from domain.errors import Refused, Retryable
from runtime.errors import SetupError
from workflows import attributes

T = TypeVar("T")

CALL_TIMEOUT = timedelta(seconds=5)
QUERY_TIMEOUT = timedelta(seconds=2)
"""A query needs a worker; after this the read model answers."""
UPDATE_TIMEOUT = timedelta(seconds=5)

_NO_ANSWER = frozenset({RPCStatusCode.DEADLINE_EXCEEDED, RPCStatusCode.CANCELLED, RPCStatusCode.FAILED_PRECONDITION})


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """How to start a workflow: `keywords` are start_workflow's own."""

    kind: str
    id: str
    argument: Any
    keywords: dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """A workflow as the server describes it."""

    is_running: bool
    user_id: str
    instrument: str


class Executions:
    """The running workflows. `connect` is tried again with each call while Temporal is away.

    Every method blocks, has to be called from a route's thread, and raises Retryable(temporal_unavailable) when the server does
    not answer.
    """

    def __init__(self, connect: Callable[[], Awaitable[Client]]) -> None:
        self._connect = connect
        self._client: Client | None = None
        self._connecting = asyncio.Lock()

    async def client(self) -> Client:
        """Return the connected client; raises SetupError while there is none."""
        async with self._connecting:
            if self._client is None:
                self._client = await self._connect()
            return self._client

    def start(self, wanted: Start) -> bool:
        """Start a workflow; False when its id is taken, by a running one or as its own policy says."""
        return self._wait(self._start(wanted))

    def ensure(self, wanted: tuple[Start, ...]) -> None:
        """Start workflows unless they run."""
        self._wait(self._ensure(wanted))

    def signal(self, workflow_id: str, name: str, argument: object | None = None) -> bool:
        """Signal a workflow; False when none runs under the id."""
        return self._wait(self._signal(workflow_id, name, argument))

    def query(self, workflow_id: str, kind: type[T]) -> T | None:
        """Ask a running workflow for its status; None when it does not answer in time, has ended or is not there."""
        return self._wait(self._query(workflow_id, kind))

    def update(self, workflow_id: str, name: str, argument: object, kind: type[T], update_id: str) -> T | None:
        """Update a workflow and return its answer; None when none runs.

        Raises Refused with the code of its validator, and Retryable(workflow_no_answer) when it does not confirm in time.
        """
        return self._wait(self._update(workflow_id, name, argument, kind, update_id))

    def see(self, workflow_id: str) -> Seen | None:
        """Describe a workflow; None when the server does not know it."""
        return self._wait(self._see(workflow_id))

    def result(self, workflow_id: str, kind: type[T]) -> T | None:
        """What an ended workflow returned; None when it returned nothing."""
        return self._wait(self._result(workflow_id, kind))

    def answers(self) -> bool:
        """Say whether the server answers."""
        try:
            return self._wait(self._check())
        except Retryable:
            return False

    async def _check(self) -> bool:
        client = await self.client()
        return await client.service_client.check_health(timeout=QUERY_TIMEOUT)

    def _wait(self, call: Coroutine[Any, Any, T]) -> T:
        async def run() -> T:
            return await call

        try:
            return anyio.from_thread.run(run)
        except SetupError as error:
            raise Retryable(error.code, error.message, action=error.action) from error
        except RPCError as error:
            raise Retryable(
                "temporal_unavailable", "Temporal did not answer.", action="Try again in a moment; nothing is lost."
            ) from error

    async def _start(self, wanted: Start) -> bool:
        client = await self.client()
        keywords = {"rpc_timeout": CALL_TIMEOUT, **wanted.keywords}
        try:
            await client.start_workflow(wanted.kind, wanted.argument, id=wanted.id, **keywords)
        except WorkflowAlreadyStartedError:
            return False
        return True

    async def _ensure(self, wanted: tuple[Start, ...]) -> None:
        existing = {"id_conflict_policy": WorkflowIDConflictPolicy.USE_EXISTING}
        await asyncio.gather(
            *(
                self._start(Start(kind=one.kind, id=one.id, argument=one.argument, keywords=one.keywords | existing))
                for one in wanted
            )
        )

    async def _signal(self, workflow_id: str, name: str, argument: object | None) -> bool:
        handle = (await self.client()).get_workflow_handle(workflow_id)
        arguments = [] if argument is None else [argument]
        try:
            await handle.signal(name, args=arguments, rpc_timeout=CALL_TIMEOUT)
        except RPCError as error:
            if error.status is RPCStatusCode.NOT_FOUND:
                return False
            raise
        return True

    async def _query(self, workflow_id: str, kind: type[T]) -> T | None:
        handle = (await self.client()).get_workflow_handle(workflow_id)
        try:
            answer: T = await handle.query(
                "status",
                result_type=kind,
                reject_condition=QueryRejectCondition.NOT_OPEN,
                rpc_timeout=QUERY_TIMEOUT,
            )
        except (WorkflowQueryRejectedError, WorkflowQueryFailedError):
            return None
        except RPCError as error:
            if error.status is RPCStatusCode.NOT_FOUND or error.status in _NO_ANSWER:
                return None
            raise
        return answer

    async def _update(self, workflow_id: str, name: str, argument: object, kind: type[T], update_id: str) -> T | None:
        handle = (await self.client()).get_workflow_handle(workflow_id)
        call = handle.execute_update(name, argument, id=update_id, result_type=kind)
        try:
            return await asyncio.wait_for(call, UPDATE_TIMEOUT.total_seconds())
        except WorkflowUpdateFailedError as error:
            raise _refusal(error) from error
        except TimeoutError as error:
            raise Retryable(
                "workflow_no_answer",
                "The workflow has not confirmed yet.",
                action="Ask for its status; repeating the same request is safe.",
            ) from error
        except RPCError as error:
            if error.status is RPCStatusCode.NOT_FOUND:
                return None
            raise

    async def _result(self, workflow_id: str, kind: type[T]) -> T | None:
        handle = (await self.client()).get_workflow_handle(workflow_id, result_type=kind)
        try:
            answer: T = await handle.result(rpc_timeout=CALL_TIMEOUT)
        except WorkflowFailureError:
            return None
        return answer

    async def _see(self, workflow_id: str) -> Seen | None:
        handle = (await self.client()).get_workflow_handle(workflow_id)
        try:
            found = await handle.describe(rpc_timeout=CALL_TIMEOUT)
        except RPCError as error:
            if error.status is RPCStatusCode.NOT_FOUND:
                return None
            raise
        known: TypedSearchAttributes = found.typed_search_attributes
        return Seen(
            is_running=found.status is WorkflowExecutionStatus.RUNNING,
            user_id=known.get(attributes.USER) or "",
            instrument=known.get(attributes.INSTRUMENT) or "",
        )


def _refusal(error: WorkflowUpdateFailedError) -> Refused:
    cause = error.cause
    if isinstance(cause, ApplicationError):
        return Refused(cause.type or "update_refused", cause.message, action="Change the request.")
    return Refused("update_refused", str(cause), action="Change the request.")
