"""What every part of an intent's life shares: its state, what it is told, what it is asked, and what it shows."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from temporalio import workflow
from temporalio.exceptions import ApplicationError

from domain.approvals import ApprovalRequest, Opening
from domain.intents import TERMINAL_PHASES, IntentPhase, Protection, require_transition
from domain.orders import OrderAck, OrderState
from workflows import attributes
from workflows.trade_intent import wording
from workflows.trade_intent.calls import Calls
from workflows.trade_intent.messages import (
    Amendment,
    CloseRequest,
    FillRecorded,
    IntentStatus,
    OwnerReport,
    TradeIntentInput,
)

_WORKING_REVIEW = timedelta(seconds=30)


class IntentLife:
    """State and handlers of a TradeIntentWorkflow; the steps of its life are in workflow.py."""

    def __init__(self, start: TradeIntentInput) -> None:
        self._start = start
        self._intent = start.intent
        self._progress = start.progress
        self._calls = Calls(start.intent)
        self._code = ""
        self._reason = ""
        self._news = start.progress.review_due
        self._execute_now = False
        self._owner_report: OwnerReport | None = None
        self._unknown_since: datetime | None = None
        self._since = workflow.now()
        self._amended_px = start.progress.amended_px

    @workflow.signal
    def cancel(self) -> None:
        """End the opening order, or the wait for it; a position that is already open stays."""
        self._progress = replace(self._progress, cancel_requested=True)

    @workflow.signal
    def execute(self) -> None:
        """Open now: wait for the criteria no longer."""
        self._execute_now = True

    @workflow.signal
    def close(self, request: CloseRequest | None = None) -> None:
        """Cancel what opens and close the whole position at market."""
        asked = request or CloseRequest()
        closers = self._progress.closers
        if asked.closer and asked.closer not in closers:
            closers = (*closers, asked.closer)
        self._progress = replace(
            self._progress, close_requested=True, cancel_requested=True, close_reason=asked.reason, closers=closers
        )

    @workflow.signal
    def fill_recorded(self, fills: FillRecorded | None = None) -> None:  # noqa: ARG002 - which fills does not matter: the intent looks
        """Look: fills of this slot were journaled, or something about its orders changed."""
        self._news = True

    @workflow.signal
    def owner_reported(self, report: OwnerReport) -> None:
        """Take the owner's word for how a requested close ended."""
        self._owner_report = report

    @workflow.update
    def amend(self, change: Amendment) -> IntentStatus:
        """Change protection prices of the position, or the limit of an order that works and has filled nothing."""
        old = self._protection
        protection = Protection(
            stop_px=change.stop_px if change.stop_px is not None else old.stop_px,
            take_profit_px=change.take_profit_px if change.take_profit_px is not None else old.take_profit_px,
        )
        self._progress = replace(self._progress, protection=protection, amended_px=change.limit_px)
        self._amended_px = change.limit_px
        self._news = True
        return self.status()

    @amend.validator
    def _check_amend(self, change: Amendment) -> None:
        fault = wording.fault_of_amendment(self._intent, self._progress, change)
        if fault:
            raise ApplicationError(fault, type="amend_refused", non_retryable=True)

    @workflow.query
    def status(self) -> IntentStatus:
        """Say how the intent stands."""
        return IntentStatus(
            intent_id=self._intent.intent_id,
            phase=self._progress.phase,
            code=self._code,
            reason=self._reason,
            filled_size=self._progress.filled_size,
            average_px=self._progress.average_px,
            stop_px=self._protection.stop_px,
            take_profit_px=self._protection.take_profit_px,
            unknown_since=self._unknown_since,
        )

    @property
    def _protection(self) -> Protection:
        return self._progress.protection or self._intent.protection

    @property
    def _is_over(self) -> bool:
        return self._progress.phase in TERMINAL_PHASES

    def _is_wanted(self) -> bool:
        cancel = self._progress.cancel_requested and self._progress.phase is IntentPhase.WORKING
        return self._news or self._progress.close_requested or cancel

    def _until_work_ends(self) -> timedelta:
        """How long a working order may be left alone."""
        work_for = self._intent.policy.work_for
        if work_for is None:
            return _WORKING_REVIEW
        left = self._since + work_for - workflow.now()
        return max(min(left, _WORKING_REVIEW), timedelta(milliseconds=10))

    def _show(self, phase: IntentPhase, code: str = "", reason: str = "") -> None:
        if phase is self._progress.phase:
            return
        self._progress = replace(self._progress, phase=require_transition(self._progress.phase, phase))
        self._code, self._reason = code, reason
        workflow.set_current_details(wording.details(self._intent, self.status()))
        if phase in wording.SHOWN:
            workflow.upsert_search_attributes([attributes.PHASE.value_set(phase)])

    def _show_filled(self, *, is_protected: bool) -> None:
        """Show a fill, and that it is protected where it is by the prices in force."""
        self._show(IntentPhase.FILLED)
        if is_protected and self._protection == self._intent.protection:
            self._show(IntentPhase.PROTECTED)

    def _show_held(self, *, is_protected: bool) -> None:
        """Show that an order that worked has filled, and that its position is protected, whoever has seen to that."""
        if self._progress.phase is IntentPhase.WORKING:
            self._show(IntentPhase.FILLED)
        if is_protected and self._progress.phase is IntentPhase.FILLED:
            self._show(IntentPhase.PROTECTED)

    def _end(self, phase: IntentPhase, code: str, reason: str) -> None:
        self._progress = replace(self._progress, phase=require_transition(self._progress.phase, phase))
        self._code, self._reason = code, reason

    def _request(self) -> ApprovalRequest:
        now = workflow.now()
        not_after = self._progress.not_after or now + self._intent.policy.max_age
        self._progress = replace(self._progress, not_after=not_after)
        number = self._progress.resends_used + 1
        step = "open" if number == 1 else f"open.{number}"
        return ApprovalRequest(intent=self._intent, step=step, decided_at=now, not_after=not_after)

    def _opened(self, opening: Opening) -> Opening:
        if opening.ack is not None:
            self._show(IntentPhase.APPROVED)
        return opening

    def _may_place_again(self, ack: OrderAck) -> bool:
        left = self._intent.policy.resends - self._progress.resends_used
        young = self._progress.not_after is not None and workflow.now() < self._progress.not_after
        ran_never = ack.state in {OrderState.VOID, OrderState.EXPIRED} and ack.code != "halted"
        return ran_never and left > 0 and young and not self._progress.cancel_requested
