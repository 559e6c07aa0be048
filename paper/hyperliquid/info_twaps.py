"""Reads about TWAP orders (reference 1.4)."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from paper.engine.twaps import Twap, TwapStatus
from paper.engine.venue import PaperVenue
from paper.hyperliquid import wire
from paper.hyperliquid.node import Node
from paper.hyperliquid.reads import times, user_of
from paper.hyperliquid.wire import number, side, usd

Json = dict[str, Any]
ROWS = 2000


def twap_state(twap: Twap, executed: Decimal | None = None) -> Json:
    """Return a TWAP's state."""
    done = twap.executed_sz if executed is None else executed
    return {
        "coin": twap.coin,
        "user": twap.user,
        "side": side(is_buy=twap.is_buy),
        "sz": number(twap.sz),
        "executedSz": number(done),
        "executedNtl": usd(twap.executed_ntl if done else Decimal(0)),
        "minutes": twap.minutes,
        "reduceOnly": twap.reduce_only,
        "randomize": twap.randomize,
        "timestamp": twap.created_ms,
        "trigger": None,
        "stopPx": None,
    }


def history_row(twap: Twap, status: TwapStatus, ms: int, executed: Decimal) -> Json:
    """Return one event of a TWAP; the outer time is in seconds."""
    told: Json = {"status": str(status)}
    if status is TwapStatus.ERROR:
        told["description"] = twap.description
    return {"time": ms // 1000, "state": twap_state(twap, executed), "status": told, "twapId": twap.twap_id}


def twap_history(venue: PaperVenue, user: str) -> list[Json]:
    """Return `twapHistory`, newest first: a row when a TWAP began and one when it ended."""
    rows: list[tuple[int, int, Json]] = []
    for twap in venue.twaps.values():
        if twap.user != user:
            continue
        began = history_row(twap, TwapStatus.ACTIVATED, twap.created_ms, Decimal(0))
        rows.append((twap.created_ms, 0, began))
        if not twap.is_live:
            rows.append((twap.ended_ms, 1, history_row(twap, twap.status, twap.ended_ms, twap.executed_sz)))
    rows.sort(key=lambda row: row[:2], reverse=True)
    return [row for _, _, row in rows[:ROWS]]


def slice_fills(venue: PaperVenue, user: str) -> list[Json]:
    """Return `userTwapSliceFills`, newest first."""
    books = venue.books.get(user)
    rows = [row for row in (books.fills if books else []) if row.twap_id is not None]
    return [{"fill": wire.fill(row), "twapId": row.twap_id} for row in rows[::-1][:ROWS]]


def slice_fills_by_time(node: Node, row: Json, as_of: int | None) -> Any:
    """Return `userTwapSliceFillsByTime`, oldest first."""
    del as_of
    start, end = times(row)
    rows = slice_fills(node.venue, user_of(row))[::-1]
    return [item for item in rows if start <= item["fill"]["time"] <= end]


def running(venue: PaperVenue, user: str) -> list[list[Any]]:
    """Return a user's running TWAPs by id, as the stream twapStates shows them."""
    mine = (twap for twap in venue.twaps.values() if twap.user == user and twap.is_live)
    return [[twap.twap_id, twap_state(twap)] for twap in mine]
