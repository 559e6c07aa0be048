"""What every change is told on the streams (reference 4.2)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from paper.engine.accounts import Fill, FundingPayment, LedgerUpdate
from paper.engine.changes import CancelledByVenue, Changes, Event, Liquidated, OrderChanged, TwapChanged
from paper.engine.market import Trade
from paper.hyperliquid import info_fills, info_twaps, wire
from paper.hyperliquid.subscriptions import key

Json = dict[str, Any]
Message = tuple[str, str, Any]


@dataclass(slots=True)
class _Gathered:
    """What goes together in one message."""

    fills: dict[str, list[Fill]] = field(default_factory=dict)
    trades: dict[str, list[Json]] = field(default_factory=dict)
    orders: dict[str, list[OrderChanged]] = field(default_factory=dict)


def messages(changes: Changes) -> list[Message]:
    """Return (subscription, channel, data) for everything that happened; fills of one user go together."""
    found: list[Message] = []
    gathered = _Gathered()
    for event in changes.events:
        match event:
            case Fill():
                gathered.fills.setdefault(event.user, []).append(event)
            case Trade():
                gathered.trades.setdefault(event.coin, []).append(wire.trade(event))
            case OrderChanged():
                gathered.orders.setdefault(event.order.user, []).append(event)
            case _:
                found.extend(_single(event))
    for coin, rows in gathered.trades.items():
        found.append((key({"type": "trades", "coin": coin}), "trades", rows))
    for user, events in gathered.orders.items():
        found.extend(_of_orders(user, events))
    for user, fills in gathered.fills.items():
        found.extend(_of_fills(user, fills))
    return found


def _of_orders(user: str, events: list[OrderChanged]) -> list[Message]:
    updates = [order_update(event) for event in events]
    history = [
        {
            "order": wire.frontend_order(event.order, event.event),
            "status": event.event.status,
            "statusTimestamp": event.event.ms,
        }
        for event in events
        if event.event.is_status
    ]
    found: list[Message] = [(key({"type": "orderUpdates", "user": user}), "orderUpdates", updates)]
    if history:
        data = {"user": user, "orderHistory": history}
        found.append((key({"type": "userHistoricalOrders", "user": user}), "userHistoricalOrders", data))
    return found


def _of_fills(user: str, fills: list[Fill]) -> list[Message]:
    events = key({"type": "userEvents", "user": user})
    found: list[Message] = [(events, "user", {"fills": [wire.fill(row) for row in fills]})]
    for is_aggregated in (False, True):
        rows = info_fills.aggregated(fills) if is_aggregated else fills
        name = key({"type": "userFills", "user": user, "aggregateByTime": is_aggregated})
        found.append((name, "userFills", {"user": user, "fills": [wire.fill(row) for row in rows]}))
    slices = [{"fill": wire.fill(row), "twapId": row.twap_id} for row in fills if row.twap_id is not None]
    if slices:
        found.append((events, "user", {"twapSliceFills": slices}))
        data = {"user": user, "twapSliceFills": slices}
        found.append((key({"type": "userTwapSliceFills", "user": user}), "userTwapSliceFills", data))
    told = key({"type": "notification", "user": user})
    rested = (row for row in fills if not row.crossed)
    found.extend((told, "notification", {"notification": _filled_text(row)}) for row in rested)
    return found


def _filled_text(row: Fill) -> str:
    verb = "Bought" if row.is_buy else "Sold"
    return f"Resting order filled: {verb} {wire.bare(row.sz)} {row.coin} at ${wire.bare(row.px)}"


def _single(event: Event) -> list[Message]:
    match event:
        case FundingPayment():
            row = funding(event)
            return [
                (
                    key({"type": "userFundings", "user": event.user}),
                    "userFundings",
                    {"user": event.user, "fundings": [row]},
                ),
                (key({"type": "userEvents", "user": event.user}), "user", {"funding": row}),
            ]
        case LedgerUpdate():
            data = {"user": event.user, "nonFundingLedgerUpdates": [ledger_update(event)]}
            name = key({"type": "userNonFundingLedgerUpdates", "user": event.user})
            return [(name, "userNonFundingLedgerUpdates", data)]
        case CancelledByVenue():
            row = {"nonUserCancel": [{"coin": event.coin, "oid": event.oid}]}
            return [(key({"type": "userEvents", "user": event.user}), "user", row)]
        case Liquidated():
            row = {
                "lid": event.lid,
                "liquidator": "0x" + "0" * 40,
                "liquidated_user": event.user,
                "liquidated_ntl_pos": wire.usd(event.notional),
                "liquidated_account_value": wire.usd(event.account_value),
            }
            return [(key({"type": "userEvents", "user": event.user}), "user", {"liquidation": row})]
        case TwapChanged():
            row = info_twaps.history_row(event.twap, event.status, event.ms, event.executed_sz)
            user = event.twap.user
            return [
                (key({"type": "userTwapHistory", "user": user}), "userTwapHistory", {"user": user, "history": [row]}),
                (key({"type": "userEvents", "user": user}), "user", {"twapHistory": [row]}),
            ]
        case _:
            return []


def order_update(event: OrderChanged) -> Json:
    """Return one row of orderUpdates."""
    row = wire.open_order(event.order, event.event)
    return {"order": row, "status": event.event.status, "statusTimestamp": event.event.ms}


def funding(row: FundingPayment) -> Json:
    """Return a funding payment as the streams show it."""
    return {"time": row.time, **wire.funding_delta(row)}


def ledger_update(row: LedgerUpdate) -> Json:
    """Return a change of the ledger."""
    return {"time": row.time, "hash": row.hash, "delta": row.delta}
