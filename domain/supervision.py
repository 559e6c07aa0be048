"""What the supervision of accounts and streams is asked and answers."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from domain.accounts import AccountRef
from domain.money import ZERO, Money


@dataclass(frozen=True, slots=True, kw_only=True)
class ReconcileRequest:
    """Compare one account with its venue.

    `opening_cash` is the balance from which the sums count ('' before the first reconciliation, which works it out), `read_to`
    the venue's time up to which movements were read, `flagged_to` the one up to which manual trades were named.
    """

    account: AccountRef
    reason: str = ""
    opening_cash: str = ""
    read_to: datetime | None = None
    flagged_to: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReconcileOutcome:
    """What a reconciliation found.

    `breaker` is the reason of the breaker in force, `is_tripped` says that this reconciliation tripped it. `is_quiet` means
    flat, without orders and without live rows. `look_again` asks for another round soon: a difference counts only when a
    second look shows it. `unexplained` is a money amount that must be 0, `flagged` names trades that are not ours, `overfilled`
    orders that filled more than they were for.
    """

    at: datetime
    day: str = ""
    breaker: str = ""
    is_tripped: bool = False
    is_quiet: bool = False
    unexplained: Money = Money(ZERO)
    repairs: tuple[str, ...] = ()
    flagged: tuple[str, ...] = ()
    overfilled: tuple[str, ...] = ()
    look_again: timedelta | None = None
    opening_cash: str = ""
    flagged_to: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BreakerReset:
    """Reset an account's breaker, by a person."""

    account: AccountRef
    by: str = "operator"


@dataclass(frozen=True, slots=True, kw_only=True)
class ShardRun:
    """One life of a shard's activity; it ends by itself after `run_for`, so that its workflow can continue as new."""

    venue: str
    network: str
    egress: str = "default"
    shard: int = 0
    sync_every: timedelta = timedelta(seconds=30)
    run_for: timedelta = timedelta(hours=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class ShardReport:
    """What a life of a shard's activity came to."""

    accounts: int = 0
    syncs: int = 0
    fills: int = 0
    wakes: int = 0
