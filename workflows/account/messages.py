"""What an AccountWorkflow is started with, told and asked. Signals: wake, reset_breaker."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from domain.accounts import AccountRef


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountProgress:
    """The state that survives continue-as-new."""

    day: str = ""
    flat_since: datetime | None = None
    breaker: str = ""
    unexplained: str = "0"
    opening_cash: str = ""
    read_to: datetime | None = None
    flagged_to: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountInput:
    """Start of an AccountWorkflow. `reconcile_every` bounds the time between two reconciliations while nothing wakes it."""

    account: AccountRef
    progress: AccountProgress = field(default_factory=AccountProgress)
    reconcile_every: timedelta = timedelta(minutes=10)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wake:
    """Signal `wake`: the stream saw a difference, a fill of an exposed row, a day boundary or a breaker."""

    reason: str = "by hand"
    coin: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ResetBreaker:
    """Signal `reset_breaker`."""

    by: str = "operator"


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountStatus:
    """Answer of query `status`; `unexplained` is a money amount that must be 0."""

    account_id: str
    reconciled_at: datetime | None = None
    breaker: str = ""
    unexplained: str = "0"
    flat_since: datetime | None = None
