"""Approval: risk decides under the account's lock, and a live row is the reservation."""

from __future__ import annotations

from datetime import timedelta
from typing import Protocol

from activities.request_reserve import told
from domain import risk
from domain.accounts import KEPT_REQUESTS, AccountRef, Portfolio
from domain.approvals import Approval, ApprovalRequest
from domain.errors import Refused, Retryable
from domain.instruments import Instrument
from domain.intents import Intent, IntentPhase
from domain.money import Price
from domain.orders import MAIN_LEG, OrderKey, OrderState
from domain.risk import RiskDecision
from storage.desk import ApprovalDesk, Approvals, Standing
from storage.gate import Gate
from storage.journal import Journal
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
    ) -> None:
        self._accounts = accounts
        self._venues = venues
        self._approvals = approvals
        self._journal = journal
        self._gate = gate
        self._sync = sync
        self._max_age = max_age

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
                earlier = None if desk.register(intent) else _decided_before(desk, request)
                return earlier or _refuse(desk, request, refusal)
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
        owner = desk.enter(intent)
        if not owner:
            earlier = _decided_before(desk, request)
            if earlier is not None:
                return earlier
            owner = desk.take_slot(intent.coin, intent.intent_id)
        if owner != intent.intent_id:
            return _busy(desk, request, owner)
        standing = desk.standing(intent)
        portfolio = self._fresh_portfolio(standing, intent.coin)
        if portfolio is None:
            desk.free_slot(intent.coin, intent.intent_id)
            return None
        try:
            self._require_free(standing, portfolio, intent)
            return self._reserve(desk, request, instrument, reference_px, portfolio, standing)
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
        intent, key = request.intent, _key(request)
        with self._approvals.desk(self._accounts.ref(intent.account_id)) as desk:
            desk.register(intent)
            desk.forbid(intent.intent_id)
            return desk.approved_order(key) is None

    def _fresh_portfolio(self, standing: Standing, coin: str) -> Portfolio | None:
        """Return the portfolio if it is young enough to decide on."""
        portfolio = standing.portfolio
        if portfolio is None or standing.synced_at is None:
            return None
        # A position in the way may have been closed since: that is worth another look at the venue.
        oldest = _BARELY if portfolio.position(coin) is not None else self._max_age
        return portfolio if standing.at - standing.synced_at <= oldest else None

    def _require_free(self, standing: Standing, portfolio: Portfolio, intent: Intent) -> None:
        """Refuse while a halt is in force, while the venue takes few requests only, and where a position stands in the way."""
        closed_by = self._gate.switched_off() or standing.halted_by
        if closed_by:
            raise Refused("halted", closed_by, action="Release the halt, then decide anew.")
        if standing.is_limited:
            # What would be taken is one request in ten seconds: that belongs to stops and closes, and the new position's own stop.
            raise Refused(
                "address_budget",
                "The venue has refused a request of this account within ten minutes, since it has sent too many.",
                action="Trade volume frees more; what is open is protected and closed as the venue lets it.",
            )
        if standing.requests_left is not None and standing.requests_left < KEPT_REQUESTS:
            raise Refused(
                "requests_low",
                told(standing.requests_left),
                action="Trading frees one for each USDC, and the venue sells them (reserveRequestWeight).",
            )
        if portfolio.position(intent.coin) is not None:
            raise Refused(
                "position_exists",
                f"The account holds a {intent.coin} position that no intent of ours opened.",
                action="Close or adopt it first.",
            )

    def _reserve(
        self,
        desk: ApprovalDesk,
        request: ApprovalRequest,
        instrument: Instrument,
        reference_px: Price,
        portfolio: Portfolio,
        standing: Standing,
    ) -> Approval:
        intent = request.intent
        day, breaker = desk.figures(intent.limits.day_zone, standing.at)
        order, decision = risk.approve(
            request,
            instrument=instrument,
            reference_px=reference_px,
            portfolio=portfolio,
            reserved=desk.reserved(),
            day=day,
            breaker=breaker,
            now=standing.at,
        )
        if not standing.has_signer:
            # Told here it is a refusal; at the send it would be an order that is feared until its deadline has passed.
            raise Refused(
                "signer_missing",
                "The account has no key that could sign an order.",
                action=f"Add one with `holdfast account key {intent.account_id}`.",
            )
        desk.reserve(order, decision)
        return Approval(order=order)


def _busy(desk: ApprovalDesk, request: ApprovalRequest, owner: str) -> Approval:
    reason = (
        f"{request.intent.coin} on this account belongs to intent {owner}. Close or cancel that one first: one position a coin "
        f"has one owner."
    )
    desk.note_phase(request.intent.intent_id, IntentPhase.REFUSED, code="instrument_busy", reason=reason)
    return Approval(code="instrument_busy", reason=reason, owner=owner)


def _key(request: ApprovalRequest) -> OrderKey:
    return OrderKey(intent_id=request.intent.intent_id, leg=MAIN_LEG, step=request.step)


def _decided_before(desk: ApprovalDesk, request: ApprovalRequest) -> Approval | None:
    """Say what an earlier attempt, or the end of the intent, has decided: an attempt may wake long after both."""
    order = desk.approved_order(_key(request))
    if order is not None:
        return Approval(order=order)
    over = desk.over(request.intent.intent_id)
    return Approval(code=over[0], reason=over[1]) if over is not None else None


def _refuse(desk: ApprovalDesk, request: ApprovalRequest, refusal: Refused) -> Approval:
    intent = request.intent
    reason = f"{refusal.message} {refusal.action}".strip()
    decision = RiskDecision(allowed=False, code=refusal.code, message=reason, numbers=refusal.details)
    desk.note_risk(intent, request.step, decision)
    desk.note_phase(intent.intent_id, IntentPhase.REFUSED, code=refusal.code, reason=reason)
    desk.free_slot(intent.coin, intent.intent_id)
    return Approval(code=refusal.code, reason=reason)
