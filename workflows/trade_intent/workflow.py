"""The life of one intent: wait, approve, place, protect, hold, close, and leave nothing behind."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import replace
from datetime import timedelta

from temporalio import workflow
from temporalio.exceptions import ActivityError

with workflow.unsafe.imports_passed_through():
    import workflows.attributes as attributes
    import workflows.rolling as rolling
    import workflows.trade_intent.wording as wording
    from domain.approvals import ApprovalRequest, Opening
    from domain.intents import IntentKind, IntentPhase, IntentReport, Protection
    from domain.orders import OrderAck, OrderKey, OrderState
    from domain.watch import PositionReview
    from workflows.trade_intent.calls import let_go
    from workflows.trade_intent.life import IntentLife
    from workflows.trade_intent.messages import TradeIntentInput

_OWNER_ANSWERS_WITHIN = timedelta(minutes=2)
_UNSETTLED = frozenset({OrderState.APPROVED, OrderState.SENDING, OrderState.UNKNOWN})


@workflow.defn(name="TradeIntentWorkflow")
class TradeIntentWorkflow(IntentLife):
    """Runs `intent/{intent}` until its position is flat and its orders are terminal; a close asks the owner to close."""

    @workflow.init
    def __init__(self, start: TradeIntentInput) -> None:
        super().__init__(start)

    @workflow.run
    async def run(self, start: TradeIntentInput) -> IntentReport:
        """Carry the intent through to its end."""
        if start.intent.kind is IntentKind.CLOSE:
            await self._close_by_owner()
        else:
            if self._progress.phase in {IntentPhase.CREATED, IntentPhase.WAITING}:
                await self._enter()
            await self._hold()
        report = await self._finish()
        await workflow.wait_condition(workflow.all_handlers_finished)
        return report

    async def _enter(self) -> None:
        """Wait for the criteria, then open: approve and place, and once more if an order provably never ran."""
        if not await self._criteria_met():
            return
        while not self._is_over:
            if self._progress.cancel_requested:
                self._end(IntentPhase.CANCELLED, "cancelled", "Cancelled before it was sent.")
                return
            opening = await self._open()
            ack = opening.ack
            if ack is None:
                self._end(wording.phase_of_refusal(opening.code), opening.code, opening.reason)
                return
            if not self._may_place_again(ack):
                self._take(ack, is_protected=opening.is_protected)
                return
            self._progress = replace(self._progress, resends_used=self._progress.resends_used + 1)

    async def _criteria_met(self) -> bool:
        policy = self._intent.policy
        if policy.criteria.is_empty:
            return True
        self._show(IntentPhase.WAITING)
        waiting = self._calls.wait_for_criteria(until=policy.wait_until)
        await workflow.wait_condition(lambda: waiting.done() or self._progress.cancel_requested or self._execute_now)
        if not waiting.done():
            await let_go(waiting)
            if self._progress.cancel_requested:
                self._end(IntentPhase.CANCELLED, "cancelled", "Cancelled while it waited for its criteria.")
            return not self._progress.cancel_requested
        try:
            await waiting
        except ActivityError:
            self._end(IntentPhase.EXPIRED, "criteria_not_met", "The criteria were not met in time.")
            return False
        return True

    async def _open(self) -> Opening:
        """Have a step approved and placed, and stay with it until its outcome is known.

        A cancel does not wait for a full queue, and a fill that the stream saw does not wait for the end of an activity
        whose worker died after the send: a position is then protected at once.
        """
        request = self._request()
        key = OrderKey(intent_id=self._intent.intent_id, step=request.step)
        opening = self._calls.open(request)
        while not opening.done():
            await workflow.wait_condition(lambda: opening.done() or self._progress.cancel_requested or self._news)
            if opening.done():
                break
            if self._progress.cancel_requested:
                ended = await self._call_off(request, key)
                await let_go(opening)
                return ended
            self._news = False
            seen = await self._calls.find(key)
            if seen is not None:
                # The holder looks again: more may have filled since.
                self._news = True
                await let_go(opening)
                return self._opened(Opening(ack=seen))
        try:
            opened = await opening
        except ActivityError as error:
            # Out of attempts or time: the journal knows whether it was approved, and then whether it was sent.
            if await self._calls.forbid(request):
                return Opening(code="approval_unavailable", reason=str(error.cause or error))
            opened = Opening(ack=OrderAck(key=key, state=OrderState.UNKNOWN, code="no_answer"))
        return await self._settled(self._opened(opened))

    async def _call_off(self, request: ApprovalRequest, key: OrderKey) -> Opening:
        """Forbid a step that is not approved yet; end the order of one that is."""
        if await self._calls.forbid(request):
            return Opening(code="cancelled", reason="Cancelled before it was sent.")
        return self._opened(Opening(ack=await self._calls.cancel(key)))

    async def _settled(self, opening: Opening) -> Opening:
        """Show an outcome that is not known, and wait until it is."""
        ack = opening.ack
        if ack is None or ack.state not in _UNSETTLED:
            return opening
        self._unknown_since = workflow.now()
        self._show(IntentPhase.UNKNOWN, ack.code, ack.reason)
        settled = await self._calls.resolve(ack.key)
        self._unknown_since = None
        return Opening(ack=settled)

    def _take(self, ack: OrderAck, *, is_protected: bool) -> None:
        """Turn the outcome of the opening order into a phase."""
        self._progress = replace(self._progress, filled_size=ack.filled_size, average_px=ack.average_px)
        match ack.state:
            case OrderState.WORKING:
                self._show(IntentPhase.WORKING)
            case OrderState.DONE if ack.filled_size > 0:
                self._show_filled(is_protected=is_protected)
            case OrderState.DONE:
                # It ended without a known fill; a fill may still become visible, so the holder looks before it ends.
                self._show(IntentPhase.WORKING, ack.code, ack.reason)
                self._news = True
            case OrderState.REFUSED:
                self._end(IntentPhase.REFUSED, ack.code, ack.reason)
            case _ if ack.code == "halted":
                self._end(IntentPhase.REFUSED, ack.code, ack.reason)
            case _ if self._progress.cancel_requested:
                self._end(IntentPhase.CANCELLED, "cancelled", ack.reason)
            case _:
                self._end(IntentPhase.EXPIRED, ack.code, ack.reason)

    async def _hold(self) -> None:
        """Own the position: protect it, look when there is news, close it when asked, until it is proved flat."""
        if self._progress.phase is IntentPhase.FILLED and not self._progress.close_requested:
            await self._protect()
        while not self._is_over:
            await self._wait_for_news()
            if self._progress.close_requested:
                await self._close()
                return
            await self._stop_working_if_due()
            await self._weigh(await self._calls.review(self._intent, self._protection))
            await self._roll_if_due()

    async def _wait_for_news(self) -> None:
        works = self._progress.phase is IntentPhase.WORKING
        with contextlib.suppress(TimeoutError):
            await workflow.wait_condition(
                self._is_wanted,
                timeout=self._until_work_ends() if works else self._start.review_every,
                timeout_summary="until the next look",
            )
        self._news = False

    async def _stop_working_if_due(self) -> None:
        """Cancel the opening order when told to, when its time is over, or when its limit changes."""
        if self._progress.phase is not IntentPhase.WORKING:
            return
        work_for = self._intent.policy.work_for
        timed_out = work_for is not None and workflow.now() >= self._since + work_for
        if self._progress.cancel_requested or timed_out or self._amended_px is not None:
            await self._cancel_opening()
            self._code = (
                "cancelled" if self._progress.cancel_requested else "work_time_over" if timed_out else "amended"
            )

    async def _cancel_opening(self) -> None:
        """Cancel the opening order; what fills while the venue takes its time over it is protected meanwhile."""
        cancelling = asyncio.create_task(self._calls.cancel_opening(self._intent))
        while not cancelling.done():
            await workflow.wait_condition(lambda: cancelling.done() or self._news)
            if cancelling.done():
                break
            self._news = False
            review = await self._calls.review(self._intent, self._protection)
            if review.position_size and review.missing:
                await self._protect()
        await cancelling

    async def _weigh(self, review: PositionReview) -> None:
        """Act on what a look has shown."""
        self._progress = replace(
            self._progress, filled_size=review.filled_size, average_px=review.average_px or self._progress.average_px
        )
        if review.is_flat:
            await self._leave(review)
            return
        ended = review.opening is None or review.opening.is_terminal
        if review.position_size and ended:
            self._show_held(is_protected=review.is_protected)
        if review.dropped and self._progress.replaced >= 1:
            await self._calls.alarm_dropped(self._intent, review.dropped)
        elif review.position_size and review.missing:
            self._progress = replace(self._progress, replaced=self._progress.replaced + len(review.dropped))
            await self._protect()

    async def _leave(self, review: PositionReview) -> None:
        """End at flat: a closed position, an order that filled nothing, or one to be placed anew at another limit."""
        if review.filled_size > 0:
            self._end(IntentPhase.CLOSED, review.closed_by, "")
            return
        if self._amended_px is not None and not self._progress.cancel_requested:
            policy = replace(self._intent.policy, limit_px=self._amended_px)
            self._intent = replace(self._intent, policy=policy)
            self._amended_px = None
            self._progress = replace(
                self._progress, amended_px=None, not_after=None, resends_used=self._progress.resends_used + 1
            )
            await self._enter()
            return
        phase = IntentPhase.EXPIRED if self._code == "work_time_over" else IntentPhase.CANCELLED
        self._end(phase, self._code or "not_filled", self._reason or "Nothing was filled.")

    async def _protect(self) -> None:
        """Bring protection to what is wanted; a stop that the mark has passed becomes a close."""
        wanted = self._protection
        if wanted == Protection():
            return
        report = await self._calls.protect(self._intent, wanted)
        if report.is_flat:
            self._news = True
        elif report.close_now:
            self._progress = replace(self._progress, close_requested=True, close_reason=report.note)
        elif self._progress.phase is IntentPhase.FILLED:
            self._show(IntentPhase.PROTECTED)

    async def _close(self) -> None:
        await self._calls.close(self._intent, self._progress.close_reason)
        filled = self._progress.filled_size > 0 or self._progress.phase in {IntentPhase.FILLED, IntentPhase.PROTECTED}
        phase = IntentPhase.CLOSED if filled else IntentPhase.CANCELLED
        self._end(phase, "closed" if filled else "cancelled", self._progress.close_reason)

    async def _close_by_owner(self) -> None:
        """Ask the owner of the slot to close; stand in where there is none, or none that answers."""
        while not self._is_over:
            claim = await self._calls.claim_close(self._intent)
            if claim.is_flat:
                self._end(IntentPhase.CLOSED, claim.code, claim.reason)
            elif claim.is_mine or not await self._calls.ask_owner(claim.owner, self._intent):
                if claim.is_mine or (await self._calls.take_over(self._intent, claim.owner)).is_mine:
                    await self._calls.close(self._intent, self._intent.reason)
                    self._end(IntentPhase.CLOSED, "closed", self._intent.reason)
            else:
                await self._await_owner()

    async def _await_owner(self) -> None:
        try:
            await workflow.wait_condition(
                lambda: self._owner_report is not None,
                timeout=_OWNER_ANSWERS_WITHIN,
                timeout_summary="until the owner has closed",
            )
        except TimeoutError:
            return
        if self._owner_report is not None:
            self._end(IntentPhase.CLOSED, self._owner_report.code, self._owner_report.reason)

    async def _roll_if_due(self) -> None:
        if self._is_over or not rolling.is_due(self._since):
            return
        await workflow.wait_condition(workflow.all_handlers_finished)
        progress = replace(self._progress, review_due=self._news)
        rolling.roll(replace(self._start, intent=self._intent, progress=progress))

    async def _finish(self) -> IntentReport:
        """Leave nothing working, free the slot, and tell the agent and whoever asked for the close."""
        report = await self._calls.finish(self._intent, self._progress.phase, self._code, self._reason)
        workflow.upsert_search_attributes([attributes.PHASE.value_set(self._progress.phase)])
        workflow.set_current_details(wording.details(self._intent, self.status()))
        await asyncio.gather(
            self._calls.tell_agent(report),
            *(self._calls.tell_closer(closer, report) for closer in self._progress.closers),
        )
        return report
