"""L1 actions on orders: placing, cancelling, modifying (reference 2.2 to 2.5)."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from paper.engine.accounts import Account
from paper.engine.cancelling import cancel, live_order
from paper.engine.checks import check_band, check_shape
from paper.engine.errors import ActionRefused, OrderRefused, Unparsable
from paper.engine.orders import Origin, Tif
from paper.engine.placing import place_batch
from paper.engine.requests import ActionContext, Failed, Filled, Grouping, OrderRequest, Outcome, Resting, Waiting
from paper.hyperliquid.answers import OK
from paper.hyperliquid.answers import statuses as statuses_answer
from paper.hyperliquid.node import Node
from paper.hyperliquid.parsing import address, cloid, order_request, typed
from paper.hyperliquid.wire import bare

Json = dict[str, Any]
GROUPINGS = {grouping.value: grouping for grouping in Grouping}
UNAPPROVED = "Builder fee has not been approved."
Handler = Callable[[Node, Account, Json, Origin], Json]


def _status(outcome: Outcome) -> Json | str:
    match outcome:
        case Resting():
            named = {"cloid": outcome.cloid} if outcome.cloid is not None else {}
            return {"resting": {"oid": outcome.oid, **named}}
        case Failed():
            return {"error": outcome.text}
        case Waiting():
            return outcome.text
        case Filled():
            named = {"cloid": outcome.cloid} if outcome.cloid is not None else {}
            average = outcome.average_px.normalize().quantize(Decimal("0.000001")).normalize()
            return {"filled": {"totalSz": bare(outcome.total_sz), "avgPx": bare(average), "oid": outcome.oid, **named}}


def _grouping(action: Json) -> Grouping:
    wanted = action.get("grouping")
    if isinstance(wanted, dict):
        # A priority fee; it changes nothing here.
        return Grouping.NA
    grouping = GROUPINGS.get(typed(wanted, str))
    if grouping is None:
        raise Unparsable(f"unknown grouping {wanted!r}")
    return grouping


def _context(account: Account, action: Json, origin: Origin) -> ActionContext:
    builder = action.get("builder")
    context = ActionContext(user=account.address, origin=origin, grouping=_grouping(action))
    if builder is None:
        return context
    name, fee = address(typed(builder, dict).get("b")), typed(builder.get("f"), int)
    if fee > account.builder_fees.get(name, 0):
        raise ActionRefused(UNAPPROVED)
    return context._replace(builder=name, builder_fee=fee)


def place_orders(node: Node, account: Account, action: Json, origin: Origin) -> Json:
    """Run `order`."""
    wanted = [order_request(row) for row in typed(action.get("orders"), list)]
    try:
        context = _context(account, action, origin)
    except ActionRefused as refused:
        if node.venue.settings.builder_refusal == "action":
            raise
        return statuses_answer("order", [{"error": f"{refused.text} asset={item.asset}"} for item in wanted])
    refusal = _batch_refusal(wanted, context.grouping) or _prevalidation(node, account, wanted, context)
    if refusal:
        return statuses_answer("order", [{"error": refusal}])
    outcomes = place_batch(node.venue, context, wanted)
    return statuses_answer("order", [_status(outcome) for outcome in outcomes])


def _batch_refusal(wanted: list[OrderRequest], grouping: Grouping) -> str:
    """Return the one error of a batch that fails before its orders are looked at."""
    if not wanted:
        return "Empty batch."
    if grouping is Grouping.NA:
        return ""
    triggers = [item for item in wanted if item.trigger is not None]
    if grouping is Grouping.NORMAL_TPSL and wanted[0].trigger is not None:
        return "Main order cannot be trigger order."
    if not triggers:
        return "Unexpected number of trigger orders"
    if grouping is Grouping.NORMAL_TPSL and len(triggers) != len(wanted) - 1:
        return "Unexpected number of trigger orders"
    if grouping is Grouping.POSITION_TPSL and len(triggers) != len(wanted):
        return "Unexpected number of trigger orders"
    return ""


def _prevalidation(node: Node, account: Account, wanted: list[OrderRequest], context: ActionContext) -> str:
    """Return the first error of shape or price band where the switch lets one order refuse its whole batch."""
    if node.venue.settings.prevalidation != "batch":
        return ""
    for item in wanted:
        try:
            market = check_shape(node.venue, account, item, context.grouping)
            check_band(node.venue.settings, market, item.limit_px)
        except OrderRefused as refused:
            return f"{refused.text} asset={item.asset}"
    return ""


def cancel_orders(node: Node, account: Account, action: Json, origin: Origin) -> Json:
    """Run `cancel` and `cancelByCloid`."""
    del origin
    by_cloid = action["type"] == "cancelByCloid"
    is_fast = action.get("f") is True
    targets: list[tuple[int, int | str]] = []
    for row in typed(action.get("cancels"), list):
        key = cloid(row.get("cloid")) if by_cloid else typed(row.get("o"), int)
        targets.append((typed(row.get("asset" if by_cloid else "a"), int), key))
    statuses: list[Json | str] = []
    for asset, key in targets:
        try:
            if is_fast:
                _check_fast(node, account, asset, key)
            cancel(node.venue, account.address, asset, key)
            statuses.append("success")
        except OrderRefused as refused:
            statuses.append({"error": refused.text})
    return statuses_answer("cancel", statuses)


def _check_fast(node: Node, account: Account, asset: int, key: int | str) -> None:
    order = live_order(node.venue, account.address, key)
    if order is not None and order.is_untriggered:
        # The venue's own words for this are not known.
        raise OrderRefused(f"Fast cancel is not available for trigger orders. asset={asset}")


def _oid_or_cloid(value: Any) -> int | str:
    return cloid(value) if isinstance(value, str) else typed(value, int)


def modify_one(node: Node, account: Account, action: Json, origin: Origin) -> Json:
    """Run `modify`: the answer has no statuses, an error refuses the whole action."""
    status = _modify(node, account, action, origin, always=bool(action.get("a")))
    if isinstance(status, dict) and "error" in status:
        raise ActionRefused(status["error"])
    return OK


def modify_batch(node: Node, account: Account, action: Json, origin: Origin) -> Json:
    """Run `batchModify`."""
    always = bool(action.get("a"))
    rows = [typed(row, dict) for row in typed(action.get("modifies"), list)]
    for row in rows:
        # All of it must be readable before the first order is touched.
        order_request(row.get("order"))
        _oid_or_cloid(row.get("oid"))
    return statuses_answer("order", [_modify(node, account, row, origin, always=always) for row in rows])


def _modify(node: Node, account: Account, row: Json, origin: Origin, *, always: bool) -> Json | str:
    """Cancel an order and place another in its stead: a new oid, and the old order is gone even if the new one fails."""
    wanted = order_request(row.get("order"))
    key = _oid_or_cloid(row.get("oid"))
    old = live_order(node.venue, account.address, key)
    strict = node.venue.settings.modify_needs_alo and not always
    if (old is None and not always) or (strict and wanted.trigger is not None):
        return {"error": "Cannot modify canceled or filled order"}
    if old is not None:
        cancel(node.venue, account.address, old.asset, old.oid)
        node.venue.books[account.address].release(old.cloid)
    if strict:
        wanted = wanted._replace(tif=Tif.ALO)
    context = ActionContext(user=account.address, origin=origin)
    outcome = place_batch(node.venue, context, [wanted])[0]
    if isinstance(outcome, Failed):
        return {"error": f"Error placing new order during modify: {outcome.text}"}
    return _status(outcome)


ACTIONS: dict[str, Handler] = {
    "order": place_orders,
    "cancel": cancel_orders,
    "cancelByCloid": cancel_orders,
    "modify": modify_one,
    "batchModify": modify_batch,
}
