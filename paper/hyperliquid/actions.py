"""L1 actions: orders, cancels, modifies, leverage, margin, the dead man's switch."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from paper.engine.accounts import Account, LeverageChoice
from paper.engine.cancelling import cancel, live_order
from paper.engine.errors import ActionRefused, OrderRefused, Unparsable
from paper.engine.margin import cross_value, isolated_value, required_margin
from paper.engine.orders import Origin, Tif
from paper.engine.placing import place_batch
from paper.engine.requests import ActionContext, Failed, Filled, Grouping, OrderRequest, Outcome, Resting, Waiting
from paper.hyperliquid.node import Node
from paper.hyperliquid.parsing import address, cloid, order_request, typed
from paper.hyperliquid.wire import bare

Json = dict[str, Any]
Handler = Callable[[Node, Account, Json, Origin], Json]
OK: Json = {"status": "ok", "response": {"type": "default"}}
SCHEDULE_VOLUME = Decimal(1_000_000)
SCHEDULE_AHEAD_MS = 5_000
SCHEDULES_PER_DAY = 10
MICRO = Decimal("0.000001")
REQUEST_PRICE = Decimal("0.0005")


def _typed_answer(kind: str, statuses: list[Json | str]) -> Json:
    return {"status": "ok", "response": {"type": kind, "data": {"statuses": statuses}}}


def _status(outcome: Outcome) -> Json | str:
    match outcome:
        case Failed():
            return {"error": outcome.text}
        case Waiting():
            return outcome.text
        case Resting():
            named = {"cloid": outcome.cloid} if outcome.cloid is not None else {}
            return {"resting": {"oid": outcome.oid, **named}}
        case Filled():
            named = {"cloid": outcome.cloid} if outcome.cloid is not None else {}
            average = outcome.average_px.normalize().quantize(Decimal("0.000001")).normalize()
            return {"filled": {"totalSz": bare(outcome.total_sz), "avgPx": bare(average), "oid": outcome.oid, **named}}


def _grouping(action: Json) -> Grouping:
    wanted = action.get("grouping")
    if isinstance(wanted, dict):
        # A priority fee; it changes nothing here.
        return Grouping.NA
    try:
        return Grouping(typed(wanted, str))
    except ValueError:
        raise Unparsable(f"unknown grouping {wanted!r}") from None


def _context(account: Account, action: Json, origin: Origin) -> ActionContext:
    builder = action.get("builder")
    context = ActionContext(user=account.address, origin=origin, grouping=_grouping(action))
    if builder is None:
        return context
    name, fee = address(typed(builder, dict).get("b")), typed(builder.get("f"), int)
    if fee > account.builder_fees.get(name, 0):
        raise ActionRefused("Builder fee has not been approved.")
    return replace(context, builder=name, builder_fee=fee)


def place_orders(node: Node, account: Account, action: Json, origin: Origin) -> Json:
    """Run `order`."""
    wanted = [order_request(row) for row in typed(action.get("orders"), list)]
    context = _context(account, action, origin)
    refusal = _batch_refusal(wanted, context.grouping)
    if refusal:
        return _typed_answer("order", [{"error": refusal}])
    outcomes = place_batch(node.venue, context, wanted)
    return _typed_answer("order", [_status(outcome) for outcome in outcomes])


def _batch_refusal(wanted: list[OrderRequest], grouping: Grouping) -> str:
    """Return the one error of a batch that fails before its orders are looked at."""
    if not wanted:
        return "Empty batch."
    triggers = [item for item in wanted if item.trigger is not None]
    if grouping is Grouping.NORMAL_TPSL and wanted[0].trigger is not None:
        return "Main order cannot be trigger order."
    if grouping is not Grouping.NA and not triggers:
        return "Unexpected number of trigger orders"
    if grouping is Grouping.NORMAL_TPSL and len(triggers) != len(wanted) - 1:
        return "Unexpected number of trigger orders"
    if grouping is Grouping.POSITION_TPSL and len(triggers) != len(wanted):
        return "Unexpected number of trigger orders"
    return ""


def cancel_orders(node: Node, account: Account, action: Json, origin: Origin) -> Json:
    """Run `cancel` and `cancelByCloid`."""
    del origin
    by_cloid = action["type"] == "cancelByCloid"
    targets: list[tuple[int, int | str]] = []
    for row in typed(action.get("cancels"), list):
        key = cloid(row.get("cloid")) if by_cloid else typed(row.get("o"), int)
        targets.append((typed(row.get("asset" if by_cloid else "a"), int), key))
    statuses: list[Json | str] = []
    for asset, key in targets:
        try:
            cancel(node.venue, account.address, asset, key)
            statuses.append("success")
        except OrderRefused as refused:
            statuses.append({"error": refused.text})
    return _typed_answer("cancel", statuses)


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
    return _typed_answer("order", [_modify(node, account, row, origin, always=always) for row in rows])


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
    if strict:
        wanted = replace(wanted, tif=Tif.ALO)
    context = ActionContext(user=account.address, origin=origin)
    outcome = place_batch(node.venue, context, [wanted])[0]
    if isinstance(outcome, Failed):
        return {"error": f"Error placing new order during modify: {outcome.text}"}
    return _status(outcome)


def update_leverage(node: Node, account: Account, action: Json, origin: Origin) -> Json:
    """Run `updateLeverage`."""
    del origin
    market = node.venue.market_of(typed(action.get("asset"), int))
    value, is_cross = typed(action.get("leverage"), int), typed(action.get("isCross"), bool)
    if market is None or not 1 <= value <= market.perp.max_leverage:
        raise ActionRefused("Invalid leverage value")
    position = account.positions.get(market.perp.coin)
    if position is not None:
        if position.is_cross != is_cross:
            raise ActionRefused("Cannot switch leverage type with open position.")
        notional = abs(position.szi) * market.mark
        if not is_cross and isolated_value(position, market.mark) < notional / value:
            raise ActionRefused(
                "Isolated position does not have sufficient margin available to decrease leverage. "
                "To decrease leverage, add margin to the position."
            )
    before = account.leverage.get(market.perp.coin)
    account.leverage[market.perp.coin] = LeverageChoice(is_cross=is_cross, value=value)
    if is_cross and value < (before.value if before else value + 1):
        _check_cross_leverage(node, account, market.perp.coin, before)
    if position is not None:
        position.leverage = value
    return OK


def _check_cross_leverage(node: Node, account: Account, coin: str, before: LeverageChoice | None) -> None:
    """Take a lower cross leverage back when positions and orders need more margin at it than there is."""
    if required_margin(node.venue, account) <= max(cross_value(node.venue, account), Decimal(0)):
        return
    if before is None:
        del account.leverage[coin]
    else:
        account.leverage[coin] = before
    raise ActionRefused("Cross margin is insufficient for decreased leverage.")


def update_isolated_margin(node: Node, account: Account, action: Json, origin: Origin) -> Json:
    """Run `updateIsolatedMargin`; `ntli` is in millionths of a dollar."""
    del origin
    market = node.venue.market_of(typed(action.get("asset"), int))
    position = account.positions.get(market.perp.coin) if market else None
    if market is None or position is None or position.is_cross:
        raise ActionRefused("Position does not use isolated margin.")
    amount = typed(action.get("ntli"), int) * MICRO
    notional = abs(position.szi) * market.mark
    kept = max(notional / position.leverage, notional / 10)
    is_short = amount < 0 and isolated_value(position, market.mark) + amount < kept
    free = cross_value(node.venue, account) - required_margin(node.venue, account)
    if is_short or amount > free:
        raise ActionRefused("Insufficient margin to update isolated margin.")
    position.collateral += amount
    account.cash -= amount
    return OK


def schedule_cancel(node: Node, account: Account, action: Json, origin: Origin) -> Json:
    """Run `scheduleCancel`: the dead man's switch, only for accounts with volume."""
    del origin
    if account.volume < SCHEDULE_VOLUME:
        traded = f"Required: $1000000. Traded: ${account.volume:.2f}."
        raise ActionRefused(f"Cannot set scheduled cancel time until enough volume traded. {traded}")
    at = action.get("time")
    now = node.venue.now()
    if at is not None and typed(at, int) < now + SCHEDULE_AHEAD_MS:
        raise ActionRefused("Scheduled cancel time must be at least 5 seconds in the future.")
    today = datetime.fromtimestamp(now / 1000, UTC).date().isoformat()
    if account.scheduled_cancel_day != today:
        account.scheduled_cancel_day, account.scheduled_cancel_count = today, 0
    if at is not None and account.scheduled_cancel_count >= SCHEDULES_PER_DAY:
        raise ActionRefused("Too many scheduled cancels triggered today.")
    account.scheduled_cancel_ms = at
    return OK


def reserve_weight(node: Node, account: Account, action: Json, origin: Origin) -> Json:
    """Run `reserveRequestWeight`: requests bought from the perp balance."""
    del origin
    weight = typed(action.get("weight"), int)
    cost = weight * REQUEST_PRICE
    if weight <= 0 or cost > cross_value(node.venue, account) - required_margin(node.venue, account):
        raise ActionRefused("Insufficient balance to reserve request weight.")
    account.cash -= cost
    node.venue.fee_income += cost
    node.venue.changes.is_meta = True
    account.requests_bought += weight
    return OK


def do_nothing(node: Node, account: Account, action: Json, origin: Origin) -> Json:
    """Run `noop`: it only uses up its nonce."""
    del node, account, action, origin
    return OK


ACTIONS: dict[str, Handler] = {
    "order": place_orders,
    "cancel": cancel_orders,
    "cancelByCloid": cancel_orders,
    "modify": modify_one,
    "batchModify": modify_batch,
    "updateLeverage": update_leverage,
    "updateIsolatedMargin": update_isolated_margin,
    "scheduleCancel": schedule_cancel,
    "reserveRequestWeight": reserve_weight,
    "noop": do_nothing,
}
