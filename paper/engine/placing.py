"""Placing orders: checks, then matching, then resting."""

from __future__ import annotations

from paper.engine.accounts import Account
from paper.engine.checks import check_order, check_shape
from paper.engine.errors import OrderRefused
from paper.engine.margin import holds_margin
from paper.engine.market import Market
from paper.engine.matching import match_taker, settle, shed_older_reduce_only, would_match
from paper.engine.orders import MARKET_ORDERS, TAKING, Order, Status, Tif
from paper.engine.requests import ActionContext, Failed, Filled, Grouping, OrderRequest, Outcome, Resting, Waiting
from paper.engine.trades import close_order
from paper.engine.venue import PaperVenue


def place_batch(venue: PaperVenue, context: ActionContext, wanted: list[OrderRequest]) -> list[Outcome]:
    """Place the orders of one action in their order; each has an outcome of its own."""
    if context.grouping is Grouping.NORMAL_TPSL:
        return _place_with_children(venue, context, wanted)
    group = venue.take_oid() if context.grouping is Grouping.POSITION_TPSL else 0
    return [place(venue, context, item, group=group) for item in wanted]


def place(
    venue: PaperVenue, context: ActionContext, wanted: OrderRequest, *, parent: Order | None = None, group: int = 0
) -> Outcome:
    """Place one order."""
    account = venue.accounts[context.user]
    try:
        market = check_shape(venue, account, wanted, context.grouping)
    except OrderRefused as refused:
        return Failed(text=_with_asset(refused.text, wanted.asset))
    order = _build(venue, market, context, wanted, group)
    if parent is not None:
        order.parent = parent.oid
        order.is_waiting_for_parent = parent.status is not Status.FILLED
    return _admit(venue, account, order)


def _admit(venue: PaperVenue, account: Account, order: Order) -> Outcome:
    try:
        check_order(venue, account, order, children=order.parent is not None)
        if order.trigger is not None:
            return _rest_trigger(venue, order)
        crosses = _check_crossing(venue, order)
    except OrderRefused as refused:
        order.error = refused.text
        venue.admit(order)
        venue.note(order, refused.status)
        return Failed(text=_with_asset(refused.text, order.asset))
    venue.admit(order)
    venue.note(order, Status.OPEN)
    return enter_book(venue, order, crosses=crosses)


def _check_crossing(venue: PaperVenue, order: Order) -> bool:
    """Refuse what must not trade at once, or must and cannot; returns whether the order trades at once."""
    crosses = would_match(venue, order)
    if order.tif is Tif.ALO and crosses:
        raise OrderRefused(_post_only_text(venue, order), Status.BAD_ALO_PX_REJECTED)
    if order.tif is Tif.IOC and not crosses:
        text = "Order could not immediately match against any resting orders."
        raise OrderRefused(text, Status.IOC_CANCEL_REJECTED)
    if order.tif in MARKET_ORDERS and not crosses:
        raise OrderRefused("No liquidity available for market order.", Status.MARKET_NO_LIQUIDITY_REJECTED)
    return crosses


def _post_only_text(venue: PaperVenue, order: Order) -> str:
    market, now = venue.markets[order.coin], venue.now()
    bid = market.best(venue.orders, now, is_bid=True)
    ask = market.best(venue.orders, now, is_bid=False)
    shown = f"{bid.px if bid else 0}@{ask.px if ask else 0}"
    return f"Post only order would have immediately matched, bbo was {shown}."


def enter_book(venue: PaperVenue, order: Order, *, crosses: bool = True) -> Outcome:
    """Match an admitted order and rest or drop what is left of it; one that is known not to cross only rests."""
    if crosses:
        match_taker(venue, order)
    if order.is_live and order.sz > 0:
        _leave_rest(venue, order)
    settle(venue)
    return _outcome(venue, order)


def _leave_rest(venue: PaperVenue, order: Order) -> None:
    if order.tif in TAKING:
        close_order(venue, order, Status.CANCELED)
        return
    venue.markets[order.coin].book.add(order)
    venue.books[order.user].open_oids.enter(order, adds=holds_margin(venue, order))
    if order.status is Status.TRIGGERED:
        venue.note(order, Status.OPEN)
    if order.reduce_only:
        shed_older_reduce_only(venue, order)


def _rest_trigger(venue: PaperVenue, order: Order) -> Outcome:
    venue.admit(order)
    venue.books[order.user].open_oids[order.oid] = None
    if not order.is_waiting_for_parent:
        venue.markets[order.coin].triggers[order.oid] = None
    venue.note(order, Status.OPEN)
    if order.is_waiting_for_parent:
        return Waiting(oid=order.oid, text="waitingForFill")
    is_bare = order.is_position_tpsl and venue.settings.position_tpsl_status == "waitingForTrigger"
    if is_bare or order.parent is not None:
        return Waiting(oid=order.oid, text="waitingForTrigger")
    return Resting(oid=order.oid, cloid=order.cloid)


def _outcome(venue: PaperVenue, order: Order) -> Outcome:
    if order.filled_sz and not (order.is_live and venue.settings.gtc_partial_status == "resting"):
        return Filled(oid=order.oid, cloid=order.cloid, total_sz=order.filled_sz, average_px=order.average_px)
    return Resting(oid=order.oid, cloid=order.cloid)


def _place_with_children(venue: PaperVenue, context: ActionContext, wanted: list[OrderRequest]) -> list[Outcome]:
    parent_outcome = place(venue, context, wanted[0])
    if isinstance(parent_outcome, Failed):
        return [parent_outcome] * len(wanted)
    assert not isinstance(parent_outcome, Waiting)
    parent = venue.orders[parent_outcome.oid]
    children = [place(venue, context, item, parent=parent, group=parent.oid) for item in wanted[1:]]
    if not parent.is_live and parent.status is not Status.FILLED:
        cancel_children(venue, parent)
    return [parent_outcome, *children]


def cancel_children(venue: PaperVenue, parent: Order) -> None:
    """Cancel the children that still wait for a parent which will not fill any more."""
    for order in venue.open_orders(parent.user):
        if order.parent == parent.oid and order.is_waiting_for_parent:
            close_order(venue, order, Status.CANCELED)


def _build(venue: PaperVenue, market: Market, context: ActionContext, wanted: OrderRequest, group: int) -> Order:
    return Order(
        oid=venue.take_oid(),
        user=context.user,
        coin=market.perp.coin,
        asset=wanted.asset,
        is_buy=wanted.is_buy,
        limit_px=wanted.limit_px,
        sz=wanted.sz,
        orig_sz=wanted.sz,
        reduce_only=wanted.reduce_only,
        tif=wanted.tif,
        admitted_ms=venue.clock(),
        timestamp=venue.now(),
        origin=context.origin,
        cloid=wanted.cloid,
        trigger=wanted.trigger,
        is_position_tpsl=context.grouping is Grouping.POSITION_TPSL and wanted.trigger is not None,
        group=group,
        builder=context.builder,
        builder_fee=context.builder_fee,
        is_liquidation=context.is_liquidation,
        is_manual=context.is_manual,
        twap_id=context.twap_id,
        purpose=context.purpose,
    )


def _with_asset(text: str, asset: int) -> str:
    return f"{text} asset={asset}"
