"""Answers by idempotency key: a request is carried out once, its repetition gets the first answer."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import Engine, delete, func, select, update
from sqlalchemy.dialects.postgresql import insert as upsert

from domain.errors import Refused
from storage.postgres.engine import transaction
from storage.postgres.tables import idempotency
from storage.records import StoredAnswer

ABANDONED_AFTER = timedelta(seconds=60)
"""A request without an answer for so long lost its process; what it starts is idempotent by id, so it may be taken over."""


class PostgresIdempotency:
    """Answers by idempotency key; an `Idempotency`."""

    def __init__(self, engine: Engine, *, abandoned_after: timedelta = ABANDONED_AFTER) -> None:
        self._engine = engine
        self._abandoned_after = abandoned_after

    def claim(self, user_id: str, key: str, request_hash: str) -> StoredAnswer | None:
        """Return the stored answer, or None when the request is the caller's to carry out.

        Raises Refused: idempotency_mismatch (other request), idempotency_in_progress.
        """
        mine = (idempotency.c.user_id == user_id, idempotency.c.key == key)
        values = {"user_id": user_id, "key": key, "request_hash": request_hash}
        age = (func.now() - idempotency.c.created_at).label("age")
        with transaction(self._engine) as connection:
            if connection.execute(upsert(idempotency).values(values).on_conflict_do_nothing()).rowcount == 1:
                return None
            row = connection.execute(select(idempotency, age).where(*mine).with_for_update()).one_or_none()
            if row is None:
                raise _in_progress()
            if row.request_hash != request_hash:
                raise Refused(
                    "idempotency_mismatch",
                    "This idempotency key belongs to another request.",
                    action="Use a new key for a new request.",
                )
            if row.status is not None:
                return StoredAnswer(status=row.status, body=row.answer)
            if row.age < self._abandoned_after:
                raise _in_progress()
            connection.execute(update(idempotency).where(*mine).values(created_at=func.now()))
            return None

    def finish(self, user_id: str, key: str, status: int, body: object) -> None:
        """Store the answer."""
        mine = (idempotency.c.user_id == user_id, idempotency.c.key == key)
        with transaction(self._engine) as connection:
            connection.execute(update(idempotency).where(*mine).values(status=status, answer=body))

    def abandon(self, user_id: str, key: str) -> None:
        """Let the request be tried again (it had no effect)."""
        mine = (idempotency.c.user_id == user_id, idempotency.c.key == key, idempotency.c.status.is_(None))
        with transaction(self._engine) as connection:
            connection.execute(delete(idempotency).where(*mine))

    def prune(self, before: datetime) -> int:
        """Forget old answers; returns how many."""
        with transaction(self._engine) as connection:
            return connection.execute(delete(idempotency).where(idempotency.c.created_at < before)).rowcount


def _in_progress() -> Refused:
    return Refused(
        "idempotency_in_progress", "The same request is being carried out.", action="Ask again in a few seconds."
    )
