"""Changing an open limit order: same id; the queue is kept only when the quantity shrinks at the same price."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

from paper.engine.orders import Order
from paper.fapi.calls import Call
from paper.fapi.cancelling import cancel, find
from paper.fapi.errors import Refused, missing
from paper.fapi.placing import check_place, enter_book, limit_of
from paper.fapi.reading import Wish, check_band, checked_price, checked_quantity, contract_of
from paper.fapi.terms import LIMIT
from paper.fapi.user_events import order_update


def modify(call: Call) -> Order:
    """Change price and quantity; an order that has filled as much as the new quantity is cancelled."""
    node, contract = call.node, contract_of(call.node, call.params)
    row = find(node, call.who, call.params, contract.coin)
    if row is None or row.oid not in node.venue.books[row.user].open_oids:
        raise Refused(-2013)
    terms = node.terms_of(row)
    if terms.type != LIMIT:
        raise Refused(-4000, "Invalid order status.")
    side = call.params.one_of("side", {"BUY", "SELL"}, -1117)
    if (side == "BUY") is not row.is_buy:
        raise Refused(-1117)
    qty, px = _wanted(call)
    qty, px = checked_quantity(qty, contract, is_market=False), checked_price(px, contract)
    if (qty, px) == (terms.qty, terms.price):
        raise Refused(-5027)
    check_band(px, node.venue.mark(contract.coin), contract, is_buy=row.is_buy)
    wish = Wish(contract=contract, is_buy=row.is_buy, terms=replace(terms, qty=qty - row.filled_sz, price=px))
    if qty <= row.filled_sz:
        return _end(call, row)
    _check(call, row, wish)
    _apply(call, row, qty, px)
    return row


def _wanted(call: Call) -> tuple[Decimal, Decimal]:
    qty, px = call.params.decimal("quantity"), call.params.decimal("price")
    if qty is None:
        raise missing("quantity")
    if px is None:
        raise missing("price")
    return qty, px


def _end(call: Call, row: Order) -> Order:
    return cancel(call.node, row)


def _check(call: Call, row: Order, wish: Wish) -> None:
    """Check the changed order as a new one, without the margin that the old one holds."""
    books = call.node.venue.books[row.user]
    books.open_oids.pop(row.oid)
    try:
        px = limit_of(call.node, call.node.venue.markets[row.coin], wish)
        check_place(call.node, call.account, wish, px)
    finally:
        books.open_oids[row.oid] = None


def _apply(call: Call, row: Order, qty: Decimal, px: Decimal) -> None:
    node, terms = call.node, call.node.terms_of(row)
    keeps_place = px == terms.price and qty < terms.qty
    terms.qty, terms.price = qty, px
    terms.amended += 1
    node.put_terms(terms)
    row.orig_sz, row.sz, row.limit_px = qty, qty - row.filled_sz, px
    node.venue.note(row)
    told = order_update(node, row, "AMENDMENT", None, node.venue.now())
    node.notify(row.user, "ORDER_TRADE_UPDATE", {"o": told["o"]})
    if keeps_place:
        return
    row.timestamp = node.venue.now()
    node.venue.markets[row.coin].book.remove(row)
    node.venue.books[row.user].open_oids.pop(row.oid)
    enter_book(node, row, terms)
