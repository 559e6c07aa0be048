"""Reading actions from the wire; whatever does not deserialise is Unparsable (HTTP 422)."""

from __future__ import annotations

import re
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from typing import Any, TypeVar

from paper.engine.errors import Unparsable
from paper.engine.orders import Tif, Trigger
from paper.engine.requests import OrderRequest
from paper.hyperliquid.wire import bare

Json = dict[str, Any]
T = TypeVar("T")
CLOID = re.compile(r"0x[0-9a-fA-F]{32}")
ADDRESS = re.compile(r"0x[0-9a-fA-F]{40}")
CANONICAL = (("a", "b", "p", "s", "r", "t"), ("a", "b", "p", "s", "r", "t", "c"))
CANONICAL_ACTION = ("type", "orders", "grouping")
CANONICAL_LIMITS = tuple({"limit": {"tif": tif.value}} for tif in Tif)
_CANONICAL_NUMBER = re.compile(r"(0|[1-9]\d{0,15})(\.\d{0,10}[1-9])?")
_NUMBER = re.compile(r"-?\d{1,20}(\.\d{1,20})?")
# The prices and sizes of a market are much the same from order to order.
REMEMBERED = 10_000
TIFS = {tif.value: tif for tif in Tif}


def typed(value: Any, kind: type[T]) -> T:
    """Return a value of a JSON type; a bool is no int."""
    if type(value) is not kind:
        raise Unparsable(f"{value!r} is no {kind.__name__}")
    return value


def decimal(text: Any) -> Decimal:
    """Read a decimal string."""
    if not isinstance(text, str):
        raise Unparsable(f"{text!r} is no decimal string")
    return _decimal(text)


@lru_cache(REMEMBERED)
def _decimal(text: str) -> Decimal:
    if not _NUMBER.fullmatch(text):
        raise Unparsable(f"{text!r} is no decimal string")
    try:
        return Decimal(text)
    except InvalidOperation:
        raise Unparsable(f"{text!r} is no decimal string") from None


def cloid(text: Any) -> str:
    """Read a client order id of 16 bytes."""
    if not isinstance(text, str) or not CLOID.fullmatch(text):
        raise Unparsable(f"{text!r} is no cloid")
    return text.lower()


def address(text: Any) -> str:
    """Read an address."""
    if not isinstance(text, str) or not ADDRESS.fullmatch(text):
        raise Unparsable(f"{text!r} is no address")
    return text.lower()


def order_request(wire: Any) -> OrderRequest:
    """Read one order of an action."""
    row = typed(wire, dict)
    tif, trigger = _order_type(typed(row.get("t"), dict))
    name = row.get("c")
    return OrderRequest(
        asset=typed(row.get("a"), int),
        is_buy=typed(row.get("b"), bool),
        limit_px=decimal(row.get("p")),
        sz=decimal(row.get("s")),
        reduce_only=typed(row.get("r"), bool),
        tif=tif,
        trigger=trigger,
        cloid=cloid(name) if name is not None else None,
    )


def _order_type(wire: Json) -> tuple[Tif | None, Trigger | None]:
    if isinstance(limit := wire.get("limit"), dict):
        tif = TIFS.get(typed(limit.get("tif"), str))
        if tif is None:
            raise Unparsable(f"unknown tif {limit!r}")
        return tif, None
    if isinstance(trigger := wire.get("trigger"), dict) and trigger.get("tpsl") in {"tp", "sl"}:
        is_market = typed(trigger.get("isMarket"), bool)
        return None, Trigger(px=decimal(trigger.get("triggerPx")), is_market=is_market, tpsl=trigger["tpsl"])
    raise Unparsable(f"unknown order type {wire!r}")


def canonical(action: Json) -> Json:
    """Return the action as the venue serialises it again before hashing.

    Another key order, padded decimals or upper-case cloids hash differently there, so their signer comes out as a random address.
    """
    match action.get("type"):
        case "order":
            wanted = action.get("orders")
            if tuple(action) == CANONICAL_ACTION and type(wanted) is list and all(map(_is_canonical, wanted)):
                return action
            shaped: Json = {"type": "order", "orders": [_canonical_order(row) for row in _rows(action, "orders")]}
            shaped["grouping"] = action.get("grouping")
            if "builder" in action:
                builder = typed(action["builder"], dict)
                shaped["builder"] = {"b": str(builder.get("b")).lower(), "f": builder.get("f")}
            return shaped
        case "batchModify":
            rows = [
                {"oid": row.get("oid"), "order": _canonical_order(row.get("order"))}
                for row in _rows(action, "modifies")
            ]
            return {"type": "batchModify", "modifies": rows, **({"a": True} if action.get("a") else {})}
        case "cancel":
            rows = [{"a": row.get("a"), "o": row.get("o")} for row in _rows(action, "cancels")]
            return {"type": "cancel", "cancels": rows, **({"f": True} if action.get("f") else {})}
        case "cancelByCloid":
            rows = [{"asset": row.get("asset"), "cloid": row.get("cloid")} for row in _rows(action, "cancels")]
            return {"type": "cancelByCloid", "cancels": rows}
        case _:
            return action


def _rows(action: Json, key: str) -> list[Json]:
    return [typed(row, dict) for row in typed(action.get(key), list)]


@lru_cache(REMEMBERED)
def _is_canonical_number(text: str) -> bool:
    return _CANONICAL_NUMBER.fullmatch(text) is not None


def _is_canonical(row: Any) -> bool:
    """Tell whether an order is already as the venue writes it; most are, and the rest is written anew."""
    if type(row) is not dict or tuple(row) not in CANONICAL or row["t"] not in CANONICAL_LIMITS:
        return False
    px, sz = row["p"], row["s"]
    if type(px) is not str or type(sz) is not str or not (_is_canonical_number(px) and _is_canonical_number(sz)):
        return False
    return len(row) == len(CANONICAL[0]) or (type(row["c"]) is str and row["c"].islower())


def _canonical_order(wire: Any) -> Json:
    row = typed(wire, dict)
    if _is_canonical(row):
        return row
    kind = typed(row.get("t"), dict)
    if isinstance(trigger := kind.get("trigger"), dict):
        px = bare(decimal(trigger.get("triggerPx")))
        kind = {"trigger": {"isMarket": trigger.get("isMarket"), "triggerPx": px, "tpsl": trigger.get("tpsl")}}
    elif isinstance(limit := kind.get("limit"), dict):
        kind = {"limit": {"tif": limit.get("tif")}}
    shaped: Json = {
        "a": row.get("a"),
        "b": row.get("b"),
        "p": bare(decimal(row.get("p"))),
        "s": bare(decimal(row.get("s"))),
        "r": row.get("r"),
        "t": kind,
    }
    return shaped | {"c": str(row["c"]).lower()} if row.get("c") is not None else shaped
