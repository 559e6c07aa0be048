"""Price-time matching of a taker against users' orders and the simulated makers, and what follows from a fill."""

from __future__ import annotations

from decimal import Decimal

from paper.engine.changes import CancelledByVenue
from paper.engine.liquidity import Level
from paper.engine.market import Market
from paper.engine.orders import Order, Status
from paper.engine.standing import obstacle
from paper.engine.trades import close_order, execute
from paper.engine.venue import PaperVenue

ZERO = Decimal(0)


def is_better(px: Decimal, limit: Decimal, *, is_buy: bool) -> bool:
    """Tell whether a price is at or within a taker's limit."""
    return px <= limit if is_buy else px >= limit


def would_match(venue: PaperVenue, order: Order) -> bool:
    """Tell whether an order would trade at once."""
    best = venue.markets[order.coin].best(venue.orders, venue.now(), is_bid=not order.is_buy)
    return best is not None and is_better(best.px, order.limit_px, is_buy=order.is_buy)


def match_taker(venue: PaperVenue, order: Order) -> None:
    """Trade an order against everything within its limit, best price first, users before simulated makers at a price."""
    market = venue.markets[order.coin]
    now = venue.now()
    simulated = market.liquidity.levels(is_bid=not order.is_buy, now_ms=now)
    while order.sz > 0 and order.is_live:
        level = simulated[0] if simulated else None
        maker = _first_maker(venue, market, order)
        if maker is not None and (level is None or is_better(maker.limit_px, level.px, is_buy=order.is_buy)):
            _meet_user(venue, order, maker)
        elif level is not None and is_better(level.px, order.limit_px, is_buy=order.is_buy):
            sz = min(order.sz, level.sz)
            market.liquidity.take(sz, is_bid=not order.is_buy, now_ms=now)
            execute(venue, order, None, level.px, sz)
            _shorten(simulated, sz)
        else:
            return


def _shorten(levels: list[Level], sz: Decimal) -> None:
    left = levels[0].sz - sz
    if left > 0:
        levels[0] = Level(px=levels[0].px, sz=left)
    else:
        del levels[0]


def _first_maker(venue: PaperVenue, market: Market, taker: Order) -> Order | None:
    """Return the first user's order on the other side, if it is within the taker's limit."""
    oid = market.book.side(is_buy=not taker.is_buy).best()
    if oid is None or not is_better(venue.orders[oid].limit_px, taker.limit_px, is_buy=taker.is_buy):
        return None
    return venue.orders[oid]


def _meet_user(venue: PaperVenue, taker: Order, maker: Order) -> None:
    """Trade with the order that is next in the queue, or cancel it where it may not trade."""
    sz = min(taker.sz, reducible(venue, maker))
    if maker.user == taker.user and taker.self_trade != "none":
        for own in _prevented(taker, maker):
            _drop(venue, own, Status.SELF_TRADE_CANCELED)
    elif sz <= 0:
        close_order(venue, maker, Status.REDUCE_ONLY_CANCELED)
    elif (status := obstacle(venue, maker, sz)) is not None:
        _drop(venue, maker, status)
    else:
        execute(venue, taker, maker, maker.limit_px, sz)


def _drop(venue: PaperVenue, order: Order, status: Status) -> None:
    """Cancel an order in its user's stead; children that wait for it go, too, or wake when it had begun to fill."""
    close_order(venue, order, status)
    venue.changes.events.append(CancelledByVenue(user=order.user, coin=order.coin, oid=order.oid))
    wakes = status is Status.MARGIN_CANCELED and order.filled_sz > 0
    for child in venue.open_orders(order.user):
        if child.parent == order.oid and child.is_waiting_for_parent:
            if wakes:
                _wake(venue, child)
            else:
                close_order(venue, child, Status.CANCELED)


def _wake(venue: PaperVenue, child: Order) -> None:
    child.is_waiting_for_parent = False
    venue.markets[child.coin].triggers[child.oid] = None
    venue.note(child)


