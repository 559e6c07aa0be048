"""Cancels by users, by the schedule and by the venue."""

from __future__ import annotations

from paper.engine.changes import CancelledByVenue
from paper.engine.errors import OrderRefused
from paper.engine.orders import Order, Status
from paper.engine.placing import cancel_children
from paper.engine.trades import close_order
from paper.engine.venue import PaperVenue

GONE = "Order was never placed, already canceled, or filled."


def live_order(venue: PaperVenue, user: str, key: int | str) -> Order | None:
    """Return a user's live order by oid, or the newest live one by cloid."""
    books = venue.books[user]
    oids = [key] if isinstance(key, int) else reversed(books.by_cloid.get(key, []))
    for oid in oids:
        if oid in books.open_oids:
            return venue.orders[oid]
    return None


def cancel(venue: PaperVenue, user: str, asset: int, key: int | str) -> None:
    """Cancel one order; raises OrderRefused when it is not live."""
    order = live_order(venue, user, key)
    if order is None or order.asset != asset:
        raise OrderRefused(f"{GONE} asset={asset}")
    close_order(venue, order, Status.CANCELED)
    cancel_children(venue, order)


def cancel_all(venue: PaperVenue, user: str, status: Status, *, coin: str | None = None) -> None:
    """Cancel an account's orders on the venue's own account."""
    for order in venue.open_orders(user):
        if (coin is None or order.coin == coin) and order.is_live:
            close_order(venue, order, status)
            venue.changes.events.append(CancelledByVenue(user=user, coin=order.coin, oid=order.oid))
