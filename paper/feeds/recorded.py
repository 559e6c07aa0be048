"""Recorded candles from parquet or csv files."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from statistics import median_low

from paper.feeds.bars import Bar

TIME_COLUMNS = ("date", "time", "timestamp", "t", "open_time")


class BadFeed(Exception):
    """A feed file cannot be used; the text says why and what to do."""


def path_of(template: str, coin: str) -> Path:
    """Put a coin into the `{coin}` of a path."""
    return Path(template.replace("{coin}", coin)).expanduser()


def load(template: str, coin: str) -> tuple[tuple[Bar, ...], int]:
    """Return the bars of a coin and their length in milliseconds; a last bar of no volume may be unfinished and is dropped."""
    path = path_of(template, coin)
    if not path.exists():
        raise BadFeed(f"There is no feed file {path}; give a path with {{coin}} for {coin} or leave --feed away.")
    rows = sorted(_rows(path))
    if len(rows) < 3:
        raise BadFeed(f"{path} has {len(rows)} bars; at least 3 are needed.")
    bar_ms = median_low(later[0] - earlier[0] for earlier, later in pairwise(rows))
    if bar_ms <= 0:
        raise BadFeed(f"{path} repeats bars of the same time.")
    # The last recorded bar may be cut off by the end of the recording.
    return tuple(_without_gaps(rows[:-1], bar_ms)), bar_ms


def _without_gaps(rows: list[tuple[int, Bar]], bar_ms: int) -> Iterator[Bar]:
    """Yield one bar per step; a hole is filled with flat bars at the last close, as a venue without trades shows it."""
    expected, last = rows[0]
    for time, bar in rows:
        while expected < time:
            yield Bar(last.close, last.close, last.close, last.close, 0.0)
            expected += bar_ms
        yield bar
        last = bar
        expected = time + bar_ms


def _rows(path: Path) -> Iterable[tuple[int, Bar]]:
    if path.suffix == ".parquet":
        return _parquet_rows(path)
    if path.suffix in {".csv", ".txt"}:
        return _csv_rows(path)
    raise BadFeed(f"{path} is neither .parquet nor .csv.")


def _parquet_rows(path: Path) -> list[tuple[int, Bar]]:
    try:
        from pyarrow import parquet
    except ImportError:
        raise BadFeed("Reading parquet needs pyarrow: install the extra `data`, or use csv.") from None
    table = parquet.read_table(path)
    columns = {name.lower(): table.column(name).to_pylist() for name in table.column_names}
    return _to_rows(path, columns)


def _csv_rows(path: Path) -> list[tuple[int, Bar]]:
    with path.open(newline="", encoding="utf-8") as file:
        lines = list(csv.DictReader(file))
    names = lines[0].keys() if lines else ()
    return _to_rows(path, {name.strip().lower(): [line[name] for line in lines] for name in names})


def _to_rows(path: Path, columns: dict[str, list[object]]) -> list[tuple[int, Bar]]:
    time_name = next((name for name in TIME_COLUMNS if name in columns), None)
    wanted = ("open", "high", "low", "close", "volume")
    if time_name is None or any(name not in columns for name in wanted):
        raise BadFeed(f"{path} needs the columns date, open, high, low, close, volume; it has {', '.join(columns)}.")
    rows: list[tuple[int, Bar]] = []
    for moment, *values in zip(columns[time_name], *(columns[name] for name in wanted), strict=True):
        o, h, low, c, v = (float(str(value)) for value in values)
        if not 0 < low <= min(o, c) <= max(o, c) <= h:
            raise BadFeed(f"{path} has an impossible bar at {moment}.")
        rows.append((_milliseconds(path, moment), Bar(o, h, low, c, v)))
    return rows


def _milliseconds(path: Path, moment: object) -> int:
    if isinstance(moment, datetime):
        aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        return round(aware.timestamp() * 1000)
    text = str(moment)
    try:
        if text.replace(".", "", 1).isdigit():
            value = float(text)
            return int(value if value > 1e11 else value * 1000)
        return _milliseconds(path, datetime.fromisoformat(text))
    except ValueError:
        raise BadFeed(f"{path} has {text!r} where a time should be.") from None
