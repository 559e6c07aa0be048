"""Public endpoints: rules, books, trades, candles, funding, tickers."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from paper.engine.market import Market, Trade
from paper.fapi.calls import Call, Endpoint, Security, Table
from paper.fapi.contracts import Contract
from paper.fapi.errors import Refused, missing
from paper.fapi.exchange_info import exchange_info
from paper.fapi.funding import next_funding, premium_at, rate_of, rates_of
from paper.fapi.node import Node
from paper.fapi.numbers import ZERO, at_least, fixed
from paper.fapi.params import Params
from paper.fapi.reading import contract_of
from paper.fapi.tickers import book_ticker, day, price

Json = dict[str, Any]
MINUTE = 60_000
INTERVALS = {
    "1m": MINUTE, "3m": 3 * MINUTE, "5m": 5 * MINUTE, "15m": 15 * MINUTE, "30m": 30 * MINUTE, "1h": 60 * MINUTE,
    "2h": 120 * MINUTE, "4h": 240 * MINUTE, "6h": 360 * MINUTE, "8h": 480 * MINUTE, "12h": 720 * MINUTE,
    "1d": 1440 * MINUTE, "3d": 4320 * MINUTE, "1w": 10080 * MINUTE, "1M": 43200 * MINUTE,
}  # fmt: skip
DEPTHS = (5, 10, 20, 50, 100, 500, 1000)


def ping(call: Call) -> Json:
    """Answer."""
    del call
    return {}


def server_time(call: Call) -> Json:
    """Return the venue's clock."""
    return {"serverTime": call.node.venue.now()}


def info(call: Call) -> Json:
    """Return the rules of all contracts."""
    return exchange_info(call.node)


def _market(call: Call) -> tuple[Contract, Market]:
    contract = contract_of(call.node, call.params)
    return contract, call.node.venue.markets[contract.coin]


def depth(call: Call) -> Json:
    """Return the order book."""
    contract, market = _market(call)
    limit = call.params.integer("limit", 500)
    if limit not in DEPTHS:
        raise Refused(-4021, f"{limit} is not valid depth limit.")
    now = call.node.venue.now()
    return {
        "lastUpdateId": update_id(call.node),
        "E": now,
        "T": now,
        "bids": levels(call.node, contract, market, limit, is_bid=True),
        "asks": levels(call.node, contract, market, limit, is_bid=False),
    }


def update_id(node: Node) -> int:
    """Return a number of the book's state that only rises."""
    return node.venue.now() * 1000 + node.ticks % 1000


def levels(node: Node, contract: Contract, market: Market, limit: int, *, is_bid: bool) -> list[list[str]]:
    """Return price levels as pairs of text, best first."""
    rows = market.depth(node.venue.orders, node.venue.now(), is_bid=is_bid)[:limit]
    return [[fixed(px, contract.price_decimals), fixed(sz, contract.size_decimals)] for px, sz, _ in rows]


def _tape(call: Call) -> tuple[Contract, list[Trade]]:
    contract, market = _market(call)
    limit = max(min(call.params.integer("limit", 500), 1000), 1)
    first = call.params.integer("fromId", 0)
    return contract, [row for row in market.tape if row.tid >= first][-limit:]


def trades(call: Call) -> list[Json]:
    """Return the latest public trades."""
    contract, rows = _tape(call)
    return [
        {
            "id": row.tid,
            "price": fixed(row.px, contract.price_decimals),
            "qty": fixed(row.sz, contract.size_decimals),
            "quoteQty": at_least(row.px * row.sz, 2),
            "time": row.time,
            "isBuyerMaker": not row.is_buy,
        }
        for row in rows
    ]


def agg_trades(call: Call) -> list[Json]:
    """Return the latest public trades; each stands for itself."""
    contract, rows = _tape(call)
    start, end = call.params.integer("startTime", 0), call.params.integer("endTime", 2**62)
    return [
        {
            "a": row.tid,
            "p": fixed(row.px, contract.price_decimals),
            "q": fixed(row.sz, contract.size_decimals),
            "f": row.tid,
            "l": row.tid,
            "T": row.time,
            "m": not row.is_buy,
        }
        for row in rows
        if start <= row.time <= end
    ]


