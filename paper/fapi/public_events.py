"""What public streams tell: trades as they happen, the rest from time to time."""

from __future__ import annotations

from typing import Any

from paper.engine.changes import Event, OrderChanged
from paper.engine.market import Trade
from paper.engine.orders import Order, Status
from paper.fapi.contracts import Contract
from paper.fapi.funding import next_funding, premium_at, rate_of
from paper.fapi.hedging import coin_of
from paper.fapi.market_api import INTERVALS, kline, levels, update_id
from paper.fapi.node import Node
from paper.fapi.numbers import fixed
from paper.fapi.tickers import best, day

Json = dict[str, Any]


def contract_named(node: Node, stream: str) -> Contract | None:
    """Return the contract of a stream's name, None when there is none."""
    return node.venue.by_symbol.get(stream.partition("@")[0].upper())


def is_known(node: Node, stream: str) -> bool:
    """Tell whether a public stream of this name exists."""
    if stream.startswith("!"):
        return stream.partition("@")[0] in {"!markPrice", "!bookTicker", "!ticker", "!miniTicker", "!forceOrder"}
    name = stream.partition("@")[2].partition("@")[0]
    kinds = {"aggTrade", "trade", "markPrice", "bookTicker", "ticker", "miniTicker", "depth", "forceOrder"}
    fits = name in kinds or name in {"depth5", "depth10", "depth20"} or name.removeprefix("kline_") in INTERVALS
    return contract_named(node, stream) is not None and fits


def happened(node: Node, event: Event) -> list[tuple[str, Json]]:
    """Return (stream, message) of what everybody may know: trades and the orders of liquidations."""
    match event:
        case Trade():
            return trade_events(node, event)
        case OrderChanged(order=row) if row.is_liquidation and event.event.status is Status.FILLED:
            return force_order(node, row)
        case _:
            return []


def force_order(node: Node, row: Order) -> list[tuple[str, Json]]:
    """Return (stream, event) of an order by which the venue has closed a position."""
    contract, now = node.contract_of(row.coin), node.venue.now()
    size = fixed(row.orig_sz, contract.size_decimals)
    body: Json = {"s": contract.symbol, "S": "BUY" if row.is_buy else "SELL", "o": "LIMIT", "f": "IOC", "q": size}
    body |= {"p": fixed(row.limit_px, contract.price_decimals), "ap": fixed(row.average_px, contract.price_decimals)}
    body |= {"X": "FILLED", "l": size, "z": size, "T": now}
    event: Json = {"e": "forceOrder", "E": now, "o": body}
    return [(f"{contract.symbol.lower()}@forceOrder", event), ("!forceOrder@arr", event)]


def trade_events(node: Node, row: Trade) -> list[tuple[str, Json]]:
    """Return (stream, event) of a public trade."""
    contract, now = node.contract_of(coin_of(row.coin)), node.venue.now()
    px, sz = fixed(row.px, contract.price_decimals), fixed(row.sz, contract.size_decimals)
    name = contract.symbol.lower()
    merged: Json = {"e": "aggTrade", "E": now, "a": row.tid, "s": contract.symbol, "p": px, "q": sz}
    merged |= {"f": row.tid, "l": row.tid, "T": row.time, "m": not row.is_buy, "st": 1}
    single: Json = {"e": "trade", "E": now, "s": contract.symbol, "t": row.tid, "p": px, "q": sz}
    single |= {"T": row.time, "m": not row.is_buy}
    return [(f"{name}@aggTrade", merged), (f"{name}@trade", single)]


def periodic(node: Node, stream: str, *, is_second: bool) -> Json | list[Json] | None:
    """Return what a stream tells now, None when nothing is due; slow streams speak once a second."""
    if stream.startswith("!"):
        return _all(node, stream) if is_second else None
    contract = contract_named(node, stream)
    if contract is None:
        return None
    name = stream.partition("@")[2].partition("@")[0]
    if name == "bookTicker":
        return book(node, contract)
    if name.startswith("depth"):
        return partial_depth(node, contract, int(name.removeprefix("depth") or 0))
    if not is_second:
        return None
    match name:
        case "markPrice":
            return mark(node, contract)
        case "ticker":
            return ticker(node, contract)
        case "miniTicker":
            return mini(node, contract)
        case _ if name.startswith("kline_"):
            return candle(node, contract, name.removeprefix("kline_"))
        case _:
            return None


