"""Closing a slot from the venue's truth: cancel what opens, close what is held, prove flat, cancel what is left."""

from __future__ import annotations

from datetime import timedelta

from activities.cancellation import Cancellation
from activities.holdings import Holdings
from activities.ports import Notifier
from activities.reducing import Reducing
from activities.refusals import is_refused, pause_with, tell_if_lasting
from domain.errors import Refused, Retryable
from domain.intents import Intent
from domain.orders import LIVE_STATES, OrderAck
from storage.journal import OrderRow

_SOON = timedelta(milliseconds=400)
_LATER = timedelta(seconds=1)
_CLOSES_AT_ONCE = 2
"""A close and the look that proves it, in one attempt; a retry costs a second on the server."""


class Closing:
    """Closes the slot of an intent. Several callers at once are safe: a step is sent by whoever claims its row."""

    def __init__(
        self, *, holdings: Holdings, reducing: Reducing, cancellation: Cancellation, notifier: Notifier
    ) -> None:
        self._notifier = notifier
        self._holdings = holdings
        self._reducing = reducing
        self._cancellation = cancellation

    def close(self, intent: Intent) -> None:
        """Return when flat is proved and nothing of the intent works; raises Retryable while that takes time."""
        ack: OrderAck | None = None
        pause = _SOON
        for _ in range(_CLOSES_AT_ONCE):
            ack = self._advance(intent)
            if ack is None:
                return
            pause = self._pause(intent, ack)
            if not ack.is_terminal or pause > _SOON:
                break
        raise Retryable("closing", f"{intent.coin} is being closed: {ack}", retry_after=pause)

    def _pause(self, intent: Intent, ack: OrderAck) -> timedelta:
        """How long until the next close; the user is told when it is long."""
        if not is_refused(ack):
            return _SOON
        rows = self._reducing.steps(intent.intent_id, "close")
        tell_if_lasting(self._notifier, intent, "close", rows)
        return pause_with(rows, _SOON)

    def _advance(self, intent: Intent) -> OrderAck | None:
        """Do one step; None when there is nothing left to do."""
        for row in self._live(intent, opening=True):
            # Not waited for: an order whose outcome is unknown must not keep a position open.
            self._cancellation.cancel(row.key)
        holding = self._holdings.read(intent)
        if holding.is_flat:
            self.cancel_all(intent)
            return None
        if holding.held is None:
            raise Retryable("flat_not_proved", f"{intent.coin} looks flat, not proved yet.", retry_after=_LATER)
        for row in self._reducing.steps(intent.intent_id, "close"):
            if row.state not in LIVE_STATES or self._reducing.take_up(row).is_terminal:
                continue
            if self._reducing.is_waited_for(holding.venue, row, holding.venue_now):
                raise Retryable("close_in_flight", f"{row.key} is not answered yet.", retry_after=_SOON)
        try:
            return self._reducing.close(holding.venue, holding.account, intent, holding.held)
        except Refused as refused:
            if refused.code != "intent_ended":
                raise
            # Somebody else has ended it: what is held is the next owner's, and nothing of this intent works any more.
            return None

    def cancel_opening(self, intent: Intent) -> bool:
        """Ask for the end of the opening orders, and look once at each; whether all have ended."""
        acks = [self._cancellation.cancel(row.key) for row in self._live(intent, opening=True)]
        return all(ack.is_terminal for ack in acks)

    def has_filled(self, intent: Intent) -> bool:
        """Whether an opening order is known to have filled."""
        return any(row.filled_size > 0 for row in self._holdings.rows(intent.intent_id) if row.terms.is_opening)

    def cancel_all(self, intent: Intent) -> None:
        """Cancel every order; raises Retryable while one has not ended."""
        self._cancel((*self._live(intent, opening=True), *self._live(intent, opening=False)))

    def _cancel(self, rows: tuple[OrderRow, ...]) -> None:
        for row in rows:
            if not self._cancellation.cancel(row.key).is_terminal:
                raise Retryable("order_still_works", f"{row.key} has not ended yet.", retry_after=_SOON)

    def _live(self, intent: Intent, *, opening: bool) -> tuple[OrderRow, ...]:
        rows = self._holdings.rows(intent.intent_id)
        return tuple(row for row in rows if row.state in LIVE_STATES and row.terms.is_opening is opening)
