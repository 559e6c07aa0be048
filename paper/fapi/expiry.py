"""What ends by itself: orders good till a date, cancel-all countdowns, close-all orders of positions that are gone."""

from __future__ import annotations

from paper.engine.orders import Order, Status
from paper.engine.trades import close_order
from paper.fapi.cancelling import cancel_symbol
from paper.fapi.hedging import coin_of
from paper.fapi.node import Node
from paper.fapi.placing import opposes
from paper.fapi.terms import AlgoStatus


def expire(node: Node) -> None:
    """End what is due now."""
    now = node.venue.now()
    for user in node.users.by_name.values():
        for symbol, due in tuple(user.countdowns.items()):
            if now >= due:
                del user.countdowns[symbol]
                node.users.touch(user)
                cancel_symbol(node, user, node.venue.by_symbol[symbol].coin)
    for account in node.venue.accounts:
        for order in node.venue.open_orders(account):
            _expire_order(node, order, now)


def _expire_order(node: Node, order: Order, now: int) -> None:
    terms = node.terms.get(order.oid)
    if terms is None:
        return
    is_due = bool(terms.good_till) and now >= terms.good_till
    if terms.close_position and node.settings.close_position_when_flat == "expire":
        szi = node.venue.accounts[order.user].szi(order.coin)
        is_due = is_due or not opposes(szi, is_buy=order.is_buy)
    if not is_due:
        return
    terms.reason = "expired"
    if terms.algo_status is AlgoStatus.NEW:
        terms.algo_status = AlgoStatus.EXPIRED
    node.put_terms(terms)
    node.waiting.get(coin_of(order.coin), {}).pop(order.oid, None)
    close_order(node.venue, order, Status.CANCELED)
