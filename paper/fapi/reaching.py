"""Whether the price of a condition is reached."""

from __future__ import annotations

from decimal import Decimal

from paper.engine.market import Market
from paper.engine.orders import Order
from paper.fapi.errors import Refused
from paper.fapi.node import Node
from paper.fapi.terms import STOPS, TRAILING, Terms

HUNDRED = Decimal(100)


def price_of(market: Market, terms: Terms) -> Decimal:
    """Return the mark or the contract price, as the order's working type wants it."""
    return market.mark if terms.working_type == "MARK_PRICE" else market.mid


def check_not_reached(node: Node, order: Order, terms: Terms) -> None:
    """Refuse a condition that the present price fulfils already."""
    price = price_of(node.venue.markets[order.coin], terms)
    if terms.type != TRAILING:
        if is_reached(order, terms, price):
            raise Refused(-2021)
        return
    if terms.activate_price and (terms.activate_price >= price if order.is_buy else terms.activate_price <= price):
        raise Refused(-2021)
    terms.is_active, terms.extreme = not terms.activate_price, price


def is_reached(order: Order, terms: Terms, price: Decimal) -> bool:
    """Tell whether a price fulfils a condition: buy stops and sell profits on the way up, the others on the way down."""
    if terms.type == TRAILING:
        turn = terms.callback / HUNDRED
        limit = terms.extreme * (1 + turn if order.is_buy else 1 - turn)
        return terms.is_active and (price >= limit if order.is_buy else price <= limit)
    goes_up = (terms.type in STOPS) is order.is_buy
    return price >= terms.stop_price if goes_up else price <= terms.stop_price
