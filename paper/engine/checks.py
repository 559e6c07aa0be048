"""The checks an order passes before it may match, in the venue's order (reference 7.1)."""

from __future__ import annotations

from decimal import Decimal

from paper.engine.accounts import Account, AccountBooks
from paper.engine.caps import check_caps
from paper.engine.errors import OrderRefused
from paper.engine.instruments import MINIMUM_NOTIONAL, is_on_tick
from paper.engine.margin import cross_value, extra_of, required_margin
from paper.engine.market import Market
from paper.engine.orders import Order, Status, Tif, Trigger
from paper.engine.requests import Grouping, OrderRequest
from paper.engine.settings import Settings
from paper.engine.spot import USDC, available
from paper.engine.venue import PaperVenue

ZERO = Decimal(0)
OPEN_ORDERS = 1000
OPEN_ORDERS_LIMIT = 5000
VOLUME_PER_ORDER = Decimal(5_000_000)


def check_shape(venue: PaperVenue, account: Account, wanted: OrderRequest, grouping: Grouping) -> Market:
    """Refuse what never gets an order id: bad prices and sizes, halts, a reused cloid; returns the order's market."""
    market, settings = venue.market_of(wanted.asset), venue.settings
    if market is None:
        raise OrderRefused("Invalid asset")
    if settings.trading_halted or market.is_delisted:
        raise OrderRefused("Trading is halted")
    if settings.post_only_phase and wanted.tif is not Tif.ALO:
        raise OrderRefused("Only post-only orders allowed immediately after network upgrade")
    perp, trigger = market.perp, wanted.trigger
    if perp.is_spot and trigger is not None:
        raise OrderRefused("Invalid TP/SL price.")
    if wanted.limit_px <= 0:
        raise OrderRefused("Order has invalid price.")
    if not is_on_tick(wanted.limit_px, perp.tick_decimals):
        raise OrderRefused("Price must be divisible by tick size.")
    if trigger is not None and not is_on_tick(trigger.px, perp.tick_decimals):
        raise OrderRefused("Price must be divisible by tick size.")
    is_whole = trigger is not None and grouping is Grouping.POSITION_TPSL
    if wanted.sz == 0 and not is_whole:
        raise OrderRefused("Order has zero size.")
    if wanted.sz < 0 or wanted.sz % perp.lot != 0:
        raise OrderRefused("Order has invalid size.")
    if wanted.cloid is not None:
        _check_cloid(settings, venue.books[account.address], wanted.cloid)
    if settings.price_band_error == "reference":
        check_band(settings, market, wanted.limit_px)
    return market


def _check_cloid(settings: Settings, books: AccountBooks, cloid: str) -> None:
    used = cloid in books.by_cloid and cloid not in books.released
    books.released.discard(cloid)
    if used and settings.duplicate_cloid == "reject":
        raise OrderRefused("Duplicate cloid.")


def check_order(venue: PaperVenue, account: Account, order: Order, *, children: bool = False) -> None:
    """Refuse what the matching stage refuses, and shrink an oversized reduce-only order to the position."""
    _check_value(venue, account, order)
    if venue.settings.price_band_error == "oracle":
        check_band(venue.settings, venue.markets[order.coin], order.limit_px)
    if order.trigger is not None:
        _check_trigger(venue, account, order, order.trigger, has_parent=children)
    elif order.reduce_only:
        _shrink_to_position(account, order)
    _check_open_orders(venue, account, order)
    if order.asset in venue.spot_assets:
        _check_balance(venue, account, order)
    elif order.trigger is None and not order.reduce_only:
        check_caps(venue, account, order)
        _check_margin(venue, account, order)


def _check_value(venue: PaperVenue, account: Account, order: Order) -> None:
    whole = order.reduce_only and order.sz >= abs(account.szi(order.coin)) > 0
    if whole or (order.is_position_tpsl and order.sz == 0):
        return
    if order.sz * order.limit_px < MINIMUM_NOTIONAL:
        least = "10 USDC" if order.asset in venue.spot_assets else "$10"
        raise OrderRefused(f"Order must have minimum value of {least}.", Status.MIN_TRADE_NTL_REJECTED)


