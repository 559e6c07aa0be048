"""Supervision of one account: the venue is the truth, and every difference gets a name."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from activities.blocking import blocking
from activities.errors import translated
from activities.reconciling import Reconciled, Reconciler
from activities.risk import Breakers
from domain.money import plain
from domain.supervision import BreakerReset, ReconcileOutcome, ReconcileRequest
from storage.access import Audit

_AGAIN = timedelta(seconds=12)
"""A difference counts when a second sync, at least ten seconds later, still shows it."""
_MOST_TOLD = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountParts:
    """What supervision of an account works with."""

    reconciler: Reconciler
    breakers: Breakers
    audit: Audit


class AccountActivities:
    """Reconciles accounts."""

    def __init__(self, parts: AccountParts) -> None:
        self._parts = parts

    @blocking
    @translated
    def reconcile(self, request: ReconcileRequest) -> ReconcileOutcome:
        """Read the venue, record what was missed, settle rows without an owner, name what is left, mind the day's loss."""
        result = self._parts.reconciler.reconcile(request)
        day, breaker, is_tripped = self._mind_the_day(request, result)
        return ReconcileOutcome(
            at=result.portfolio.as_of,
            day=day,
            breaker=breaker,
            is_tripped=is_tripped,
            is_quiet=result.is_quiet,
            unexplained=result.unexplained,
            repairs=result.repairs[:_MOST_TOLD],
            flagged=result.flagged[:_MOST_TOLD],
            overfilled=result.overfilled[:_MOST_TOLD],
            look_again=_AGAIN if result.is_waiting else None,
            opening_cash=plain(result.opening_cash),
            flagged_to=result.flagged_to,
        )

    @blocking
    @translated
    def reset_breaker(self, reset: BreakerReset) -> int:
        """Reset an account's breaker, by a person; returns how many were in force."""
        count = self._parts.breakers.reset(reset.account, reset.by)
        if count:
            self._parts.audit.append(reset.by, "breaker.reset", reset.account.account_id, {"count": str(count)})
        return count

    def _mind_the_day(self, request: ReconcileRequest, result: Reconciled) -> tuple[str, str, bool]:
        """Return the trading day, the reason of the breaker in force, and whether it was tripped now."""
        breakers, account = self._parts.breakers, request.account
        weighed = breakers.weigh(account, result.portfolio)
        in_force, is_tripped = weighed.in_force, False
        if weighed.due is not None:
            is_tripped = breakers.trip(account, weighed.due, weighed.day, result.portfolio)
            in_force = breakers.in_force(account)
        return weighed.day.day, in_force.reason if in_force is not None else "", is_tripped
