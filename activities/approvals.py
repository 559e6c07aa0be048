"""Approval: risk decides under the account's lock, and a live row is the reservation."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Protocol

from domain import risk
from domain.accounts import AccountRef, Portfolio
from domain.approvals import Approval, ApprovalRequest
from domain.errors import Refused, Retryable
from domain.instruments import Instrument
from domain.intents import IntentPhase
from domain.money import Price
from domain.orders import MAIN_LEG, OrderKey, OrderState
from domain.risk import RiskDecision
from storage.gate import Gate
from storage.journal import ApprovalDesk, Approvals, Journal
from venues.base import VenueDirectory

FIRST_STEP = "open"
_BARELY = timedelta(seconds=2)


class AccountBook(Protocol):
    """Finds accounts."""

    def ref(self, account_id: str) -> AccountRef:
        """Return an account; raises Refused(account_missing)."""


class PortfolioSync(Protocol):
    """Reads an account from its venue into the read model."""

    def sync(self, account: AccountRef) -> Portfolio:
        """Read and save the portfolio now."""


class Approving:
    """Approves opening orders."""

    def __init__(
        self,
        *,
        accounts: AccountBook,
        venues: VenueDirectory,
        approvals: Approvals,
        journal: Journal,
        gate: Gate,
        sync: PortfolioSync,
        max_age: timedelta,
        now: Callable[[], datetime],
    ) -> None:
        self._accounts = accounts
        self._venues = venues
        self._approvals = approvals
        self._journal = journal
        self._gate = gate
        self._sync = sync
        self._max_age = max_age
        self._now = now

    def approve(self, request: ApprovalRequest) -> Approval:
        """Reserve room for an opening order, or say why not; repeated, it gives the same order."""
        intent = request.intent
        account = self._accounts.ref(intent.account_id)
        venue = self._venues.of(account.venue, account.network)
        try:
            if not venue.trading.capabilities.may_resend:
                self._require_first(request)
            instrument = venue.market.instrument(intent.coin)
            mark = venue.market.mark(intent.coin)
        except Refused as refusal:
            with self._approvals.desk(account) as desk:
                desk.register(intent)
                return _refuse(desk, request, refusal)
        for _ in range(2):
            with self._approvals.desk(account) as desk:
                approval = self._decide(desk, request, instrument, mark.mid_px)
            if approval is not None:
                return approval
            # Too old a portfolio: the venue is asked outside the lock, then the desk is opened again.
            self._sync.sync(account)
        raise Retryable("portfolio_stale", "The account's state could not be read freshly enough.")

    def _decide(
        self, desk: ApprovalDesk, request: ApprovalRequest, instrument: Instrument, reference_px: Price
    ) -> Approval | None:
        """Decide once at an open desk; None when the portfolio is too old to decide on."""
        intent = request.intent
        key = OrderKey(intent_id=intent.intent_id, leg=MAIN_LEG, step=request.step)
        if not desk.register(intent):
            if desk.order(key) is not None:
                return Approval(order=self._journal.approved_order(key))
            if desk.is_forbidden(intent.intent_id):
                return Approval(code="cancelled", reason="Cancelled before it was approved.")
        owner = desk.take_slot(intent.coin, intent.intent_id)
        if owner != intent.intent_id:
            return _busy(desk, request, owner)
        snapshot = desk.portfolio()
        if snapshot is None or not self._is_fresh(snapshot, intent.coin):
            desk.free_slot(intent.coin, intent.intent_id)
            return None
        try:
            return self._reserve(desk, request, instrument, reference_px, snapshot[0])
        except Refused as refusal:
            return _refuse(desk, request, refusal)

    def _require_first(self, request: ApprovalRequest) -> None:
        """Refuse to send an order again whose first copy went out where no deadline of the venue's proves that it never runs."""
        if request.step == FIRST_STEP:
            return
        rows = self._journal.orders_of(request.intent.intent_id)
        if any(row.state is OrderState.EXPIRED and row.sent_at is not None for row in rows if row.terms.is_opening):
            raise Refused(
                "not_sent_again",
                f"An order of this intent went out and was not found, and {request.intent.venue} has no deadlines.",
                action="Look at the account at the venue, then decide anew.",
            )

    def forbid(self, request: ApprovalRequest) -> bool:
        """See to it that a step is never approved from now on; False when it has been.

        An attempt that hangs somewhere before its approval finds this when it wakes, under the same lock.
        """
        intent = request.intent
        key = OrderKey(intent_id=intent.intent_id, leg=MAIN_LEG, step=request.step)
        with self._approvals.desk(self._accounts.ref(intent.account_id)) as desk:
            desk.register(intent)
            desk.forbid(intent.intent_id)
            return desk.order(key) is None

    def _is_fresh(self, snapshot: tuple[Portfolio, datetime], coin: str) -> bool:
        age = self._now() - snapshot[1]
        # A position in the way may have been closed since: that is worth another look at the venue.
        return age <= (_BARELY if snapshot[0].position(coin) is not None else self._max_age)

    def _reserve(
        self,
        desk: ApprovalDesk,
        request: ApprovalRequest,
        instrument: Instrument,
        reference_px: Price,
        portfolio: Portfolio,
    ) -> Approval:
        intent = request.intent
        closed_by = self._gate.closed_by(venue=intent.venue, user_id=intent.user_id, agent_id=intent.agent_id)
        if closed_by:
            raise Refused("halted", closed_by, action="Release the halt, then decide anew.")
        if portfolio.position(intent.coin) is not None:
            raise Refused(
                "position_exists",
                f"The account holds a {intent.coin} position that no intent of ours opened.",
                action="Close or adopt it first.",
            )
        order, decision = risk.approve(
            request,
            instrument=instrument,
            reference_px=reference_px,
            portfolio=portfolio,
            reserved=desk.reserved(),
            day=desk.day(intent.limits.day_zone, self._now()),
            breaker=desk.breaker(),
            now=self._now(),
        )
        desk.reserve(order)
        desk.note_risk(intent, request.step, decision)
        desk.note_phase(intent.intent_id, IntentPhase.APPROVED)
        return Approval(order=order)


def _busy(desk: ApprovalDesk, request: ApprovalRequest, owner: str) -> Approval:
    reason = (
        f"{request.intent.coin} on this account belongs to intent {owner}. Close or cancel that one first: one position a coin "
        f"has one owner."
    )
    desk.note_phase(request.intent.intent_id, IntentPhase.REFUSED, code="instrument_busy", reason=reason)
    return Approval(code="instrument_busy", reason=reason, owner=owner)


def _refuse(desk: ApprovalDesk, request: ApprovalRequest, refusal: Refused) -> Approval:
    intent = request.intent
    reason = f"{refusal.message} {refusal.action}".strip()
    decision = RiskDecision(allowed=False, code=refusal.code, message=reason, numbers=refusal.details)
    desk.note_risk(intent, request.step, decision)
    desk.note_phase(intent.intent_id, IntentPhase.REFUSED, code=refusal.code, reason=reason)
    desk.free_slot(intent.coin, intent.intent_id)
    return Approval(code=refusal.code, reason=reason)
