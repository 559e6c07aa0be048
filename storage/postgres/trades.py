"""Lists of one user's trading, newest first, and what it came to."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import (
    Column,
    DateTime,
    Engine,
    Integer,
    MetaData,
    Numeric,
    Select,
    Table,
    Text,
    select,
)

from domain.intents import TERMINAL_PHASES
from domain.orders import LIVE_STATES
from storage.postgres import trade_rows
from storage.postgres.engine import transaction
from storage.postgres.figures import read_figures, read_performance
from storage.postgres.paging import page
from storage.postgres.tables import fills, intents, orders
from storage.records import Figures, Page
from storage.tradebook import FillRecord, Filter, IntentRecord, OrderRecord, Performance, Trade

_TERMINAL = [phase.value for phase in TERMINAL_PHASES]
_LIVE = [state.value for state in LIVE_STATES]

# A view is no table: it stands in a metadata of its own, so that no migration tries to create it.
trade_logs = Table(
    "trade_logs",
    MetaData(),
    Column("account_id", Text),
    Column("user_id", Text),
    Column("asset", Text),
    Column("side", Text),
    Column("oid", Text),
    Column("intent_id", Text),
    Column("agent_id", Text),
    Column("step", Text),
    Column("size", Numeric()),
    Column("price", Numeric()),
    Column("realised_pnl", Numeric()),
    Column("fee", Numeric()),
    Column("time", DateTime(timezone=True)),
    Column("fills", Integer),
)


class PostgresTradeBook:
    """Lists of one user's trading; a `TradeBook`."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def intents(
        self, user_id: str, where: Filter | None = None, *, cursor: str = "", limit: int = 50
    ) -> Page[IntentRecord]:
        """List intents."""
        wanted = where or Filter()
        statement = _narrowed(select(intents).where(intents.c.user_id == user_id), intents.c, wanted)
        if wanted.agent_id:
            statement = statement.where(intents.c.agent_id == wanted.agent_id)
        if wanted.phase:
            statement = statement.where(intents.c.phase == wanted.phase)
        if wanted.is_live is not None:
            over = intents.c.phase.in_(_TERMINAL)
            statement = statement.where(~over if wanted.is_live else over)
        keys = (intents.c.created_at, intents.c.id)
        with transaction(self._engine) as connection:
            return page(connection, statement, keys, trade_rows.intent_record, cursor=cursor, limit=limit)

    def intent(self, user_id: str, intent_id: str) -> IntentRecord | None:
        """Read an intent of a user."""
        statement = select(intents).where(intents.c.user_id == user_id, intents.c.id == intent_id)
        with transaction(self._engine) as connection:
            row = connection.execute(statement).one_or_none()
        return None if row is None else trade_rows.intent_record(row)

    def orders(
        self, user_id: str, where: Filter | None = None, *, cursor: str = "", limit: int = 50
    ) -> Page[OrderRecord]:
        """List rows of the journal."""
        wanted = where or Filter()
        statement = _narrowed(select(orders).where(orders.c.user_id == user_id), orders.c, wanted)
        statement = _of_agent(statement, orders.c, user_id, wanted)
        if wanted.phase:
            statement = statement.where(orders.c.state == wanted.phase)
        if wanted.is_live is not None:
            live = orders.c.state.in_(_LIVE)
            statement = statement.where(live if wanted.is_live else ~live)
        keys = (orders.c.approved_at, orders.c.client_id)
        with transaction(self._engine) as connection:
            return page(connection, statement, keys, trade_rows.order_record, cursor=cursor, limit=limit)

    def fills(
        self, user_id: str, where: Filter | None = None, *, cursor: str = "", limit: int = 50
    ) -> Page[FillRecord]:
        """List fills."""
        wanted = where or Filter()
        statement = _narrowed(select(fills).where(fills.c.user_id == user_id), fills.c, wanted)
        statement = _of_agent(statement, fills.c, user_id, wanted)
        keys = (fills.c.time, fills.c.account_id, fills.c.coin, fills.c.trade_id)
        with transaction(self._engine) as connection:
            return page(connection, statement, keys, trade_rows.fill_record, cursor=cursor, limit=limit)

    def trades(self, user_id: str, where: Filter | None = None, *, cursor: str = "", limit: int = 50) -> Page[Trade]:
        """List the trade log."""
        wanted = where or Filter()
        statement = _narrowed(select(trade_logs).where(trade_logs.c.user_id == user_id), trade_logs.c, wanted)
        if wanted.agent_id:
            statement = statement.where(trade_logs.c.agent_id == wanted.agent_id)
        keys = (trade_logs.c.time, trade_logs.c.account_id, trade_logs.c.oid, trade_logs.c.side)
        with transaction(self._engine) as connection:
            return page(connection, statement, keys, trade_rows.trade, cursor=cursor, limit=limit)

    def performance(self, user_id: str, *, account_id: str = "", since: datetime | None = None) -> Performance:
        """Sum up results."""
        with transaction(self._engine) as connection:
            return read_performance(connection, user_id, account_id, since)

    def figures(self, *, user_id: str = "", since: datetime | None = None) -> Figures:
        """Count what was done, of a user or of the whole deployment."""
        with transaction(self._engine) as connection:
            return read_figures(connection, user_id, since)


def _narrowed(statement: Select[Any], columns: Any, where: Filter) -> Select[Any]:
    """Apply the parts of a filter that every list has, under whatever name."""
    coin = next(columns[name] for name in ("instrument", "coin", "asset") if name in columns)
    intent = columns["id"] if "decided_at" in columns and "kind" in columns else columns["intent_id"]
    time = next(columns[name] for name in ("time", "approved_at", "created_at") if name in columns)
    if where.account_id:
        statement = statement.where(columns["account_id"] == where.account_id)
    if where.coin:
        statement = statement.where(coin == where.coin)
    if where.intent_id:
        statement = statement.where(intent == where.intent_id)
    if where.since is not None:
        statement = statement.where(time >= where.since)
    return statement


def _of_agent(statement: Select[Any], columns: Any, user_id: str, where: Filter) -> Select[Any]:
    if not where.agent_id:
        return statement
    of_agent = select(intents.c.id).where(intents.c.user_id == user_id, intents.c.agent_id == where.agent_id)
    return statement.where(columns["intent_id"].in_(of_agent))
