"""What a command prints: tables for people, one JSON document with --json, one sentence for an error."""

import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

Json = Annotated[bool, typer.Option("--json", help="Print one JSON document instead of text.")]

Row = Mapping[str, object]

PIPE_WIDTH = 240


def console(*, is_error: bool = False) -> Console:
    """Make a console on the stream as it is now: tests and pipes replace it."""
    made = Console(stderr=is_error, highlight=False, soft_wrap=True)
    # Not a terminal: nobody sees a width, and an id that was cut is of no use.
    return made if made.is_terminal else Console(stderr=is_error, highlight=False, soft_wrap=True, width=PIPE_WIDTH)


def say(text: str) -> None:
    """Print one line for a person."""
    console().print(text)


def print_json(value: object) -> None:
    """Print one JSON document."""
    sys.stdout.write(json.dumps(value, indent=2, default=str, sort_keys=True) + "\n")


def print_rows(rows: Sequence[Row], columns: Sequence[str], *, as_json: bool, empty: str) -> None:
    """Print rows as a table, or as a JSON array; `empty` is said when there are none."""
    if as_json:
        print_json(list(rows))
    elif not rows:
        say(empty)
    else:
        console().print(table_of(rows, columns))


def print_fields(value: Row, *, as_json: bool) -> None:
    """Print one object as name and value lines, or as JSON."""
    if as_json:
        print_json(value)
        return
    grid = Table.grid(padding=(0, 2))
    for name, field in value.items():
        grid.add_row(name, _shown(field))
    console().print(grid)


def table_of(rows: Iterable[Row], columns: Sequence[str], title: str = "") -> Table:
    """Build a table; a column missing in a row stays empty."""
    table = Table(title=title or None, header_style="bold")
    for column in columns:
        table.add_column(column, no_wrap=column == "id" or column.endswith("_id"))
    for row in rows:
        table.add_row(*(_shown(row.get(column, "")) for column in columns))
    return table


def _shown(value: object) -> str:
    match value:
        case None:
            return ""
        case dict() | list() | tuple():
            return json.dumps(value, default=str)
        case _:
            return str(value)
