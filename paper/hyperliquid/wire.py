"""The venue's JSON shapes of orders, fills, candles and amounts (reference section 1)."""

from __future__ import annotations

from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any

from paper.engine.accounts import Fill, FundingPayment
from paper.engine.instruments import Perp, tick_near
from paper.engine.market import Trade
from paper.engine.orders import Order, OrderEvent
from paper.feeds.feed import Candle

Json = dict[str, Any]
ZERO_HASH = "0x" + "0" * 64
_MILLIONTH = Decimal("0.000001")


def number(value: Decimal) -> str:
    """Write a decimal as the venue does: no exponent, no trailing zeros, at least one decimal."""
    text = format(value.normalize(), "f")
    if text in {"0", "-0"}:
        return "0.0"
    return text if "." in text else text + ".0"


def usd(value: Decimal) -> str:
    """Write an amount of USDC to six decimals."""
    return number(value.quantize(_MILLIONTH, rounding=ROUND_HALF_EVEN))


def bare(value: Decimal) -> str:
    """Write a decimal without a trailing `.0`, as in trigger conditions and error texts."""
    text = format(value.normalize(), "f")
    return "0" if text == "-0" else text


def side(*, is_buy: bool) -> str:
    """Return the venue's letter of a side."""
    return "B" if is_buy else "A"


def order_type(order: Order) -> str:
    """Return the venue's name of an order's type; a fired trigger keeps its own."""
    if order.purpose:
        return order.purpose
    if order.trigger is not None:
        family = "Stop" if order.trigger.tpsl == "sl" else "Take Profit"
        return f"{family} {'Market' if order.trigger.is_market else 'Limit'}"
    return "Market" if order.tif in {"FrontendMarket", "LiquidationMarket"} else "Limit"


def trigger_condition(order: Order, *, is_fired: bool) -> str:
    """Return the text of a trigger's condition."""
    if order.trigger is None:
        return "N/A"
    if is_fired:
        return "Triggered"
    falls = (order.trigger.tpsl == "sl") != order.is_buy
    return f"Price {'below' if falls else 'above'} {bare(order.trigger.px)}"


def open_order(order: Order, event: OrderEvent) -> Json:
    """Return a row of `openOrders`; triggers look like ordinary limits there."""
    row: Json = {
        "coin": order.coin,
        "side": side(is_buy=order.is_buy),
        "limitPx": number(event.limit_px),
        "sz": number(event.sz),
        "oid": order.oid,
        "timestamp": event.timestamp,
        "origSz": number(event.orig_sz),
    }
    if order.cloid is not None:
        row["cloid"] = order.cloid
    if order.reduce_only:
        row["reduceOnly"] = True
    return row


def frontend_order(order: Order, event: OrderEvent, children: list[Json] | None = None) -> Json:
    """Return a FrontendOrder as of one of its events."""
    waits = order.trigger is not None and not event.is_fired
    return {
        "coin": order.coin,
        "side": side(is_buy=order.is_buy),
        "limitPx": number(event.limit_px),
        "sz": number(event.sz),
        "oid": order.oid,
        "timestamp": event.timestamp,
        "triggerCondition": trigger_condition(order, is_fired=event.is_fired),
        "isTrigger": waits,
        "triggerPx": number(order.trigger.px) if waits and order.trigger is not None else "0.0",
        "children": children or [],
        "isPositionTpsl": order.is_position_tpsl,
        "reduceOnly": order.reduce_only,
        "orderType": order_type(order),
        "origSz": number(event.orig_sz),
        "tif": None if waits else order.tif,
        "cloid": order.cloid,
    }


def fill(row: Fill) -> Json:
    """Return a fill."""
    shape: Json = {
        "coin": row.coin,
        "px": number(row.px),
        "sz": number(row.sz),
        "side": side(is_buy=row.is_buy),
        "time": row.time,
        "startPosition": number(row.start_position),
        "dir": row.direction,
        "closedPnl": usd(row.closed_pnl),
        "hash": row.hash,
        "oid": row.oid,
        "crossed": row.crossed,
        "fee": usd(row.fee) if row.fee_coin == "USDC" else number(row.fee),
        "tid": row.tid,
        "feeToken": row.fee_coin,
        "twapId": row.twap_id,
    }
    if row.builder_fee:
        shape["builderFee"] = usd(row.builder_fee)
    if row.cloid is not None:
        shape["cloid"] = row.cloid
    if row.liquidation is not None:
        shape["liquidation"] = {
            "liquidatedUser": row.liquidation.user,
            "markPx": number(row.liquidation.mark_px),
            "method": row.liquidation.method,
        }
    return shape


def trade(row: Trade) -> Json:
    """Return a public trade; the side is the aggressor's."""
    return {
        "coin": row.coin,
        "side": side(is_buy=row.is_buy),
        "px": number(row.px),
        "sz": number(row.sz),
        "time": row.time,
        "hash": row.hash,
        "tid": row.tid,
        "users": [row.buyer, row.seller],
    }


def funding_delta(row: FundingPayment) -> Json:
    """Return what a funding payment says."""
    return {
        "coin": row.coin,
        "usdc": usd(row.usdc),
        "szi": number(row.szi),
        "fundingRate": number(row.rate),
        "nSamples": None,
    }


def candle(row: Candle, coin: str, interval: str, interval_ms: int, perp: Perp) -> Json:
    """Return a candle with its prices on tick."""

    def px(value: float) -> str:
        return number(tick_near(Decimal(f"{value:.10g}"), perp.size_decimals))

    volume = Decimal(f"{row.volume:.10g}").quantize(perp.lot)
    return {
        "t": row.opens_ms,
        "T": row.opens_ms + interval_ms - 1,
        "s": coin,
        "i": interval,
        "o": px(row.open),
        "c": px(row.close),
        "h": px(row.high),
        "l": px(row.low),
        "v": number(volume),
        "n": int(row.volume * 10) + 1 if row.volume else 0,
    }
