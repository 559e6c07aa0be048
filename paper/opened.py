"""The short row of an order of which there is no more to say than that it was admitted and rests.

Most orders are so when they are made durable. Written in full, with the event that says all of it once more, an order takes
three times the bytes and twice the time.
"""

from __future__ import annotations

from dataclasses import MISSING, fields
from operator import attrgetter
from typing import Any

from paper.engine.orders import Order, Status

Json = dict[str, Any]
Row = tuple[Any, ...]
_NAMES = ("oid", "user", "coin", "asset", "is_buy", "limit_px", "sz", "reduce_only", "tif", "admitted_ms", "timestamp")
_ORIGIN = ("signer", "nonce", "expires_after")
opened_row: attrgetter[Row] = attrgetter(*_NAMES, "cloid", *(f"origin.{name}" for name in _ORIGIN))
"""What is stored of an opened order; decimals are still decimals."""

_PLAIN = {item.name: item.default for item in fields(Order) if item.default is not MISSING and item.name != "cloid"}
_plain: attrgetter[Row] = attrgetter(*_PLAIN)
_DEFAULTS = tuple(_PLAIN.values())
_event: attrgetter[Row] = attrgetter("ms", "timestamp", "sz", "orig_sz", "limit_px", "status", "is_fired", "is_status")


def is_opened(order: Order) -> bool:
    """Tell whether the short row says everything about an order."""
    if len(order.events) != 1 or _plain(order) != _DEFAULTS:
        return False
    ms, sz = order.timestamp, order.sz
    told = (ms, ms, sz, sz, order.limit_px, Status.OPEN, False, True)
    return order.orig_sz == sz and _event(order.events[0]) == told


def order_json(row: list[Any]) -> Json:
    """Return the full row of an order from its short one, as JSON without what goes without saying."""
    order: Json = dict(zip(_NAMES, row, strict=False))
    *_, cloid, signer, nonce, expires_after = row
    event = {name: order[name] for name in ("sz", "limit_px", "timestamp")}
    return order | {
        "orig_sz": order["sz"],
        "cloid": cloid,
        "origin": {"signer": signer, "nonce": nonce, "expires_after": expires_after},
        "events": [event | {"ms": order["timestamp"], "orig_sz": order["sz"]}],
    }
