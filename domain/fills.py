"""Fills: the only thing that changes a position."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from domain.money import Money, Price, Quantity, require_finite
from domain.orders import Side


@dataclass(frozen=True, slots=True, kw_only=True)
class Fill:
    """One execution. Its identity is (account, time, coin, trade id): two of our users share the trade id of a trade.

    `fee` is positive when paid. `closed_pnl` is gross of fees, as Hyperliquid reports it. `start_position` is signed.
    """

    account_id: str
    time: datetime
    coin: str
    trade_id: str
    oid: str
    side: Side
    px: Price
    size: Quantity
    fee: Money = Money(Decimal(0))
    closed_pnl: Money = Money(Decimal(0))
    start_position: Quantity = Quantity(Decimal(0))
    client_id: str = ""
    is_taker: bool = True
    is_liquidation: bool = False

    def __post_init__(self) -> None:
        require_finite(px=self.px, size=self.size, fee=self.fee, closed_pnl=self.closed_pnl)

    @property
    def signed_size(self) -> Quantity:
        """Positive for a buy."""
        return Quantity(self.size * self.side.sign)


def filled_size(fills: tuple[Fill, ...]) -> Quantity:
    """Sum of the sizes."""
    return Quantity(sum((fill.size for fill in fills), Decimal(0)))


def average_price(fills: tuple[Fill, ...]) -> Price | None:
    """Size-weighted average price; None without fills."""
    size = filled_size(fills)
    return Price(sum((fill.px * fill.size for fill in fills), Decimal(0)) / size) if size else None
