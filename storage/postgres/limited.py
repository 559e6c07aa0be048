"""What a venue still lets an account send: what it has counted, and whether it has lately refused a request for their number."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import Engine, func, select
from sqlalchemy.dialects.postgresql import insert

from domain.accounts import RequestCount
from storage.postgres.engine import transaction
from storage.postgres.tables import request_counts

# Ten minutes: so long such a refusal is believed to tell of the next request as well.
IS_LIMITED = (
    "exists (select 1 from orders where account_id = :account and code = 'address_budget'"
    " and resolved_at > clock_timestamp() - interval '10 minutes')"
)
REQUESTS_LEFT = "(select allowed - used from request_counts where account_id = :account)"


class PostgresRequestCounts:
    """Implements storage.journal.RequestCounts."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def newest(self, account_id: str) -> tuple[RequestCount, timedelta] | None:
        """The count that was read last, and how long ago by the database's clock."""
        columns = request_counts.c
        query = select(columns.used, columns.allowed, (func.clock_timestamp() - columns.read_at).label("age"))
        with transaction(self._engine) as connection:
            row = connection.execute(query.where(columns.account_id == account_id)).one_or_none()
        return None if row is None else (RequestCount(used=row.used, allowed=row.allowed), row.age)

    def keep(self, account_id: str, count: RequestCount) -> None:
        """Keep what was read just now."""
        read = {"used": count.used, "allowed": count.allowed, "read_at": func.clock_timestamp()}
        statement = insert(request_counts).values(account_id=account_id, **read)
        with transaction(self._engine) as connection:
            connection.execute(statement.on_conflict_do_update(index_elements=["account_id"], set_=read))
