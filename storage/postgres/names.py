"""Who is meant by an id or a name, over all users: for operators, who know both."""

from __future__ import annotations

from sqlalchemy import Engine, or_, select

from domain.halts import HaltScope
from storage.postgres.engine import transaction
from storage.postgres.tables import agents, users

_KNOWN = {HaltScope.USER: users, HaltScope.AGENT: agents}


class PostgresNames:
    """Ids of users and agents; a `Names`."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def ids(self, scope: HaltScope, text: str) -> tuple[str, ...]:
        """Find the users or agents with an id, or else those with a name; a venue and the platform are their own."""
        table = _KNOWN.get(scope)
        if table is None:
            return (text,)
        statement = select(table.c.id).where(or_(table.c.id == text, table.c.name == text)).order_by(table.c.created_at)
        with transaction(self._engine) as connection:
            found = tuple(str(row.id) for row in connection.execute(statement))
        return (text,) if text in found else found
