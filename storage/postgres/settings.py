"""Settings of users."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import Engine, delete, select
from sqlalchemy.dialects.postgresql import insert as upsert

from storage.postgres.engine import transaction
from storage.postgres.tables import settings


class PostgresUserSettings:
    """Settings of users; a `UserSettings`."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def read(self, user_id: str) -> dict[str, object]:
        """All settings of a user."""
        statement = select(settings.c.key, settings.c.value).where(settings.c.user_id == user_id)
        with transaction(self._engine) as connection:
            return {row.key: row.value for row in connection.execute(statement.order_by(settings.c.key))}

    def put(self, user_id: str, values: Mapping[str, object]) -> None:
        """Set some."""
        if not values:
            return
        rows = [{"user_id": user_id, "key": key, "value": value} for key, value in sorted(values.items())]
        statement = upsert(settings).values(rows)
        changed = {"value": statement.excluded.value}
        keys = [settings.c.user_id, settings.c.key]
        with transaction(self._engine) as connection:
            connection.execute(statement.on_conflict_do_update(index_elements=keys, set_=changed))

    def delete(self, user_id: str, key: str = "") -> int:
        """Forget one, or all; returns how many there were."""
        statement = delete(settings).where(settings.c.user_id == user_id)
        if key:
            statement = statement.where(settings.c.key == key)
        with transaction(self._engine) as connection:
            return connection.execute(statement).rowcount
