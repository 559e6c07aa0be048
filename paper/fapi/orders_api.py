"""Endpoints of orders."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from paper.engine.orders import Order, OrderEvent
from paper.fapi import order_wire as wire
from paper.fapi.calls import Call, Endpoint, Security, Table
from paper.fapi.cancelling import cancel, cancel_symbol, find, is_algo_order, is_forgotten
from paper.fapi.errors import Refused, missing
from paper.fapi.hedging import coin_of
from paper.fapi.liquidation import ADL_ID
from paper.fapi.modifying import modify
from paper.fapi.params import Params
from paper.fapi.placing import check, place
from paper.fapi.reading import contract_of, read_order
from paper.fapi.terms import CONDITIONAL, MARKET, status_of

Json = dict[str, Any]
BATCH = 5
CANCEL_BATCH = 10
DAY_MS = 86_400_000
AUTO_CLOSES = ("ALL", "LIQUIDATION", "ADL")
GONE_TEXT = "The operation of cancel all open order is done."


def _resp(call: Call) -> str:
    return call.params.one_of("newOrderRespType", call.node.dialect.resp_types, -1136, "ACK")


def new_order(call: Call) -> Json:
    """Place an order."""
    resp = _resp(call)
    wish = read_order(call.node, call.who, call.params)
    row = place(call.node, call.who, wish, call.origin)
    return shown(call, row, resp)


def shown(call: Call, row: Order, resp: str) -> Json:
    """Return the answer to a new order: as it was admitted, or with RESULT as it is now."""
    terms = call.node.terms_of(row)
    tells = resp == "RESULT" and (terms.original_type == MARKET or terms.tif in {"IOC", "FOK"})
    return wire.answer(call.node, row) if tells or row.is_untriggered else wire.acknowledged(call.node, row)


def test_order(call: Call) -> Json:
    """Check an order and place nothing."""
    _resp(call)
    wish = read_order(call.node, call.who, call.params)
    check(call.node, call.who, wish)
    return {}


def change_order(call: Call) -> Json:
    """Change price and quantity of a limit order."""
    return wire.answer(call.node, modify(call))


def _found(call: Call) -> Order:
    row = find(call.node, call.who, call.params, contract_of(call.node, call.params).coin)
    if row is None:
        raise Refused(-2013)
    return row


def cancel_order(call: Call) -> Json:
    """Cancel an order."""
    row = find(call.node, call.who, call.params, contract_of(call.node, call.params).coin)
    if row is None:
        raise Refused(-2011)
    return wire.answer(call.node, cancel(call.node, row))


def _event(call: Call, row: Order) -> OrderEvent | None:
    event = row.last_event(call.as_of)
    if event is None:
        raise Refused(-2013)
    return event if call.as_of is not None else None


def query_order(call: Call) -> Json:
    """Return an order; ones that ended long ago without a fill are gone (reference 3.1)."""
    row = _found(call)
    event = _event(call, row)
    is_hidden = not row.is_live and not row.filled_sz and not call.node.settings.cancel_is_found
    if is_hidden or is_forgotten(call.node, row):
        raise Refused(-2013)
    return wire.order(call.node, row, event)


def query_open_order(call: Call) -> Json:
    """Return an open order."""
    row = _found(call)
    if not _is_open(call, row):
        raise Refused(-2013)
    return wire.order(call.node, row, _event(call, row))


def _is_open(call: Call, row: Order) -> bool:
    event = row.last_event(call.as_of)
    if event is None or is_algo_order(call.node, row):
        return False
    return status_of(row, call.node.terms_of(row), event) in {"NEW", "PARTIALLY_FILLED"}


def _own(call: Call) -> list[Order]:
    venue = call.node.venue
    coin = contract_of(call.node, call.params).coin if call.params.has("symbol") else None
    rows = (venue.orders[oid] for oid in venue.books[call.account.address].all_oids)
    return [row for row in rows if coin is None or coin_of(row.coin) == coin]


def open_orders(call: Call) -> list[Json]:
    """List open orders; conditional ones only where the venue has no algo order service."""
    if call.as_of is None:
        coin = contract_of(call.node, call.params).coin if call.params.has("symbol") else None
        rows = call.node.venue.open_orders(call.account.address)
        found = [row for row in rows if coin is None or coin_of(row.coin) == coin]
        return [wire.order(call.node, row) for row in found if not is_algo_order(call.node, row)]
    return [wire.order(call.node, row, _event(call, row)) for row in _own(call) if _is_open(call, row)]


def all_orders(call: Call) -> list[Json]:
    """List an account's orders of a contract, oldest first."""
    contract_of(call.node, call.params)
    start, end = call.params.integer("startTime", 0), call.params.integer("endTime", 2**62)
    first, limit = call.params.integer("orderId", 0), _limit(call.params, 500, 1000)
    if end < 2**62 and end - start > 7 * DAY_MS and start:
        raise Refused(-4166, "Search window is restricted to recent 90 days only and 7 days at most.")
    rows = [
        row
        for row in _own(call)
        if row.oid >= first
        and start <= row.timestamp <= end
        and not is_algo_order(call.node, row)
        and not is_forgotten(call.node, row)
    ]
    rows = rows[:limit] if first or start else rows[-limit:]
    return [wire.order(call.node, row) for row in rows]


