"""One coin's market: prices from the feed, the simulated makers, the users' orders and the tape."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from decimal import Decimal

from paper.engine.accounts import LeverageChoice
from paper.engine.book import Book
from paper.engine.instruments import Perp
from paper.engine.liquidity import Level, Liquidity
from paper.engine.orders import Order

ZERO = Decimal(0)
DEFAULT_LEVERAGE = 20
SIMULATED_USER = "0x5100000000000000000000000000000000000051"


@dataclass(frozen=True, slots=True, kw_only=True)
class Trade:
    """A public trade; `is_buy` is the aggressor's side."""

    coin: str
    is_buy: bool
    px: Decimal
    sz: Decimal
    time: int
    hash: str
    tid: int
    buyer: str
    seller: str


@dataclass(slots=True, kw_only=True)
class Market:
    """The state of one coin; `mark` and `oracle` are on tick, `mid` may lie half a tick off."""

    perp: Perp
    liquidity: Liquidity
    book: Book = field(default_factory=Book)
    mid: Decimal = ZERO
    mark: Decimal = ZERO
    oracle: Decimal = ZERO
    open_interest_cap: Decimal | None = None
    open_interest_growth: Decimal | None = None
    is_delisted: bool = False
    triggers: dict[int, None] = field(default_factory=dict)
    tape: deque[Trade] = field(default_factory=lambda: deque(maxlen=200))
    default_leverage: LeverageChoice = field(init=False)

    def __post_init__(self) -> None:
        value = min(DEFAULT_LEVERAGE, self.perp.max_leverage)
        self.default_leverage = LeverageChoice(is_cross=True, value=value)

    def best(self, orders: dict[int, Order], now_ms: int, *, is_bid: bool) -> Level | None:
        """Return the best bid or ask over users and simulated makers."""
        simulated = self.liquidity.first(is_bid=is_bid, now_ms=now_ms)
        first = self.book.side(is_buy=is_bid).best()
        if first is None:
            return simulated
        order = orders[first]
        is_users = simulated is None or (order.limit_px >= simulated.px if is_bid else order.limit_px <= simulated.px)
        return Level(px=order.limit_px, sz=order.sz) if is_users else simulated

    def depth(self, orders: dict[int, Order], now_ms: int, *, is_bid: bool) -> list[tuple[Decimal, Decimal, int]]:
        """Return (price, size, number of orders) best first, users and simulated makers merged."""
        merged: dict[Decimal, tuple[Decimal, int]] = {
            level.px: (level.sz, 1) for level in self.liquidity.levels(is_bid=is_bid, now_ms=now_ms)
        }
        for oid in self.book.side(is_buy=is_bid):
            order = orders[oid]
            size, count = merged.get(order.limit_px, (ZERO, 0))
            merged[order.limit_px] = (size + order.sz, count + 1)
        return [(px, *merged[px]) for px in sorted(merged, reverse=is_bid)]