def _prevented(taker: Order, maker: Order) -> list[Order]:
    return {"taker": [taker], "both": [taker, maker]}.get(taker.self_trade, [maker])


def reducible(venue: PaperVenue, order: Order) -> Decimal:
    """Return how much of an order may trade: all of it, or what the position allows when it is reduce-only."""
    if not order.reduce_only:
        return order.sz
    szi = venue.accounts[order.user].szi(order.coin)
    return min(order.sz, max(-szi if order.is_buy else szi, ZERO))


def fill_crossed(venue: PaperVenue, market: Market) -> None:
    """Fill resting orders through which the simulated market has moved, at their own price, as far as its depth goes."""
    for is_bid in (True, False):
        _fill_side(venue, market, is_bid=is_bid)


def _fill_side(venue: PaperVenue, market: Market, *, is_bid: bool) -> None:
    side = market.book.side(is_buy=is_bid)
    best, now = side.best(), venue.now()
    if best is None:
        return
    facing = market.liquidity.first(is_bid=not is_bid, now_ms=now)
    if facing is None or not is_better(facing.px, venue.orders[best].limit_px, is_buy=is_bid):
        # Nearly always: neither the levels nor the queue behind their first need to be made.
        return
    simulated = market.liquidity.levels(is_bid=not is_bid, now_ms=now)
    for oid in side:
        order = venue.orders[oid]
        while simulated and order.is_resting and order.sz > 0:
            if not is_better(simulated[0].px, order.limit_px, is_buy=is_bid):
                return
            sz = min(reducible(venue, order), simulated[0].sz)
            if sz <= 0:
                close_order(venue, order, Status.REDUCE_ONLY_CANCELED)
                break
            if (status := obstacle(venue, order, sz)) is not None:
                _drop(venue, order, status)
                break
            market.liquidity.take(sz, is_bid=not is_bid, now_ms=now)
            execute(venue, None, order, order.limit_px, sz)
            _shorten(simulated, sz)


def settle(venue: PaperVenue) -> None:
    """Let fills have their consequences: reduce-only orders shrink or go, siblings go, children wake up."""
    while venue.touched or venue.just_filled:
        touched, venue.touched = venue.touched, {}
        filled, venue.just_filled = venue.just_filled, []
        for oid in filled:
            _after_fill(venue, venue.orders[oid])
        for user, coin in touched:
            _shrink_reduce_only(venue, user, coin)


def _after_fill(venue: PaperVenue, order: Order) -> None:
    for other in venue.open_orders(order.user):
        if order.trigger is not None and order.group and other.group == order.group and other.trigger is not None:
            close_order(venue, other, Status.SIBLING_FILLED_CANCELED)
        elif other.parent == order.oid:
            _wake(venue, other)


def _shrink_reduce_only(venue: PaperVenue, user: str, coin: str) -> None:
    szi = venue.accounts[user].szi(coin)
    for order in venue.open_orders(user):
        if order.coin != coin or not order.reduce_only or order.is_waiting_for_parent:
            continue
        room = max(-szi if order.is_buy else szi, ZERO)
        if room == 0:
            close_order(venue, order, Status.REDUCE_ONLY_CANCELED)
        elif order.is_resting and order.sz > room:
            order.sz = room
            venue.note(order)


def shed_older_reduce_only(venue: PaperVenue, newest: Order) -> None:
    """Cancel older resting reduce-only orders that together with the newest exceed the position."""
    szi = abs(venue.accounts[newest.user].szi(newest.coin))
    resting = [
        order
        for order in venue.open_orders(newest.user)
        if order.coin == newest.coin and order.reduce_only and order.is_resting and order.is_buy == newest.is_buy
    ]
    total = sum((order.sz for order in resting), ZERO)
    for order in resting:
        if total <= szi or order is newest:
            return
        total -= order.sz
        close_order(venue, order, Status.REDUCE_ONLY_CANCELED)
