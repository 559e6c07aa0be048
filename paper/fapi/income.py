"""The income history: realised results, fees, funding and transfers, put together from what the engine wrote down."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from paper.engine.accounts import AccountBooks
from paper.fapi.calls import Call
from paper.fapi.node import Node
from paper.fapi.numbers import money
from paper.fapi.reading import contract_of

Json = dict[str, Any]
KEPT_MS = 90 * 86_400_000


def income(call: Call) -> list[Json]:
    """List an account's income, oldest first; without times the latest."""
    params = call.params
    symbol = contract_of(call.node, params).symbol if params.has("symbol") else ""
    kind = params.maybe("incomeType")
    start, end = params.integer("startTime", 0), params.integer("endTime", 2**62)
    limit = max(min(params.integer("limit", 100), 1000), 1)
    rows = sorted(_rows(call.node, call.node.venue.books[call.account.address]), key=lambda row: int(row["time"]))
    fits = [
        row
        for row in rows
        if start <= row["time"] <= end and symbol in {"", row["symbol"]} and kind in {"", row["incomeType"]}
    ]
    return fits[:limit] if start else fits[-limit:]


def _rows(node: Node, books: AccountBooks) -> Iterator[Json]:
    for fill in books.fills:
        symbol = node.contract_of(fill.coin).symbol
        trade = str(fill.tid)
        if fill.closed_pnl:
            yield _row(symbol, "REALIZED_PNL", money(fill.closed_pnl), trade, fill.time, fill.tid, trade)
        if fill.fee:
            yield _row(symbol, "COMMISSION", money(-fill.fee), trade, fill.time, fill.tid, trade)
    for paid in books.fundings:
        symbol = node.contract_of(paid.coin).symbol
        yield _row(symbol, "FUNDING_FEE", money(paid.usdc), "FUNDING_FEE", paid.time, paid.time, "")
    for index, update in enumerate(books.ledger):
        kind = str(update.delta.get("type"))
        if kind == "deposit":
            yield _row("", "TRANSFER", str(update.delta["amount"]), "TRANSFER", update.time, update.time + index, "")
        if kind == "insurance":
            symbol, amount = str(update.delta["symbol"]), str(update.delta["amount"])
            yield _row(symbol, "INSURANCE_CLEAR", amount, "INSURANCE_CLEAR", update.time, update.time + index, "")


def _row(symbol: str, kind: str, amount: str, info: str, time: int, number: int, trade: str) -> Json:
    return {
        "symbol": symbol,
        "incomeType": kind,
        "income": amount,
        "asset": "USDT",
        "time": time,
        "info": info,
        "tranId": number,
        "tradeId": trade,
    }
