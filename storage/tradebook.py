"""What lists and the dashboard show of trading: intents, orders, fills, trades and performance of one user."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Protocol

from domain.fills import Fill
from domain.intents import Intent, IntentPhase
from domain.money import Money, Price, Quantity
from domain.orders import Side
from storage.records import Figures, Page


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """Narrows a list; empty fields do not."""

    account_id: str = ""
    agent_id: str = ""
    intent_id: str = ""
    coin: str = ""
    phase: str = ""
    is_live: bool | None = None
    since: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class IntentRecord:
    """An intent with what became of it."""

    intent: Intent
    phase: IntentPhase
    reason_code: str
    reason: str
    filled_size: Quantity
    created_at: datetime
    touched_at: datetime
    average_px: Price | None = None
    realised_pnl: Money | None = None
    stop_px: Price | None = None
    take_profit_px: Price | None = None
    first_fill_at: datetime | None = None
    protected_at: datetime | None = None
    finished_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderRecord:
    """A row of the journal with the clock of its uncertainty; `looks` is the resolution log, oldest first."""

    intent_id: str
    leg: str
    step: str
    client_id: str
    account_id: str
    coin: str
    state: str
    opening: bool
    side: Side
    size: Quantity
    limit_px: Price
    tif: str
    reduce_only: bool
    trigger_px: Price | None
    oid: str
    filled_size: Quantity
    average_px: Price | None
    code: str
    reason: str
    trace_id: str
    approved_at: datetime
    not_after: datetime
    expires_at: datetime | None = None
    sent_at: datetime | None = None
    unknown_since: datetime | None = None
    resolved_at: datetime | None = None
    looks: tuple[dict[str, object], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class FillRecord:
    """A fill and what it belongs to; `intent_id` is empty for a trade by hand or by another program."""

    fill: Fill
    intent_id: str = ""
    step: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trade:
    """A row of the trade log: all fills of one order."""

    account_id: str
    asset: str
    side: Side
    size: Quantity
    price: Price
    realised_pnl: Money
    fee: Money
    time: datetime
    fills: int
    oid: str
    intent_id: str = ""
    agent_id: str = ""
    step: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Performance:
    """Results since an instant. `net_pnl` is realised PnL minus fees plus funding; drawdown is a fraction of the peak."""

    trades: int
    wins: int
    losses: int
    realised_pnl: Money
    fees: Money
    funding: Money
    net_pnl: Money
    turnover: Money
    equity: Money
    start_equity: Money
    max_drawdown: Decimal
    win_rate: Decimal | None = None
    profit_factor: Decimal | None = None
    by_coin: dict[str, Money] = field(default_factory=dict)


class TradeBook(Protocol):
    """Lists of one user's trading, newest first."""

    def intents(
        self, user_id: str, where: Filter | None = None, *, cursor: str = "", limit: int = 50
    ) -> Page[IntentRecord]:
        """List intents."""

    def intent(self, user_id: str, intent_id: str) -> IntentRecord | None:
        """Read an intent of a user."""

    def orders(
        self, user_id: str, where: Filter | None = None, *, cursor: str = "", limit: int = 50
    ) -> Page[OrderRecord]:
        """List rows of the journal."""

    def fills(
        self, user_id: str, where: Filter | None = None, *, cursor: str = "", limit: int = 50
    ) -> Page[FillRecord]:
        """List fills."""

    def trades(self, user_id: str, where: Filter | None = None, *, cursor: str = "", limit: int = 50) -> Page[Trade]:
        """List the trade log."""

    def performance(self, user_id: str, *, account_id: str = "", since: datetime | None = None) -> Performance:
        """Sum up results."""

    def figures(self, *, user_id: str = "", since: datetime | None = None) -> Figures:
        """Count what was done, of a user or of the whole deployment."""
