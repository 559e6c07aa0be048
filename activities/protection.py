"""Protection: whole-position triggers at the venue, brought to what is wanted."""

from __future__ import annotations

import functools
import logging
from datetime import timedelta

from activities.cancellation import Cancellation
from activities.holdings import Holding, Holdings
from activities.ports import Notifier
from activities.reducing import Reducing
from activities.refusals import pause_with, tell_if_lasting
from domain.errors import HoldfastError, Retryable
from domain.fills import Fill
from domain.instruments import round_price
from domain.intents import TERMINAL_PHASES, Intent, Protection
from domain.money import Price
from domain.orders import IN_FLIGHT_STATES, LIVE_STATES, OrderAck, OrderState, TriggerKind
from domain.watch import ProtectionReport
from storage.journal import Intents, OrderRow

_SOON = timedelta(milliseconds=400)
_PATIENCE = timedelta(seconds=1)
"""How long a trigger may be without an answer before another one is placed beside it."""
_BLOCKS = timedelta(milliseconds=400)
"""The same where the venue admits in blocks and shows an order with the next one."""
_MOST_LOST = 3

_log = logging.getLogger(__name__)


class Protecting:
    """Places, replaces and drops triggers."""

    def __init__(
        self,
        *,
        holdings: Holdings,
        reducing: Reducing,
        cancellation: Cancellation,
        intents: Intents,
        notifier: Notifier,
    ) -> None:
        self._notifier = notifier
        self._holdings = holdings
        self._reducing = reducing
        self._cancellation = cancellation
        self._intents = intents

    def protect(self, intent: Intent, wanted: Protection) -> ProtectionReport:
        """Bring the triggers to what is wanted, new ones before old ones go; raises Retryable while it is under way."""
        holding = self._holdings.read(intent)
        if holding.held is None:
            if holding.is_flat:
                return ProtectionReport(is_flat=True)
            raise Retryable("position_not_visible", f"{intent.coin} is not visible yet.", retry_after=_SOON)
        self._intents.set_protection(intent.intent_id, stop_px=wanted.stop_px, take_profit_px=wanted.take_profit_px)
        for kind, px in wanted_triggers(wanted).items():
            refused = self._ensure(holding, intent, kind, px)
            if refused is not None:
                return refused
        self._drop_unwanted(holding, intent, wanted)
        self._intents.mark_protected(intent.intent_id, holding.venue_now)
        return ProtectionReport(is_protected=True, protected_at=holding.venue_now)

    def protect_at_once(self, intent_id: str) -> bool:
        """Protect a position that has just filled, where that was learned; False for its owner to do it.

        On a busy machine the way over the owner takes seconds: an answer, a workflow task, an activity, three questions. The steps
        have the names that `protect` gives them, so that an owner may do the same at the same time. Only first steps are placed:
        an attempt that slept while the user moved the stop would bring the old price back.
        """
        view = self._intents.view(intent_id)
        if view is None or view.phase in TERMINAL_PHASES or view.protection == Protection():
            return False
        try:
            if not self._place_first(view.intent, view.protection):
                return False
            self._intents.mark_protected(intent_id, self._reducing.now(*self._holdings.place(view.intent)))
        except HoldfastError as error:
            _log.warning("intent %s is not protected at once: %s", intent_id, error)
            return False
        return True

    def guard(self, owner: str, fills: tuple[Fill, ...]) -> None:
        """Protect what the streams saw fill and nobody has begun to protect: who sent the order may stand still or be dead."""
        rows = self._holdings.rows(owner)
        if all(row.terms.is_opening for row in rows) and self._are_of(rows, fills):
            self.protect_at_once(owner)

    def _are_of(self, rows: tuple[OrderRow, ...], fills: tuple[Fill, ...]) -> bool:
        """Whether orders made some of the fills. Where fills name no client ids, orders are looked up for their numbers.

        That goes for rows that were never sent, too: their sending may have been lost with an earlier life of the database.
        """
        names = {row.client_id for row in rows}
        if any(fill.client_id for fill in fills):
            return not names.isdisjoint(fill.client_id for fill in fills)
        oids = {row.oid or self._holdings.suspect(row).oid for row in rows if row.state in LIVE_STATES or row.oid}
        return not oids.isdisjoint(fill.oid for fill in fills)

    def _place_first(self, intent: Intent, wanted: Protection) -> bool:
        """Place the first trigger of each kind without a look; whether all of them work."""
        venue, account = self._holdings.place(intent)
        return all(
            self._reducing.protect_first(venue, account, intent, kind, px).state is OrderState.WORKING
            for kind, px in wanted_triggers(wanted).items()
        )

    def standing(self, holding: Holding, intent: Intent, kind: TriggerKind, px: Price) -> OrderRow | None:
        """The trigger of a kind that works at a price, else the newest: a lost one may turn up after its stand-in."""
        rows = self._reducing.steps(intent.intent_id, f"protect.{kind}")
        right = [row for row in rows if holding.works(row) and _trigger_px(row) == _on_tick(holding, px)]
        return (right or rows or (None,))[-1]

    def _ensure(self, holding: Holding, intent: Intent, kind: TriggerKind, px: Price) -> ProtectionReport | None:
        """Make one trigger work; a report when the position has to be closed instead."""
        row = self.standing(holding, intent, kind, px)
        if row is not None and row.state in LIVE_STATES:
            ack = row.ack if holding.works(row) else self._reducing.take_up(row)
            if ack.state is OrderState.WORKING and _trigger_px(row) == _on_tick(holding, px):
                return None
            if ack.state in IN_FLIGHT_STATES | {OrderState.APPROVED} and not self._needs_stand_in(holding, intent, row):
                raise Retryable("protection_in_flight", f"{row.key} is not answered yet.", retry_after=_SOON)
        if holding.held is None:
            return None
        place = functools.partial(
            self._reducing.protect, holding.venue, holding.account, intent, holding.held, kind, px
        )
        ack = place()
        if ack.code == "trigger_exists" and self._make_room(intent, kind):
            # Binance keeps one whole-position trigger of a kind: there, and only there, the old one goes first.
            ack = place()
        return self._judge(intent, ack, kind)

    def _judge(self, intent: Intent, ack: OrderAck, kind: TriggerKind) -> ProtectionReport | None:
        if ack.state is OrderState.WORKING:
            return None
        if ack.state is OrderState.REFUSED and ack.code == "trigger_already_passed":
            # The stop would have fired: waiting for a better price is what a stop exists to prevent.
            return ProtectionReport(close_now=True, note=f"The mark has passed the {kind}.")
        rows = self._reducing.steps(intent.intent_id, f"protect.{kind}")
        tell_if_lasting(self._notifier, intent, "protect", rows)
        raise Retryable(
            "protection_pending", f"{ack.key.step}: {ack.state} {ack.code}", retry_after=pause_with(rows, _SOON)
        )

    def _needs_stand_in(self, holding: Holding, intent: Intent, row: OrderRow) -> bool:
        """Whether a trigger that was sent and cannot be found is not waited for any longer.

        Its absence is proved by its deadline and the venue's lag, which take minutes, or by a no-op that comes later. A second
        trigger over the whole position is no second order: one of them alone can find anything to close, both end with the intent.
        """
        rows = self._reducing.steps(intent.intent_id, f"protect.{row.terms.trigger.kind}") if row.terms.trigger else ()
        lost = sum(each.state in IN_FLIGHT_STATES for each in rows)
        patience = _BLOCKS if holding.venue.trading.capabilities.has_noop else _PATIENCE
        return row.sent_at is not None and holding.venue_now - row.sent_at > patience and lost < _MOST_LOST

    def _make_room(self, intent: Intent, kind: TriggerKind) -> bool:
        """Cancel the working triggers of a kind; False when there are none of ours, or one does not end."""
        rows = self._reducing.steps(intent.intent_id, f"protect.{kind}")
        working = [row for row in rows if row.state is OrderState.WORKING]
        return bool(working) and all(self._cancellation.cancel(row.key).is_terminal for row in working)

    def _drop_unwanted(self, holding: Holding, intent: Intent, wanted: Protection) -> None:
        """Cancel triggers that another price has replaced or that are not wanted any more."""
        kinds = wanted_triggers(wanted)
        for kind in TriggerKind:
            kept = self.standing(holding, intent, kind, kinds[kind]) if kind in kinds else None
            for row in self._reducing.steps(intent.intent_id, f"protect.{kind}"):
                if row.state is OrderState.WORKING and (kept is None or row.key != kept.key):
                    self._cancellation.cancel(row.key)


def wanted_triggers(protection: Protection) -> dict[TriggerKind, Price]:
    """Return the trigger prices that are wanted, the stop first."""
    wanted = {TriggerKind.STOP_LOSS: protection.stop_px, TriggerKind.TAKE_PROFIT: protection.take_profit_px}
    return {kind: px for kind, px in wanted.items() if px is not None}


def was_cancelled(row: OrderRow | None) -> bool:
    """Whether a trigger ended without a fill."""
    return row is not None and row.state is OrderState.DONE and row.filled_size == 0


def _trigger_px(row: OrderRow) -> Price | None:
    return row.terms.trigger.px if row.terms.trigger else None


def _on_tick(holding: Holding, px: Price) -> Price:
    return round_price(px, holding.venue.market.instrument(holding.coin))