def _limit(params: Params, default: int, largest: int) -> int:
    return max(min(params.integer("limit", default), largest), 1)


def cancel_all(call: Call) -> Json:
    """Cancel all open orders of a contract."""
    cancel_symbol(call.node, call.who, contract_of(call.node, call.params).coin)
    return {"code": 200, "msg": GONE_TEXT}


def _each(rows: list[Any], run: Callable[[Any], Json]) -> list[Json]:
    """Run each item; one that is refused has its error in its place."""
    answers: list[Json] = []
    for row in rows:
        try:
            answers.append(run(row))
        except Refused as refused:
            answers.append(refused.as_json())
    return answers


def _listed(params: Params, name: str) -> list[Any]:
    try:
        rows = json.loads(params.text(name).replace("'", '"'))
    except ValueError:
        raise missing(name) from None
    if not isinstance(rows, list):
        raise missing(name)
    return rows


def _texts(row: Any) -> Params:
    if not isinstance(row, dict):
        raise missing("batchOrders")
    shown = {str(key): str(value).lower() if isinstance(value, bool) else str(value) for key, value in row.items()}
    return Params(shown)


def _one(call: Call, params: Params) -> Call:
    return Call(node=call.node, params=params, user=call.user, origin=call.origin, ip=call.ip, version=call.version)


def batch_orders(call: Call) -> list[Json]:
    """Place up to five orders, each for itself."""
    rows = _listed(call.params, "batchOrders")
    if not 0 < len(rows) <= BATCH:
        raise Refused(-4082)
    return _each(rows, lambda row: new_order(_one(call, _texts(row))))


def change_batch(call: Call) -> list[Json]:
    """Change up to five orders, each for itself."""
    rows = _listed(call.params, "batchOrders")
    if not 0 < len(rows) <= BATCH:
        raise Refused(-4082)
    return _each(rows, lambda row: change_order(_one(call, _texts(row))))


def cancel_batch(call: Call) -> list[Json]:
    """Cancel up to ten orders by ids."""
    symbol = call.params.text("symbol")
    by_id = "orderIdList" if call.params.has("orderIdList") else "origClientOrderIdList"
    rows = _listed(call.params, by_id)
    if not 0 < len(rows) <= CANCEL_BATCH:
        raise Refused(-4032, "Exceed maximum cancel order size.")
    name = "orderId" if by_id == "orderIdList" else "origClientOrderId"
    return _each(rows, lambda row: cancel_order(_one(call, Params({"symbol": symbol, name: str(row)}))))


