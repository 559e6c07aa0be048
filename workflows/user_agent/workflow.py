"""The life of one agent: observe and decide, start intents, remember, wait."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta

from temporalio import workflow
from temporalio.common import WorkflowIDReusePolicy
from temporalio.exceptions import ActivityError, ApplicationError, WorkflowAlreadyStartedError
from temporalio.workflow import ParentClosePolicy

with workflow.unsafe.imports_passed_through():
    import workflows.attributes as attributes
    import workflows.ids as ids
    import workflows.options as options
    import workflows.rolling as rolling
    import workflows.user_agent.wording as wording
    from activities.decisions import DecisionActivities
    from activities.emergency import EmergencyActivities
    from activities.notifications import NotificationActivities
    from domain.agents import AgentStatus
    from domain.cycles import AgentShown, CycleOutcome, CycleRequest
    from domain.halts import EmergencyStop
    from domain.intents import Intent, IntentKind
    from domain.notices import Notice, Severity
    from workflows.trade_intent.messages import TradeIntentInput
    from workflows.user_agent.life import AgentLife
    from workflows.user_agent.messages import UserAgentInput

_FAILURES_ALLOWED = 3
"""Failed cycles in a row after which an agent stops trying and asks for a person."""


@workflow.defn(name="UserAgentWorkflow")
class UserAgentWorkflow(AgentLife):
    """Runs `agent/{user}/{agent}` until it is stopped; positions belong to their intents, which outlive it."""

    @workflow.init
    def __init__(self, start: UserAgentInput) -> None:
        super().__init__(start)
        self._showing: asyncio.Task[None] | None = None

    @workflow.run
    async def run(self, start: UserAgentInput) -> None:
        """Cycle until told to stop, then leave nothing of ours working."""
        while not self._progress.stopping:
            await self._show_unless_stopped()
            await self._wait_for_turn()
            if self._is_ready:
                await self._cycle()
            if self._is_roll_due(start):
                await workflow.wait_condition(workflow.all_handlers_finished)
                rolling.roll(replace(start, config=self._config, progress=self._progress))
        await self._wind_down()
        await workflow.wait_condition(workflow.all_handlers_finished)

    async def _wait_for_turn(self) -> None:
        if self._status is not AgentStatus.RUNNING:
            await workflow.wait_condition(lambda: self._status not in {AgentStatus.PAUSED, AgentStatus.FAILED})
            return
        delay = self._delay()
        if delay > timedelta(0):
            await self._wait_unless_told(delay)

    async def _wait_unless_told(self, delay: timedelta) -> None:
        try:
            await workflow.wait_condition(
                lambda: self._status is not AgentStatus.RUNNING,
                timeout=delay,
                timeout_summary=f"until cycle {self._progress.cycle + 1}",
            )
        except TimeoutError:
            return

    async def _cycle(self) -> None:
        started_at = workflow.now()
        number = self._progress.cycle + 1
        self._progress = replace(self._progress, cycle=number, next_at=started_at + self._config.cycle_every)
        self._rounds += 1
        try:
            outcome = await self._decide(number, started_at)
        except ActivityError as error:
            await self._note_failure(error)
            return
        if outcome is not None:
            await self._act(outcome, started_at)

    async def _decide(self, number: int, started_at: datetime) -> CycleOutcome | None:
        """Observe and decide in one activity; a stop does not wait for its answer."""
        decision = workflow.start_activity_method(
            DecisionActivities.run_cycle,
            CycleRequest(
                config=self._config, cycle=number, started_at=started_at, open_intents=self._progress.open_intents
            ),
            task_queue=ids.QUEUE_READ,
            summary=f"cycle {number}: observe and decide",
            **options.fair(options.CYCLE, self._config.user_id),
        )
        await workflow.wait_condition(lambda: decision.done() or self._progress.stopping)
        if decision.done():
            return await decision
        decision.cancel()
        with suppress(ActivityError):
            await decision
        return None

    async def _act(self, outcome: CycleOutcome, started_at: datetime) -> None:
        finished = set(outcome.finished_intents)
        self._progress = replace(
            self._progress,
            cycle=max(self._progress.cycle, outcome.cycle),
            failures=0,
            held=outcome.held,
            last_note=outcome.note,
            open_intents=tuple(x for x in self._progress.open_intents if x not in finished),
            next_at=started_at + (outcome.next_after or self._config.cycle_every),
        )
        wanted = [intent for intent in outcome.intents if self._may_start(intent)]
        if wanted:
            await asyncio.gather(*(self._start(intent) for intent in wanted))

    def _may_start(self, intent: Intent) -> bool:
        """Opens need an agent that runs and is not held; closes pass unless it is leaving."""
        if intent.kind is IntentKind.OPEN:
            return self._status is AgentStatus.RUNNING and not self._progress.held
        return not self._progress.stopping

    async def _start(self, intent: Intent) -> None:
        self._progress = replace(self._progress, open_intents=(*self._progress.open_intents, intent.intent_id))
        try:
            await workflow.start_child_workflow(
                "TradeIntentWorkflow",
                TradeIntentInput(intent=intent),
                id=ids.intent(intent.intent_id),
                task_queue=ids.QUEUE_WORKFLOW,
                parent_close_policy=ParentClosePolicy.ABANDON,
                id_reuse_policy=WorkflowIDReusePolicy.REJECT_DUPLICATE,
                cancellation_type=workflow.ChildWorkflowCancellationType.ABANDON,
                search_attributes=wording.attributes_of(intent),
                static_summary=wording.summary_of(intent),
                priority=options.NORMAL if intent.kind is IntentKind.OPEN else options.URGENT,
            )
        except WorkflowAlreadyStartedError:
            # The first start won: its stored decision stands, and its report will come.
            workflow.logger.info("intent %s was started before", intent.intent_id)

    async def _note_failure(self, error: ActivityError) -> None:
        """Count bugs; an outage of the venue or the database is no fault of the adviser and only skips the cycle."""
        cause = error.cause
        if not isinstance(cause, ApplicationError) or not cause.non_retryable:
            self._progress = replace(self._progress, last_note=wording.of_skipped(cause or error))
            return
        failures = self._progress.failures + 1
        self._progress = replace(
            self._progress,
            failures=failures,
            failed=failures >= _FAILURES_ALLOWED,
            last_note=wording.of_failure(cause, failures),
            reason=cause.message,
        )
        if self._progress.failed:
            await self._tell(wording.alarm_of(self._config, cause))

    async def _wind_down(self) -> None:
        showing = self._shown()
        if self._progress.emergency:
            await self._stop_at_once()
        elif self._progress.open_intents:
            await self._cancel_working()
        self._over = True
        await showing
        await self._show()

    async def _cancel_working(self) -> None:
        """Ask our intents to cancel what has not filled; positions stay theirs. An emergency may overtake this."""
        await workflow.execute_activity_method(
            EmergencyActivities.cancel_working,
            self._emergency(),
            task_queue=ids.QUEUE_CLOSE,
            summary="cancel working orders",
            **options.CLOSE,
        )
        if self._progress.emergency:
            await self._stop_at_once()

    async def _stop_at_once(self) -> None:
        outcome = await workflow.execute_activity_method(
            EmergencyActivities.emergency_stop,
            self._emergency(),
            task_queue=ids.QUEUE_CLOSE,
            summary="halt, drain, cancel, close, prove flat",
            **options.STOP,
        )
        self._progress = replace(self._progress, open_intents=(), last_note=wording.of_flat(outcome))
        await self._tell(
            Notice(
                user_id=self._config.user_id,
                kind="emergency_stop",
                title=f"Agent {self._config.name or self._config.agent_id} was stopped and is flat",
                text=self._progress.last_note,
                severity=Severity.ALARM,
                key=f"emergency/{self._config.agent_id}/{workflow.info().run_id}",
            )
        )

    def _emergency(self) -> EmergencyStop:
        return EmergencyStop(
            user_id=self._config.user_id,
            agent_id=self._config.agent_id,
            account_id=self._config.account_id,
            coins=self._config.coins,
            asked_at=workflow.now(),
            open_intents=self._progress.open_intents,
            reason=self._progress.reason or "by hand",
            by=self._progress.by,
        )

    async def _tell(self, notice: Notice) -> None:
        await workflow.execute_activity_method(
            NotificationActivities.notify,
            notice,
            # An alarm is not kept waiting by slow decisions, and neither is a stop by an alarm.
            task_queue=ids.QUEUE_CLOSE,
            summary=f"tell: {notice.kind}",
            **options.READ,
        )

    async def _show_unless_stopped(self) -> None:
        """Show the status, but let a stop go ahead: slow decisions may have taken every thread that could show it."""
        showing = self._shown()
        await workflow.wait_condition(lambda: showing.done() or self._progress.stopping)
        if showing.done():
            await showing

    def _shown(self) -> asyncio.Task[None]:
        """Have the status shown; one at a time, since a later one must not be overtaken by an earlier one."""
        if self._showing is None or self._showing.done():
            self._showing = asyncio.create_task(self._show())
        return self._showing

    async def _show(self) -> None:
        """Show the status where people look; rows and attributes only when it changed, since they cost events."""
        while True:
            workflow.set_current_details(wording.details_of(self._config, self._progress, self._status))
            await self._record(self._status)
            if self._status is self._recorded:
                return

    async def _record(self, status: AgentStatus) -> None:
        phase = "held" if status is AgentStatus.RUNNING and self._progress.held else status.value
        if phase != self._phase:
            self._phase = phase
            workflow.upsert_search_attributes([attributes.PHASE.value_set(phase)])
        if status is self._recorded:
            return
        self._recorded = status
        await workflow.execute_activity_method(
            DecisionActivities.show_agent,
            AgentShown(
                agent_id=self._config.agent_id,
                user_id=self._config.user_id,
                status=status,
                reason=self._progress.reason,
                is_over=status is AgentStatus.STOPPED,
            ),
            # Who has stopped at once looks whether it is over; the threads for reads may be in slow decisions.
            task_queue=ids.QUEUE_CLOSE if self._progress.emergency else ids.QUEUE_READ,
            summary=f"show {status}",
            **options.READ,
        )

    def _is_roll_due(self, start: UserAgentInput) -> bool:
        if self._progress.stopping:
            return False
        return 0 < start.max_rounds <= self._rounds or rolling.is_due(self._since)
