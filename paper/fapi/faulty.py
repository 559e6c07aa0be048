"""Answers that a network, a proxy or a tired venue gives in place of ours."""

from __future__ import annotations

import json
import time
from collections.abc import Awaitable, Callable
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response

from paper.fapi.errors import MESSAGES
from paper.fapi.node import Node
from paper.fapi.params import Params
from paper.fapi.terms import CONDITIONAL
from paper.faults import Fault

Json = dict[str, Any]
UNKNOWN = {"code": -1000, "msg": MESSAGES[-1000]}
BUSY = {"code": -1008, "msg": MESSAGES[-1008]}
TIMED_OUT = {"code": -1007, "msg": MESSAGES[-1007]}
UNAVAILABLE = {"code": -1000, "msg": "Service Unavailable."}
INTERNAL = {"code": -1001, "msg": "Internal error; unable to process your request. Please try again."}
TOO_MANY = {"code": -1003, "msg": "Too many requests; please use the websocket for live updates."}
BAN_S = 120


def banned() -> Response:
    """Return the answer to an address that is banned."""
    until = int(time.time() * 1000) + BAN_S * 1000
    body = {"code": -1003, "msg": f"Way too many requests; IP banned until {until}."}
    return JSONResponse(body, 418, headers={"Retry-After": str(BAN_S)})


BEFORE: dict[Fault, Callable[[], Response]] = {
    Fault.HTTP_429: lambda: JSONResponse(TOO_MANY, 429, headers={"Retry-After": "1"}),
    Fault.HTTP_418: banned,
    Fault.HTTP_500: lambda: page(500),
    Fault.HTTP_503_EMPTY: lambda: Response(status_code=503),
    Fault.HTTP_503_UNKNOWN: lambda: JSONResponse(UNKNOWN, 503),
    Fault.HTTP_503_BUSY: lambda: JSONResponse(BUSY, 503),
    Fault.HTTP_503_UNAVAILABLE: lambda: JSONResponse(UNAVAILABLE, 503),
    Fault.HTTP_503_INTERNAL: lambda: JSONResponse(INTERNAL, 503),
    Fault.HTTP_403: lambda: page(403),
}
AFTER: dict[Fault, Callable[[], Response]] = {
    Fault.EXECUTE_THEN_429: lambda: JSONResponse(TOO_MANY, 429, headers={"Retry-After": "1"}),
    Fault.EXECUTE_THEN_403: lambda: page(403),
    Fault.EXECUTE_THEN_502: lambda: page(502),
    # The same words as of a request that was not executed: nobody can tell them apart (reference 3.3).
    Fault.EXECUTE_THEN_503: lambda: JSONResponse(UNKNOWN, 503),
}
GARBAGE = '{"orderId":7700000,"symbol":"BTCUSDT","sta\x00'


def page(code: int) -> Response:
    """Return the page of a proxy."""
    return PlainTextResponse(f"<html><body><h1>{code}</h1></body></html>", code, media_type="text/html")


def hang_up(request: Request) -> Response:
    """Cut the connection without an answer."""
    # uvicorn binds `receive` to the request's cycle, which knows the socket; ASGI itself has no word for this.
    cycle = getattr(request.receive, "__self__", None)
    transport = getattr(cycle, "transport", None)
    if transport is not None:
        transport.abort()
    return Response(status_code=500)


def shortened(answer: Response) -> Response:
    """Return an answer with its last item missing, or an empty object in place of a single one."""
    body = json.loads(bytes(answer.body))
    return JSONResponse(body[:-1] if isinstance(body, list) else {})


async def altered(
    fault: Fault, request: Request, answer: Response, again: Callable[[], Awaitable[Response]]
) -> Response:
    """Return what becomes of the answer of a request that was executed."""
    if fault in AFTER:
        return AFTER[fault]()
    match fault:
        case Fault.EXECUTE_THEN_DROP:
            return hang_up(request)
        case Fault.DUPLICATE_REQUEST:
            return await again()
        case Fault.GARBAGE:
            return PlainTextResponse(GARBAGE, 200, media_type="application/json")
        case Fault.SHORT_STATUSES:
            return shortened(answer)
        case _:
            return answer


def is_exempt(params: Params, kind: str) -> bool:
    """Tell whether a throttled venue takes a request all the same: cancels and orders that can only reduce (reference 3.3)."""
    reduces = {params.maybe(name).lower() for name in ("reduceOnly", "closePosition")}
    return kind.startswith("cancel") or "true" in reduces


def described(node: Node, params: Params) -> list[Json]:
    """Return what a request places or cancels, flat, so that a fault can be aimed at particular orders."""
    rows = [params.values]
    if params.has("batchOrders"):
        rows = [row for row in _listed(params.maybe("batchOrders")) if isinstance(row, dict)]
    return [_described(node, row) for row in rows]


def _listed(text: str) -> list[Any]:
    try:
        rows = json.loads(text)
    except ValueError:
        return []
    return rows if isinstance(rows, list) else []


def _described(node: Node, row: dict[str, Any]) -> Json:
    names = ("newClientOrderId", "clientAlgoId", "origClientOrderId")
    contract = node.venue.by_symbol.get(str(row.get("symbol")))
    oid = str(row.get("orderId", row.get("algoId", "")))
    shape: Json = {
        "cloid": next((row[name] for name in names if row.get(name)), None),
        "coin": contract.coin if contract else None,
        "oid": int(oid) if oid.isdigit() else None,
        "is_buy": row.get("side") == "BUY" if "side" in row else None,
        "reduce_only": "true" in {str(row.get("reduceOnly")).lower(), str(row.get("closePosition")).lower()},
        "is_trigger": row.get("type") in CONDITIONAL,
    }
    known = node.venue.orders.get(shape["oid"]) if shape["oid"] is not None else None
    if known is not None:
        # A cancel by id says nothing of its order: look it up, so that it can be aimed at by client id or side.
        terms = node.terms_of(known)
        shape |= {"cloid": known.cloid, "is_buy": known.is_buy, "is_trigger": known.trigger is not None}
        shape["reduce_only"] = known.reduce_only or terms.reduce_only or terms.close_position
    return shape
