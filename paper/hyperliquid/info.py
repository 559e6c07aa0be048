"""POST /info: which read answers which type."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from paper.engine.errors import Unparsable
from paper.engine.venue import PaperVenue
from paper.hyperliquid import info_account, info_market, wire
from paper.hyperliquid.node import Node
from paper.hyperliquid.parsing import address, cloid, typed

Json = dict[str, Any]
Read = Callable[[Node, Json, int | None], Any]


def answer(node: Node, body: Any, as_of: int | None = None) -> Any:
    """Answer a read, as a node that lags behind when `as_of` is set; raises Unparsable."""
    row = typed(body, dict)
    read = READS.get(typed(row.get("type"), str))
    if read is None:
        raise Unparsable(f"unknown type {row.get('type')}")
    return read(node, row, as_of)


def _user(row: Json) -> str:
    return address(row.get("user"))


def _coin(row: Json) -> str:
    return typed(row.get("coin"), str)


def _times(row: Json) -> tuple[int, int]:
    end = row.get("endTime")
    return typed(row.get("startTime"), int), (1 << 62) if end is None else typed(end, int)


def _l2_book(node: Node, row: Json, as_of: int | None) -> Any:
    del as_of
    figures, mantissa = row.get("nSigFigs"), row.get("mantissa")
    if figures is not None and figures not in {2, 3, 4, 5}:
        raise Unparsable("nSigFigs")
    if mantissa is not None and (mantissa not in {1, 2, 5} or figures != 5):
        raise Unparsable("mantissa")
    book = info_market.l2_book(node.venue, _coin(row), figures, mantissa)
    # A book is market data: its time is market time, which clients take for their candles' clock.
    return None if book is None else book | {"time": node.market_ms()}


def _contexts(node: Node, row: Json, as_of: int | None) -> Any:
    del row, as_of
    contexts = [info_market.asset_context(node, market) for market in node.venue.markets.values()]
    return [info_market.meta(node.venue), contexts]


def _funding_history(node: Node, row: Json, as_of: int | None) -> Any:
    del as_of
    start, end = _times(row)
    return info_market.funding_history(node.venue, _coin(row), start, end)


def _recent_trades(node: Node, row: Json, as_of: int | None) -> Any:
    del as_of
    market = node.venue.markets.get(_coin(row))
    return [wire.trade(trade) for trade in list(market.tape)[::-1][:10]] if market else None


def _active_asset_data(node: Node, row: Json, as_of: int | None) -> Any:
    del as_of
    coin = _coin(row)
    if coin not in node.venue.markets:
        return None
    return info_account.active_asset_data(node.venue, _user(row), coin)


def _order_status(node: Node, row: Json, as_of: int | None) -> Any:
    key = row.get("oid")
    wanted = cloid(key) if isinstance(key, str) else typed(key, int)
    return info_account.order_status(node.venue, _user(row), wanted, as_of)


def _user_fills(node: Node, row: Json, as_of: int | None) -> Any:
    rows = info_account.fills(node.venue, _user(row), as_of)
    rows = (info_account.aggregated(rows) if row.get("aggregateByTime") else rows)[-info_account.ROWS :]
    return [wire.fill(fill) for fill in reversed(rows)]


def _fills_by_time(node: Node, row: Json, as_of: int | None) -> Any:
    start, end = _times(row)
    rows = info_account.fills(node.venue, _user(row), as_of)[-info_account.REACHABLE_FILLS :]
    wanted = [fill for fill in rows if start <= fill.time <= end]
    if row.get("aggregateByTime"):
        wanted = info_account.aggregated(wanted)
    if row.get("reversed"):
        wanted.reverse()
    return [wire.fill(fill) for fill in wanted[: info_account.ROWS]]


def _user_funding(node: Node, row: Json, as_of: int | None) -> Any:
    del as_of
    books = node.venue.books.get(_user(row))
    start, end = _times(row)
    rows = [item for item in (books.fundings if books else []) if start <= item.time <= end]
    return [
        {"time": item.time, "hash": wire.ZERO_HASH, "delta": {"type": "funding", **wire.funding_delta(item)}}
        for item in rows[: info_account.TIME_ROWS]
    ]


def _ledger(node: Node, row: Json, as_of: int | None) -> Any:
    del as_of
    books = node.venue.books.get(_user(row))
    start, end = _times(row)
    rows = [item for item in (books.ledger if books else []) if start <= item.time <= end]
    return [{"time": item.time, "hash": item.hash, "delta": item.delta} for item in rows[: info_account.TIME_ROWS]]


def _role(node: Node, row: Json, as_of: int | None) -> Any:
    del as_of
    user = _user(row)
    agent = node.agents.find(user, node.venue.now())
    if agent is not None:
        return {"role": "agent", "data": {"user": agent.master}}
    return {"role": "user" if user in node.venue.accounts else "missing"}


def _extra_agents(node: Node, row: Json, as_of: int | None) -> Any:
    del as_of
    agents = node.agents.of(_user(row), node.venue.now())
    return [{"address": a.address, "name": a.name, "validUntil": a.valid_until} for a in agents if a.name]


def _max_builder_fee(node: Node, row: Json, as_of: int | None) -> Any:
    del as_of
    account = node.venue.account(_user(row))
    return account.builder_fees.get(address(row.get("builder")), 0) if account else 0


def _margin_table(node: Node, row: Json, as_of: int | None) -> Any:
    del as_of
    tables = dict(info_market.meta(node.venue)["marginTables"])
    return tables.get(row.get("id"))


def _exchange_status(node: Node, row: Json, as_of: int | None) -> Any:
    del row, as_of
    return {"time": node.venue.now(), "specialStatuses": None}


def _fixed(value: Any) -> Read:
    """Answer always the same."""

    def read(node: Node, row: Json, as_of: int | None) -> Any:
        del node, row, as_of
        return value

    return read


def _of_user(value: Any) -> Read:
    """Answer the same for every well-formed address."""

    def read(node: Node, row: Json, as_of: int | None) -> Any:
        del node, as_of
        _user(row)
        return value

    return read


def _of_venue(compute: Callable[[PaperVenue], Any]) -> Read:
    def read(node: Node, row: Json, as_of: int | None) -> Any:
        del row, as_of
        return compute(node.venue)

    return read


def _of_account(compute: Callable[[PaperVenue, str], Any]) -> Read:
    def read(node: Node, row: Json, as_of: int | None) -> Any:
        del as_of
        return compute(node.venue, _user(row))

    return read


def _of_account_at(compute: Callable[[PaperVenue, str, int | None], Any]) -> Read:
    def read(node: Node, row: Json, as_of: int | None) -> Any:
        return compute(node.venue, _user(row), as_of)

    return read


def _candles(node: Node, row: Json, as_of: int | None) -> Any:
    del as_of
    return info_market.candle_snapshot(node, typed(row.get("req"), dict))


def _predicted(node: Node, row: Json, as_of: int | None) -> Any:
    del row, as_of
    return info_market.predicted_fundings(node)


_LARGEST_MARKET_ORDERS = [[25, "30000000.0"], [20, "5000000.0"], [10, "2000000.0"], [1, "500000.0"]]

READS: dict[str, Read] = {
    "meta": _of_venue(info_market.meta),
    "spotMeta": _fixed(info_market.spot_meta()),
    "metaAndAssetCtxs": _contexts,
    "spotMetaAndAssetCtxs": _fixed(info_market.spot_contexts()),
    "perpDexs": _fixed([None]),
    "allMids": _of_venue(info_market.all_mids),
    "l2Book": _l2_book,
    "candleSnapshot": _candles,
    "fundingHistory": _funding_history,
    "predictedFundings": _predicted,
    "recentTrades": _recent_trades,
    "marginTable": _margin_table,
    "perpsAtOpenInterestCap": _fixed([]),
    "maxMarketOrderNtls": _fixed(_LARGEST_MARKET_ORDERS),
    "exchangeStatus": _exchange_status,
    "clearinghouseState": _of_account_at(info_account.clearinghouse_state),
    "spotClearinghouseState": _of_account(info_account.spot_state),
    "activeAssetData": _active_asset_data,
    "openOrders": _of_account_at(info_account.open_orders),
    "frontendOpenOrders": _of_account_at(info_account.frontend_open_orders),
    "orderStatus": _order_status,
    "historicalOrders": _of_account_at(info_account.historical_orders),
    "userFills": _user_fills,
    "userFillsByTime": _fills_by_time,
    "userFunding": _user_funding,
    "userNonFundingLedgerUpdates": _ledger,
    "userFees": _of_account(info_account.user_fees),
    "userRateLimit": _of_account(info_account.user_rate_limit),
    "userRole": _role,
    "extraAgents": _extra_agents,
    "subAccounts": _of_user(None),
    "portfolio": _of_account(info_account.portfolio),
    "maxBuilderFee": _max_builder_fee,
    "userAbstraction": _of_user("disabled"),
    "userVaultEquities": _of_user([]),
}
