"""The JSON of orders, algo orders and trades, in the order of fields in which the venues send them."""

from __future__ import annotations

from typing import Any

from paper.engine.accounts import Fill
from paper.engine.orders import Order, OrderEvent
from paper.fapi.hedging import side_of
from paper.fapi.node import Node
from paper.fapi.numbers import ZERO, at_least, bare, fixed, money
from paper.fapi.terms import TRAILING, AlgoStatus, Terms, status_of

Json = dict[str, Any]


def side(*, is_buy: bool) -> str:
    """Return the venue's word for a side."""
    return "BUY" if is_buy else "SELL"


def order(node: Node, row: Order, as_of: OrderEvent | None = None) -> Json:
    """Return an order as queries and open-order lists show it."""
    terms, shown = node.terms_of(row), _amounts(node, row)
    return {
        **_head(node, row, terms, as_of),
        "price": shown["price"],
        "avgPrice": shown["avgPrice"],
        "origQty": shown["origQty"],
        "executedQty": shown["executedQty"],
        "cumQuote": shown["cumQuote"],
        **_tail(node, row, terms),
        "time": row.events[0].ms if row.events else row.timestamp,
        "updateTime": row.events[-1].ms if row.events else row.timestamp,
    }


def answer(node: Node, row: Order) -> Json:
    """Return an order as placing, changing and cancelling answer it."""
    terms, shown = node.terms_of(row), _amounts(node, row)
    return {
        **_head(node, row, terms, None),
        "price": shown["price"],
        "avgPrice": shown["avgPrice"],
        "origQty": shown["origQty"],
        "executedQty": shown["executedQty"],
        "cumQty": shown["executedQty"],
        "cumQuote": shown["cumQuote"],
        **_tail(node, row, terms),
        "updateTime": row.events[-1].ms if row.events else row.timestamp,
    }


def acknowledged(node: Node, row: Order) -> Json:
    """Return the answer of a new order that does not wait for its fills: as it was when it was admitted."""
    contract = node.contract_of(row.coin)
    nothing = fixed(ZERO, contract.size_decimals)
    body = answer(node, row)
    return body | {
        "status": "NEW",
        "avgPrice": "0.00",
        "executedQty": nothing,
        "cumQty": nothing,
        "cumQuote": at_least(ZERO, contract.price_decimals),
        "updateTime": row.events[0].ms if row.events else row.timestamp,
    }


def _head(node: Node, row: Order, terms: Terms, as_of: OrderEvent | None) -> Json:
    contract = node.contract_of(row.coin)
    status = status_of(row, terms, as_of)
    return {"orderId": row.oid, "symbol": contract.symbol, "status": status, "clientOrderId": terms.client_id}


def _amounts(node: Node, row: Order) -> Json:
    contract, terms = node.contract_of(row.coin), node.terms_of(row)
    average = row.average_px
    return {
        "price": fixed(terms.price, contract.price_decimals),
        "avgPrice": fixed(average, 5) if average else "0.00",
        "origQty": fixed(terms.qty, contract.size_decimals),
        "executedQty": fixed(row.filled_sz, contract.size_decimals),
        "cumQuote": at_least(row.filled_ntl, contract.price_decimals),
    }


def _tail(node: Node, row: Order, terms: Terms) -> Json:
    contract = node.contract_of(row.coin)
    body: Json = {
        "timeInForce": terms.tif,
        "type": terms.type,
        "reduceOnly": terms.reduce_only or terms.close_position,
        "closePosition": terms.close_position,
        "side": side(is_buy=row.is_buy),
        "positionSide": terms.position_side,
        "stopPrice": fixed(terms.stop_price, contract.price_decimals),
        "workingType": terms.working_type,
        "priceProtect": terms.price_protect,
        "origType": terms.original_type,
    }
    if node.dialect.has_algo_service:
        body |= {
            "priceMatch": terms.price_match,
            "selfTradePreventionMode": terms.stp,
            "goodTillDate": terms.good_till,
        }
    if terms.original_type == TRAILING:
        body |= {"activatePrice": bare(terms.activate_price), "priceRate": bare(terms.callback)}
    return body


def algo(node: Node, row: Order, *, is_new: bool = False) -> Json:
    """Return an algo order; lists and queries also tell what became of it."""
    terms, contract = node.terms_of(row), node.contract_of(row.coin)
    child = node.venue.orders.get(terms.child) if terms.child is not None else None
    body: Json = {
        "algoId": row.oid,
        "clientAlgoId": terms.client_id,
        "algoType": "CONDITIONAL",
        "orderType": terms.original_type,
        "symbol": contract.symbol,
        "side": side(is_buy=row.is_buy),
        "positionSide": terms.position_side,
        "timeInForce": terms.tif,
        "quantity": fixed(terms.qty, contract.size_decimals),
        "algoStatus": str(terms.algo_status),
    }
    if not is_new:
        body |= {
            "actualOrderId": str(terms.child) if terms.child is not None else "",
            "actualPrice": fixed(child.average_px if child else ZERO, 5),
        }
    body |= {
        "triggerPrice": fixed(terms.stop_price, contract.price_decimals),
        "price": fixed(terms.price, contract.price_decimals),
        "icebergQuantity": None,
    }
    if not is_new:
        body |= {"tpTriggerPrice": "0.000", "tpPrice": "0.000", "slTriggerPrice": "0.000", "slPrice": "0.000"}
        body |= {"tpOrderType": ""}
    body |= {
        "selfTradePreventionMode": terms.stp,
        "workingType": terms.working_type,
        "priceMatch": terms.price_match,
        "closePosition": terms.close_position,
        "priceProtect": terms.price_protect,
        "reduceOnly": terms.reduce_only or terms.close_position,
    }
    if is_new or terms.original_type == TRAILING:
        body |= {
            "activatePrice": bare(terms.activate_price) if terms.activate_price else "",
            "callbackRate": bare(terms.callback) if terms.callback else "",
        }
    return body | {
        "createTime": row.events[0].ms,
        "updateTime": row.events[-1].ms,
        "triggerTime": terms.fired_ms,
        "goodTillDate": terms.good_till,
    }


def is_open_algo(terms: Terms) -> bool:
    """Tell whether an algo order still waits."""
    return terms.is_algo and terms.algo_status is AlgoStatus.NEW


def trade(node: Node, fill: Fill) -> Json:
    """Return a user's trade."""
    contract = node.contract_of(fill.coin)
    return {
        "symbol": contract.symbol,
        "id": fill.tid,
        "orderId": fill.oid,
        "side": side(is_buy=fill.is_buy),
        "price": fixed(fill.px, contract.price_decimals),
        "qty": fixed(fill.sz, contract.size_decimals),
        "realizedPnl": money(fill.closed_pnl),
        "quoteQty": at_least(fill.px * fill.sz, contract.price_decimals),
        "commission": money(fill.fee),
        "commissionAsset": "USDT",
        "time": fill.time,
        "positionSide": side_of(fill.coin),
        "maker": not fill.crossed,
        "buyer": fill.is_buy,
    }
