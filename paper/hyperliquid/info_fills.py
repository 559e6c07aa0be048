"""Reads about fills, funding payments and the ledger (reference 1.4)."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

from paper.engine.accounts import Fill
from paper.engine.venue import PaperVenue
from paper.hyperliquid import wire
from paper.hyperliquid.node import Node
from paper.hyperliquid.reads import times, user_of

Json = dict[str, Any]
ROWS = 2000
REACHABLE_FILLS = 10_000
TIME_ROWS = 500


def fills(venue: PaperVenue, user: str, as_of: int | None = None) -> list[Fill]:
    """Return an account's fills, oldest first."""
    books = venue.books.get(user)
    rows = books.fills if books else []
    return rows if as_of is None else [row for row in rows if row.time <= as_of]


def aggregated(rows: list[Fill]) -> list[Fill]:
    """Merge the fills of one crossing order at one moment: sizes, fees and profits add up, the price is their average."""
    merged: list[Fill] = []
    for row in rows:
        last = merged[-1] if merged else None
        if last is None or not row.crossed or (last.oid, last.time) != (row.oid, row.time):
            merged.append(row)
            continue
        size = last.sz + row.sz
        merged[-1] = replace(
            last,
            sz=size,
            px=((last.px * last.sz + row.px * row.sz) / size).quantize(Decimal("1e-10")),
            fee=last.fee + row.fee,
            closed_pnl=last.closed_pnl + row.closed_pnl,
        )
    return merged


def user_fills(node: Node, row: Json, as_of: int | None) -> Any:
    """Return `userFills`, newest first."""
    rows = fills(node.venue, user_of(row), as_of)
    rows = (aggregated(rows) if row.get("aggregateByTime") else rows)[-ROWS:]
    return [wire.fill(fill) for fill in reversed(rows)]


def fills_by_time(node: Node, row: Json, as_of: int | None) -> Any:
    """Return `userFillsByTime`, oldest first unless reversed."""
    start, end = times(row)
    rows = fills(node.venue, user_of(row), as_of)[-REACHABLE_FILLS:]
    wanted = [fill for fill in rows if start <= fill.time <= end]
    if row.get("aggregateByTime"):
        wanted = aggregated(wanted)
    if row.get("reversed"):
        wanted.reverse()
    return [wire.fill(fill) for fill in wanted[:ROWS]]


def user_funding(node: Node, row: Json, as_of: int | None) -> Any:
    """Return `userFunding`."""
    del as_of
    books = node.venue.books.get(user_of(row))
    start, end = times(row)
    rows = [item for item in (books.fundings if books else []) if start <= item.time <= end]
    return [
        {"time": item.time, "hash": wire.ZERO_HASH, "delta": {"type": "funding", **wire.funding_delta(item)}}
        for item in rows[:TIME_ROWS]
    ]


def ledger(node: Node, row: Json, as_of: int | None) -> Any:
    """Return `userNonFundingLedgerUpdates`."""
    del as_of
    books = node.venue.books.get(user_of(row))
    start, end = times(row)
    rows = [item for item in (books.ledger if books else []) if start <= item.time <= end]
    return [{"time": item.time, "hash": item.hash, "delta": item.delta} for item in rows[:TIME_ROWS]]
