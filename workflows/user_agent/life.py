"""What every part of an agent's life shares: its state, what it is told and what it is asked."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from temporalio import workflow
from temporalio.exceptions import ApplicationError

from domain.agents import AgentStatus
from domain.intents import TERMINAL_PHASES, IntentReport
from workflows import attributes
from workflows.user_agent import wording
from workflows.user_agent.messages import AgentReport, Reason, Reconfigure, UserAgentInput


class AgentLife:
    """State and handlers of a UserAgentWorkflow; the steps of its life are in workflow.py."""

    def __init__(self, start: UserAgentInput) -> None:
        self._config = start.config
        self._progress = start.progress
        self._rounds = 0
        self._over = False
        self._since = workflow.now()
        self._recorded = AgentStatus.RUNNING
        self._phase = workflow.info().typed_search_attributes.get(attributes.PHASE, "")

    @workflow.signal
    def pause(self, reason: Reason | None = None) -> None:
        """Begin no further cycle until resumed; positions keep their owners and their protection."""
        self._note_reason(reason, paused=True)

    @workflow.signal
    def resume(self, reason: Reason | None = None) -> None:
        """Go on, after a pause or after failures."""
        self._note_reason(reason, paused=False, failed=False, failures=0)

    @workflow.signal
    def stop(self, reason: Reason | None = None) -> None:
        """End: cancel working opening orders, leave positions to their intents."""
        self._note_reason(reason, stopping=True)

    @workflow.signal
    def emergency_stop(self, reason: Reason | None = None) -> None:
        """End: halt the agent, cancel its orders, close its positions."""
        self._note_reason(reason, stopping=True, emergency=True)

    @workflow.signal
    def hold(self, reason: Reason | None = None) -> None:
        """Open nothing until released: a halt is in force. The flags in Postgres decide; this only hastens it."""
        self._progress = replace(self._progress, held=(reason or Reason(text="halted")).text)

    @workflow.signal
    def release(self, reason: Reason | None = None) -> None:  # noqa: ARG002 - every signal of an agent takes a reason
        """Trade again: the halt was released; the next cycle reads the flags anyway."""
        self._progress = replace(self._progress, held="")

    @workflow.signal
    def intent_reported(self, report: IntentReport) -> None:
        """Note how an intent fares; a finished one is forgotten."""
        note = wording.of_report(report)
        is_over = report.phase in TERMINAL_PHASES
        left = tuple(x for x in self._progress.open_intents if not (is_over and x == report.intent_id))
        self._progress = replace(self._progress, open_intents=left, last_note=note)

    @workflow.update
    def reconfigure(self, change: Reconfigure) -> AgentReport:
        """Take a new configuration with the next cycle."""
        self._config = change.config
        self._progress = replace(self._progress, last_note="reconfigured")
        return self.status()

    @reconfigure.validator
    def _check_reconfigure(self, change: Reconfigure) -> None:
        fault = wording.fault_of_change(self._config, change.config)
        if fault:
            raise ApplicationError(fault, type="reconfigure_refused", non_retryable=True)

    @workflow.query
    def status(self) -> AgentReport:
        """Say how the agent stands."""
        progress = self._progress
        return AgentReport(
            agent_id=self._config.agent_id,
            status=self._status,
            cycle=progress.cycle,
            open_intents=progress.open_intents,
            note=wording.note_of(progress),
            next_cycle_at=progress.next_at if self._status is AgentStatus.RUNNING else None,
        )

    @property
    def _status(self) -> AgentStatus:
        if self._progress.stopping:
            return AgentStatus.STOPPED if self._over else AgentStatus.STOPPING
        if self._progress.failed:
            return AgentStatus.FAILED
        return AgentStatus.PAUSED if self._progress.paused else AgentStatus.RUNNING

    @property
    def _is_ready(self) -> bool:
        return self._status is AgentStatus.RUNNING and self._delay() <= timedelta(0)

    def _note_reason(self, reason: Reason | None, **changes: bool | int) -> None:
        given = reason or Reason()
        self._progress = replace(self._progress, reason=given.text, by=given.by, last_note="", **changes)  # type: ignore[arg-type]

    def _delay(self) -> timedelta:
        due = self._progress.next_at or workflow.now()
        return due - workflow.now()
