"""The log of all orders and fills, in the shape of the paper Hyperliquid's, as the oracle of the fault suite reads it."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from paper.engine.accounts import Fill
from paper.engine.orders import Order
from paper.fapi.hedging import coin_of, side_of
from paper.fapi.node import Node
from paper.fapi.numbers import bare, money
from paper.fapi.terms import AlgoStatus, Terms, status_of

Json = dict[str, Any]
_LIVE = {"NEW": "open", "PARTIALLY_FILLED": "open", "FILLED": "filled"}


def order_log(node: Node, order: Order) -> Json:
    """Return everything the venue knows of an order; ids of clients are as they were sent."""
    terms = node.terms_of(order)
    reduces = order.reduce_only or terms.reduce_only or terms.close_position or _closes(order, terms)
    return {
        "time": order.admitted_ms,
        "oid": order.oid,
        "cloid": order.cloid,
        "user": order.user,
        "coin": coin_of(order.coin),
        "side": "B" if order.is_buy else "A",
        "limitPx": bare(order.limit_px),
        "sz": bare(order.sz),
        "origSz": bare(terms.qty),
        "filledSz": bare(order.filled_sz),
        "avgPx": bare(order.average_px.quantize(Decimal("1e-8"))),
        "reduceOnly": reduces,
        "tif": terms.tif,
        "trigger": _trigger(order, terms),
        "isPositionTpsl": terms.close_position,
        "status": _status(order, terms),
        "statusTime": order.events[-1].ms if order.events else order.admitted_ms,
        "error": order.error,
        "signer": order.origin.signer,
        "nonce": order.origin.nonce,
        "expiresAfter": order.origin.expires_after,
        "isLiquidation": order.is_liquidation,
        "isManual": order.is_manual,
        "type": terms.original_type,
        "positionSide": terms.position_side,
        "isAlgo": terms.is_algo,
        "child": terms.child,
        "parent": terms.parent,
    }


def _closes(order: Order, terms: Terms) -> bool:
    return terms.position_side != "BOTH" and (terms.position_side == "LONG") is not order.is_buy


def _trigger(order: Order, terms: Terms) -> Json | None:
    if order.trigger is None:
        return None
    fired = order.is_fired or terms.child is not None
    px = bare(terms.stop_price)
    return {"px": px, "isMarket": order.trigger.is_market, "tpsl": order.trigger.tpsl, "fired": fired}


def _status(order: Order, terms: Terms) -> str:
    """Return open, filled, canceled, ...; a fired algo order is `finished`, as its child carries the effect."""
    if terms.is_algo:
        return "open" if terms.algo_status is AlgoStatus.NEW else str(terms.algo_status).lower()
    shown = status_of(order, terms)
    return _LIVE.get(shown, shown.lower())


def fill_log(row: Fill) -> Json:
    """Return a fill."""
    return {
        "user": row.user,
        "coin": coin_of(row.coin),
        "px": bare(row.px),
        "sz": bare(row.sz),
        "side": "B" if row.is_buy else "A",
        "time": row.time,
        "startPosition": bare(row.start_position),
        "dir": row.direction,
        "closedPnl": money(row.closed_pnl),
        "hash": row.hash,
        "oid": row.oid,
        "crossed": row.crossed,
        "fee": money(row.fee),
        "tid": row.tid,
        "feeToken": "USDT",
        "positionSide": side_of(row.coin),
        "cloid": row.cloid,
    }
