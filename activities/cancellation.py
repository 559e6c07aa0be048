"""Cancels: journaled before they are sent, with a deadline, by order id; what they did is looked up, never assumed."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from activities.clock import VenueClock
from activities.keys import KeyRing
from activities.resolution import Resolution
from domain.errors import Retryable
from domain.orders import IN_FLIGHT_STATES, OrderAck, OrderKey, OrderState
from storage.journal import Journal, OrderRow
from venues.base import Venue, VenueDirectory, Verdict

_DEADLINE = timedelta(seconds=5)
"""A cancel that arrives later could kill a newer order under the same name."""


class Cancellation:
    """Cancels rows of any venue."""

    def __init__(
        self, *, venues: VenueDirectory, journal: Journal, keys: KeyRing, clock: VenueClock, resolution: Resolution
    ) -> None:
        self._venues = venues
        self._journal = journal
        self._keys = keys
        self._clock = clock
        self._resolution = resolution

    def cancel(self, key: OrderKey) -> OrderAck:
        """Make an order end, and say how it stands now; the caller looks again while it still works.

        An order that was never sent is forbidden to be; one in flight is resolved first.
        """
        row = self._must(key)
        if row.state is OrderState.APPROVED:
            self._journal.stop(key)
            if not row.terms.is_opening:
                # Were the stop lost with its database, a reduce-only order could still increase nothing.
                void = replace(row.ack, state=OrderState.VOID, code="cancelled", reason="Cancelled before it was sent.")
                self._journal.settle(key, frm=frozenset({OrderState.APPROVED}), ack=void)
            return self._resolution.look(self._must(key))
        if row.state in IN_FLIGHT_STATES:
            self._resolution.look(row)
            row = self._must(key)
        if row.state is OrderState.WORKING:
            self._send(row)
            self._resolution.look(self._must(key))
        return self._must(key).ack

    def _send(self, row: OrderRow) -> None:
        venue = self._venues.of(row.account.venue, row.account.network)
        venue.trading.wait_for_budget(is_urgent=True)
        venue_now = self._clock.now(venue, row.account)
        cancel_id, claim = self._journal.cancel_claim(
            row.key,
            oid=row.oid,
            expires_at=venue_now + _DEADLINE,
            venue_now=venue_now,
            max_lead_seconds=self._lead(venue),
        )
        answer = venue.trading.send(
            venue.trading.sign_cancel(
                key=self._keys.open(claim.signer),
                instrument=venue.market.instrument(row.coin),
                oid=row.oid,
                client_id=row.client_id,
                nonce=claim.nonce,
                expires_at=claim.expires_at,
            )
        )
        if answer.verdict is not Verdict.ACCEPTED:
            self._clock.forget(venue)
        self._journal.note_cancel(cancel_id, verdict=answer.verdict.value, text=answer.text)

    def _lead(self, venue: Venue) -> int:
        return int(venue.trading.capabilities.max_nonce_lead.total_seconds())

    def _must(self, key: OrderKey) -> OrderRow:
        row = self._journal.order(key)
        if row is None:
            raise Retryable("row_missing", f"The journal has no row for {key}.")
        return row
