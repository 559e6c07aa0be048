"""Workflows that answer as the real ones do and trade nothing; registered under the real names."""

from __future__ import annotations

from dataclasses import replace

from temporalio import workflow
from temporalio.exceptions import ApplicationError

from domain.agents import AgentStatus
from domain.intents import TERMINAL_PHASES, IntentPhase, IntentReport
from workflows.account.messages import AccountInput, AccountStatus
from workflows.platform.messages import Halt, HaltTimes, PlatformInput, Release
from workflows.stream_shard.messages import StreamShardInput
from workflows.trade_intent.messages import Amendment, CloseRequest, IntentStatus, TradeIntentInput
from workflows.user_agent.messages import AgentReport, Reason, Reconfigure, UserAgentInput


@workflow.defn(name="UserAgentWorkflow")
class Agent:
    """Remembers what it was told."""

    @workflow.init
    def __init__(self, start: UserAgentInput) -> None:
        self._config = start.config
        self._status = AgentStatus.RUNNING
        self._note = "started"

    @workflow.run
    async def run(self, start: UserAgentInput) -> str:
        await workflow.wait_condition(lambda: self._status is AgentStatus.STOPPED)
        return self._note

    @workflow.signal
    def pause(self, reason: Reason | None = None) -> None:
        self._tell(AgentStatus.PAUSED, "pause", reason)

    @workflow.signal
    def resume(self, reason: Reason | None = None) -> None:
        self._tell(AgentStatus.RUNNING, "resume", reason)

    @workflow.signal
    def stop(self, reason: Reason | None = None) -> None:
        self._tell(AgentStatus.STOPPED, "stop", reason)

    @workflow.signal
    def emergency_stop(self, reason: Reason | None = None) -> None:
        self._tell(AgentStatus.STOPPED, "emergency_stop", reason)

    @workflow.update
    def reconfigure(self, change: Reconfigure) -> AgentReport:
        self._config = change.config
        return self.status()

    @reconfigure.validator
    def _check(self, change: Reconfigure) -> None:
        if len(change.config.coins) > 10:
            raise ApplicationError("Ten coins at most.", type="reconfigure_refused", non_retryable=True)

    @workflow.query
    def status(self) -> AgentReport:
        coins = ",".join(self._config.coins)
        return AgentReport(agent_id=self._config.agent_id, status=self._status, cycle=7, note=f"{self._note} [{coins}]")

    def _tell(self, status: AgentStatus, signal: str, reason: Reason | None) -> None:
        self._status = status
        self._note = f"{signal}: {reason.text} by {reason.by}" if reason else signal


@workflow.defn(name="TradeIntentWorkflow")
class TradeIntent:
    """Works until it is cancelled or closed."""

    @workflow.init
    def __init__(self, start: TradeIntentInput) -> None:
        self._status = IntentStatus(
            intent_id=start.intent.intent_id,
            phase=IntentPhase.WORKING if start.intent.policy.criteria.is_empty else IntentPhase.WAITING,
            stop_px=start.intent.protection.stop_px,
        )

    @workflow.run
    async def run(self, start: TradeIntentInput) -> IntentReport:
        await workflow.wait_condition(lambda: self._status.phase in TERMINAL_PHASES)
        code, reason = self._status.code, self._status.reason
        coin = start.intent.coin
        return IntentReport(
            intent_id=start.intent.intent_id, coin=coin, phase=self._status.phase, code=code, reason=reason
        )

    @workflow.signal
    def cancel(self) -> None:
        self._status = replace(self._status, phase=IntentPhase.CANCELLED)

    @workflow.signal
    def execute(self) -> None:
        self._status = replace(self._status, phase=IntentPhase.WORKING)

    @workflow.signal
    def close(self, request: CloseRequest | None = None) -> None:
        self._status = replace(self._status, phase=IntentPhase.CLOSED, reason=request.reason if request else "")

    @workflow.update
    def amend(self, change: Amendment) -> IntentStatus:
        self._status = replace(self._status, stop_px=change.stop_px)
        return self._status

    @amend.validator
    def _check(self, change: Amendment) -> None:
        if change.limit_px is not None:
            raise ApplicationError("Only a limit order has a limit.", type="amend_refused", non_retryable=True)

    @workflow.query
    def status(self) -> IntentStatus:
        return self._status


@workflow.defn(name="AccountWorkflow")
class Account:
    """Lives."""

    @workflow.run
    async def run(self, start: AccountInput) -> None:
        await workflow.wait_condition(lambda: False)

    @workflow.query
    def status(self) -> AccountStatus:
        return AccountStatus(account_id="")


@workflow.defn(name="StreamShardWorkflow")
class StreamShard:
    """Lives."""

    @workflow.run
    async def run(self, start: StreamShardInput) -> None:
        await workflow.wait_condition(lambda: False)


@workflow.defn(name="PlatformWorkflow")
class Platform:
    """Remembers the halts that it was told of."""

    @workflow.init
    def __init__(self, start: PlatformInput) -> None:
        self._halts: tuple[Halt, ...] = ()

    @workflow.run
    async def run(self, start: PlatformInput) -> None:
        await workflow.wait_condition(lambda: False)

    @workflow.signal
    def halt(self, halt: Halt | None = None) -> None:
        self._halts = (*self._halts, halt or Halt())

    @workflow.signal
    def release(self, release: Release | None = None) -> None:
        gone = release or Release()
        self._halts = tuple(halt for halt in self._halts if (halt.scope, halt.key) != (gone.scope, gone.key))

    @workflow.query
    def status(self) -> HaltTimes:
        return HaltTimes(halts=self._halts)


KINDS = (Agent, TradeIntent, Account, StreamShard, Platform)