def klines(call: Call) -> list[list[Any]]:
    """Return candles, the forming one included, oldest first; times are market time."""
    contract, _ = _market(call)
    interval = call.params.text("interval")
    if interval not in INTERVALS:
        raise Refused(-1120)
    length, now = INTERVALS[interval], call.node.market_ms()
    limit = max(min(call.params.integer("limit", 500), 1500), 1)
    end = min(call.params.integer("endTime", now), now)
    start = call.params.integer("startTime", end // length * length - (limit - 1) * length)
    last = min(end, -(-start // length) * length + (limit - 1) * length)
    rows = call.node.feed.candles(contract.coin, length, start, last, now)
    return [
        kline(contract, row.opens_ms, length, (row.open, row.high, row.low, row.close), row.volume)
        for row in rows[:limit]
    ]


def kline(
    contract: Contract, opens: int, length: int, prices: tuple[float, float, float, float], volume: float
) -> list[Any]:
    """Return one candle; half of the volume counts as bought by takers."""
    shown = [fixed(_on_tick(px, contract), contract.price_decimals) for px in prices]
    base = Decimal(f"{volume:.10g}").quantize(contract.step)
    half = (base / 2).quantize(contract.step)
    close = _on_tick(prices[3], contract)
    count = int(volume * 10) + 1 if volume else 0
    sizes = [
        fixed(base, contract.size_decimals),
        opens + length - 1,
        at_least((base * close).quantize(Decimal("1e-5")), 5),
    ]
    taken = [fixed(half, contract.size_decimals), at_least((half * close).quantize(Decimal("1e-5")), 5), "0"]
    return [opens, *shown, *sizes, count, *taken]


def _on_tick(px: float, contract: Contract) -> Decimal:
    return (Decimal(f"{px:.10g}") / contract.tick).to_integral_value() * contract.tick


def premium_index(call: Call) -> Any:
    """Return mark, index and the running funding rate of one contract or of all."""
    return _one_or_all(call, lambda contract: premium_row(call.node, contract))


def premium_row(node: Node, contract: Contract) -> Json:
    """Return mark, index and funding of a contract."""
    market, now = node.venue.markets[contract.coin], node.market_ms()
    return {
        "symbol": contract.symbol,
        "markPrice": fixed(market.mark, 8),
        "indexPrice": fixed(market.oracle, 8),
        "estimatedSettlePrice": fixed(market.oracle, 8),
        "lastFundingRate": fixed(rate_of(premium_at(node, contract.coin, now)), 8),
        "interestRate": "0.00010000",
        "nextFundingTime": next_funding(now),
        "time": node.venue.now(),
    }


def funding_rate(call: Call) -> list[Json]:
    """Return paid funding rates, oldest first."""
    venue, params = call.node.venue, call.params
    contracts = [contract_of(call.node, params)] if params.has("symbol") else list(venue.contracts.values())
    start, end = params.integer("startTime", 0), params.integer("endTime", 2**62)
    limit = max(min(params.integer("limit", 100), 1000), 1)
    rows = [
        {
            "symbol": contract.symbol,
            "fundingTime": row.time,
            "fundingRate": fixed(row.rate, 8),
            "markPrice": fixed(venue.mark(contract.coin), 8),
        }
        for contract in contracts
        for row in rates_of(call.node, contract.coin)
        if start <= row.time <= end
    ]
    rows.sort(key=lambda row: int(str(row["fundingTime"])))
    return rows[:limit] if start else rows[-limit:]


def funding_info(call: Call) -> list[Json]:
    """Return contracts with adjusted funding terms: there is none."""
    del call
    return []


def open_interest(call: Call) -> Json:
    """Return the sum of all long positions."""
    contract, market = _market(call)
    held = (item for account in call.node.venue.accounts.values() for item in account.positions.values())
    total = sum((item.szi for item in held if item.szi > 0 and call.node.contract_of(item.coin) is contract), ZERO)
    del market
    shown = fixed(total, contract.size_decimals)
    return {"openInterest": shown, "symbol": contract.symbol, "time": call.node.venue.now()}


def _one_or_all(call: Call, row: Callable[[Contract], Json]) -> Any:
    if call.params.has("symbol"):
        return row(contract_of(call.node, call.params))
    return [row(contract) for contract in call.node.venue.contracts.values()]


def ticker_price(call: Call) -> Any:
    """Return the last price of one contract or of all."""
    return _one_or_all(call, lambda contract: price(call.node, contract))


def ticker_book(call: Call) -> Any:
    """Return the best bid and ask of one contract or of all."""
    return _one_or_all(call, lambda contract: book_ticker(call.node, contract))


def ticker_day(call: Call) -> Any:
    """Return a day's figures of one contract or of all."""
    return _one_or_all(call, lambda contract: day(call.node, contract))


def _index_klines(call: Call) -> list[list[Any]]:
    if not call.params.has("pair"):
        raise missing("pair")
    values = {**call.params.values, "symbol": call.params.text("pair")}
    return klines(Call(node=call.node, params=Params(values)))


def _depth_weight(params: Params) -> int:
    limit = params.maybe("limit", "500")
    return {"5": 2, "10": 2, "20": 2, "50": 2, "100": 5, "500": 10, "1000": 20}.get(limit, 1)


def _kline_weight(params: Params) -> int:
    limit = int(params.maybe("limit", "500")) if params.maybe("limit", "500").isdigit() else 500
    return 1 if limit < 100 else 2 if limit < 500 else 5 if limit <= 1000 else 10


def _by_symbol(one: int, everything: int) -> Callable[[Params], int]:
    return lambda params: one if params.has("symbol") else everything


def market_table() -> Table:
    """Return the endpoints."""
    rows: dict[str, tuple[Callable[[Call], Any], int | Callable[[Params], int]]] = {
        "ping": (ping, 1),
        "time": (server_time, 1),
        "exchangeInfo": (info, 1),
        "depth": (depth, _depth_weight),
        "trades": (trades, 5),
        "historicalTrades": (trades, 20),
        "aggTrades": (agg_trades, 20),
        "klines": (klines, _kline_weight),
        "markPriceKlines": (klines, _kline_weight),
        "indexPriceKlines": (_index_klines, _kline_weight),
        "premiumIndex": (premium_index, _by_symbol(1, 10)),
        "fundingRate": (funding_rate, 1),
        "fundingInfo": (funding_info, 1),
        "openInterest": (open_interest, 1),
        "ticker/price": (ticker_price, _by_symbol(1, 2)),
        "ticker/bookTicker": (ticker_book, _by_symbol(2, 5)),
        "ticker/24hr": (ticker_day, _by_symbol(1, 40)),
    }
    return {
        ("GET", path): Endpoint(run=run, kind=path, security=Security.NONE, weight=weight)
        for path, (run, weight) in rows.items()
    }
