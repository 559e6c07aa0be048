"""Tickers: last price, best bid and ask, a day's figures."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from paper.fapi.contracts import Contract
from paper.fapi.node import Node
from paper.fapi.numbers import ZERO, fixed

Json = dict[str, Any]
DAY_MS = 86_400_000
HOUR_MS = 3_600_000


def price(node: Node, contract: Contract) -> Json:
    """Return the last price."""
    market = node.venue.markets[contract.coin]
    last = market.tape[-1].px if market.tape else market.mid
    return {"symbol": contract.symbol, "price": fixed(last, contract.price_decimals), "time": node.venue.now()}


def best(node: Node, contract: Contract) -> tuple[str, str, str, str]:
    """Return bid price, bid size, ask price, ask size as text."""
    market, now = node.venue.markets[contract.coin], node.venue.now()
    bid = market.best(node.venue.orders, now, is_bid=True)
    ask = market.best(node.venue.orders, now, is_bid=False)
    px, sz = contract.price_decimals, contract.size_decimals
    return (
        fixed(bid.px if bid else ZERO, px),
        fixed(bid.sz if bid else ZERO, sz),
        fixed(ask.px if ask else ZERO, px),
        fixed(ask.sz if ask else ZERO, sz),
    )


def book_ticker(node: Node, contract: Contract) -> Json:
    """Return the best bid and ask."""
    bid_px, bid_sz, ask_px, ask_sz = best(node, contract)
    return {
        "symbol": contract.symbol,
        "bidPrice": bid_px,
        "bidQty": bid_sz,
        "askPrice": ask_px,
        "askQty": ask_sz,
        "time": node.venue.now(),
    }


def figures(node: Node, contract: Contract) -> dict[str, Decimal]:
    """Return open, high, low, last, volume and quote volume of the last 24 hours."""
    now = node.market_ms()
    rows = node.feed.candles(contract.coin, HOUR_MS, now - DAY_MS, now, now)
    last = node.venue.markets[contract.coin].mid
    if not rows:
        return dict.fromkeys(("open", "high", "low", "last"), last) | {"volume": ZERO, "quote": ZERO}
    volume = Decimal(f"{sum(row.volume for row in rows):.6f}").quantize(contract.step)
    return {
        "open": _px(rows[0].open, contract),
        "high": _px(max(row.high for row in rows), contract),
        "low": _px(min(row.low for row in rows), contract),
        "last": last,
        "volume": volume,
        "quote": (volume * last).quantize(Decimal("0.01")),
    }


def _px(value: float, contract: Contract) -> Decimal:
    return (Decimal(f"{value:.10g}") / contract.tick).to_integral_value() * contract.tick


def day(node: Node, contract: Contract) -> Json:
    """Return a day's figures."""
    found, now = figures(node, contract), node.venue.now()
    px, sz = contract.price_decimals, contract.size_decimals
    change = found["last"] - found["open"]
    average = found["quote"] / found["volume"] if found["volume"] else found["last"]
    tape = node.venue.markets[contract.coin].tape
    first, last = (tape[0].tid, tape[-1].tid) if tape else (0, 0)
    return {
        "symbol": contract.symbol,
        "priceChange": fixed(change, px),
        "priceChangePercent": fixed(change / found["open"] * 100, 3),
        "weightedAvgPrice": fixed(average, px),
        "lastPrice": fixed(found["last"], px),
        "lastQty": fixed(tape[-1].sz if tape else ZERO, sz),
        "openPrice": fixed(found["open"], px),
        "highPrice": fixed(max(found["high"], found["last"]), px),
        "lowPrice": fixed(min(found["low"], found["last"]), px),
        "volume": fixed(found["volume"], sz),
        "quoteVolume": fixed(found["quote"], 2),
        "openTime": now - DAY_MS,
        "closeTime": now,
        "firstId": first,
        "lastId": last,
        "count": len(tape),
    }
