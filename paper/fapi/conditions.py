"""Conditional orders: stops, take-profits and trailing stops wait for their price, then become orders.

In the algo order service a fired order stays what it was and a new order is its child; on the order endpoint the order itself
enters the book under its own id (reference 2.2 and 3.5). The contract price of the model is the mid, as the mark is.
"""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

from paper.engine.market import Market
from paper.engine.orders import Order, Status
from paper.engine.trades import close_order
from paper.fapi.errors import Refused
from paper.fapi.node import Node
from paper.fapi.params import Params
from paper.fapi.placing import admit, build, check_place, enter_book, limit_of, opposes, reduces
from paper.fapi.reaching import is_reached, price_of
from paper.fapi.reading import Wish, client_id
from paper.fapi.terms import LIMIT, MARKET, TRAILING, AlgoStatus, Terms

ZERO = Decimal(0)


def fire_conditions(node: Node, market: Market) -> None:
    """Fire every condition of a coin that its price has reached, oldest first."""
    for oid in tuple(node.waiting.get(market.perp.coin, {})):
        order, terms = node.venue.orders[oid], node.terms[oid]
        if not order.is_live:
            node.stop_waiting(order)
            continue
        price = price_of(market, terms)
        if terms.type == TRAILING:
            _follow(node, order, terms, price)
        if is_reached(order, terms, price):
            fire(node, order, terms)


def _follow(node: Node, order: Order, terms: Terms, price: Decimal) -> None:
    before = (terms.is_active, terms.extreme)
    if not terms.is_active:
        terms.is_active = price <= terms.activate_price if order.is_buy else price >= terms.activate_price
        terms.extreme = price
    terms.extreme = min(terms.extreme, price) if order.is_buy else max(terms.extreme, price)
    if before != (terms.is_active, terms.extreme):
        node.put_terms(terms)


def fire(node: Node, order: Order, terms: Terms) -> None:
    """Turn a conditional order into an order, or end it where there is nothing left to do."""
    node.stop_waiting(order)
    terms.fired_ms = node.venue.now()
    node.put_terms(terms)
    contract = node.contract_of(order.coin)
    wish = Wish(contract=contract, is_buy=order.is_buy, terms=_fired(node, order, terms))
    market = node.venue.markets[order.coin]
    try:
        px = limit_of(node, market, wish)
        check_place(node, node.venue.accounts[order.user], wish, px)
    except Refused as refused:
        _end(node, order, terms, refused)
        return
    if terms.is_algo:
        _become_child(node, order, terms, wish, px)
    else:
        _become_order(node, order, terms, wish, px)


def _fired(node: Node, order: Order, terms: Terms) -> Terms:
    """Return the terms of the order that is born; a close-all order takes the size of the position now."""
    szi = node.venue.accounts[order.user].szi(order.coin)
    qty = terms.qty
    if terms.close_position:
        qty = abs(szi) if opposes(szi, is_buy=order.is_buy) else ZERO
    kind = LIMIT if terms.price else MARKET
    return replace(terms, type=kind, qty=qty, is_algo=False, algo_status=AlgoStatus.NONE)


def _end(node: Node, order: Order, terms: Terms, refused: Refused) -> None:
    terms.algo_status = AlgoStatus.EXPIRED if terms.close_position else AlgoStatus.REJECTED
    terms.reason = "expired" if not terms.is_algo else refused.text
    order.error = refused.text
    close_order(node.venue, order, Status.REDUCE_ONLY_REJECTED)


def _become_child(node: Node, order: Order, terms: Terms, wish: Wish, px: Decimal) -> None:
    """Place the child; the algo order is done when the child is."""
    node.venue.books[order.user].open_oids.pop(order.oid, None)
    child_terms = replace(wish.terms, oid=node.venue.take_oid(), parent=terms.oid, original_type=wish.terms.type)
    if node.settings.algo_child_client_id == "generated":
        child_terms.client_id = client_id(Params({}), "")
    terms.algo_status, terms.child = AlgoStatus.TRIGGERED, child_terms.oid
    close_order(node.venue, order, Status.CANCELED)
    child = build(node, order.user, replace(wish, terms=child_terms), px, order.origin)
    admit(node, child, child_terms)


def _become_order(node: Node, order: Order, terms: Terms, wish: Wish, px: Decimal) -> None:
    venue = node.venue
    venue.books[order.user].open_oids.pop(order.oid, None)
    order.is_fired = True
    order.timestamp = venue.now()
    order.limit_px, order.sz, order.orig_sz = px, wish.terms.qty, wish.terms.qty
    order.reduce_only = reduces(wish)
    venue.note(order, Status.TRIGGERED)
    terms.type, terms.qty = wish.terms.type, wish.terms.qty
    terms.algo_status = AlgoStatus.TRIGGERED
    node.put_terms(terms)
    venue.note(order, Status.OPEN)
    enter_book(node, order, terms)
