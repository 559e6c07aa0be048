"""Running workflows, told and asked from the threads of activities through the worker's Temporal client."""

import asyncio
from collections.abc import Coroutine, Iterable
from datetime import timedelta
from typing import Any, TypeVar

from temporalio.client import Client, WorkflowExecutionStatus
from temporalio.exceptions import WorkflowAlreadyStartedError
from temporalio.service import RPCError, RPCStatusCode

from activities.ports import OwnerState
from domain.accounts import AccountRef
from domain.errors import Retryable
from workflows import attributes, ids
from workflows.account.messages import AccountInput, Wake
from workflows.stream_shard.messages import StreamShardInput
from workflows.trade_intent.messages import CloseRequest, FillRecorded
from workflows.user_agent.messages import Reason

T = TypeVar("T")

CALL_TIMEOUT = timedelta(seconds=10)
AT_ONCE = 20
TAKEN_WITHIN = timedelta(seconds=2)
_LOOK_SECONDS = 0.05
FAILING_ATTEMPTS = 3
"""Attempts of one workflow task from which an execution counts as stuck: one may fail by a lost worker, not three."""


class TemporalExecutions:
    """Implements `activities.ports.Executions`; make it inside the loop that the client belongs to."""

    def __init__(self, client: Client, *, sync_every: timedelta = timedelta(seconds=30)) -> None:
        self._client = client
        self._sync_every = sync_every
        self._loop = asyncio.get_running_loop()

    def owners(self, intent_ids: tuple[str, ...]) -> dict[str, OwnerState]:
        """Describe the executions of intents; one that the server does not know is not running."""
        states = self._wait(_gather(self._owner(intent_id) for intent_id in intent_ids))
        return {state.intent_id: state for state in states}

    def cancel_intents(self, intent_ids: tuple[str, ...]) -> int:
        """Ask intents to cancel what still works; returns how many were reached."""
        return self._reach((ids.intent(name), "cancel", None) for name in intent_ids)

    def close_intents(self, intent_ids: tuple[str, ...], *, reason: str) -> int:
        """Ask the owners of positions to close them; returns how many were reached."""
        return self._reach((ids.intent(name), "close", CloseRequest(reason=reason)) for name in intent_ids)

    def ensure_shards(self, shards: tuple[tuple[str, str, str, int], ...]) -> tuple[str, ...]:
        """Start the StreamShardWorkflows (venue, network, egress, shard) that do not run; returns those started."""
        started = self._wait(_gather(self._start_shard(*shard) for shard in shards))
        return tuple(name for name in started if name)

    def fills_recorded(self, intent_id: str, trade_ids: tuple[str, ...]) -> bool:
        """Tell the owner of a slot that its fills were journaled; False when it has ended."""
        return self._reach([(ids.intent(intent_id), "fill_recorded", FillRecorded(trade_ids=trade_ids))]) == 1

    def call_agents(self, agents: tuple[tuple[str, str], ...], *, signal: str, reason: str, by: str) -> int:
        """Send one signal to agents, each (user, agent), no faster than they take it; returns how many were reached.

        A backlog older than the sticky time-out makes the server hand each task out again with its whole history: a
        thousand agents were told in 10 s and took 46 s to hear it, with every close behind them.
        """
        told, reached, before = Reason(text=reason, by=by), 0, ""
        for start in range(0, len(agents), AT_ONCE):
            names = [ids.agent(user, agent) for user, agent in agents[start : start + AT_ONCE]]
            reached += self._reach((name, signal, told) for name in names)
            if before:
                self._wait(self._taken(before))
            before = names[-1]
        return reached

    def wake_account(self, account: AccountRef, *, reason: str, coin: str = "") -> None:
        """Start the AccountWorkflow unless it runs, and wake it."""
        self._wait(self._wake(account, Wake(reason=reason, coin=coin)))

    def _reach(self, told: Iterable[tuple[str, str, object | None]]) -> int:
        return sum(self._wait(_gather(self._signal(*one) for one in told)))

    async def _signal(self, workflow_id: str, signal: str, argument: object | None) -> bool:
        handle = self._client.get_workflow_handle(workflow_id)
        arguments = [] if argument is None else [argument]
        try:
            await handle.signal(signal, args=arguments, rpc_timeout=CALL_TIMEOUT)
        except RPCError as error:
            if error.status is RPCStatusCode.NOT_FOUND:
                return False
            raise
        return True

    async def _taken(self, workflow_id: str) -> None:
        """Wait until a workflow has taken what it was told; not for long, since one may be stuck."""
        deadline = self._loop.time() + TAKEN_WITHIN.total_seconds()
        handle = self._client.get_workflow_handle(workflow_id)
        while self._loop.time() < deadline:
            try:
                found = await handle.describe(rpc_timeout=CALL_TIMEOUT)
            except RPCError as error:
                if error.status is RPCStatusCode.NOT_FOUND:
                    return
                raise
            if not found.raw_description.HasField("pending_workflow_task"):
                return
            await asyncio.sleep(_LOOK_SECONDS)

    async def _owner(self, intent_id: str) -> OwnerState:
        try:
            found = await self._client.get_workflow_handle(ids.intent(intent_id)).describe(rpc_timeout=CALL_TIMEOUT)
        except RPCError as error:
            if error.status is RPCStatusCode.NOT_FOUND:
                return OwnerState(intent_id=intent_id, is_running=False)
            raise
        attempt = found.raw_description.pending_workflow_task.attempt
        return OwnerState(
            intent_id=intent_id,
            is_running=found.status is WorkflowExecutionStatus.RUNNING,
            problem=f"its workflow task failed {attempt - 1} times" if attempt >= FAILING_ATTEMPTS else "",
        )

    async def _start_shard(self, venue: str, network: str, egress: str, shard: int) -> str:
        name = ids.stream(venue, egress, shard)
        try:
            await self._client.start_workflow(
                "StreamShardWorkflow",
                StreamShardInput(venue=venue, network=network, egress=egress, shard=shard, sync_every=self._sync_every),
                id=name,
                task_queue=ids.QUEUE_WORKFLOW,
                search_attributes=attributes.of(venue=venue),
                static_summary=f"accounts of {venue} {network} from {egress}, shard {shard}",
                rpc_timeout=CALL_TIMEOUT,
            )
        except WorkflowAlreadyStartedError:
            return ""
        return name

    async def _wake(self, account: AccountRef, wake: Wake) -> None:
        await self._client.start_workflow(
            "AccountWorkflow",
            AccountInput(account=account),
            id=ids.account(account.account_id),
            task_queue=ids.QUEUE_WORKFLOW,
            search_attributes=attributes.of(user=account.user_id, venue=account.venue),
            static_summary=f"account {account.address[:10]} on {account.venue} {account.network}",
            start_signal="wake",
            start_signal_args=[wake],
            rpc_timeout=CALL_TIMEOUT,
        )

    def _wait(self, call: Coroutine[Any, Any, T]) -> T:
        """Run a call in the client's loop and wait for it in this thread."""
        future = asyncio.run_coroutine_threadsafe(call, self._loop)
        try:
            # The calls have time limits of their own; this one is for a loop that is gone.
            return future.result(6 * CALL_TIMEOUT.total_seconds())
        except (RPCError, TimeoutError) as error:
            future.cancel()
            raise Retryable("temporal_unavailable", f"Temporal did not answer: {error}.") from error


async def _gather(calls: Iterable[Coroutine[Any, Any, T]]) -> list[T]:
    """Run calls, a limited number at once: a page of a thousand signals must not flood the server."""
    turn = asyncio.Semaphore(AT_ONCE)

    async def limited(call: Coroutine[Any, Any, T]) -> T:
        async with turn:
            return await call

    return list(await asyncio.gather(*(limited(call) for call in calls)))
