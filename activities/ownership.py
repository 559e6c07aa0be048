"""Activities about who owns a slot, as close intents ask."""

from __future__ import annotations

from activities.beating import beating
from activities.blocking import blocking
from activities.errors import translated
from activities.holdings import Holdings
from activities.ports import Notifier
from domain.intents import Intent
from domain.notices import Notice, Severity
from domain.watch import DroppedProtection, Ownership
from storage.journal import Intents


class OwnershipActivities:
    """Finds owners, and stands in for one that is gone."""

    def __init__(
        self,
        *,
        holdings: Holdings,
        intents: Intents,
        notifier: Notifier,
    ) -> None:
        self._holdings = holdings
        self._intents = intents
        self._notifier = notifier

    @blocking
    @beating
    @translated
    def claim_close(self, intent: Intent) -> Ownership:
        """Say who owns the slot that is to be closed; a slot without owner becomes the caller's."""
        self._intents.register(intent)
        owner = self._intents.owner(intent.account_id, intent.coin)
        if owner and owner != intent.intent_id:
            return Ownership(owner=owner)
        holding = self._holdings.read(intent)
        if not owner and holding.held is None:
            return Ownership(is_flat=True, code="nothing_to_close", reason=f"No {intent.coin} position is open.")
        owner = self._intents.adopt_slot(intent.account_id, intent.coin, intent.intent_id)
        return Ownership(owner=owner, is_mine=owner == intent.intent_id)

    @blocking
    @beating
    @translated
    def take_over(self, intent: Intent, gone: str) -> Ownership:
        """Take a slot from an owner whose workflow does not exist any more."""
        owner = self._intents.replace_owner(intent.account_id, intent.coin, gone, intent.intent_id)
        return Ownership(owner=owner, is_mine=owner == intent.intent_id)

    @blocking
    @translated
    def alarm_dropped(self, dropped: DroppedProtection) -> None:
        """Tell the user that somebody else keeps cancelling the protection of a position."""
        intent = dropped.intent
        self._notifier.tell(
            Notice(
                kind="protection_dropped",
                severity=Severity.ALARM,
                user_id=intent.user_id,
                key=f"protection_dropped/{intent.intent_id}",
                title=f"{intent.coin}: protection was cancelled by others",
                text=f"The {', '.join(dropped.kinds)} of {intent.coin} was cancelled twice and is not placed again.",
            )
        )
