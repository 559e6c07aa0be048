"""The audit log: a hash chain, appended one at a time; the database refuses changes, the chain shows them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, Engine, Row, func, insert, select, text

from storage.postgres.engine import transaction
from storage.postgres.paging import page_by_id
from storage.postgres.tables import audit_log
from storage.records import AuditEntry, AuditVerdict, Page

_ONE_AT_A_TIME = 4_851_650_003
_LOCK = text("select pg_advisory_xact_lock(:key)")
_AT_A_TIME = 1000


class PostgresAudit:
    """The audit log; an `Audit`."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def append(self, actor: str, action: str, object_: str, body: Mapping[str, str] | None = None) -> AuditEntry:
        """Append an act, chained to the one before."""
        with transaction(self._engine) as connection:
            return append_audit(connection, actor, action, object_, body)

    def entries(self, *, object_: str = "", cursor: str = "", limit: int = 50) -> Page[AuditEntry]:
        """List acts, newest first."""
        statement = select(audit_log)
        if object_:
            statement = statement.where(audit_log.c.object == object_)
        with transaction(self._engine) as connection:
            return page_by_id(connection, statement, audit_log.c.id, _entry, cursor=cursor, limit=limit)

    def verify(self) -> AuditVerdict:
        """Walk the whole chain."""
        previous, seen = "", 0
        statement = select(audit_log).order_by(audit_log.c.id).execution_options(yield_per=_AT_A_TIME)
        with transaction(self._engine) as connection, connection.execute(statement) as rows:
            for row in rows:
                if row.previous_hash != previous or row.hash != _hash(previous, _act(row)):
                    return AuditVerdict(entries=seen, broken_at=row.id)
                previous, seen = row.hash, seen + 1
        return AuditVerdict(entries=seen)


def append_audit(
    connection: Connection, actor: str, action: str, object_: str, body: Mapping[str, str] | None = None
) -> AuditEntry:
    """Append an act inside the caller's transaction, as its last act: the lock of the chain is held until the commit."""
    connection.execute(_LOCK, {"key": _ONE_AT_A_TIME})
    newest = select(audit_log.c.hash).order_by(audit_log.c.id.desc()).limit(1)
    previous = connection.execute(newest).scalar_one_or_none() or ""
    act = {
        "at": connection.execute(select(func.clock_timestamp())).scalar_one(),
        "actor": actor,
        "action": action,
        "object": object_,
        "body": dict(body or {}),
    }
    values = {**act, "previous_hash": previous, "hash": _hash(previous, act)}
    return _entry(connection.execute(insert(audit_log).values(values).returning(*audit_log.c)).one())


def _hash(previous: str, act: Mapping[str, Any]) -> str:
    at: datetime = act["at"]
    fields = [previous, at.astimezone(UTC).isoformat(), act["actor"], act["action"], act["object"], act["body"]]
    return hashlib.sha256(json.dumps(fields, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def _act(row: Row[Any]) -> dict[str, Any]:
    return {"at": row.at, "actor": row.actor, "action": row.action, "object": row.object, "body": row.body}


def _entry(row: Row[Any]) -> AuditEntry:
    return AuditEntry(
        id=row.id,
        at=row.at,
        actor=row.actor,
        action=row.action,
        object=row.object,
        body=row.body,
        hash=row.hash,
    )
