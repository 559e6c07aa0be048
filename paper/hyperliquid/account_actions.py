"""L1 actions on the account: leverage, isolated margin, the dead man's switch, bought requests (reference 2.6)."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from paper.engine.accounts import Account, LeverageChoice
from paper.engine.errors import ActionRefused
from paper.engine.fees import utc_day
from paper.engine.margin import cross_value, isolated_value, required_margin
from paper.engine.orders import Origin
from paper.hyperliquid.answers import OK
from paper.hyperliquid.node import Node
from paper.hyperliquid.parsing import decimal, typed

Json = dict[str, Any]
SCHEDULE_AHEAD_MS = 5_000
SCHEDULES_PER_DAY = 10
MICRO = Decimal("0.000001")
REQUEST_PRICE = Decimal("0.0005")


def update_leverage(node: Node, account: Account, action: Json, origin: Origin) -> Json:
    """Run `updateLeverage`."""
    del origin
    market = node.venue.market_of(typed(action.get("asset"), int))
    value, is_cross = typed(action.get("leverage"), int), typed(action.get("isCross"), bool)
    if market is None or not 1 <= value <= market.perp.max_leverage:
        raise ActionRefused("Invalid leverage value")
    if is_cross and market.perp.only_isolated:
        raise ActionRefused("Cross margin is not allowed for this asset.")
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
    if market.perp.is_strict and amount < 0:
        raise ActionRefused("Margin of this asset cannot be removed.")
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
    required = node.venue.settings.schedule_cancel_volume
    if account.volume < required:
        traded = f"Required: ${required:.0f}. Traded: ${account.volume:.2f}."
        raise ActionRefused(f"Cannot set scheduled cancel time until enough volume traded. {traded}")
    at = action.get("time")
    now = node.venue.now()
    if at is not None and typed(at, int) < now + SCHEDULE_AHEAD_MS:
        raise ActionRefused("Scheduled cancel time must be at least 5 seconds in the future.")
    today = utc_day(now)
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


def top_up(node: Node, account: Account, action: Json, origin: Origin) -> Json:
    """Run `topUpIsolatedOnlyMargin`: add what an isolated position lacks for a lower leverage."""
    del origin
    market = node.venue.market_of(typed(action.get("asset"), int))
    position = account.positions.get(market.perp.coin) if market else None
    if market is None or position is None or position.is_cross:
        raise ActionRefused("Position does not use isolated margin.")
    wanted = decimal(action.get("leverage"))
    if wanted <= 0:
        raise ActionRefused("Invalid leverage value")
    amount = abs(position.szi) * market.mark / wanted - isolated_value(position, market.mark)
    amount = max(amount, Decimal(0)).quantize(MICRO)
    if amount > cross_value(node.venue, account) - required_margin(node.venue, account):
        raise ActionRefused("Insufficient margin to update isolated margin.")
    position.collateral += amount
    account.cash -= amount
    return OK


ACTIONS = {
    "updateLeverage": update_leverage,
    "updateIsolatedMargin": update_isolated_margin,
    "topUpIsolatedOnlyMargin": top_up,
    "scheduleCancel": schedule_cancel,
    "reserveRequestWeight": reserve_weight,
    "noop": do_nothing,
}
