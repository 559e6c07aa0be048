"""What one request or one tick changed: for the store, which must have it before the answer, and for the streams."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from typing import NamedTuple

from paper.engine.accounts import Fill, FundingPayment, LedgerUpdate, ValueSample
from paper.engine.market import Trade
from paper.engine.orders import Order, OrderEvent
from paper.engine.twaps import Twap, TwapStatus


class OrderChanged(NamedTuple):
    """An order changed; for the orderUpdates stream."""

    order: Order
    event: OrderEvent


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelledByVenue:
    """An order was cancelled by the venue and not by its user; for userEvents."""

    user: str
    coin: str
    oid: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Liquidated:
    """An account or a position was liquidated; for userEvents."""

    user: str
    lid: int
    notional: Decimal
    account_value: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class FundingRate:
    """An hour's rate of a coin; `time` is market time at the hour."""

    coin: str
    time: int
    rate: Decimal
    premium: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class TwapChanged:
    """A TWAP began or ended; `executed_sz` is what it had traded then."""

    twap: Twap
    status: TwapStatus
    ms: int
    executed_sz: Decimal


Event = OrderChanged | TwapChanged | CancelledByVenue | Liquidated | Fill | FundingPayment | LedgerUpdate | Trade


@dataclass(slots=True)
class Changes:
    """Collects until somebody drains it; keys keep the order of first change.

    Of a `counted` account nothing changed but how many requests it has sent.
    """

    orders: dict[int, None] = field(default_factory=dict)
    accounts: dict[str, None] = field(default_factory=dict)
    counted: dict[str, None] = field(default_factory=dict)
    agents: dict[str, None] = field(default_factory=dict)
    vaults: dict[str, None] = field(default_factory=dict)
    twaps: dict[int, None] = field(default_factory=dict)
    nonces: list[tuple[str, int]] = field(default_factory=list)
    fills: list[Fill] = field(default_factory=list)
    fundings: list[FundingPayment] = field(default_factory=list)
    ledger: list[LedgerUpdate] = field(default_factory=list)
    rates: list[FundingRate] = field(default_factory=list)
    samples: list[ValueSample] = field(default_factory=list)
    is_meta: bool = False
    events: list[Event] = field(default_factory=list)

    @property
    def is_durable(self) -> bool:
        """Whether there is something to store."""
        rows = self.orders or self.accounts or self.counted or self.agents or self.nonces or self.fills or self.fundings
        rare = self.vaults or self.twaps or self.samples
        return bool(rows or rare or self.ledger or self.rates or self.is_meta)
