"""Resolution: finding out what became of a row, without ever sending the order again.

The clock is read first, then the venue is asked. "Not found" proves nothing before the deadline plus the venue's visibility lag
has passed by the venue's own clock; then it has to be seen twice, two seconds apart, with the order absent from open orders and
fills as well, and only if the lookup reaches back to the send. Where the venue has a no-op, one with the same nonce is the
positive proof: accepted, it means that the order can never run.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

from activities.clock import VenueClock
from activities.keys import KeyRing
from domain.errors import Retryable
from domain.fills import Fill, average_price, filled_size
from domain.money import ZERO, Quantity
from domain.orders import IN_FLIGHT_STATES, LIVE_STATES, OrderAck, OrderState
from storage.journal import Fills, Journal, OrderRow
from venues.base import Sighting, SightingStatus, Venue, VenueDirectory, Verdict

_LOOKS_NEEDED = 2
_LOOKS_APART = timedelta(seconds=2)
_OVERLAP = timedelta(seconds=60)
"""Fills are read from before the send: the row's clock is the database's, a fill's the venue's."""

CLOCK_SKEWED = "clock_skewed"
"""The code of what a venue refused for its time: that goes for one copy of a request, and another may have run."""

_SET_CLOCKS = "It is so for the second time: set the clocks of this machine and of the database by NTP."
_STOOD_IN = timedelta(seconds=5)
"""How long after its send a lost stop has long been stood in for by another, or that one has been refused."""

_ENDED = frozenset({SightingStatus.CANCELLED, SightingStatus.REJECTED})


class Resolution:
    """Looks rows up and moves them forward by what was seen."""

    def __init__(
        self,
        *,
        venues: VenueDirectory,
        journal: Journal,
        fills: Fills,
        keys: KeyRing,
        clock: VenueClock,
        lag: timedelta | None = None,
        reached: Callable[[str, str], None] = lambda _place, _client_id: None,
    ) -> None:
        self._venues = venues
        self._journal = journal
        self._fills = fills
        self._keys = keys
        self._clock = clock
        self._lag = lag
        self._reached = reached

    def look(self, row: OrderRow, *, is_suspect: bool = False) -> OrderAck:
        """Look once and return what is known then; the row may still be in flight.

        An APPROVED row was not sent, so that the venue is not asked before its time is over; one that `is_suspect` may have been,
        by an earlier life of the database, and something has filled: the venue is asked at once.
        """
        if row.state not in LIVE_STATES:
            return row.ack
        venue = self._venues.of(row.account.venue, row.account.network)
        if row.state is OrderState.SENDING:
            self._journal.settle(
                row.key,
                frm=frozenset({OrderState.SENDING}),
                ack=replace(row.ack, state=OrderState.UNKNOWN, code="outcome_unknown", reason="No answer is known."),
            )
        venue_now = self._clock.read(venue, row.account)
        not_sent_yet = row.state is OrderState.APPROVED and venue_now <= row.not_after + self._lag_of(venue)
        if not_sent_yet and not is_suspect:
            return replace(row.ack, code=row.code or "not_sent_yet")
        sighting = self._sight(venue, row)
        if sighting.status is SightingStatus.NOT_FOUND:
            return replace(row.ack, code="not_sent_yet") if not_sent_yet else self._absent(venue, row, venue_now)
        return self._seen(venue, row, sighting, venue_now)

    def _lag_of(self, venue: Venue) -> timedelta:
        return self._lag if self._lag is not None else venue.trading.capabilities.lag

    def _sight(self, venue: Venue, row: OrderRow) -> Sighting:
        market = venue.market
        # A working order is asked for by order id; a client id may have named more than one order in its life.
        oid = row.oid if row.state is OrderState.WORKING else ""
        return venue.trading.look_up(
            row.account,
            client_id=row.client_id,
            instrument=market.instrument(row.coin),
            terms=row.terms,
            oid=oid,
        )

    def _seen(self, venue: Venue, row: OrderRow, sighting: Sighting, venue_now: datetime) -> OrderAck:
        """Adopt an order that was found, if it is ours in every term."""
        self._journal.note_oid(row.client_id, sighting.oid)
        text = f"{sighting.status} {sighting.oid} {sighting.reason}".strip()
        self._journal.note_look(row.key, found=True, venue_time=venue_now, text=text, counts=False)
        if not sighting.matches:
            # An order under our name that is not the one we named: nobody but a person may decide.
            return replace(row.ack, state=OrderState.UNKNOWN, code="order_mismatch", reason=text)
        own = self._own_fills(venue, row, sighting.oid)
        ack = OrderAck(
            key=row.key,
            state=_state_of(sighting, own),
            oid=sighting.oid,
            filled_size=max(filled_size(own), row.filled_size, _implied(sighting)),
            average_px=average_price(own) or row.average_px,
            code=sighting.reason if sighting.status in _ENDED else "",
            reason=sighting.reason,
        )
        self._journal.settle(row.key, frm=LIVE_STATES, ack=ack)
        return self._now(row)

    def _own_fills(self, venue: Venue, row: OrderRow, oid: str) -> tuple[Fill, ...]:
        """Read and journal the account's fills since the send, and return those of this order."""
        since = (row.sent_at or row.decided_at) - _OVERLAP
        read = venue.accounts.fills_since(row.account, since, is_urgent=True, coin=row.coin)
        self._fills.record(row.account, read)
        return tuple(fill for fill in read if fill.client_id == row.client_id or (oid and fill.oid == oid))

    def _absent(self, venue: Venue, row: OrderRow, venue_now: datetime) -> OrderAck:
        """Weigh a look that found nothing."""
        if row.state is OrderState.WORKING:
            return self._aged_out(venue, row, venue_now)
        counts = self._counts(venue, row, venue_now)
        self._journal.note_look(row.key, found=False, venue_time=venue_now, text="not found", counts=counts)
        known_by_fills = self._forgotten(venue, row, venue_now)
        if known_by_fills is not None:
            return known_by_fills
        if self._may_burn(venue, row, venue_now) and self._burn(venue, row):
            return self._conclude(row, "nonce_burned", "A no-op took its nonce: it can never run.")
        if not counts or not self._enough(row, venue_now) or self._is_elsewhere(venue, row):
            return self._now(row)
        return self._conclude(row, "never_admitted", "Absent twice after its deadline.")

    def _forgotten(self, venue: Venue, row: OrderRow, venue_now: datetime) -> OrderAck | None:
        """Settle an order by its journaled fills: a venue forgets orders by count, long before it forgets what they traded."""
        since = (row.sent_at or row.decided_at) - _OVERLAP
        fills = self._fills.on_coin(row.account.account_id, row.coin, since, row.key.intent_id)
        own = tuple(fill for fill in fills if fill.client_id == row.client_id)
        if not own:
            return None
        is_full = filled_size(own) >= row.terms.size
        if not is_full and (not self._is_settled(venue, row, venue_now) or _is_open(venue, row)):
            return None
        ack = OrderAck(
            key=row.key,
            state=OrderState.DONE,
            oid=own[-1].oid,
            filled_size=filled_size(own),
            average_px=average_price(own),
            code="aged_out",
            reason="No longer listed; its fills are.",
        )
        self._journal.settle(row.key, frm=LIVE_STATES, ack=ack)
        return self._now(row)

    def _aged_out(self, venue: Venue, row: OrderRow, venue_now: datetime) -> OrderAck:
        """Close a row that worked and is neither found nor open any more: the venue forgets orders by count."""
        counts = row.sent_at is not None and venue_now > row.sent_at + 2 * self._lag_of(venue)
        self._journal.note_look(row.key, found=False, venue_time=venue_now, text="not found", counts=counts)
        if not counts or not self._enough(row, venue_now):
            return row.ack
        if _is_open(venue, row):
            return row.ack
        own = self._own_fills(venue, row, row.oid)
        size = max(filled_size(own), row.filled_size)
        ack = replace(row.ack, state=OrderState.DONE, filled_size=size, code="aged_out", reason="No longer listed.")
        self._journal.settle(row.key, frm=frozenset({OrderState.WORKING}), ack=ack)
        return self._now(row)

    def _is_settled(self, venue: Venue, row: OrderRow, venue_now: datetime) -> bool:
        """Whether the venue can admit the request no longer, and shows all that it did with it."""
        deadline = row.expires_at if row.state is not OrderState.APPROVED else row.not_after
        return deadline is not None and venue_now > deadline + self._lag_of(venue)

    def _counts(self, venue: Venue, row: OrderRow, venue_now: datetime) -> bool:
        if not self._is_settled(venue, row, venue_now):
            return False
        horizon = venue.trading.lookup_horizon(row.account)
        sent = row.sent_at or row.decided_at
        return horizon is None or horizon < sent

    def _enough(self, row: OrderRow, venue_now: datetime) -> bool:
        """Whether this look is the second one, far enough from the first. `row` is the state before this look."""
        if row.absent_looks + 1 < _LOOKS_NEEDED or row.absent_at is None:
            return False
        return venue_now - row.absent_at >= _LOOKS_APART

    def _is_elsewhere(self, venue: Venue, row: OrderRow) -> bool:
        """Whether the order shows up among open orders or fills although its lookup does not find it."""
        if _is_open(venue, row):
            return True
        return bool(self._own_fills(venue, row, row.oid))

    def _may_burn(self, venue: Venue, row: OrderRow, venue_now: datetime) -> bool:
        """Whether a no-op can prove something, and takes the place of nothing."""
        if not row.nonce or row.noop_state or not venue.trading.capabilities.has_noop:
            return False
        # Another stop stands in for a lost one within a second. Where the account has sent too much, and nobody knows it yet, the
        # venue takes one request in ten seconds: that stop's, and not the no-op's.
        return row.terms.trigger is None or row.sent_at is None or venue_now - row.sent_at > _STOOD_IN

    def _burn(self, venue: Venue, row: OrderRow) -> bool:
        """Send a journaled no-op with the row's nonce; True when it was accepted and so proves that the order never runs."""
        if not self._journal.noop_claim(row.key):
            return False
        if self._journal.is_limited(row.account.account_id):
            # The one request that is taken in ten seconds is a stop's or a close's: reads and the deadline prove it, only later.
            self._journal.note_noop(row.key, "skipped")
            return False
        self._reached("before_noop", row.client_id)
        key = self._keys.open(self._journal.signer(row.signer_id))
        answer = venue.trading.send(venue.trading.sign_noop(key=key, nonce=row.nonce, expires_at=None))
        match answer.verdict:
            case Verdict.ACCEPTED:
                self._journal.note_noop(row.key, "burned")
                return True
            case Verdict.REFUSED:
                # The nonce is used, by the order or by a lost copy of this no-op: only reads may tell from now on.
                self._journal.note_noop(row.key, "duplicate")
            case Verdict.UNKNOWN:
                self._journal.note_noop(row.key, "unknown")
        return False

    def _conclude(self, row: OrderRow, code: str, reason: str) -> OrderAck:
        """Close a row that provably never ran: VOID when it was never claimed, EXPIRED when it was.

        What was refused for its time says so; for the second time, after the clock was read anew, it is a person's to mend.
        """
        was_claimed = row.state in IN_FLIGHT_STATES
        state = OrderState.EXPIRED if was_claimed else OrderState.VOID
        if row.code == CLOCK_SKEWED:
            code, reason = CLOCK_SKEWED, f"{row.reason} {reason}"
            if self._was_out_of_time_before(row):
                state, reason = OrderState.REFUSED, f"{reason} {_SET_CLOCKS}"
        frm = IN_FLIGHT_STATES if was_claimed else frozenset({OrderState.APPROVED})
        ack = replace(row.ack, state=state, code=code, reason=reason)
        self._journal.settle(row.key, frm=frm, ack=ack)
        return self._now(row)

    def _was_out_of_time_before(self, row: OrderRow) -> bool:
        """Whether the step that was sent before this one was refused for its time as well."""
        sent = [
            (other.sent_at, other.code)
            for other in self._journal.orders_of(row.key.intent_id)
            if other.terms.is_opening is row.terms.is_opening and other.sent_at is not None
        ]
        earlier = [(at, code) for at, code in sent if row.sent_at is not None and at < row.sent_at]
        return bool(earlier) and max(earlier)[1] == CLOCK_SKEWED

    def _now(self, row: OrderRow) -> OrderAck:
        current = self._journal.order(row.key)
        if current is None:
            raise Retryable("row_missing", f"The journal lost the row of {row.key}.")
        return current.ack


def _is_open(venue: Venue, row: OrderRow) -> bool:
    resting = venue.accounts.open_orders(row.account, is_urgent=True, coin=row.coin)
    return any(order.client_id == row.client_id for order in resting)


def _implied(sighting: Sighting) -> Quantity:
    """A filled order has filled in full, whatever its fills' visibility lags behind."""
    if sighting.status is SightingStatus.FILLED and sighting.original_size is not None:
        return sighting.original_size
    return Quantity(ZERO)


def _state_of(sighting: Sighting, own: tuple[Fill, ...]) -> OrderState:
    match sighting.status:
        case SightingStatus.OPEN:
            return OrderState.WORKING
        case SightingStatus.TRIGGERED:
            # Fired: the venue's own child order works or has ended; the position tells.
            return OrderState.WORKING
        case SightingStatus.REJECTED:
            return OrderState.DONE if own else OrderState.REFUSED
        case SightingStatus.FILLED | SightingStatus.CANCELLED:
            return OrderState.DONE
        case SightingStatus.NOT_FOUND:
            return OrderState.UNKNOWN