def check_band(settings: Settings, market: Market, limit_px: Decimal) -> None:
    """Refuse a limit too far from the mark."""
    reference, band = market.mark, settings.price_band
    if abs(limit_px - reference) > band * reference:
        text = f"Order price cannot be more than {int(band * 100)}% away from the reference price"
        if settings.price_band_error == "oracle":
            text = "Price too far from oracle"
        raise OrderRefused(text, Status.ORACLE_REJECTED)


def opposes(szi: Decimal, *, is_buy: bool) -> bool:
    """Tell whether an order on a side reduces a position."""
    return szi < 0 if is_buy else szi > 0


def _shrink_to_position(account: Account, order: Order) -> None:
    szi = account.szi(order.coin)
    if not opposes(szi, is_buy=order.is_buy):
        raise OrderRefused("Reduce only order would increase position.", Status.REDUCE_ONLY_REJECTED)
    order.sz = min(order.sz, abs(szi))


def has_fired(trigger: Trigger, mark: Decimal, *, is_buy: bool) -> bool:
    """Tell whether a mark fires a trigger: sell stops and buy profits on the way down, the others on the way up."""
    fires_down = (trigger.tpsl == "sl") != is_buy
    return mark <= trigger.px if fires_down else mark >= trigger.px


def _check_trigger(venue: PaperVenue, account: Account, order: Order, trigger: Trigger, *, has_parent: bool) -> None:
    if venue.settings.trigger_must_reduce and not order.reduce_only:
        raise OrderRefused("Invalid TP/SL price.", Status.BAD_TRIGGER_PX_REJECTED)
    reference = order_reference(venue, order)
    if has_fired(trigger, reference, is_buy=order.is_buy):
        raise OrderRefused("Invalid TP/SL price.", Status.BAD_TRIGGER_PX_REJECTED)
    needs_position = order.is_position_tpsl and venue.settings.position_tpsl_without_position == "reject"
    if needs_position and not has_parent and not opposes(account.szi(order.coin), is_buy=order.is_buy):
        raise OrderRefused("Reduce only order would increase position.", Status.REDUCE_ONLY_REJECTED)


def order_reference(venue: PaperVenue, order: Order) -> Decimal:
    """Return the price against which a trigger is judged: the mark, or the limit of a parent that has yet to fill."""
    if order.is_waiting_for_parent and order.parent is not None:
        return venue.orders[order.parent].limit_px
    return venue.mark(order.coin)


def _check_open_orders(venue: PaperVenue, account: Account, order: Order) -> None:
    count = len(venue.books[account.address].open_oids)
    if count < OPEN_ORDERS:
        return
    cap = min(OPEN_ORDERS + int(account.volume / VOLUME_PER_ORDER), OPEN_ORDERS_LIMIT)
    if count >= cap or order.reduce_only or order.trigger is not None:
        raise OrderRefused("Too many open orders.", Status.TOO_MANY_OPEN_ORDERS_REJECTED)


def _check_margin(venue: PaperVenue, account: Account, order: Order) -> None:
    after = required_margin(venue, account, extra_of(order.coin, order.sz, is_buy=order.is_buy))
    if after > cross_value(venue, account) and after > required_margin(venue, account):
        raise OrderRefused("Insufficient margin to place order.", Status.PERP_MARGIN_REJECTED)


def _check_balance(venue: PaperVenue, account: Account, order: Order) -> None:
    token = USDC if order.is_buy else venue.markets[order.coin].perp.base
    needed = order.sz * order.limit_px if order.is_buy else order.sz
    if needed > available(venue, account, token):
        raise OrderRefused("Insufficient spot balance", Status.INSUFFICIENT_SPOT_BALANCE_REJECTED)
