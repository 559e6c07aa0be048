"""Reducing steps that the venue refuses one after the other: asked less and less often, and somebody is told.

A wallet that was revoked or a halted market refuses for hours. Asked twice a second, one such position would spend the request
budget of every account behind the same address, and leave thousands of rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from activities.ports import Notifier
from domain.intents import Intent
from domain.notices import Notice, Severity
from domain.orders import OrderState
from storage.journal import OrderRow

TOLERATED = 3
LONGEST = timedelta(seconds=30)

_OF_THE_MARKET = frozenset({"ioc_no_match", "no_liquidity"})
"""Refusals that another price mends: the next step has one."""


def refused_in_a_row(rows: Sequence[OrderRow]) -> int:
    """How many of the newest steps the venue has refused, oldest row first."""
    count = 0
    for row in reversed(rows):
        if row.state is not OrderState.REFUSED or row.ack.code in _OF_THE_MARKET:
            break
        count += 1
    return count


def pause_after(refused: int, soon: timedelta) -> timedelta:
    """How long to wait with the next step: twice as long for each refusal beyond the tolerated ones."""
    # The shift is bounded, or a day of refusals would overflow.
    factor: int = 1 << min(max(refused - TOLERATED, 0), 16)
    return min(LONGEST, soon * factor)


def tell_refused(notifier: Notifier, intent: Intent, what: str, last: OrderRow) -> None:
    """Tell the user that a reducing step keeps being refused, and what the venue says."""
    notifier.tell(
        Notice(
            kind="reducing_refused",
            severity=Severity.ALARM,
            user_id=intent.user_id,
            key=f"reducing_refused/{intent.intent_id}/{what}",
            title=f"{intent.coin}: the venue refuses to {what}",
            text=f"The {what} of {intent.coin} is refused again and again ({last.ack.code}): {last.ack.reason}",
            details={"intent_id": intent.intent_id, "account_id": intent.account_id, "code": last.ack.code},
        )
    )
