"""The portfolio read model and the equity curve."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import Engine, Row, bindparam, func, select, text

from domain.accounts import AccountRef, Portfolio
from domain.money import Money
from storage.postgres.engine import alone, dump, load, transaction
from storage.postgres.tables import accounts, equity_points, portfolios
from storage.records import EquityPoint, SyncedPortfolio

POINT_EVERY = timedelta(seconds=60)

# Two syncs may end in the other order than they began: the venue's clock says which is newer. When an account was last exposed is
# told to ten seconds, since its row is the one that approvals wait for.
_SAVE = text(
    "with saved as (insert into portfolios"
    "  (account_id, user_id, as_of, synced_at, equity, available, margin_used, body, is_flat) values"
    "  (:account_id, :user_id, :as_of, now(), :equity, :available, :margin_used, cast(:body as jsonb), :is_flat)"
    " on conflict (account_id) do update set (user_id, as_of, synced_at, equity, available, margin_used, body, is_flat) ="
    "  (excluded.user_id, excluded.as_of, excluded.synced_at, excluded.equity, excluded.available, excluded.margin_used,"
    "   excluded.body, excluded.is_flat) where portfolios.as_of <= excluded.as_of"
    " returning account_id, as_of, equity, is_flat),"
    " point as (insert into equity_points (account_id, time, equity, unrealised)"
    "  select account_id, as_of, equity, :unrealised from saved where not exists"
    "   (select 1 from equity_points where account_id = :account_id and time > :since))"
    " update accounts set exposed_at = now() from saved where id = saved.account_id and not saved.is_flat"
    " and (exposed_at is null or exposed_at < now() - interval '10 seconds')"
)


_AGE = (func.clock_timestamp() - portfolios.c.synced_at).label("age")
_NEWEST = select(portfolios, _AGE).where(portfolios.c.account_id == bindparam("account"))


class PostgresPortfolios:
    """The portfolio read model; a `Portfolios`."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def newest(self, account_id: str) -> SyncedPortfolio | None:
        """The last synced portfolio."""
        with alone(self._engine) as connection:
            row = connection.execute(_NEWEST, {"account": account_id}).one_or_none()
        return None if row is None else _synced(row)

    def save(self, account: AccountRef, portfolio: Portfolio) -> None:
        """Write the read model and a point of the equity curve; never replaces a newer one."""
        values = {
            "account_id": account.account_id,
            "user_id": account.user_id,
            "as_of": portfolio.as_of,
            "equity": portfolio.equity,
            "available": portfolio.available,
            "margin_used": portfolio.margin_used,
            "body": json.dumps(dump(portfolio)),
            "is_flat": portfolio.is_flat,
            "unrealised": sum((held.unrealised_pnl for held in portfolio.positions if held.size), Decimal(0)),
            "since": portfolio.as_of - POINT_EVERY,
        }
        with alone(self._engine) as connection:
            connection.execute(_SAVE, values)

    def of_user(self, user_id: str) -> tuple[SyncedPortfolio, ...]:
        """The portfolios of all accounts of a user."""
        statement = select(portfolios, _AGE).where(portfolios.c.user_id == user_id).order_by(portfolios.c.account_id)
        with transaction(self._engine) as connection:
            return tuple(_synced(row) for row in connection.execute(statement))

    def equity(self, user_id: str, account_id: str, *, since: datetime, limit: int = 5000) -> tuple[EquityPoint, ...]:
        """The equity curve of an account, oldest first."""
        statement = (
            select(equity_points)
            .join(accounts, accounts.c.id == equity_points.c.account_id)
            .where(accounts.c.user_id == user_id, accounts.c.id == account_id, equity_points.c.time >= since)
            .order_by(equity_points.c.time)
            .limit(limit)
        )
        with transaction(self._engine) as connection:
            rows = connection.execute(statement).all()
        return tuple(EquityPoint(account_id=row.account_id, time=row.time, equity=Money(row.equity)) for row in rows)


def _synced(row: Row[Any]) -> SyncedPortfolio:
    return SyncedPortfolio(portfolio=load(Portfolio, row.body), synced_at=row.synced_at, age=row.age)