def user_trades(call: Call) -> list[Json]:
    """List an account's trades of a contract, oldest first."""
    coin = contract_of(call.node, call.params).coin
    params = call.params
    start, end = params.integer("startTime", 0), params.integer("endTime", 2**62)
    first, oid = params.integer("fromId", 0), params.number("orderId")
    if start and end < 2**62 and end - start > 7 * DAY_MS:
        raise Refused(-4166, "Search window is restricted to recent 90 days only and 7 days at most.")
    limit = _limit(params, 500, 1000)
    last = min(end, call.as_of if call.as_of is not None else end)
    rows = [
        fill
        for fill in call.node.venue.books[call.account.address].fills
        if coin_of(fill.coin) == coin and start <= fill.time <= last and fill.tid >= first and oid in {None, fill.oid}
    ]
    rows = rows[:limit] if first or start else rows[-limit:]
    return [wire.trade(call.node, fill) for fill in rows]


def countdown(call: Call) -> Json:
    """Set or lift the timer that cancels all orders of a contract."""
    contract, length = contract_of(call.node, call.params), call.params.integer("countdownTime")
    if length > 0:
        call.who.countdowns[contract.symbol] = call.node.venue.now() + length
    else:
        call.who.countdowns.pop(contract.symbol, None)
    call.node.users.touch(call.who)
    return {"symbol": contract.symbol, "countdownTime": str(length)}


def force_orders(call: Call) -> list[Json]:
    """List the orders by which the venue closed positions: liquidations and deleveragings."""
    kind = call.params.one_of("autoCloseType", AUTO_CLOSES, -1130, "ALL")
    rows = [row for row in _own(call) if row.is_liquidation]
    is_adl = {row.oid: call.node.terms_of(row).client_id == ADL_ID for row in rows}
    return [wire.order(call.node, row) for row in rows if kind == "ALL" or is_adl[row.oid] is (kind == "ADL")]


def _one_order(params: Params) -> int:
    del params
    return 1


def _batch_count(params: Params) -> int:
    return min(max(params.maybe("batchOrders").count("symbol"), 1), BATCH)


def _list_weight(params: Params) -> int:
    return 1 if params.has("symbol") else 40


def is_conditional(params: Params) -> bool:
    """Tell whether a new order is a conditional one."""
    return params.maybe("type") in CONDITIONAL


def order_table(order_weight: int) -> Table:
    """Return the endpoints; `order_weight` is the weight of a new order."""
    trade, read = Security.TRADE, Security.READ
    return {
        ("POST", "order"): Endpoint(
            run=new_order, kind="order", security=trade, weight=order_weight, orders=_one_order
        ),
        ("POST", "order/test"): Endpoint(run=test_order, kind="test", security=trade, weight=order_weight),
        ("PUT", "order"): Endpoint(run=change_order, kind="modify", security=trade, orders=_one_order),
        ("DELETE", "order"): Endpoint(run=cancel_order, kind="cancel", security=trade),
        ("GET", "order"): Endpoint(run=query_order, kind="order", security=read),
        ("GET", "openOrder"): Endpoint(run=query_open_order, kind="order", security=read),
        ("GET", "openOrders"): Endpoint(run=open_orders, kind="openOrders", security=read, weight=_list_weight),
        ("GET", "allOrders"): Endpoint(run=all_orders, kind="allOrders", security=read, weight=5),
        ("DELETE", "allOpenOrders"): Endpoint(run=cancel_all, kind="cancelAll", security=trade),
        ("POST", "batchOrders"): Endpoint(
            run=batch_orders, kind="batchOrders", security=trade, weight=5, orders=_batch_count
        ),
        ("PUT", "batchOrders"): Endpoint(
            run=change_batch, kind="modify", security=trade, weight=5, orders=_batch_count
        ),
        ("DELETE", "batchOrders"): Endpoint(run=cancel_batch, kind="cancel", security=trade),
        ("GET", "userTrades"): Endpoint(run=user_trades, kind="userTrades", security=read, weight=5),
        ("GET", "forceOrders"): Endpoint(run=force_orders, kind="forceOrders", security=read, weight=20),
        ("POST", "countdownCancelAll"): Endpoint(run=countdown, kind="countdownCancelAll", security=trade, weight=10),
    }
