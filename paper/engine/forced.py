"""Orders that the venue sends in an account's name: liquidations, vault closings, TWAP slices."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from paper.engine.accounts import Account
from paper.engine.instruments import tick_down, tick_up
from paper.engine.market import Market
from paper.engine.orders import Order, Origin, Status, Tif
from paper.engine.placing import enter_book
from paper.engine.venue import PaperVenue


@dataclass(frozen=True, slots=True, kw_only=True)
class Forced:
    """What the venue wants to trade; `reach` is how far from the mark it goes, as a fraction."""

    is_buy: bool
    sz: Decimal
    reach: Decimal
    purpose: str
    is_liquidation: bool = False


def force(venue: PaperVenue, account: Account, market: Market, wanted: Forced) -> Order:
    """Send a reduce-only market order for an account past all checks; what finds no counterparty is dropped."""
    factor = 1 + wanted.reach if wanted.is_buy else 1 - wanted.reach
    rounded = tick_up if wanted.is_buy else tick_down
    order = Order(
        oid=venue.take_oid(),
        user=account.address,
        coin=market.perp.coin,
        asset=market.perp.asset,
        is_buy=wanted.is_buy,
        limit_px=rounded(market.mark * factor, market.perp.tick_decimals),
        sz=wanted.sz,
        orig_sz=wanted.sz,
        reduce_only=True,
        tif=Tif.LIQUIDATION_MARKET if wanted.is_liquidation else Tif.FRONTEND_MARKET,
        admitted_ms=venue.clock(),
        timestamp=venue.now(),
        origin=Origin(signer="liquidation" if wanted.is_liquidation else "venue"),
        is_liquidation=wanted.is_liquidation,
        purpose="" if wanted.is_liquidation else wanted.purpose,
    )
    venue.admit(order)
    venue.note(order, Status.OPEN)
    enter_book(venue, order)
    return order
