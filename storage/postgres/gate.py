"""The gate on Postgres and on a file: read after the write-ahead, immediately before each opening send."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import Engine, text

from domain.errors import HoldfastError
from storage.postgres.engine import transaction

_OPEN_HALTS = text(
    "select scope, reason from halts where released_at is null and (scope = 'platform' or (scope = 'venue' and key = :venue)"
    " or (scope = 'user' and key = :user) or (scope = 'agent' and key = :agent)) limit 1"
)


class PostgresGate:
    """Implements storage.journal.Gate. The kill-switch file closes it without a database."""

    def __init__(self, engine: Engine, kill_switch: Path) -> None:
        self._engine = engine
        self._kill_switch = kill_switch

    def closed_by(self, *, venue: str, user_id: str, agent_id: str) -> str:
        """Return why opening orders may not leave, '' when they may. Unreadable means closed."""
        if self._kill_switch.exists():
            return f"The kill-switch file {self._kill_switch.name} exists."
        try:
            with transaction(self._engine) as connection:
                row = connection.execute(
                    _OPEN_HALTS, {"venue": venue, "user": user_id, "agent": agent_id}
                ).one_or_none()
        except HoldfastError as error:
            return f"The halt flags cannot be read: {error.message}"
        return f"Halted ({row.scope}): {row.reason}" if row is not None else ""
