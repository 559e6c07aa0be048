"""The gate on Postgres and on a file: read after the write-ahead, immediately before each opening send."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sqlalchemy import Engine, Row, text

from domain.errors import HoldfastError
from domain.intents import Intent
from storage.postgres.engine import alone

OPEN_HALTS = (
    "select scope, reason from halts where released_at is null and (scope = 'platform' or (scope = 'venue' and key = :venue)"
    " or (scope = 'user' and key = :user) or (scope = 'agent' and key = :agent)) limit 1"
)
"""The one question whether anything is halted that an opening order belongs to."""

_ASK = text(OPEN_HALTS)


class PostgresGate:
    """Implements storage.journal.Gate. The kill-switch file closes it without a database."""

    def __init__(self, engine: Engine, kill_switch: Path) -> None:
        self._engine = engine
        self._kill_switch = kill_switch

    def closed_by(self, *, venue: str, user_id: str, agent_id: str) -> str:
        """Return why opening orders may not leave, '' when they may. Unreadable means closed."""
        switched_off = self.switched_off()
        if switched_off:
            return switched_off
        try:
            with alone(self._engine) as connection:
                row = connection.execute(_ASK, {"venue": venue, "user": user_id, "agent": agent_id}).one_or_none()
        except HoldfastError as error:
            return f"The halt flags cannot be read: {error.message}"
        return told(row) if row is not None else ""

    def switched_off(self) -> str:
        """Return that the kill-switch file closes the gate, '' when it does not."""
        return f"The kill-switch file {self._kill_switch.name} exists." if self._kill_switch.exists() else ""


def asked_of(intent: Intent) -> dict[str, str]:
    """Make the parameters of the question for an intent."""
    return {"venue": intent.venue, "user": intent.user_id, "agent": intent.agent_id}


def told(halt: Row[Any]) -> str:
    """Put a halt in force into words."""
    return f"Halted ({halt.scope}): {halt.reason}"
