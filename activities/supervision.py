"""Standing in for owners that are gone: closing and protecting slots from the venue's truth."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from decimal import Decimal

from activities.closing import Closing
from activities.holdings import Holdings
from activities.protection import Protecting
from domain.accounts import AccountRef, HeldPosition, Portfolio
from domain.intents import TERMINAL_PHASES, Intent, IntentKind, IntentPhase, Protection, api_intent_id
from domain.money import Price
from domain.orders import Side
from storage.journal import Intents
from venues.base import VenueDirectory

_ORPHAN_STOP = Decimal("0.05")
"""Distance of the stop where no stop is known; a person is alarmed at the same time."""


class Supervision:
    """Implements activities.ports.Closer. Every order goes through the one submission mechanism, under the owner's name."""

    def __init__(
        self,
        *,
        holdings: Holdings,
        intents: Intents,
        closing: Closing,
        protecting: Protecting,
        venues: VenueDirectory,
        now: Callable[[], datetime],
    ) -> None:
        self._holdings = holdings
        self._intents = intents
        self._closing = closing
        self._protecting = protecting
        self._venues = venues
        self._now = now

    def close_position(self, account: AccountRef, coin: str, *, reason: str) -> Portfolio | None:  # noqa: ARG002
        """Do one step of closing a slot; raises Retryable until flat is proved."""
        held = self._held(account, coin)
        intent = self._owner(account, coin) or (self._stand_in(account, coin, held) if held else None)
        if intent is not None:
            self._closing.close(intent)
        return None

    def protect_orphan(self, account: AccountRef, coin: str) -> bool:
        """Protect a position that has no live owner; it is never closed and never increased."""
        held = self._held(account, coin)
        if held is None:
            return False
        owner = self._owner(account, coin)
        view = self._intents.view(owner.intent_id) if owner is not None else None
        wanted = view.protection if view else Protection()
        if wanted.stop_px is None:
            wanted = replace(wanted, stop_px=_far_stop(held))
        report = self._protecting.protect(owner or self._stand_in(account, coin, held), wanted)
        return report.is_protected

    def _held(self, account: AccountRef, coin: str) -> HeldPosition | None:
        venue = self._venues.of(account.venue, account.network)
        return venue.accounts.summary(account, is_urgent=True).position(coin)

    def _owner(self, account: AccountRef, coin: str) -> Intent | None:
        owner = self._intents.owner(account.account_id, coin)
        view = self._intents.view(owner) if owner else None
        return view.intent if view is not None and view.phase not in TERMINAL_PHASES else None

    def _stand_in(self, account: AccountRef, coin: str, held: HeldPosition) -> Intent:
        """Make an owner for a position without one: it holds the slot, so that nobody opens on top of it."""
        seen = self._now()
        intent = Intent(
            intent_id=api_intent_id(account.user_id, f"adopted/{account.account_id}/{coin}/{seen.isoformat()}"),
            user_id=account.user_id,
            account_id=account.account_id,
            venue=account.venue,
            coin=coin,
            kind=IntentKind.OPEN,
            side=Side.BUY if held.size > 0 else Side.SELL,
            decided_at=seen,
            reason="adopted",
            strategy="adopted",
        )
        self._intents.register(intent)
        owner = self._intents.adopt_slot(account.account_id, coin, intent.intent_id)
        view = self._intents.view(owner) if owner != intent.intent_id else None
        self._intents.show(intent.intent_id, IntentPhase.FILLED, code="adopted", reason="A position without an owner.")
        return view.intent if view is not None else intent


def _far_stop(held: HeldPosition) -> Price:
    return Price(held.mark_px * (1 - _ORPHAN_STOP * held.side.sign))
