"""The engine, one transaction at a time, and domain values in and out of JSONB."""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from functools import cache
from typing import Any, TypeVar, cast

import psycopg
import sqlalchemy
from pydantic import TypeAdapter
from sqlalchemy import URL, Connection, Engine, event, exc, make_url
from sqlalchemy.pool import ConnectionPoolEntry

from domain.errors import HoldfastError, Misconfigured, Retryable

T = TypeVar("T")

STATEMENT_TIMEOUT = timedelta(seconds=15)
LOCK_TIMEOUT = timedelta(seconds=5)
CONNECT_TIMEOUT = timedelta(seconds=5)

_ALIVE = {"keepalives_idle": "10", "keepalives_interval": "5", "keepalives_count": "3", "tcp_user_timeout": "20000"}
"""A host that is cut off sends nothing, no reset either: the system would wait for it for a quarter of an hour. Seconds, and
milliseconds; the server's own limit of a statement comes first."""

_COMMIT_WARNINGS = "commit_warnings"
_RETRY = timedelta(seconds=1)
_UNAVAILABLE = ("database_unavailable", "The database does not answer.", "Check that Postgres runs and is reachable.")
_BY_STATE: dict[str, tuple[str, str, str]] = {
    "40001": ("database_conflict", "The database refused a concurrent change.", "Try again."),
    "40P01": ("database_conflict", "The database broke a deadlock.", "Try again."),
    "55P03": ("database_busy", "A lock was not free in time.", "Try again."),
    "57014": ("database_slow", "A statement took too long.", "Check the load of the database."),
    "53100": ("disk_full", "The database's disk is full.", "Free some space; nothing is lost."),
    "53300": ("database_full", "The database takes no more connections.", "Lower the pool size or raise its limit."),
    "25006": ("database_read_only", "The database is read-only.", "Point DATABASE_URL at the primary."),
}


def engine(
    url: str,
    *,
    pool_size: int = 10,
    max_overflow: int = 10,
    pool_wait: timedelta = timedelta(seconds=10),
    statement_timeout: timedelta = STATEMENT_TIMEOUT,
    lock_timeout: timedelta = LOCK_TIMEOUT,
) -> Engine:
    """Make an engine on psycopg 3; nothing is connected before the first transaction."""
    options = " ".join(
        (
            f"-c statement_timeout={_milliseconds(statement_timeout)}",
            f"-c lock_timeout={_milliseconds(lock_timeout)}",
            "-c synchronous_commit=on",
            "-c timezone=UTC",
        )
    )
    made = sqlalchemy.create_engine(
        patient(url),
        pool_size=pool_size,
        max_overflow=max_overflow,
        pool_timeout=pool_wait.total_seconds(),
        pool_pre_ping=False,
        # Prepared statements and the server's caches belong to a connection: the one used last has most of them.
        pool_use_lifo=True,
        # Without it the rowcount of an INSERT is -1, and "was it new?" is always answered with no.
        execution_options={"preserve_rowcount": True},
        connect_args={"options": options},
    )
    event.listen(made, "connect", _watch_commits)
    return made


def database_url(url: str) -> URL:
    """Read DATABASE_URL in any of the forms in use and choose psycopg 3 for it."""
    try:
        parsed = make_url(url)
    except exc.ArgumentError:
        raise Misconfigured(
            "database_url", "DATABASE_URL is no address.", action="Write postgresql://user:password@host:port/name."
        ) from None
    if parsed.get_backend_name() not in {"postgresql", "postgres"}:
        raise Misconfigured(
            "database_url",
            f"DATABASE_URL names {parsed.get_backend_name()}; Holdfast needs Postgres.",
            action="Write postgresql://user:password@host:port/name.",
        )
    return parsed.set(drivername="postgresql+psycopg")


def patient(url: str) -> URL:
    """Add to an address how long a server that does not answer is waited for, where it does not say so itself."""
    limits = {"connect_timeout": str(int(CONNECT_TIMEOUT.total_seconds())), **_ALIVE}
    address = database_url(url)
    return address.set(query=limits | dict(address.query))


