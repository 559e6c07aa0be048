"""Activities on positions: review, protect, close, finish."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

from activities.approvals import PortfolioSync
from activities.beating import beating
from activities.blocking import blocking
from activities.closing import Closing
from activities.errors import translated
from activities.holdings import Holdings
from activities.protection import Protecting, wanted_triggers, was_cancelled
from domain.errors import Retryable
from domain.fills import Fill
from domain.intents import Intent, IntentPhase, IntentReport
from domain.money import Money, Quantity
from domain.watch import (
    CloseOrder,
    CloseReport,
    FinishRequest,
    PositionReview,
    ProtectionReport,
    ProtectRequest,
    ReviewRequest,
)
from storage.journal import Intents

_SOON = timedelta(milliseconds=400)
_NOTHING = Quantity(Decimal(0))


class PositionActivities:
    """What the owner of a slot does with it."""

    def __init__(
        self,
        *,
        holdings: Holdings,
        protecting: Protecting,
        closing: Closing,
        intents: Intents,
        sync: PortfolioSync,
    ) -> None:
        self._holdings = holdings
        self._protecting = protecting
        self._closing = closing
        self._intents = intents
        self._sync = sync

    @blocking
    @beating
    @translated
    def review_position(self, request: ReviewRequest) -> PositionReview:
        """Look at an intent's orders, fills and position, and say that its owner is alive."""
        holding = self._holdings.read(request.intent)
        self._intents.touch(request.intent.intent_id)
        wanted = wanted_triggers(request.protection) if holding.held is not None else {}
        newest = {kind: self._protecting.standing(holding, request.intent, kind, px) for kind, px in wanted.items()}
        missing = tuple(kind.value for kind, row in newest.items() if row is None or not holding.works(row))
        dropped = tuple(kind.value for kind, row in newest.items() if was_cancelled(row))
        is_protected = bool(wanted) and not missing
        if is_protected:
            # Whoever learned of the fill has placed the stop; only its owner can say that it still stands.
            self._intents.mark_protected(request.intent.intent_id, holding.venue_now)
        opening = holding.opening_rows
        return PositionReview(
            opening=opening[-1].ack if opening else None,
            position_size=holding.held.size if holding.held else _NOTHING,
            filled_size=max(holding.entered, *(row.filled_size for row in opening), _NOTHING),
            average_px=holding.average_px,
            is_flat=holding.is_flat,
            missing=missing,
            dropped=dropped,
            closed_by=holding.closed_by() if holding.is_flat else "",
            is_protected=is_protected,
        )

    @blocking
    @beating
    @translated
    def protect_position(self, request: ProtectRequest) -> ProtectionReport:
        """Bring the triggers at the venue to what is wanted."""
        return self._protecting.protect(request.intent, request.protection)

    @blocking
    @beating
    @translated
    def cancel_opening(self, intent: Intent) -> None:
        """Cancel the opening orders of an intent and wait until they have ended; what has filled is protected meanwhile."""
        have_ended = self._closing.cancel_opening(intent)
        if self._closing.has_filled(intent):
            self._protecting.protect_at_once(intent.intent_id)
        if not have_ended:
            raise Retryable(
                "order_still_works", f"The opening order of {intent.coin} has not ended yet.", retry_after=_SOON
            )

    @blocking
    @beating
    @translated
    def close_position(self, order: CloseOrder) -> CloseReport:
        """Close until flat is proved; every retry is one look and at most one close."""
        self._closing.close(order.intent)
        return CloseReport(is_flat=True)

    @blocking
    @beating
    @translated
    def finish_intent(self, request: FinishRequest) -> IntentReport:
        """End everything of an intent that still works, show how it ended and free its slot."""
        intent = request.intent
        self._closing.cancel_all(intent)
        # The next approval must not see the position that has just gone.
        self._sync.sync(self._holdings.account(intent.account_id))
        pnl = _realised(self._intents.fills(intent.intent_id))
        phase = IntentPhase(request.phase)
        self._intents.finish(intent, phase, code=request.code, reason=request.reason)
        return IntentReport(
            intent_id=intent.intent_id,
            coin=intent.coin,
            phase=phase,
            code=request.code,
            reason=request.reason,
            realised_pnl=pnl,
        )


def _realised(fills: tuple[Fill, ...]) -> Money:
    return Money(sum((fill.closed_pnl - fill.fee for fill in fills), Decimal(0)))
