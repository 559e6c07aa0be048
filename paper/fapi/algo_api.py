"""Endpoints of the algo order service: conditional orders have ids of their own there (reference 3.5)."""

from __future__ import annotations

from typing import Any

from paper.engine.orders import Order
from paper.fapi import order_wire as wire
from paper.fapi.calls import Call, Endpoint, Security, Table
from paper.fapi.cancelling import cancel, cancel_symbol, find, is_forgotten
from paper.fapi.errors import Refused
from paper.fapi.hedging import coin_of
from paper.fapi.orders_api import GONE_TEXT
from paper.fapi.params import Params
from paper.fapi.placing import place
from paper.fapi.reading import contract_of, read_order

Json = dict[str, Any]


def new_algo(call: Call) -> Json:
    """Place a conditional order."""
    call.params.one_of("algoType", {"CONDITIONAL"}, -4136)
    wish = read_order(call.node, call.who, call.params, is_algo=True)
    return wire.algo(call.node, place(call.node, call.who, wish, call.origin), is_new=True)


def _found(call: Call, code: int) -> Order:
    row = find(call.node, call.who, call.params, None, is_algo=True)
    if row is None:
        raise Refused(code)
    return row


def cancel_algo(call: Call) -> Json:
    """Cancel a conditional order that still waits."""
    row = cancel(call.node, _found(call, -2011))
    return {
        "algoId": row.oid,
        "clientAlgoId": call.node.terms_of(row).client_id,
        "code": "200",
        "msg": "success",
    }


def query_algo(call: Call) -> Json:
    """Return a conditional order, whatever became of it."""
    row = _found(call, -2013)
    if row.last_event(call.as_of) is None or is_forgotten(call.node, row):
        raise Refused(-2013)
    return wire.algo(call.node, row)


def open_algos(call: Call) -> list[Json]:
    """List the conditional orders that wait."""
    coin = contract_of(call.node, call.params).coin if call.params.has("symbol") else None
    rows = call.node.venue.open_orders(call.account.address)
    return [
        wire.algo(call.node, row)
        for row in rows
        if wire.is_open_algo(call.node.terms_of(row))
        and (coin is None or coin_of(row.coin) == coin)
        and row.last_event(call.as_of) is not None
    ]


def all_algos(call: Call) -> list[Json]:
    """List an account's conditional orders of a contract, oldest first."""
    coin, venue = contract_of(call.node, call.params).coin, call.node.venue
    first, limit = call.params.integer("algoId", 0), min(call.params.integer("limit", 500), 1000)
    start, end = call.params.integer("startTime", 0), call.params.integer("endTime", 2**62)
    rows = (venue.orders[oid] for oid in venue.books[call.account.address].all_oids)
    found = [
        row
        for row in rows
        if coin_of(row.coin) == coin
        and row.oid >= first
        and call.node.terms_of(row).is_algo
        and not is_forgotten(call.node, row)
        and start <= row.events[0].ms <= end
    ]
    return [wire.algo(call.node, row) for row in (found[:limit] if first else found[-limit:])]


def cancel_all_algos(call: Call) -> Json:
    """Cancel all conditional orders of a contract."""
    cancel_symbol(call.node, call.who, contract_of(call.node, call.params).coin, algo=True)
    return {"code": 200, "msg": GONE_TEXT}


def _list_weight(params: Params) -> int:
    return 1 if params.has("symbol") else 40


def _one_order(params: Params) -> int:
    del params
    return 1


def algo_table() -> Table:
    """Return the endpoints."""
    trade, read = Security.TRADE, Security.READ
    return {
        ("POST", "algoOrder"): Endpoint(run=new_algo, kind="order", security=trade, weight=0, orders=_one_order),
        ("DELETE", "algoOrder"): Endpoint(run=cancel_algo, kind="cancel", security=trade),
        ("GET", "algoOrder"): Endpoint(run=query_algo, kind="order", security=read),
        ("GET", "openAlgoOrders"): Endpoint(run=open_algos, kind="openOrders", security=read, weight=_list_weight),
        ("GET", "allAlgoOrders"): Endpoint(run=all_algos, kind="allOrders", security=read, weight=5),
        ("DELETE", "algoOpenOrders"): Endpoint(run=cancel_all_algos, kind="cancelAll", security=trade),
    }
