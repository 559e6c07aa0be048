"""Supervision of one account: the venue is the truth, and every difference gets a name."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from temporalio import activity
from temporalio.exceptions import ApplicationError

from activities.errors import translated
from activities.ports import Executions, Settler
from activities.risk import Breakers
from activities.syncing import AccountSync
from domain.accounts import AccountRef, Portfolio
from domain.errors import HoldfastError
from domain.money import ZERO, Money
from domain.supervision import BreakerReset, ReconcileOutcome, ReconcileRequest
from storage.access import Audit
from storage.base import Reconciliations
from storage.journal import Intents, Journal
from venues.base import VenueDirectory

_AGAIN = timedelta(seconds=12)
"""A difference counts when a second sync, at least ten seconds later, still shows it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountParts:
    """What supervision of an account works with."""

    venues: VenueDirectory
    sync: AccountSync
    books: Reconciliations
    journal: Journal
    intents: Intents
    breakers: Breakers
    executions: Executions
    settler: Settler
    audit: Audit


class AccountActivities:
    """Reconciles accounts."""

    def __init__(self, parts: AccountParts) -> None:
        self._parts = parts

    @activity.defn
    @translated
    def reconcile(self, request: ReconcileRequest) -> ReconcileOutcome:
        """Read the venue, record what was missed, settle rows without an owner, name what is left."""
        raise NotImplementedError

    @activity.defn
    @translated
    def reset_breaker(self, reset: BreakerReset) -> int:
        """Reset an account's breaker, by a person; returns how many were in force."""
        count = self._parts.breakers.reset(reset.account, reset.by)
        if count:
            self._parts.audit.append(reset.by, "breaker.reset", reset.account.account_id, {"count": str(count)})
        return count
