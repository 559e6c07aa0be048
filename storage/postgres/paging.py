"""Lists in pages: a page continues after the last row of the one before, so that new rows never shift it."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from sqlalchemy import ColumnElement, Connection, Row, Select, tuple_

from domain.errors import Refused
from storage.postgres.engine import dump, load
from storage.records import Page

T = TypeVar("T")

MAX_LIMIT = 500


def page(
    connection: Connection,
    statement: Select[Any],
    keys: Sequence[ColumnElement[Any]],
    read: Callable[[Row[Any]], T],
    *,
    cursor: str,
    limit: int,
) -> Page[T]:
    """Read one page of a list, newest first by `keys`, which have to be selected and unique together."""
    limit = max(1, min(limit, MAX_LIMIT))
    if cursor:
        statement = statement.where(tuple_(*keys) < tuple_(*_decoded(cursor, keys)))
    rows = connection.execute(statement.order_by(*(key.desc() for key in keys)).limit(limit + 1)).all()
    shown = rows[:limit]
    more = _encoded(shown[-1], keys) if len(rows) > limit else ""
    return Page(items=tuple(read(row) for row in shown), next_cursor=more)


def page_by_id(
    connection: Connection,
    statement: Select[Any],
    key: ColumnElement[Any],
    read: Callable[[Row[Any]], T],
    *,
    cursor: str,
    limit: int,
) -> Page[T]:
    """Read one page of a list with a counter as its key."""
    return page(connection, statement, (key,), read, cursor=cursor, limit=limit)


def _encoded(row: Row[Any], keys: Sequence[ColumnElement[Any]]) -> str:
    values = [dump(row._mapping[key]) for key in keys]  # noqa: SLF001 -- the public name of a row's mapping
    return base64.urlsafe_b64encode(json.dumps(values).encode()).decode().rstrip("=")


def _decoded(cursor: str, keys: Sequence[ColumnElement[Any]]) -> list[Any]:
    try:
        values = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        return [load(key.type.python_type, value) for key, value in zip(keys, values, strict=True)]
    except (ValueError, TypeError):
        raise Refused(
            "bad_cursor", "The cursor is none of ours.", action="Use next_cursor of the page before, unchanged."
        ) from None
