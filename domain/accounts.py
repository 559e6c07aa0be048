"""Accounts as a venue shows them, and the portfolio that risk and advisers look at."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from domain.money import ZERO, Money, Price, Quantity
from domain.orders import Side, Trigger


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountRef:
    """Which account at which venue; `address` is the master's, never an agent's."""

    account_id: str
    user_id: str
    venue: str
    network: str
    address: str


KEPT_REQUESTS = 2_000
"""Kept for stops, closes and cancels: a fifth of what Hyperliquid gives every address. A fifth of all that an old account may send,
of millions, would be years of it."""

_FASTEST = 10
"""Requests a second that nobody who trades with an account is expected to exceed for long."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestCount:
    """Requests that an account has sent since ever, and those that it may send for what it has traded and bought.

    Hyperliquid: 10,000 and one for each USDC traded, sub-accounts apart (docs, "Rate limits and user limits").
    """

    used: int
    allowed: int

    @property
    def left(self) -> int:
        """How many may still be sent; below zero where more were sent than are allowed."""
        return self.allowed - self.used

    @property
    def good_for(self) -> timedelta:
        """How long the kept ones cannot be reached, a day at most; no time where they have been, as they may be more any moment."""
        return min(timedelta(seconds=max(self.left - KEPT_REQUESTS, 0) / _FASTEST), timedelta(days=1))


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldPosition:
    """A position as the venue shows it; `size` is signed."""

    coin: str
    size: Quantity
    entry_px: Price
    mark_px: Price
    unrealised_pnl: Money = Money(ZERO)
    margin_used: Money = Money(ZERO)
    leverage: int = 1
    liquidation_px: Price | None = None
    funding_since_open: Money = Money(ZERO)

    @property
    def notional(self) -> Money:
        """Absolute value at mark."""
        return Money(abs(self.size) * self.mark_px)

    @property
    def side(self) -> Side:
        """The side that opened it."""
        return Side.BUY if self.size > 0 else Side.SELL


@dataclass(frozen=True, slots=True, kw_only=True)
class RestingOrder:
    """An order open at the venue. `size` is what remains; `client_id` is empty for an order without one."""

    coin: str
    oid: str
    client_id: str
    side: Side
    size: Quantity
    original_size: Quantity
    limit_px: Price
    reduce_only: bool
    placed_at: datetime
    trigger: Trigger | None = None

    @property
    def is_opening(self) -> bool:
        """Whether it could increase exposure."""
        return not self.reduce_only


@dataclass(frozen=True, slots=True, kw_only=True)
class Portfolio:
    """One account at one instant of the venue's clock.

    `equity` includes unrealised PnL; `available` is what can be withdrawn or used as margin. `net_transfers` is the sum of
    deposits minus withdrawals since the account was added, so that PnL can exclude them.
    """

    account_id: str
    as_of: datetime
    equity: Money
    available: Money
    margin_used: Money = Money(ZERO)
    positions: tuple[HeldPosition, ...] = ()
    orders: tuple[RestingOrder, ...] = ()

    def position(self, coin: str) -> HeldPosition | None:
        """The position in a coin, None when flat."""
        return next((held for held in self.positions if held.coin == coin and held.size != 0), None)

    @property
    def total_notional(self) -> Money:
        """Sum of the absolute notionals."""
        return Money(sum((held.notional for held in self.positions), Decimal(0)))

    @property
    def is_flat(self) -> bool:
        """No position and no order."""
        return not self.orders and all(held.size == 0 for held in self.positions)
