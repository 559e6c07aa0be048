"""Finding and cancelling orders by id or by the client's id."""

from __future__ import annotations

from paper.engine.orders import Order, Status
from paper.engine.trades import close_order
from paper.fapi.errors import Refused
from paper.fapi.hedging import coin_of
from paper.fapi.node import Node
from paper.fapi.params import Params
from paper.fapi.terms import AlgoStatus, Terms
from paper.fapi.users import User

LOOKUP_DAYS = 90
DAY_MS = 86_400_000


def find(node: Node, user: User, params: Params, coin: str | None, *, is_algo: bool = False) -> Order | None:
    """Return a user's order by `orderId`, or the newest under `origClientOrderId`; None when there is none."""
    id_name, client_name = ("algoId", "clientAlgoId") if is_algo else ("orderId", "origClientOrderId")
    oid = params.number(id_name)
    if oid is None and not params.has(client_name):
        raise Refused(
            -1102, f"Param '{client_name.lower()}' or '{id_name.lower()}' must be sent, but both were empty/null!"
        )
    books = node.venue.books[node.account_of(user).address]
    oids = [oid] if oid is not None else list(reversed(books.by_cloid.get(params.text(client_name), [])))
    for candidate in oids:
        order = node.venue.orders.get(candidate)
        if order is None or order.user != user.name or (coin is not None and coin_of(order.coin) != coin):
            continue
        if is_algo is is_algo_order(node, order):
            return order
    return None


def is_forgotten(node: Node, row: Order) -> bool:
    """Tell whether a query finds an order no more: it ended without a fill days ago, or is very old (reference 2.2, 3.1)."""
    now = node.venue.now()
    if row.is_live:
        return False
    if not row.filled_sz and row.events[-1].ms < now - node.dialect.unfilled_days * DAY_MS:
        return True
    return row.timestamp < now - LOOKUP_DAYS * DAY_MS


def is_algo_order(node: Node, order: Order) -> bool:
    """Tell whether an order lives in the algo order service."""
    terms = node.terms.get(order.oid)
    return terms is not None and terms.is_algo


def cancel(node: Node, order: Order) -> Order:
    """Cancel an open order; raises Refused when it is not open."""
    books = node.venue.books[order.user]
    if order.oid not in books.open_oids:
        raise Refused(-2011)
    terms: Terms = node.terms[order.oid]
    if terms.algo_status is AlgoStatus.NEW:
        terms.algo_status = AlgoStatus.CANCELED
        node.put_terms(terms)
        node.stop_waiting(order)
    close_order(node.venue, order, Status.CANCELED)
    return order


def cancel_symbol(node: Node, user: User, coin: str, *, algo: bool = False) -> None:
    """Cancel all open orders of a contract: those of the order endpoint, or those of the algo order service."""
    for order in node.venue.open_orders(user.name):
        if coin_of(order.coin) == coin and is_algo_order(node, order) is algo:
            cancel(node, order)
