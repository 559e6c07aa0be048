"""Tables of candles, trades and best prices: parquet and csv files as columns with lower-case names."""

from __future__ import annotations

import csv
import gzip
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from paper.feeds.bars import Bar, Ladder, Print
from paper.feeds.errors import BadFeed

TIME_COLUMNS = ("date", "time", "timestamp", "t", "open_time", "ms")
CANDLE_COLUMNS = ("open", "high", "low", "close", "volume")
PRICE = ("px", "price", "p")
SIZE = ("sz", "size", "qty", "quantity", "amount", "q")
BID, ASK = ("bid", "bid_px", "best_bid_price", "b"), ("ask", "ask_px", "best_ask_price", "a")
BID_SIZE, ASK_SIZE = ("bid_sz", "best_bid_qty", "bid_size"), ("ask_sz", "best_ask_qty", "ask_size")
MAKER = ("is_buyer_maker", "m")
BUYS = {"b", "buy", "bid", "true", "1"}
Columns = dict[str, list[Any]]


def columns_of(path: Path) -> Columns:
    """Read a parquet or csv (.gz) file."""
    try:
        return _read(path)
    except (OSError, EOFError, ValueError, csv.Error) as error:
        # pyarrow's errors are ValueErrors or OSErrors, as are those of text that is none and of a broken archive.
        raise BadFeed(
            f"{path} cannot be read as what its name says ({str(error).split('. ')[0].rstrip('.')})."
        ) from error


def _read(path: Path) -> Columns:
    suffix = "".join(path.suffixes[-2:]) if path.suffix == ".gz" else path.suffix
    match suffix:
        case ".parquet":
            return _parquet(path)
        case ".csv" | ".txt" | ".csv.gz":
            return _csv(path)
        case _:
            raise BadFeed(f"{path} is neither .parquet nor .csv nor .jsonl (also .csv.gz and .jsonl.gz).")


def _parquet(path: Path) -> Columns:
    try:
        from pyarrow import parquet
    except ImportError:
        raise BadFeed("Reading parquet needs pyarrow: install the extra `data`, or use csv.") from None
    table = parquet.read_table(path)
    return {name.lower(): table.column(name).to_pylist() for name in table.column_names}


def _csv(path: Path) -> Columns:
    is_packed = path.suffix == ".gz"
    with (
        gzip.open(path, "rt", newline="", encoding="utf-8")
        if is_packed
        else path.open(newline="", encoding="utf-8") as file
    ):
        lines = list(csv.DictReader(file))
    names = lines[0].keys() if lines else ()
    return {name.strip().lower(): [line[name] for line in lines] for name in names}


def is_candles(columns: Columns) -> bool:
    """Tell whether a table holds candles."""
    return all(name in columns for name in CANDLE_COLUMNS)


def candles_of(path: Path, columns: Columns) -> list[tuple[int, Bar]]:
    """Return the rows of a table of candles by opening time."""
    time_name = _first(columns, TIME_COLUMNS)
    if time_name is None or not is_candles(columns):
        raise BadFeed(
            f"{path} needs the columns date, open, high, low, close, volume (or, for trades, time, px, sz, side; for "
            f"best prices time, bid, ask); it has {', '.join(columns)}."
        )
    rows: list[tuple[int, Bar]] = []
    for moment, *values in zip(columns[time_name], *(columns[name] for name in CANDLE_COLUMNS), strict=True):
        o, h, low, c, v = _numbers(path, values)
        if not 0 < low <= min(o, c) <= max(o, c) <= h:
            raise BadFeed(f"{path} has an impossible bar at {moment}.")
        rows.append((milliseconds(path, moment), Bar(o, h, low, c, v)))
    return rows


def _numbers(path: Path, values: list[object]) -> list[float]:
    try:
        return [float(str(value)) for value in values]
    except ValueError:
        raise BadFeed(f"{path} has {values!r} where the numbers of a bar should be.") from None


def trades_of(path: Path, columns: Columns) -> list[Print] | None:
    """Return the rows of a table of trades, None when it is not one."""
    time_name, px, sz = (_first(columns, names) for names in (TIME_COLUMNS, PRICE, SIZE))
    if time_name is None or px is None or sz is None:
        return None
    times = (milliseconds(path, moment) for moment in columns[time_name])
    rows = zip(times, columns[px], columns[sz], _sides(path, columns), strict=True)
    return [Print(ms, _positive(path, price), _positive(path, size), is_buy) for ms, price, size, is_buy in rows]


def quotes_of(path: Path, columns: Columns) -> list[tuple[int, Ladder]] | None:
    """Return the rows of a table of best prices, None when it is not one; without sizes there are none to trade."""
    time_name, bid, ask = (_first(columns, names) for names in (TIME_COLUMNS, BID, ASK))
    if time_name is None or bid is None or ask is None:
        return None
    nothing = ["0"] * len(columns[bid])
    bid_size, ask_size = (_first(columns, names) for names in (BID_SIZE, ASK_SIZE))
    bids = zip(columns[bid], columns.get(bid_size or "", nothing), strict=True)
    asks = zip(columns[ask], columns.get(ask_size or "", nothing), strict=True)
    quotes: list[tuple[int, Ladder]] = []
    for moment, (bid_px, bid_sz), (ask_px, ask_sz) in zip(columns[time_name], bids, asks, strict=True):
        low, high = _positive(path, bid_px), _positive(path, ask_px)
        if low < high:
            ladder = Ladder(((low, float(str(bid_sz))),), ((high, float(str(ask_sz))),))
            quotes.append((milliseconds(path, moment), ladder))
    return quotes


def _sides(path: Path, columns: Columns) -> Iterable[bool]:
    if "side" in columns:
        return (str(value).lower() in BUYS for value in columns["side"])
    maker = _first(columns, MAKER)
    if maker is None:
        raise BadFeed(f"{path} says for no trade who took: it needs a column side (buy, sell) or is_buyer_maker.")
    return (str(value).lower() not in {"true", "1"} for value in columns[maker])


def _first(columns: Columns, names: tuple[str, ...]) -> str | None:
    return next((name for name in names if name in columns), None)


def _positive(path: Path, value: object) -> float:
    try:
        number = float(str(value))
    except ValueError:
        number = 0.0
    if not number > 0:
        raise BadFeed(f"{path} has {value!r} where a price or a size above zero should be.")
    return number


def milliseconds(path: Path, moment: object) -> int:
    """Return a time in milliseconds: a date, seconds, milliseconds or ISO text."""
    if isinstance(moment, datetime):
        aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        return round(aware.timestamp() * 1000)
    text = str(moment)
    try:
        if text.replace(".", "", 1).isdigit():
            value = float(text)
            return int(value if value > 1e11 else value * 1000)
        return milliseconds(path, datetime.fromisoformat(text))
    except ValueError:
        raise BadFeed(f"{path} has {text!r} where a time should be.") from None
