"""The activities and signals of an intent, each with its queue, policy and summary; one object lives in a run."""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any

from temporalio import workflow
from temporalio.exceptions import ActivityError, ApplicationError

from activities.criteria import CriteriaActivities
from activities.orders import OrderActivities
from activities.ownership import OwnershipActivities
from activities.positions import PositionActivities
from domain.approvals import ApprovalRequest, Opening
from domain.intents import Intent, IntentPhase, IntentReport, Protection
from domain.orders import OrderAck, OrderKey
from domain.watch import (
    CloseOrder,
    CloseReport,
    CriteriaWatch,
    DroppedProtection,
    FinishRequest,
    Ownership,
    PositionReview,
    ProtectionReport,
    ProtectRequest,
    ReviewRequest,
)
from workflows import ids, options
from workflows.trade_intent.messages import CloseRequest, OwnerReport

_LONGEST_WAIT = timedelta(days=30)


class Calls:
    """Calls out of one intent."""

    def __init__(self, intent: Intent) -> None:
        self._intent = intent
        self._user = intent.user_id
        self._agent = intent.agent_id
        self._venue = intent.venue
        self._name = f"{intent.coin} {intent.side}"

    def wait_for_criteria(self, *, until: datetime | None) -> workflow.ActivityHandle[None]:
        """Poll the criteria inside one activity whose retries are the wait."""
        left = (until - workflow.now()) if until is not None else _LONGEST_WAIT
        chosen = options.READ.copy()
        chosen["schedule_to_close_timeout"] = max(left, timedelta(seconds=1))
        return workflow.start_activity_method(
            CriteriaActivities.await_criteria,
            CriteriaWatch(intent=self._intent),
            task_queue=ids.QUEUE_READ,
            summary=f"{self._name}: wait for criteria",
            **chosen,
        )

    def open(self, request: ApprovalRequest) -> workflow.ActivityHandle[Opening]:
        """Have a step approved and placed."""
        return workflow.start_activity_method(
            OrderActivities.open_order,
            request,
            task_queue=ids.queue_open(self._venue),
            summary=f"{self._name}: {request.step}",
            **options.fair(options.PLACE, self._user),
        )

    async def forbid(self, request: ApprovalRequest) -> bool:
        """See to it that a step is never approved; False when it has been."""
        return await workflow.execute_activity_method(
            OrderActivities.forbid_opening,
            request,
            task_queue=ids.QUEUE_CLOSE,
            summary=f"{self._name}: forbid {request.step}",
            **options.CLOSE,
        )

    async def resolve(self, key: OrderKey) -> OrderAck:
        """Wait until the outcome of an order is known."""
        return await workflow.execute_activity_method(
            OrderActivities.resolve_order,
            key,
            task_queue=ids.QUEUE_CLOSE,
            summary=f"{self._name}: resolve {key.step}",
            **options.RESOLVE,
        )

    async def find(self, key: OrderKey) -> OrderAck | None:
        """Wait until the outcome of an order is known; None while the journal does not know it."""
        try:
            return await self.resolve(key)
        except ActivityError as error:
            if isinstance(error.cause, ApplicationError) and error.cause.type == "row_missing":
                return None
            raise

    async def cancel(self, key: OrderKey) -> OrderAck:
        """Cancel an order and wait until it has ended."""
        return await workflow.execute_activity_method(
            OrderActivities.cancel_order,
            key,
            task_queue=ids.QUEUE_CLOSE,
            summary=f"{self._name}: cancel {key.step}",
            **options.CLOSE,
        )

    async def cancel_opening(self, intent: Intent) -> None:
        """Cancel every opening order of the intent."""
        await workflow.execute_activity_method(
            PositionActivities.cancel_opening,
            intent,
            task_queue=ids.QUEUE_CLOSE,
            summary=f"{self._name}: cancel the opening order",
            **options.CLOSE,
        )

    async def review(self, intent: Intent, protection: Protection) -> PositionReview:
        """Look at orders, fills and position."""
        return await workflow.execute_activity_method(
            PositionActivities.review_position,
            ReviewRequest(intent=intent, protection=protection),
            task_queue=ids.QUEUE_CLOSE,
            summary=f"{self._name}: look",
            **options.CLOSE,
        )

    async def protect(self, intent: Intent, protection: Protection) -> ProtectionReport:
        """Bring protection to what is wanted."""
        return await workflow.execute_activity_method(
            PositionActivities.protect_position,
            ProtectRequest(intent=intent, protection=protection),
            task_queue=ids.QUEUE_CLOSE,
            summary=f"{self._name}: protect",
            **options.CLOSE,
        )

    async def close(self, intent: Intent, reason: str) -> CloseReport:
        """Close until flat is proved."""
        return await workflow.execute_activity_method(
            PositionActivities.close_position,
            CloseOrder(intent=intent, reason=reason),
            task_queue=ids.QUEUE_CLOSE,
            summary=f"{self._name}: close",
            **options.CLOSE,
        )

    async def finish(self, intent: Intent, phase: IntentPhase, code: str, reason: str) -> IntentReport:
        """Leave nothing working and free the slot."""
        return await workflow.execute_activity_method(
            PositionActivities.finish_intent,
            FinishRequest(intent=intent, phase=phase, code=code, reason=reason),
            task_queue=ids.QUEUE_CLOSE,
            summary=f"{self._name}: finish as {phase}",
            **options.CLOSE,
        )

    async def alarm_dropped(self, intent: Intent, kinds: tuple[str, ...]) -> None:
        """Tell a person that somebody keeps cancelling our protection."""
        await workflow.execute_activity_method(
            OwnershipActivities.alarm_dropped,
            DroppedProtection(intent=intent, kinds=kinds),
            # Slow decisions may have taken every thread for reads, and a close would wait until the alarm is out.
            task_queue=ids.QUEUE_CLOSE,
            summary=f"{self._name}: protection was cancelled by others",
            **options.READ,
        )

    async def claim_close(self, intent: Intent) -> Ownership:
        """Find the owner of the slot."""
        return await workflow.execute_activity_method(
            OwnershipActivities.claim_close,
            intent,
            task_queue=ids.QUEUE_CLOSE,
            summary=f"{self._name}: find the owner",
            **options.CLOSE,
        )

    async def take_over(self, intent: Intent, gone: str) -> Ownership:
        """Take the slot of an owner that does not exist any more."""
        return await workflow.execute_activity_method(
            OwnershipActivities.take_over,
            args=(intent, gone),
            task_queue=ids.QUEUE_CLOSE,
            summary=f"{self._name}: take over",
            **options.CLOSE,
        )

    async def ask_owner(self, owner: str, intent: Intent) -> bool:
        """Ask the owner to close; False when its workflow is gone."""
        handle = workflow.get_external_workflow_handle(ids.intent(owner))
        return await _tell(handle, "close", CloseRequest(reason=intent.reason or "close", closer=intent.intent_id))

    async def tell_agent(self, report: IntentReport) -> None:
        """Report to the agent's id, whichever run it is in."""
        if self._agent:
            await _tell(
                workflow.get_external_workflow_handle(ids.agent(self._user, self._agent)), "intent_reported", report
            )

    async def tell_closer(self, closer: str, report: IntentReport) -> None:
        """Report to the intent that asked for the close."""
        owner_report = OwnerReport(phase=report.phase, code=report.code, reason=report.reason)
        await _tell(workflow.get_external_workflow_handle(ids.intent(closer)), "owner_reported", owner_report)


async def _tell(handle: workflow.ExternalWorkflowHandle[object], signal: str, message: object) -> bool:
    try:
        await handle.signal(signal, message)
    except ApplicationError:
        # The other workflow has ended: nobody is left to be told.
        return False
    return True


async def let_go(activity: workflow.ActivityHandle[Any]) -> None:
    """Cancel an activity whose answer is not needed any more, and take note of its end."""
    activity.cancel()
    with suppress(ActivityError):
        await activity
