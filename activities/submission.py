"""The fenced submission: one order, at most one effect, whatever dies and whenever.

A row is claimed once (APPROVED -> SENDING by compare-and-set) with a nonce and a deadline that the venue itself enforces, then
its bytes are posted once. Whoever finds a row already claimed never sends; it resolves (activities/resolution.py). The places
where a process may die or stand still are named, so that the fault suite can kill and stop it exactly there.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from activities.clock import VenueClock
from activities.keys import KeyRing
from activities.resolution import CLOCK_SKEWED, Resolution
from domain.errors import HoldfastError, Refused, Retryable
from domain.orders import ApprovedOrder, OrderAck, OrderKey, OrderState
from storage.gate import Gate
from storage.journal import Journal, OrderRow, SendClaim
from venues.base import Answer, SignedRequest, Venue, VenueDirectory, Verdict

_OF_ITS_TIME = frozenset({CLOCK_SKEWED, "nonce_refused"})
"""Refusals of a request for its time or nonce: another one, by the clock read anew, may be taken."""

FailPoint = Callable[[str, str], None]
"""Called with the name of a place and the client order id; the fault suite kills or stops the process in it."""


def pass_by(_place: str, _client_id: str) -> None:
    """Do nothing: the fail point of production."""


class Submission:
    """Submits approved orders of any venue."""

    def __init__(
        self,
        *,
        venues: VenueDirectory,
        journal: Journal,
        gate: Gate,
        keys: KeyRing,
        clock: VenueClock,
        resolution: Resolution,
        reached: FailPoint = pass_by,
    ) -> None:
        self._venues = venues
        self._journal = journal
        self._gate = gate
        self._keys = keys
        self._clock = clock
        self._resolution = resolution
        self._reached = reached

    def submit(self, order: ApprovedOrder) -> OrderAck:
        """Send an approved order unless somebody has, and say what is known of it.

        Raises Retryable when nothing was sent and it may be tried again (budget, database, epoch).
        """
        found = self._journal.order_to_send(order.key)
        if found is None:
            # Never an invitation to send: the row may have been lost with its database.
            raise Retryable("row_missing", f"The journal has no row for {order.key}.")
        row, leverage = found
        if row.state is not OrderState.APPROVED:
            return self._resolution.look(row)
        self._reached("after_read_row", row.client_id)
        venue = self._venues.of(row.account.venue, row.account.network)
        newly_set = self._prepare(venue, order, row, leverage)
        venue_now = self._clock.now(venue, row.account)
        if order.terms.is_opening and venue_now >= order.not_after:
            # An estimate gives no order up: the venue's clock may have been set right since.
            venue_now = self._clock.read(venue, row.account)
        if order.terms.is_opening and venue_now >= order.not_after:
            self._journal.stop(order.key)
            return OrderAck(key=order.key, state=row.state, code="too_late", reason="The decision grew too old.")
        request = self._write_ahead(venue, order, row, venue_now, newly_set)
        if request is None:
            return self._resolution.look(self._must(order.key))
        return self._send(venue, order, row, *request)

    def _prepare(
        self, venue: Venue, order: ApprovedOrder, row: OrderRow, leverage: tuple[int, bool] | None
    ) -> tuple[int, bool] | None:
        """Do everything that may wait before the claim: after it, nothing waits. Returns the leverage where it was set."""
        venue.trading.wait_for_budget(is_urgent=not order.terms.is_opening)
        self._keys.make_ready(row.account.account_id)
        return self._set_leverage(venue, order, row, leverage) if order.terms.is_opening else None

    def _write_ahead(
        self,
        venue: Venue,
        order: ApprovedOrder,
        row: OrderRow,
        venue_now: datetime,
        leverage: tuple[int, bool] | None,
    ) -> tuple[SignedRequest, SendClaim] | None:
        """Claim the row with a signed request, or return None when it is no longer ours to send; notes a leverage just set."""
        can_do = venue.trading.capabilities
        deadline = venue_now + can_do.default_deadline
        with self._journal.write_ahead(
            order.key,
            # A deadline that the venue does not enforce is no choice of ours: the row says how long it has to be feared.
            expires_at=min(deadline, order.not_after) if can_do.may_resend else deadline,
            venue_now=venue_now,
            max_lead_seconds=int(can_do.max_nonce_lead.total_seconds()),
        ) as ahead:
            request = venue.trading.sign_order(
                key=self._keys.open(ahead.claim.signer),
                client_id=row.client_id,
                instrument=order.instrument,
                terms=order.terms,
                nonce=ahead.claim.nonce,
                expires_at=ahead.claim.expires_at,
            )
            self._reached("before_write_ahead", row.client_id)
            claimed = ahead.commit_sending(request.digest, request.expires_at, leverage=leverage)
        return (request, ahead.claim) if claimed else None

    def _send(
        self, venue: Venue, order: ApprovedOrder, row: OrderRow, request: SignedRequest, claim: SendClaim
    ) -> OrderAck:
        """Ask the gate, post once, sort the answer. Nothing may wait between the gate and the post."""
        self._reached("after_write_ahead", row.client_id)
        if order.terms.is_opening:
            closed_by = self._gate.closed_by(venue=row.account.venue, user_id=order.user_id, agent_id=order.agent_id)
            if closed_by:
                ack = OrderAck(key=order.key, state=OrderState.VOID, code="halted", reason=closed_by)
                self._journal.settle(order.key, frm=frozenset({OrderState.SENDING}), ack=ack, token=claim.token)
                return self._must(order.key).ack
        self._reached("after_gate", row.client_id)
        answer = venue.trading.send(request)
        self._reached("after_send", row.client_id)
        if answer.verdict is not Verdict.ACCEPTED:
            self._clock.forget(venue)
        ack = self._record(order, answer)
        self._reached("after_record", row.client_id)
        return ack

    def _record(self, order: ApprovedOrder, answer: Answer) -> OrderAck:
        """Journal a sorted answer; an unclear one is looked up at once, which settles the common case of a lost answer."""
        ack = ack_of(order, answer)
        row = self._found(self._journal.answered(order.key, ack), order.key)
        if row.state is not OrderState.UNKNOWN:
            return row.ack
        try:
            return self._resolution.look(row)
        except HoldfastError:
            return row.ack

    def _set_leverage(
        self, venue: Venue, order: ApprovedOrder, row: OrderRow, known: tuple[int, bool] | None
    ) -> tuple[int, bool] | None:
        """Bring the leverage of a coin to what was approved, before the claim, and return it unless it was known to be that.

        It moves no money and may be repeated: noted with the claim, it is set once more where that does not come to be. What was
        known is forgotten first, or an order that wants the old one would trade at the new.
        """
        wanted = (order.leverage, not order.instrument.only_isolated)
        if known == wanted:
            return None
        if known is not None:
            self._journal.forget_leverage(row.account.account_id, order.terms.coin)
        # Setting is one request of weight 1, reading first would be a second one of 20.
        self._send_leverage(venue, order, row, is_cross=wanted[1])
        return wanted

    def _send_leverage(self, venue: Venue, order: ApprovedOrder, row: OrderRow, *, is_cross: bool) -> None:
        venue_now = self._clock.now(venue, row.account)
        claim = self._journal.account_claim(
            row.account.account_id,
            expires_at=venue_now + venue.trading.capabilities.default_deadline,
            venue_now=venue_now,
            max_lead_seconds=int(venue.trading.capabilities.max_nonce_lead.total_seconds()),
        )
        request = venue.trading.sign_leverage(
            key=self._keys.open(claim.signer),
            instrument=order.instrument,
            leverage=order.leverage,
            is_cross=is_cross,
            nonce=claim.nonce,
            expires_at=claim.expires_at,
        )
        answer = venue.trading.send(request)
        if answer.verdict is not Verdict.ACCEPTED:
            self._clock.forget(venue)
        if answer.code in _OF_ITS_TIME:
            raise Retryable("leverage_unknown", f"The change of leverage came at a wrong time: {answer.text}")
        if answer.verdict is Verdict.REFUSED and venue.accounts.leverage(row.account, order.terms.coin) != (
            order.leverage,
            is_cross,
        ):
            raise Refused(answer.code or "leverage_refused", f"The venue refused the leverage: {answer.text}")
        if answer.verdict is Verdict.UNKNOWN:
            raise Retryable("leverage_unknown", "The change of leverage was not answered.")

    def _must(self, key: OrderKey) -> OrderRow:
        return self._found(self._journal.order(key), key)

    def _found(self, row: OrderRow | None, key: OrderKey) -> OrderRow:
        if row is None:
            raise Retryable("row_missing", f"The journal lost the row of {key}.")
        return row


def ack_of(order: ApprovedOrder, answer: Answer) -> OrderAck:
    """Say what a sorted answer means for a row."""
    match answer.verdict:
        case Verdict.REFUSED:
            state = OrderState.REFUSED
        case Verdict.UNKNOWN:
            state = OrderState.UNKNOWN
        case Verdict.ACCEPTED:
            # A partly filled GTC order may be answered as filled with the partial size: it still works.
            partial = answer.filled_size < order.terms.size and order.terms.tif.value != "ioc"
            works = answer.is_resting or order.terms.trigger is not None or partial
            state = OrderState.WORKING if works else OrderState.DONE
    return OrderAck(
        key=order.key,
        state=state,
        oid=answer.oid,
        filled_size=answer.filled_size,
        average_px=answer.average_px,
        code=answer.code,
        reason=answer.text,
    )
