"""Recordings of candles, or of books, best prices and trades; several coins end up on one clock.

`--feed` names files, separated by commas, with `{coin}` in the path or with several coins in one file of messages. Candles:
parquet or csv. Trades and best prices: parquet or csv. Books, best prices and trades: lines of JSON, each a public message of
Hyperliquid (l2Book, bbo, trades) or of Binance (bookTicker, depth5 to depth20, aggTrade, trade).
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from statistics import median_low
from typing import Any

from paper.feeds.bars import Bar
from paper.feeds.errors import BadFeed
from paper.feeds.events import Events, Recorded
from paper.feeds.messages import read_message
from paper.feeds.tables import candles_of, columns_of, is_candles, quotes_of, trades_of

__all__ = ["BadFeed", "Candles", "Events", "load", "path_of", "read"]


@dataclass(frozen=True, slots=True)
class Candles:
    """Bars of several coins over the time that all of them cover, and what is to be said about them."""

    bars: dict[str, tuple[Bar, ...]]
    bar_ms: int
    notes: tuple[str, ...]


def path_of(template: str, coin: str) -> Path:
    """Put a coin into the `{coin}` of a path."""
    return Path(template.replace("{coin}", coin)).expanduser()


def read(template: str, coins: tuple[str, ...]) -> Candles | Events:
    """Return the recordings of all coins; raises BadFeed with a sentence."""
    parts = [part.strip() for part in template.split(",") if part.strip()]
    for path in (path_of(part, coin) for part in parts for coin in coins):
        if not path.exists():
            raise BadFeed(f"There is no feed file {path}; give a path with {{coin}} in it or leave --feed away.")
    first = path_of(parts[0], coins[0])
    if not _is_messages(first) and _holds_candles(first):
        if len(parts) > 1:
            raise BadFeed("Candles are one path with {coin} in it, not several.")
        return _candles(parts[0], coins)
    return _events(parts, coins)


def _holds_candles(path: Path) -> bool:
    columns = columns_of(path)
    return is_candles(columns) or (trades_of(path, columns) is None and quotes_of(path, columns) is None)


def load(template: str, coin: str) -> tuple[tuple[Bar, ...], int]:
    """Return the bars of a coin and their length in milliseconds."""
    found = read(template, (coin,))
    assert isinstance(found, Candles)
    return found.bars[coin], found.bar_ms


def _candles(template: str, coins: tuple[str, ...]) -> Candles:
    tables = {coin: _sorted_rows(path_of(template, coin)) for coin in coins}
    lengths = {coin: _length(path_of(template, coin), rows) for coin, rows in tables.items()}
    bar_ms = next(iter(lengths.values()))
    if set(lengths.values()) != {bar_ms}:
        raise BadFeed(f"The candles of {', '.join(coins)} differ in length; one feed needs one length.")
    begin = max(rows[0][0] for rows in tables.values())
    # The last recorded bar may be cut off by the end of the recording.
    end = min(rows[-2][0] for rows in tables.values())
    if end - begin < bar_ms:
        raise BadFeed(f"The candles of {', '.join(coins)} have no two bars in common.")
    notes: list[str] = []
    bars: dict[str, tuple[Bar, ...]] = {}
    for coin, rows in tables.items():
        inside = [row for row in rows if begin <= row[0] <= end]
        notes += _said(coin, [(a + bar_ms, b) for (a, _), (b, _) in pairwise(inside) if b - a > bar_ms])
        bars[coin] = tuple(_without_gaps(inside, begin, end, bar_ms))
    return Candles(bars, bar_ms, tuple(notes))


def _sorted_rows(path: Path) -> list[tuple[int, Bar]]:
    rows = sorted(candles_of(path, columns_of(path)))
    if len(rows) < 3:
        raise BadFeed(f"{path} has {len(rows)} bars; at least 3 are needed.")
    return rows


def _length(path: Path, rows: list[tuple[int, Bar]]) -> int:
    bar_ms = median_low(later[0] - earlier[0] for earlier, later in pairwise(rows))
    if bar_ms <= 0:
        raise BadFeed(f"{path} repeats bars of the same time.")
    return bar_ms


def _without_gaps(rows: list[tuple[int, Bar]], begin: int, end: int, bar_ms: int) -> Iterator[Bar]:
    """Yield one bar per step; a hole is filled with flat bars of no volume at the last close: nothing is traded in it."""
    by_time = {(time - begin) // bar_ms: bar for time, bar in rows}
    last = rows[0][1]
    for index in range((end - begin) // bar_ms + 1):
        bar = by_time.get(index)
        last = bar or Bar(last.close, last.close, last.close, last.close, 0.0)
        yield last


def _events(parts: list[str], coins: tuple[str, ...]) -> Events:
    found = {coin: Recorded() for coin in coins}
    for part in parts:
        if _is_messages(path_of(part, coins[0])):
            for path in dict.fromkeys(path_of(part, coin) for coin in coins):
                _take_messages(path, found)
        else:
            for coin, item in found.items():
                _take_table(path_of(part, coin), item)
    notes: list[str] = []
    for coin, item in found.items():
        item.finish()
        if not item.times():
            raise BadFeed(f"Nothing of {coin} is recorded in {', '.join(parts)}.")
        notes += _said(coin, item.gaps())
    return Events(found, tuple(notes))


def _take_table(path: Path, item: Recorded) -> None:
    columns = columns_of(path)
    trades, quotes = trades_of(path, columns), quotes_of(path, columns)
    if trades is None and quotes is None:
        raise BadFeed(f"{path} holds neither trades nor best prices; it has {', '.join(columns)}.")
    item.prints += trades or []
    item.quotes += quotes or []


def _is_messages(path: Path) -> bool:
    return path.name.removesuffix(".gz").endswith((".jsonl", ".ndjson", ".json"))


def _take_messages(path: Path, found: dict[str, Recorded]) -> None:
    for number, message in _lines(path):
        try:
            seen = read_message(message)
        except (KeyError, ValueError, TypeError, IndexError) as error:
            raise BadFeed(f"Line {number} of {path} is no message of a known kind ({error!r}).") from None
        for coin, ms, ladder in seen.quotes:
            if coin in found:
                found[coin].quotes.append((ms, ladder))
        for coin, deal in seen.prints:
            if coin in found:
                found[coin].prints.append(deal)


def _lines(path: Path) -> Iterator[tuple[int, Any]]:
    try:
        yield from _documents(path)
    except (OSError, EOFError, UnicodeDecodeError) as error:
        raise BadFeed(f"{path} cannot be read as what its name says ({error}).") from error


def _documents(path: Path) -> Iterator[tuple[int, Any]]:
    with gzip.open(path, "rt", encoding="utf-8") if path.suffix == ".gz" else path.open(encoding="utf-8") as file:
        for number, line in enumerate(file, 1):
            if not line.strip():
                continue
            try:
                yield number, json.loads(line)
            except ValueError:
                # A line that was being written when the recorder stopped.
                if file.readline():
                    raise BadFeed(f"Line {number} of {path} is no JSON.") from None


def _said(coin: str, gaps: list[tuple[int, int]]) -> list[str]:
    if not gaps:
        return []
    start, end = max(gaps, key=lambda gap: gap[1] - gap[0])
    at = datetime.fromtimestamp(start / 1000, tz=UTC).isoformat(timespec="seconds")
    many = f"{len(gaps)} gap{'s' if len(gaps) > 1 else ''}"
    said = f"{coin}: the recording has {many}, the longest of {(end - start) / 60_000:.1f} min from {at}"
    return [f"{said}; the price stands still there and nothing is traded."]
