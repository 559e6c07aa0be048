"""Reducing steps: closes and protection as orders of the one submission mechanism."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal

from activities.clock import VenueClock
from activities.refusals import LIMITED
from activities.resolution import Resolution
from activities.submission import Submission
from domain.accounts import AccountRef, HeldPosition
from domain.instruments import Instrument, Rounding, floor_size, round_price
from domain.intents import Intent
from domain.money import ZERO, Price, Quantity
from domain.orders import OrderAck, OrderKey, OrderState, OrderTerms, Side, TimeInForce, Trigger, TriggerKind
from domain.risk import approve_reducing
from domain.sizing import within_band
from storage.journal import Journal, OrderRow
from venues.base import Venue

_CEILING = timedelta(minutes=2)
"""A reducing order may not be old either: the price it was made for is gone by then, a new step is cheap."""

_UNANSWERED = timedelta(seconds=3)
_NO_PROOF = frozenset({"unknown", "skipped"})
_SLIPPAGE = (Decimal("0.02"), Decimal("0.05"), Decimal("0.08"))
"""How far from mark a close may trade, by how many closes came to the market in vain; never farther than the venue allows."""

_TRIGGER_BAND = Decimal("0.1")
"""Hyperliquid executes a market trigger within 10 % of the trigger (docs, "Take profit and stop loss orders")."""


class Reducing:
    """Places reducing steps."""

    def __init__(self, *, submission: Submission, resolution: Resolution, journal: Journal, clock: VenueClock) -> None:
        self._submission = submission
        self._resolution = resolution
        self._journal = journal
        self._clock = clock

    def steps(self, intent_id: str, prefix: str) -> tuple[OrderRow, ...]:
        """The rows of an intent whose step is `prefix.N`, oldest first."""
        rows = [row for row in self._journal.orders_of(intent_id) if row.key.step.rpartition(".")[0] == prefix]
        return tuple(sorted(rows, key=lambda row: int(row.key.step.rpartition(".")[2])))

    def take_up(self, row: OrderRow) -> OrderAck:
        """Carry on with a step that a crash left behind: send it if nobody has, else look."""
        stored = self._journal.approved_order(row.key) if row.state is OrderState.APPROVED else None
        return self._submission.submit(stored) if stored is not None else self._resolution.look(row)

    def is_waited_for(self, venue: Venue, row: OrderRow, venue_now: datetime) -> bool:
        """Whether a step without an answer keeps the next one back.

        Where a no-op soon proves that it never runs, it does. Elsewhere, and where none proved it, the proof takes half a minute
        or two, and two steps that only reduce reduce no more than there is.
        """
        proves_soon = venue.trading.capabilities.has_noop and row.noop_state not in _NO_PROOF
        return proves_soon or row.sent_at is None or venue_now - row.sent_at < _UNANSWERED

    def now(self, venue: Venue, account: AccountRef) -> datetime:
        """Estimate the venue's time."""
        return self._clock.now(venue, account)

    def close(self, venue: Venue, account: AccountRef, intent: Intent, held: HeldPosition) -> OrderAck:
        """Send the next close of a position as a reduce-only IOC over its whole size."""
        rows = self.steps(intent.intent_id, "close")
        number, in_vain = len(rows) + 1, sum(row.code not in LIMITED for row in rows)
        side = held.side.opposite
        instrument = venue.market.instrument(held.coin)
        slip = within_band(_SLIPPAGE[min(in_vain, len(_SLIPPAGE) - 1)], instrument)
        # The mark comes with the position: market data shares a budget that a close must not wait for.
        limit = Price(held.mark_px * (1 + slip * side.sign))
        terms = OrderTerms(
            coin=held.coin,
            side=side,
            size=floor_size(Quantity(abs(held.size)), instrument),
            limit_px=round_price(limit, instrument, Rounding.DOWN if side is Side.BUY else Rounding.UP),
            tif=TimeInForce.IOC,
            reduce_only=True,
        )
        return self._place(venue, account, intent, instrument, terms, f"close.{number}")

    def protect(
        self, venue: Venue, account: AccountRef, intent: Intent, held: HeldPosition, kind: TriggerKind, px: Price
    ) -> OrderAck:
        """Send the next whole-position trigger of a kind."""
        number = len(self.steps(intent.intent_id, f"protect.{kind}")) + 1
        return self._trigger(venue, account, intent, held.side.opposite, kind, px, number)

    def protect_first(
        self, venue: Venue, account: AccountRef, intent: Intent, kind: TriggerKind, px: Price
    ) -> OrderAck:
        """Send the first trigger of a kind, or say how it stands; it needs no size, so no look at the position."""
        return self._trigger(venue, account, intent, intent.side.opposite, kind, px, 1)

    def _trigger(
        self,
        venue: Venue,
        account: AccountRef,
        intent: Intent,
        side: Side,
        kind: TriggerKind,
        px: Price,
        number: int,
    ) -> OrderAck:
        instrument = venue.market.instrument(intent.coin)
        trigger = Trigger(px=round_price(px, instrument), kind=kind, whole_position=True)
        worst = round_price(Price(trigger.px * (1 + _TRIGGER_BAND * side.sign)), instrument)
        terms = OrderTerms(
            coin=intent.coin,
            side=side,
            size=Quantity(ZERO),
            limit_px=worst,
            tif=TimeInForce.GTC,
            reduce_only=True,
            trigger=trigger,
        )
        return self._place(venue, account, intent, instrument, terms, f"protect.{kind}.{number}")

    def _place(
        self,
        venue: Venue,
        account: AccountRef,
        intent: Intent,
        instrument: Instrument,
        terms: OrderTerms,
        step: str,
    ) -> OrderAck:
        venue_now = self._clock.now(venue, account)
        order = approve_reducing(
            key=OrderKey(intent_id=intent.intent_id, step=step),
            user_id=intent.user_id,
            account_id=account.account_id,
            instrument=instrument,
            terms=terms,
            decided_at=venue_now,
            not_after=venue_now + _CEILING,
            trace_id=intent.trace_id,
        )
        # The first row of a step wins: after a crash the same step is taken up with the terms that were journaled.
        self._journal.reserve_reducing(order)
        stored = self._journal.approved_order(order.key)
        return self._submission.submit(stored or order)
