"""Reducing steps that the venue refuses one after the other: asked less and less often, and somebody is told.

A wallet that was revoked or a halted market refuses for hours. Asked twice a second, one such position would spend the request
budget of every account behind the same address, and leave thousands of rows.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta
from itertools import takewhile

from activities.ports import Notifier
from activities.resolution import CLOCK_SKEWED
from domain.intents import Intent
from domain.notices import Notice, Severity
from domain.orders import OrderAck, OrderState
from storage.journal import OrderRow

TOLERATED = 3
LONGEST = timedelta(seconds=30)

LIMITED = frozenset({"address_budget", "rate_limited"})
"""Refusals that pass by themselves: the venue counts what the account sends."""

_STEADILY = tuple(timedelta(seconds=pause) for pause in (2, 2, 2, 2, 1, 1, 1, 1))
_SLOT = timedelta(seconds=10.25)
"""A little more than the ten seconds after which Hyperliquid takes one request of an account that has used all of its own up."""

_OF_THE_MARKET = frozenset({"ioc_no_match", "no_liquidity"})
"""Refusals that another price mends: the next step has one."""


def is_refused(ack: OrderAck) -> bool:
    """Whether the venue has refused a step, or a copy of it for its time: the next one is refused as well while clocks are off."""
    return ack.state is OrderState.REFUSED or ack.code == CLOCK_SKEWED


def refused_in_a_row(rows: Sequence[OrderRow]) -> int:
    """How many of the newest steps the venue has refused, oldest row first."""
    return _newest(rows, lambda ack: is_refused(ack) and ack.code not in _OF_THE_MARKET)


def limited_in_a_row(rows: Sequence[OrderRow]) -> int:
    """How many of the newest steps were refused because the account has sent too much, oldest row first."""
    return _newest(rows, lambda ack: ack.state is OrderState.REFUSED and ack.code in LIMITED)


def _newest(rows: Sequence[OrderRow], fits: Callable[[OrderAck], bool]) -> int:
    """How many rows fit, from the newest back to the first that does not."""
    return sum(1 for _ in takewhile(fits, (row.ack for row in reversed(rows))))


def pause_with(rows: Sequence[OrderRow], soon: timedelta) -> timedelta:
    """How long to wait with the next step after these, oldest row first.

    A limit ends at an instant that nobody is told, ten seconds away at most: it is asked for steadily, not less and less often.
    Where that has not helped, a refused request may itself begin the ten seconds anew (it is said so and so): they are kept.
    """
    limited = limited_in_a_row(rows)
    if limited:
        return _STEADILY[limited - 1] if limited <= len(_STEADILY) else _SLOT
    return pause_after(refused_in_a_row(rows), soon)


def pause_after(refused: int, soon: timedelta) -> timedelta:
    """How long to wait with the next step: twice as long for each refusal beyond the tolerated ones."""
    # The shift is bounded, or a day of refusals would overflow.
    factor: int = 1 << min(max(refused - TOLERATED, 0), 16)
    return min(LONGEST, soon * factor)


def tell_if_lasting(notifier: Notifier, intent: Intent, what: str, rows: Sequence[OrderRow]) -> None:
    """Tell the user of a reducing step that keeps being refused; at once where the account has sent too much."""
    if limited_in_a_row(rows):
        _tell_limited(notifier, intent, what, rows[-1])
    elif refused_in_a_row(rows) > TOLERATED:
        tell_refused(notifier, intent, what, rows[-1])


def _tell_limited(notifier: Notifier, intent: Intent, what: str, last: OrderRow) -> None:
    # Approvals know this code alone; what an account may place again in seconds keeps no open back.
    opens_none = " The account opens nothing for ten minutes." if last.ack.code == "address_budget" else ""
    notifier.tell(
        Notice(
            kind="requests_used_up",
            severity=Severity.ALARM,
            user_id=intent.user_id,
            key=f"requests_used_up/{intent.account_id}",
            title=f"{intent.venue}: this account has used up its requests",
            text=f"The {what} of {intent.coin} has to wait ({last.ack.code}): {last.ack.reason} It is sent again until the"
            f" venue takes it, which is some ten seconds.{opens_none}",
            details={"intent_id": intent.intent_id, "account_id": intent.account_id, "code": last.ack.code},
        )
    )


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
