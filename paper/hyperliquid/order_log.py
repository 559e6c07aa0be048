"""The log of all orders, as the oracle of the fault suite reads it."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from paper.engine.orders import Order
from paper.hyperliquid.wire import number, side

Json = dict[str, Any]


def order_log(order: Order) -> Json:
    """Return everything the venue knows of an order."""
    trigger = order.trigger
    return {
        "time": order.admitted_ms,
        "oid": order.oid,
        "cloid": order.cloid,
        "user": order.user,
        "coin": order.coin,
        "side": side(is_buy=order.is_buy),
        "limitPx": number(order.limit_px),
        "sz": number(order.sz),
        "origSz": number(order.orig_sz),
        "filledSz": number(order.filled_sz),
        "avgPx": number(order.average_px.quantize(Decimal("1e-8"))),
        "reduceOnly": order.reduce_only,
        "tif": order.tif,
        "trigger": None
        if trigger is None
        else {"px": number(trigger.px), "isMarket": trigger.is_market, "tpsl": trigger.tpsl, "fired": order.is_fired},
        "isPositionTpsl": order.is_position_tpsl,
        "status": order.status,
        "statusTime": order.events[-1].ms if order.events else order.admitted_ms,
        "error": order.error,
        "signer": order.origin.signer,
        "nonce": order.origin.nonce,
        "expiresAfter": order.origin.expires_after,
        "isLiquidation": order.is_liquidation,
        "isManual": order.is_manual,
    }