@contextmanager
def transaction(engine: Engine) -> Iterator[Connection]:
    """Run one transaction: commit on leaving, roll back on an exception; errors of the database are translated."""
    with translated_errors(), engine.connect() as connection:
        yield connection
        commit(connection)


@contextmanager
def alone(engine: Engine) -> Iterator[Connection]:
    """Run one statement, which commits by itself: a BEGIN and a COMMIT of their own are two more ways to the database and back."""
    with translated_errors(), engine.connect() as connection:
        connection.execution_options(isolation_level="AUTOCOMMIT")
        warnings = _warnings(connection)
        yield connection
        _require_confirmed(warnings)


def commit(connection: Connection) -> None:
    """Commit, and refuse a commit that the standby did not confirm."""
    warnings = _warnings(connection)
    connection.commit()
    _require_confirmed(warnings)


def _warnings(connection: Connection) -> list[str]:
    """Return the list that the warnings of a connection's commits are kept in, emptied."""
    kept: list[str] = connection.info.setdefault(_COMMIT_WARNINGS, [])
    kept.clear()
    return kept


def _require_confirmed(warnings: list[str]) -> None:
    if warnings:
        # Committed here, perhaps lost by a failover: to the caller it has not happened.
        raise Retryable("commit_unconfirmed", f"The commit was not confirmed: {warnings[0]}.", retry_after=_RETRY)


@contextmanager
def translated_errors() -> Iterator[None]:
    """Translate errors of the pool and of the database into Retryable."""
    try:
        yield
    except HoldfastError:
        raise
    except exc.TimeoutError as error:
        raise Retryable(
            "pool_exhausted",
            "No database connection became free in time.",
            action="Raise DATABASE_POOL_SIZE or DATABASE_POOL_OVERFLOW, or lower the load.",
            retry_after=_RETRY,
        ) from error
    except exc.DBAPIError as error:
        found = _translation(error)
        if found is None:
            raise
        code, message, action = found
        raise Retryable(code, message, action=action, retry_after=_RETRY) from error
    except psycopg.Error as error:
        # Not of a statement: a broken connection cannot be told how to commit.
        code, message, action = _UNAVAILABLE
        raise Retryable(code, message, action=action, retry_after=_RETRY) from error


def dump(value: object, kind: Any = None) -> Any:
    """Write a domain value as what JSON can hold; decimals become strings. `kind` where the type is not its class."""
    return _adapter(cast("Hashable", kind or type(value))).dump_python(value, mode="json")


def load(kind: type[T], jsonable: Any) -> T:
    """Read a domain value from what `dump` wrote; fields that a newer version added are ignored."""
    return cast("T", _adapter(cast("Hashable", kind)).validate_python(jsonable))


@cache
def _adapter(kind: Hashable) -> TypeAdapter[Any]:
    # Building an adapter takes milliseconds.
    return TypeAdapter(cast("Any", kind))


def _translation(error: exc.DBAPIError) -> tuple[str, str, str] | None:
    state = getattr(error.orig, "sqlstate", None) or ""
    if state in _BY_STATE:
        return _BY_STATE[state]
    # Class 08 is connection trouble, 57P0x a shutdown; a connection that breaks or is refused carries no state at all.
    lost = error.connection_invalidated or state[:2] == "08" or state[:4] == "57P0"
    if lost or (not state and isinstance(error.orig, psycopg.OperationalError | psycopg.InterfaceError)):
        return _UNAVAILABLE
    return None


def _watch_commits(connection: psycopg.Connection[Any], entry: ConnectionPoolEntry) -> None:
    """Keep warnings of class 01000: a COMMIT returns one when it stopped waiting for the synchronous standby."""
    kept: list[str] = entry.info.setdefault(_COMMIT_WARNINGS, [])

    def keep(diagnostic: psycopg.errors.Diagnostic) -> None:
        if diagnostic.sqlstate == "01000" and diagnostic.severity_nonlocalized == "WARNING":
            kept.append(diagnostic.message_primary or "warning")

    connection.add_notice_handler(keep)


def _milliseconds(duration: timedelta) -> int:
    return int(duration / timedelta(milliseconds=1))