def _all(node: Node, stream: str) -> list[Json] | None:
    rows = {"!markPrice": mark, "!ticker": ticker, "!miniTicker": mini, "!bookTicker": book}
    make = rows.get(stream.partition("@")[0])
    return [make(node, contract) for contract in node.venue.contracts.values()] if make else None


def mark(node: Node, contract: Contract) -> Json:
    """Return a markPriceUpdate."""
    market, now = node.venue.markets[contract.coin], node.market_ms()
    return {
        "e": "markPriceUpdate",
        "E": node.venue.now(),
        "s": contract.symbol,
        "p": fixed(market.mark, 8),
        "i": fixed(market.oracle, 8),
        "P": fixed(market.oracle, 8),
        "r": fixed(rate_of(premium_at(node, contract.coin, now)), 8),
        "T": next_funding(now),
        "st": 1,
    }


def book(node: Node, contract: Contract) -> Json:
    """Return a bookTicker."""
    now = node.venue.now()
    bid_px, bid_sz, ask_px, ask_sz = best(node, contract)
    head: Json = {"e": "bookTicker", "u": update_id(node), "E": now, "T": now, "s": contract.symbol}
    return head | {"b": bid_px, "B": bid_sz, "a": ask_px, "A": ask_sz, "st": 1, "ps": contract.symbol}


def partial_depth(node: Node, contract: Contract, count: int) -> Json:
    """Return the best levels; the stream of changes gets the whole book as one change (sizes replace sizes)."""
    market, now, number = node.venue.markets[contract.coin], node.venue.now(), update_id(node)
    head: Json = {"e": "depthUpdate", "E": now, "T": now, "s": contract.symbol, "ps": contract.symbol, "st": 1}
    head |= {"U": number, "u": number, "pu": number - 1}
    bids = levels(node, contract, market, count or 1000, is_bid=True)
    asks = levels(node, contract, market, count or 1000, is_bid=False)
    return head | {"b": bids, "a": asks}


def ticker(node: Node, contract: Contract) -> Json:
    """Return a 24hrTicker."""
    row = day(node, contract)
    names = {
        "p": "priceChange", "P": "priceChangePercent", "w": "weightedAvgPrice", "c": "lastPrice", "Q": "lastQty",
        "o": "openPrice", "h": "highPrice", "l": "lowPrice", "v": "volume", "q": "quoteVolume", "O": "openTime",
        "C": "closeTime", "F": "firstId", "L": "lastId", "n": "count",
    }  # fmt: skip
    head: Json = {"e": "24hrTicker", "E": node.venue.now(), "s": contract.symbol}
    return head | {short: row[long] for short, long in names.items()} | {"st": 1}


def mini(node: Node, contract: Contract) -> Json:
    """Return a 24hrMiniTicker."""
    row = day(node, contract)
    names = {"c": "lastPrice", "o": "openPrice", "h": "highPrice", "l": "lowPrice", "v": "volume", "q": "quoteVolume"}
    head: Json = {"e": "24hrMiniTicker", "E": node.venue.now(), "s": contract.symbol}
    return head | {short: row[long] for short, long in names.items()}


def candle(node: Node, contract: Contract, interval: str) -> Json | None:
    """Return the forming candle; `x` tells whether it is the last word on it."""
    length, now = INTERVALS[interval], node.market_ms()
    opens = now // length * length
    rows = node.feed.candles(contract.coin, length, opens, now, now)
    if not rows:
        return None
    row = rows[-1]
    shown = kline(contract, row.opens_ms, length, (row.open, row.high, row.low, row.close), row.volume)
    body: Json = {"t": opens, "T": shown[6], "s": contract.symbol, "i": interval, "f": 0, "L": shown[8]}
    body |= {"o": shown[1], "c": shown[4], "h": shown[2], "l": shown[3], "v": shown[5], "n": shown[8]}
    body |= {"x": False, "q": shown[7], "V": shown[9], "Q": shown[10], "B": "0"}
    return {"e": "kline", "E": node.venue.now(), "s": contract.symbol, "k": body}
