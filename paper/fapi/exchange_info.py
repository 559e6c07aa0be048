"""`exchangeInfo`: limits, assets and the filters of every contract."""

from __future__ import annotations

from typing import Any

from paper.fapi.contracts import Contract
from paper.fapi.node import Node
from paper.fapi.numbers import bare, fixed
from paper.fapi.terms import LIMIT, MARKET, TRAILING

Json = dict[str, Any]
PERPETUAL_UNTIL = 4133404800000
LISTED = 1569398400000
ORDER_TYPES = [LIMIT, MARKET, "STOP", "STOP_MARKET", "TAKE_PROFIT", "TAKE_PROFIT_MARKET", TRAILING]


def exchange_info(node: Node) -> Json:
    """Return the rules."""
    minute = {"rateLimitType": "REQUEST_WEIGHT", "interval": "MINUTE", "intervalNum": 1}
    limits: list[Json] = [minute | {"limit": node.dialect.weight_limit}]
    for _, seconds, limit in node.dialect.order_limits:
        interval = ("MINUTE", seconds // 60) if seconds >= 60 else ("SECOND", seconds)
        limits.append({"rateLimitType": "ORDERS", "interval": interval[0], "intervalNum": interval[1], "limit": limit})
    return {
        "timezone": "UTC",
        "serverTime": node.venue.now(),
        "futuresType": "U_MARGINED",
        "rateLimits": limits,
        "exchangeFilters": [],
        "assets": [{"asset": "USDT", "marginAvailable": True, "autoAssetExchange": "-10000"}],
        "symbols": [symbol(node, contract) for contract in node.venue.contracts.values()],
    }


def symbol(node: Node, contract: Contract) -> Json:
    """Return one contract's rules."""
    return {
        "symbol": contract.symbol,
        "pair": contract.symbol,
        "contractType": "PERPETUAL",
        "deliveryDate": PERPETUAL_UNTIL,
        "onboardDate": LISTED,
        "status": "TRADING",
        "maintMarginPercent": "2.5000",
        "requiredMarginPercent": "5.0000",
        "baseAsset": contract.base,
        "quoteAsset": "USDT",
        "marginAsset": "USDT",
        "pricePrecision": contract.price_decimals,
        "quantityPrecision": contract.size_decimals,
        "baseAssetPrecision": 8,
        "quotePrecision": 8,
        "underlyingType": "COIN",
        "underlyingSubType": ["PoW"] if contract.coin == "BTC" else ["Layer-1"],
        "settlePlan": 0,
        "triggerProtect": bare(contract.trigger_protect),
        "liquidationFee": fixed(contract.liquidation_fee, 6),
        "marketTakeBound": bare(contract.take_bound),
        "maxMoveOrderLimit": 10000,
        "filters": _filters(node, contract),
        "orderTypes": ORDER_TYPES,
        "timeInForce": list(node.dialect.times_in_force),
    }


def _filters(node: Node, contract: Contract) -> list[Json]:
    step = bare(contract.step)
    return [
        {
            "filterType": "PRICE_FILTER",
            "minPrice": bare(contract.min_price),
            "maxPrice": bare(contract.max_price),
            "tickSize": format(contract.tick, "f"),
        },
        {"filterType": "LOT_SIZE", "stepSize": step, "maxQty": bare(contract.max_qty), "minQty": step},
        {"filterType": "MARKET_LOT_SIZE", "stepSize": step, "maxQty": bare(contract.market_max_qty), "minQty": step},
        {"filterType": "MAX_NUM_ORDERS", "limit": contract.max_orders},
        {"filterType": "MAX_NUM_ALGO_ORDERS", "limit": node.dialect.max_algo_orders},
        {"filterType": "MIN_NOTIONAL", "notional": bare(contract.min_notional)},
        {
            "filterType": "PERCENT_PRICE",
            "multiplierUp": fixed(contract.multiplier_up, 4),
            "multiplierDown": fixed(contract.multiplier_down, 4),
            "multiplierDecimal": "4",
        },
    ]
