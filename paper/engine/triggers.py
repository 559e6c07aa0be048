"""Stops and take-profits: they fire on the mark."""

from __future__ import annotations

from decimal import Decimal

from paper.engine.checks import has_fired, opposes
from paper.engine.errors import OrderRefused
from paper.engine.instruments import tick_down, tick_up
from paper.engine.market import Market
from paper.engine.orders import Order, Status, Tif
from paper.engine.placing import enter_book
from paper.engine.trades import close_order
from paper.engine.venue import PaperVenue

TOLERANCE = Decimal("0.1")


def fire_triggers(venue: PaperVenue, market: Market) -> None:
    """Fire every trigger of a coin that the mark has reached, oldest first."""
    for oid in tuple(market.triggers):
        order = venue.orders[oid]
        trigger = order.trigger
        if trigger is not None and order.is_live and has_fired(trigger, market.mark, is_buy=order.is_buy):
            _fire(venue, market, order)


def _fire(venue: PaperVenue, market: Market, order: Order) -> None:
    """Turn a trigger into an order; a market one is a limit ten percent beyond the mark whose rest stays in the book."""
    assert order.trigger is not None
    market.triggers.pop(order.oid, None)
    venue.books[order.user].open_oids.pop(order.oid, None)
    order.is_fired = True
    order.timestamp = venue.now()
    order.tif = Tif.GTC
    if order.trigger.is_market:
        order.limit_px = _tolerated(market, is_buy=order.is_buy)
    try:
        _size_to_position(venue, order)
    except OrderRefused as refused:
        order.error = refused.text
        close_order(venue, order, Status.REDUCE_ONLY_REJECTED)
        return
    venue.note(order, Status.TRIGGERED)
    enter_book(venue, order)


def _tolerated(market: Market, *, is_buy: bool) -> Decimal:
    decimals = market.perp.tick_decimals
    if is_buy:
        return tick_up(market.mark * (1 + TOLERANCE), decimals)
    return tick_down(market.mark * (1 - TOLERANCE), decimals)


def _size_to_position(venue: PaperVenue, order: Order) -> None:
    szi = venue.accounts[order.user].szi(order.coin)
    if order.reduce_only or order.is_position_tpsl:
        if not opposes(szi, is_buy=order.is_buy):
            raise OrderRefused("Reduce only order would increase position.", Status.REDUCE_ONLY_REJECTED)
        if order.orig_sz == 0:
            order.sz = order.orig_sz = abs(szi)
        order.sz = min(order.sz, abs(szi))
