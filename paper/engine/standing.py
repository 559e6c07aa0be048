"""Whether a resting order may still trade when its turn comes (statuses of reference 1.3)."""

from __future__ import annotations

from decimal import Decimal

from paper.engine.interest import is_capped
from paper.engine.margin import cross_value, extra_of, required_margin
from paper.engine.orders import Order, Status
from paper.engine.venue import PaperVenue


def obstacle(venue: PaperVenue, order: Order, sz: Decimal) -> Status | None:
    """Return the status in which an order ends instead of trading a size, None where it may trade.

    Only what adds to a position can be stopped: the money for it may be gone by now, or the open interest capped.
    """
    if order.reduce_only or order.asset in venue.spot_assets:
        return None
    account = venue.accounts[order.user]
    szi = account.szi(order.coin)
    if abs(szi + (sz if order.is_buy else -sz)) <= abs(szi):
        return None
    if is_capped(venue, venue.markets[order.coin]):
        return Status.OPEN_INTEREST_CAP_CANCELED
    needed = required_margin(venue, account, extra_of(order.coin, sz, is_buy=order.is_buy), with_orders=False)
    return Status.MARGIN_CANCELED if needed > cross_value(venue, account) else None
