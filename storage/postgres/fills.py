"""The fills journal on Postgres: each execution once, bound to the step that ordered it whenever that becomes known."""

from __future__ import annotations

import json
from datetime import datetime

from sqlalchemy import Connection, Engine, bindparam, or_, select, text

from domain.accounts import AccountRef
from domain.fills import Fill
from storage.postgres.engine import alone, transaction
from storage.postgres.events import emit
from storage.postgres.rows import fill_of, fill_values
from storage.postgres.tables import fills

_BIND = text(
    "update fills f set intent_id = o.intent_id, step = o.step, client_id = coalesce(f.client_id, o.client_id)"
    " from orders o left join order_ids i on i.client_id = o.client_id"
    " where f.account_id = :account_id and f.intent_id is null and o.account_id = f.account_id"
    # Binance counts orders and trades of each coin apart: a number alone may be another coin's.
    " and o.instrument = f.coin"
    " and f.trade_id = any(:trade_ids) and (o.client_id = f.client_id or i.venue_oid = f.oid)"
)
_TOTALS = text(
    "update intents i set filled_size = t.size, average_px = t.px, first_fill_at = t.at"
    " from (select f.intent_id, sum(f.size) as size, sum(f.px * f.size) / sum(f.size) as px, min(f.time) as at"
    "       from fills f join orders o on o.intent_id = f.intent_id and o.step = f.step and o.opening"
    "       where f.intent_id in (select intent_id from fills"
    "         where account_id = :account_id and trade_id = any(:trade_ids) and intent_id is not null)"
    "       group by f.intent_id) t where i.id = t.intent_id"
)
_UNBOUND = (
    select(fills)
    .where(fills.c.account_id == bindparam("account"), fills.c.time > bindparam("since"), fills.c.intent_id.is_(None))
    .order_by(fills.c.time, fills.c.trade_id)
)
_CURSOR = text("select coalesce(fills_cursor, created_at) from accounts where id = :account")
_MOVE_CURSOR = text(
    "update accounts set fills_cursor = :at where id = :account and (fills_cursor is null or fills_cursor < :at)"
)
# The same statement for any number of rows: as VALUES it would be compiled and parsed anew each time, after each fill.
_TYPES = {
    "account_id": "text", "time": "timestamptz", "coin": "text", "trade_id": "text", "user_id": "text", "oid": "text",
    "client_id": "text", "side": "text", "px": "numeric", "size": "numeric", "fee": "numeric", "closed_pnl": "numeric",
    "start_position": "numeric", "is_taker": "boolean", "is_liquidation": "boolean",
}  # fmt: skip
_COLUMNS = ", ".join(_TYPES)
_INSERT = text(
    f"insert into fills ({_COLUMNS}) select {_COLUMNS} from jsonb_to_recordset(cast(:rows as jsonb))"  # noqa: S608 - what is put in is a constant
    f" as given ({', '.join(f'{name} {kind}' for name, kind in _TYPES.items())})"
    " on conflict on constraint fills_key do nothing returning *"
)


class PostgresFills:
    """Implements storage.journal.Fills."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def record(self, account: AccountRef, new: tuple[Fill, ...]) -> tuple[Fill, ...]:
        """Insert fills once each, bind them to intents by client id or order id; returns the new ones."""
        if not new:
            return ()
        rows = json.dumps([fill_values(fill, account.user_id) for fill in new], default=str)
        trade_ids = [fill.trade_id for fill in new]
        with transaction(self._engine) as connection:
            fresh = tuple(fill_of(row) for row in connection.execute(_INSERT, {"rows": rows}))
            connection.execute(_BIND, {"account_id": account.account_id, "trade_ids": trade_ids})
            if fresh:
                new_ids = [fill.trade_id for fill in fresh]
                total(connection, account.account_id, new_ids)
                emit(connection, account.user_id, "fill", *map(_told, fresh))
        return fresh

    def on_coin(self, account_id: str, coin: str, since: datetime, intent_id: str) -> tuple[Fill, ...]:
        """Fills of a coin from an instant on: the intent's own and those that no intent of ours ordered."""
        query = (
            select(fills)
            .where(
                fills.c.account_id == account_id,
                fills.c.coin == coin,
                fills.c.time >= since,
                or_(fills.c.intent_id == intent_id, fills.c.intent_id.is_(None)),
            )
            .order_by(fills.c.time, fills.c.trade_id)
        )
        with transaction(self._engine) as connection:
            return tuple(fill_of(row) for row in connection.execute(query))

    def unbound(self, account_id: str, since: datetime) -> tuple[Fill, ...]:
        """Fills after an instant that no order of ours is known to have made, oldest first."""
        with transaction(self._engine) as connection:
            rows = connection.execute(_UNBOUND, {"account": account_id, "since": since})
            return tuple(fill_of(row) for row in rows)

    def steps(self, intent_id: str) -> dict[str, str]:
        """Step by trade id of the fills that are bound to an intent."""
        query = select(fills.c.trade_id, fills.c.step).where(fills.c.intent_id == intent_id)
        with transaction(self._engine) as connection:
            return {row.trade_id: row.step for row in connection.execute(query)}

    def cursor(self, account_id: str) -> datetime:
        """Instant from which fills have to be read again."""
        with alone(self._engine) as connection:
            found: datetime = connection.execute(_CURSOR, {"account": account_id}).scalar_one()
        return found

    def set_cursor(self, account_id: str, at: datetime) -> None:
        """Move the cursor; never back."""
        with alone(self._engine) as connection:
            connection.execute(_MOVE_CURSOR, {"account": account_id, "at": at})


def total(connection: Connection, account_id: str, trade_ids: list[str]) -> None:
    """Sum the fills of the opening orders of the intents that some trades are bound to."""
    connection.execute(_TOTALS, {"account_id": account_id, "trade_ids": trade_ids})


def _told(fill: Fill) -> dict[str, str]:
    return {
        "account_id": fill.account_id,
        "coin": fill.coin,
        "side": fill.side.value,
        "px": str(fill.px),
        "size": str(fill.size),
        "trade_id": fill.trade_id,
    }
