"""Fakes of the activities round one intent: a small venue that can refuse, stay silent, fill late and lose answers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from temporalio import activity
from temporalio.exceptions import ApplicationError

from domain.approvals import Approval, ApprovalRequest, Opening
from domain.instruments import Instrument
from domain.intents import Intent, IntentKind, IntentPhase, IntentReport, Protection
from domain.money import Price, Quantity
from domain.orders import ApprovedOrder, OrderAck, OrderKey, OrderState, OrderTerms, Side
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

BTC = Instrument(venue="hyperliquid", coin="BTC", asset_id=0, size_decimals=5, price_decimals=1, max_leverage=40)
ONE = Quantity(Decimal("0.1"))
STOP = Protection(stop_px=Price(Decimal(90_000)))


def a_wish(**changes: Any) -> Intent:
    """An intent to buy a tenth of a bitcoin at market."""
    intent = Intent(
        intent_id="intent-1",
        user_id="user-1",
        account_id="account-1",
        venue="hyperliquid",
        coin="BTC",
        kind=IntentKind.OPEN,
        side=Side.BUY,
        decided_at=datetime(2026, 1, 1, tzinfo=UTC),
        size=ONE,
        protection=STOP,
    )
    return replace(intent, **changes)


def approved(request: ApprovalRequest) -> ApprovedOrder:
    """The order that risk would have built."""
    return ApprovedOrder(
        key=OrderKey(intent_id=request.intent.intent_id, step=request.step),
        user_id="user-1",
        account_id="account-1",
        instrument=BTC,
        terms=OrderTerms(coin="BTC", side=request.intent.side, size=ONE, limit_px=Price(Decimal(100_000))),
        decided_at=request.decided_at,
        not_after=request.not_after,
        reserved=Decimal(10_000),
    )


def filled(key: OrderKey) -> OrderAck:
    """An order that filled at once."""
    return OrderAck(key=key, state=OrderState.DONE, oid="7", filled_size=ONE, average_px=Price(Decimal(100_000)))


def ended(key: OrderKey, state: OrderState, code: str = "", size: Quantity = Quantity(Decimal(0))) -> OrderAck:
    """An order in some state."""
    return OrderAck(key=key, state=state, code=code, filled_size=size)


def silent(_: Any) -> Any:
    """Nothing is known yet: the retry is the wait."""
    raise ApplicationError("not known yet", type="outcome_unknown", next_retry_delay=timedelta(seconds=1))


@dataclass
class IntentFakes:
    """What each activity answers, by its name, and what was asked."""

    approve: Callable[[ApprovalRequest], Approval] = lambda request: Approval(order=approved(request))
    place: Callable[[ApprovedOrder], OrderAck] = lambda order: filled(order.key)
    protects_at_once: bool = False
    forbid: Callable[[ApprovalRequest], bool] = lambda _: False
    resolve: Callable[[OrderKey], OrderAck] = filled
    cancel: Callable[[OrderKey], OrderAck] = lambda key: ended(key, OrderState.DONE)
    cancel_opening: Callable[[Intent], None] = lambda _: None
    review: Callable[[ReviewRequest], PositionReview] = lambda _: PositionReview(position_size=ONE, filled_size=ONE)
    protect: Callable[[ProtectRequest], ProtectionReport] = lambda _: ProtectionReport(is_protected=True)
    claim: Callable[[Intent], Ownership] = lambda _: Ownership(is_flat=True, code="nothing_to_close")
    criteria: Callable[[CriteriaWatch], None] = lambda _: None
    asked: list[tuple[str, Any]] = field(default_factory=list)

    def names(self) -> list[str]:
        """Names of what was asked, in order, repeated polls once."""
        seen: list[str] = []
        for name, _ in self.asked:
            if not seen or seen[-1] != name:
                seen.append(name)
        return seen

    def last(self, name: str) -> Any:
        """The newest argument of one activity."""
        return next(argument for asked, argument in reversed(self.asked) if asked == name)

    def activities(self) -> list[Callable[..., Any]]:
        """All of them, by the names of the real ones."""

        @activity.defn
        def open_order(request: ApprovalRequest) -> Opening:
            self.asked.append(("approve", request))
            approval = self.approve(request)
            if approval.order is None:
                return Opening(code=approval.code, reason=approval.reason)
            self.asked.append(("place", approval.order))
            return Opening(ack=self.place(approval.order), is_protected=self.protects_at_once)

        @activity.defn
        def forbid_opening(request: ApprovalRequest) -> bool:
            self.asked.append(("forbid", request))
            return self.forbid(request)

        @activity.defn
        def resolve_order(key: OrderKey) -> OrderAck:
            self.asked.append(("resolve", key))
            return self.resolve(key)

        @activity.defn
        def cancel_order(key: OrderKey) -> OrderAck:
            self.asked.append(("cancel", key))
            return self.cancel(key)

        @activity.defn
        def cancel_opening(intent: Intent) -> None:
            self.asked.append(("cancel_opening", intent))
            self.cancel_opening(intent)

        @activity.defn
        def review_position(request: ReviewRequest) -> PositionReview:
            self.asked.append(("review", request))
            return self.review(request)

        @activity.defn
        def protect_position(request: ProtectRequest) -> ProtectionReport:
            self.asked.append(("protect", request))
            return self.protect(request)

        @activity.defn
        def close_position(order: CloseOrder) -> CloseReport:
            self.asked.append(("close", order))
            return CloseReport(is_flat=True)

        @activity.defn
        def finish_intent(request: FinishRequest) -> IntentReport:
            self.asked.append(("finish", request))
            intent = request.intent
            return IntentReport(
                intent_id=intent.intent_id,
                coin=intent.coin,
                phase=IntentPhase(request.phase),
                code=request.code,
                reason=request.reason,
            )

        @activity.defn
        def claim_close(intent: Intent) -> Ownership:
            self.asked.append(("claim", intent))
            return self.claim(intent)

        @activity.defn
        def take_over(intent: Intent, gone: str) -> Ownership:
            self.asked.append(("take_over", gone))
            return Ownership(owner=intent.intent_id, is_mine=True)

        @activity.defn
        def alarm_dropped(dropped: DroppedProtection) -> None:
            self.asked.append(("alarm", dropped))

        @activity.defn
        def await_criteria(watch: CriteriaWatch) -> None:
            self.asked.append(("criteria", watch))
            self.criteria(watch)

        return [
            open_order,
            forbid_opening,
            resolve_order,
            cancel_order,
            cancel_opening,
            review_position,
            protect_position,
            close_position,
            finish_intent,
            claim_close,
            take_over,
            alarm_dropped,
            await_criteria,
        ]
