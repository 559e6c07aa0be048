"""What an action places or cancels, flat, so that a fault can be aimed at particular orders."""

from __future__ import annotations

from typing import Any

from paper.hyperliquid.node import Node

Json = dict[str, Any]


def described_orders(node: Node, action: Json) -> list[Json]:
    """Return cloid, coin, is_buy, reduce_only, is_trigger and oid of the orders in an action, as far as it says them."""
    rows: list[Any] = []
    for key in ("orders", "cancels", "modifies"):
        wanted = action.get(key)
        rows.extend(wanted if isinstance(wanted, list) else [])
    return [_described(node, row) for row in rows if isinstance(row, dict)]


def _described(node: Node, row: Json) -> Json:
    order = row.get("order", row)
    if not isinstance(order, dict):
        return {}
    asset = order.get("a", order.get("asset"))
    perps = node.venue.perps
    kind = order.get("t")
    shape: Json = {
        "cloid": order.get("c", order.get("cloid")),
        "coin": perps[asset].coin if isinstance(asset, int) and 0 <= asset < len(perps) else None,
        "oid": order.get("o", row.get("oid")),
        "is_buy": order.get("b"),
        "reduce_only": order.get("r"),
        "is_trigger": isinstance(kind, dict) and "trigger" in kind,
    }
    known = node.venue.orders.get(shape["oid"]) if isinstance(shape["oid"], int) else None
    if known is not None:
        # A cancel by oid says nothing of its order: look it up, so that it can be aimed at by cloid or side.
        told = {"cloid": known.cloid, "reduce_only": known.reduce_only, "is_buy": known.is_buy}
        shape |= told | {"is_trigger": known.trigger is not None}
    return shape
