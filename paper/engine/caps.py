"""Limits on the size of orders and positions (reference 5.2, 5.7 and the error list of 2.7)."""

from __future__ import annotations

from decimal import Decimal

from paper.engine.accounts import Account
from paper.engine.errors import OrderRefused
from paper.engine.interest import is_capped
from paper.engine.market import Market
from paper.engine.matching import would_match
from paper.engine.orders import TAKING, Order, Status
from paper.engine.settings import Settings
from paper.engine.venue import PaperVenue

# From which maximum leverage a market order may be how large (USD); a limit order ten times as much.
TOP_LEVERAGE = 25
LARGEST_BELOW = (
    (20, Decimal(5_000_000)),
    (10, Decimal(2_000_000)),
    (1, Decimal(500_000)),
)
LIMIT_FACTOR = 10


def largest_market_orders(settings: Settings) -> list[tuple[int, Decimal]]:
    """Return the largest value of a market order (USD) by the maximum leverage from which on it holds."""
    return [(TOP_LEVERAGE, settings.largest_market_order), *LARGEST_BELOW]


def largest_market_order(settings: Settings, max_leverage: int) -> Decimal:
    """Return the largest value of a market order in a coin (USD)."""
    if max_leverage >= TOP_LEVERAGE:
        return settings.largest_market_order
    return next(value for leverage, value in LARGEST_BELOW if max_leverage >= leverage)


def check_caps(venue: PaperVenue, account: Account, order: Order) -> None:
    """Refuse an opening order that is too large for the coin, its margin tier or its open interest."""
    market = venue.markets[order.coin]
    if venue.settings.order_value_caps:
        _check_value_cap(venue.settings, market, order)
    _check_tier(venue, account, market, order)
    if market.open_interest_cap is not None or market.open_interest_growth is not None:
        _check_open_interest(venue, account, market, order)


def _check_value_cap(settings: Settings, market: Market, order: Order) -> None:
    largest = largest_market_order(settings, market.perp.max_leverage)
    if order.tif not in TAKING:
        largest *= LIMIT_FACTOR
    if order.sz * order.limit_px > largest:
        # The venue's own text for this is not known.
        raise OrderRefused("Order has invalid size.")


def _check_tier(venue: PaperVenue, account: Account, market: Market, order: Order) -> None:
    tiers = market.perp.tiers
    if len(tiers) < 2:
        return
    szi = account.szi(order.coin)
    after = abs(szi + (order.sz if order.is_buy else -order.sz))
    notional = after * market.mark
    if notional < tiers[1].lower_bound:
        # Nobody can choose more than the first tier allows.
        return
    allowed = next(tier for tier in reversed(tiers) if notional >= tier.lower_bound).max_leverage
    if after > abs(szi) and venue.leverage(account, order.coin).value > allowed:
        text = "Order would cause position to exceed margin tier limit at current leverage"
        raise OrderRefused(text, Status.PERP_MAX_POSITION_REJECTED)


def _check_open_interest(venue: PaperVenue, account: Account, market: Market, order: Order) -> None:
    szi = account.szi(order.coin)
    after = szi + (order.sz if order.is_buy else -order.sz)
    if abs(after) <= abs(szi):
        return
    growth = market.open_interest_growth
    if growth is not None and (abs(after) - abs(szi)) * market.mark > growth:
        text = "Order would increase open interest too quickly"
        raise OrderRefused(text, Status.OPEN_INTEREST_INCREASE_REJECTED)
    if not is_capped(venue, market):
        return
    if would_match(venue, order):
        is_flip = szi * after < 0
        text = "Order would increase open interest while open interest is capped"
        flip, increase = Status.POSITION_FLIP_AT_CAP_REJECTED, Status.POSITION_INCREASE_AT_CAP_REJECTED
        raise OrderRefused(text, flip if is_flip else increase)
    is_aggressive = order.limit_px > market.oracle if order.is_buy else order.limit_px < market.oracle
    if is_aggressive:
        text = "Order rejected due to price more aggressive than oracle while at open interest cap"
        raise OrderRefused(text, Status.TOO_AGGRESSIVE_AT_CAP_REJECTED)
