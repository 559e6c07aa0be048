"""What storage answers that is no domain value: rows as the API, the CLI and supervision see them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Generic, TypeVar

from domain.accounts import AccountRef, Portfolio
from domain.agents import AgentConfig, AgentStatus
from domain.halts import HaltFlag
from domain.orders import OrderKey
from storage.ledgers import (
    CoinTotals,
    Difference,
    EquityPoint,
    ExposedPosition,
    Figures,
    FoundDifference,
    Ledger,
    LiveRow,
    Transfer,
)

__all__ = [
    "AccountRecord",
    "AgentRecord",
    "ApiKey",
    "AuditEntry",
    "AuditVerdict",
    "Caller",
    "CoinTotals",
    "Difference",
    "Epoch",
    "EquityPoint",
    "Event",
    "ExposedPosition",
    "Figures",
    "FoundDifference",
    "HaltRecord",
    "InFlight",
    "IssuedKey",
    "Ledger",
    "LiveRow",
    "Page",
    "RestingOpening",
    "Scope",
    "SignerRecord",
    "StoredAnswer",
    "StoredRiskDecision",
    "SyncedPortfolio",
    "Transfer",
    "User",
]

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Page(Generic[T]):
    """Part of a list; `next_cursor` is empty at its end."""

    items: tuple[T, ...]
    next_cursor: str = ""


class Scope(StrEnum):
    """What an API key may do; each includes the ones before it."""

    READ = "read"
    TRADE = "trade"
    ADMIN = "admin"


@dataclass(frozen=True, slots=True, kw_only=True)
class User:
    """A user."""

    user_id: str
    name: str
    email: str = ""
    is_admin: bool = False
    created_at: datetime
    disabled_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiKey:
    """An API key without its secret; `prefix` is what a person recognises it by."""

    key_id: str
    user_id: str
    name: str
    prefix: str
    scopes: tuple[Scope, ...]
    created_at: datetime
    last_used_at: datetime | None = None
    revoked_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class IssuedKey:
    """A new API key with its secret, which nobody can read again."""

    secret: str
    key: ApiKey


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Who makes a request."""

    user_id: str
    name: str
    key_id: str
    scopes: tuple[Scope, ...]
    is_admin: bool = False

    def may(self, scope: Scope) -> bool:
        """Say whether a scope is covered by one of the key's."""
        order = tuple(Scope)
        return any(order.index(held) >= order.index(scope) for held in self.scopes)


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountRecord:
    """An account as its owner sees it. `manual_trades` is flag or adopt; `exposed_at` is when it was last not flat."""

    ref: AccountRef
    name: str
    active: bool
    egress: str
    shard: int
    manual_trades: str
    created_at: datetime
    exposed_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SignerRecord:
    """An agent key without its secret."""

    signer_id: str
    account_id: str
    user_id: str
    address: str
    name: str
    created_at: datetime
    valid_until: datetime | None = None
    retired_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentRecord:
    """An agent and how it stands. `active` agents are started again with the platform."""

    config: AgentConfig
    active: bool
    status: AgentStatus
    status_reason: str
    cycle: int
    created_at: datetime
    last_cycle_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SyncedPortfolio:
    """A portfolio from the read model, when it was synced and how long ago that is, both by the database's clock."""

    portfolio: Portfolio
    synced_at: datetime
    age: timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class HaltRecord:
    """A halt as it was committed; CLOSED at `at`, DRAINED at `drained_at`."""

    id: int
    flag: HaltFlag
    at: datetime
    drained_at: datetime | None = None
    released_by: str = ""
    released_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class InFlight:
    """Opening rows of an account whose requests may still be admitted until `last_deadline` by the venue's clock."""

    account: AccountRef
    rows: int
    last_deadline: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class RestingOpening:
    """A working opening order, for a halt to cancel."""

    account: AccountRef
    key: OrderKey
    coin: str
    oid: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Epoch:
    """One life of the database. Opens wait while `confirmed_by` is empty or `asserted_at` is None."""

    epoch: str
    deployment_id: str
    seen_at: datetime
    confirmed_by: str = ""
    asserted_at: datetime | None = None

    @property
    def is_open(self) -> bool:
        """Whether a person (or an unchanged deployment) confirmed it and the halts are back."""
        return bool(self.confirmed_by) and self.asserted_at is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One entry of a user's stream."""

    id: int
    user_id: str
    kind: str
    at: datetime
    body: dict[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditEntry:
    """One act, chained to the one before by its hash."""

    id: int
    at: datetime
    actor: str
    action: str
    object: str
    body: dict[str, str]
    hash: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditVerdict:
    """Whether the chain holds; `broken_at` is the id of the first entry that does not fit, 0 when all do."""

    entries: int
    broken_at: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredAnswer:
    """The answer that a request with this idempotency key got."""

    status: int
    body: object


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredRiskDecision:
    """A risk decision with the numbers that led to it."""

    id: int
    account_id: str
    intent_id: str
    step: str
    allowed: bool
    code: str
    message: str
    numbers: dict[str, str]
    at: datetime
