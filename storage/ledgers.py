"""What supervision and reconciliation read: an account's ledger, differences, exposure. Importable from `storage.records` too."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from domain.accounts import AccountRef
from domain.money import Money, Price, Quantity
from domain.orders import OrderKey, Side

OPENING = "taken over"
"""How a difference is repaired that is a position from before the account was added."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EquityPoint:
    """One point of the equity curve, by the venue's clock. `realised` is what the journaled fills had realised until then, after
    their fees; it is read for the first point alone."""

    account_id: str
    time: datetime
    equity: Money
    unrealised: Money = Money(Decimal(0))
    realised: Money = Money(Decimal(0))


@dataclass(frozen=True, slots=True, kw_only=True)
class Transfer:
    """Money that came or went without a trade, positive when it came. `kind` deposit, withdrawal, funding, ..."""

    account_id: str
    time: datetime
    kind: str
    amount: Money
    coin: str = ""
    reference: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CoinTotals:
    """A coin's fills since the account was added: `size` is the signed position that they lead to."""

    coin: str
    size: Quantity
    closed_pnl: Money
    fees: Money
    fills: int
    last_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveRow:
    """A journal row that may still trade."""

    key: OrderKey
    client_id: str
    coin: str
    state: str
    opening: bool
    side: Side
    size: Quantity
    oid: str
    user_id: str
    account_id: str
    approved_at: datetime
    not_after: datetime
    expires_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Ledger:
    """Everything that an account's journal says, to be compared with the venue."""

    account: AccountRef
    added_at: datetime
    totals: tuple[CoinTotals, ...] = ()
    funding: Money = Money(Decimal(0))
    transferred: Money = Money(Decimal(0))
    live: tuple[LiveRow, ...] = ()
    first_equity: EquityPoint | None = None
    openings: Mapping[str, Quantity] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundDifference:
    """A difference that a sync saw now, on a coin without live row. `kind` as in the table differences."""

    coin: str
    kind: str
    amount: Decimal
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """A difference with its history; it counts from `counted_at` on."""

    id: int
    account_id: str
    coin: str
    kind: str
    amount: Decimal
    note: str
    first_seen_at: datetime
    counted_at: datetime | None = None
    repaired_at: datetime | None = None
    repair: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Overfill:
    """An order whose fills are more than its size, and when the last of them was."""

    key: OrderKey
    client_id: str
    coin: str
    side: Side
    ordered: Quantity
    filled: Quantity
    last_at: datetime

    @property
    def excess(self) -> Decimal:
        """What filled beyond the order's size."""
        return Decimal(self.filled - self.ordered)


@dataclass(frozen=True, slots=True, kw_only=True)
class ExposedPosition:
    """A position and who owns its slot, '' when nobody does. `owner_touched_at` is the owner's last sign of life."""

    account: AccountRef
    coin: str
    side: Side
    size: Quantity
    entry_px: Price
    owner_intent: str = ""
    owner_phase: str = ""
    owner_touched_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """What a deployment (or a user) has done since an instant; latencies in seconds from decision to first fill."""

    cycles: int
    intents: int
    orders: int
    filled: int
    protected: int
    refused: int
    failed: int
    unknown: int
    fill_p50: float | None = None
    fill_p95: float | None = None
    unprotected_max: float | None = None
    unexplained: Decimal = Decimal(0)
    by_coin: dict[str, int] = field(default_factory=dict)
