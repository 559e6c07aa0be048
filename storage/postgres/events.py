"""What users see live: rows that can be read again by id, and notifications that wake the readers."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from datetime import datetime
from typing import Any

import psycopg
from sqlalchemy import Connection, Engine, Row, delete, func, select, text

from domain.errors import Retryable
from storage.postgres.engine import patient, transaction
from storage.postgres.tables import events, users
from storage.records import Event

CHANNEL = "holdfast_events"

_IN_ORDER = 4_851


def telling(source: str) -> str:
    """Write the end of a statement that tells the users whom its part `source` names, as `user_id`, of one event for each body.

    The id is drawn after the lock is had: what inserts reads the lock's row. Ids are drawn before a commit, so without the lock a
    reader could see 8 before 7 and never read 7. The lock is held until the commit, hence "the end".
    """
    return (
        f"turn as materialized (select user_id, pg_advisory_xact_lock({_IN_ORDER}, hashtext(user_id)) from {source}),"  # noqa: S608 - what is put in is a constant
        " event as (insert into events (user_id, kind, body)"
        "  select turn.user_id, :event_kind, told.body::jsonb from turn, unnest(cast(:event_bodies as text[])) told (body)"
        "  returning id, user_id)"
        f" select max(id), pg_notify('{CHANNEL}', user_id) from event group by user_id"
    )


def told(kind: str, *bodies: Mapping[str, str]) -> dict[str, Any]:
    """Make the parameters of the end of such a statement."""
    return {"event_kind": kind, "event_bodies": [json.dumps(dict(body)) for body in bodies]}


_EMIT = text(f"with one as (select cast(:user as text) as user_id), {telling('one')}")


def emit(connection: Connection, user_id: str, kind: str, *bodies: Mapping[str, str]) -> int:
    """Append events inside the caller's transaction, as its last act; returns the id of the last."""
    return int(connection.execute(_EMIT, {"user": user_id} | told(kind, *bodies)).scalar_one())


class PostgresEvents:
    """What users see live; an `Events`."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def append(self, user_id: str, kind: str, body: Mapping[str, str]) -> int:
        """Append an event and wake the listeners; returns its id."""
        with transaction(self._engine) as connection:
            return emit(connection, user_id, kind, body)

    def broadcast(self, kind: str, body: Mapping[str, str]) -> int:
        """Append an event for every user; returns how many."""
        with transaction(self._engine) as connection:
            everybody = tuple(connection.scalars(select(users.c.id).where(users.c.disabled_at.is_(None))))
        # One transaction a user: a single one would hold a lock of every user until its end.
        for user_id in everybody:
            self.append(user_id, kind, body)
        return len(everybody)

    def since(self, user_id: str, after: int, *, limit: int = 500) -> tuple[Event, ...]:
        """Events of a user after an id, oldest first."""
        mine = (events.c.user_id == user_id, events.c.id > after)
        with transaction(self._engine) as connection:
            rows = connection.execute(select(events).where(*mine).order_by(events.c.id).limit(limit)).all()
        return tuple(_event(row) for row in rows)

    def newest(self, user_id: str) -> int:
        """The id of a user's newest event, 0 without one."""
        with transaction(self._engine) as connection:
            newest = connection.scalar(select(func.max(events.c.id)).where(events.c.user_id == user_id))
        return int(newest or 0)

    def prune(self, before: datetime) -> int:
        """Delete old events; returns how many."""
        with transaction(self._engine) as connection:
            return connection.execute(delete(events).where(events.c.at < before)).rowcount


async def listen(url: str, channel: str = CHANNEL) -> AsyncIterator[str]:
    """Yield '' once it listens (read what was missed), then what each notification says; raises Retryable when it ends.

    That is, of events, the user of each.
    """
    address = patient(url).set(drivername="postgresql").render_as_string(hide_password=False)
    try:
        connection = await psycopg.AsyncConnection.connect(address, autocommit=True)
        async with connection:
            await connection.execute(f"listen {channel}")
            yield ""
            async for notice in connection.notifies():
                yield notice.payload
    except psycopg.OperationalError as error:
        raise Retryable("database_unavailable", "The database does not answer.") from error


def _event(row: Row[Any]) -> Event:
    return Event(id=row.id, user_id=row.user_id, kind=row.kind, at=row.at, body=row.body)
