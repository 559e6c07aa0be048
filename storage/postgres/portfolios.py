"""The portfolio read model and the equity curve."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, Engine, Row, exists, func, insert, literal, select, update
from sqlalchemy.dialects.postgresql import insert as upsert

from domain.accounts import AccountRef, Portfolio
from domain.money import Money
from storage.postgres.engine import dump, load, transaction
from storage.postgres.tables import accounts, equity_points, portfolios
from storage.records import EquityPoint, SyncedPortfolio

POINT_EVERY = timedelta(seconds=60)


class PostgresPortfolios:
    """The portfolio read model; a `Portfolios`."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def newest(self, account_id: str) -> SyncedPortfolio | None:
        """The last synced portfolio."""
        statement = select(portfolios).where(portfolios.c.account_id == account_id)
        with transaction(self._engine) as connection:
            row = connection.execute(statement).one_or_none()
        return None if row is None else _synced(row)

    def save(self, account: AccountRef, portfolio: Portfolio) -> None:
        """Write the read model and a point of the equity curve; never replaces a newer one."""
        with transaction(self._engine) as connection:
            if not _replace(connection, account, portfolio):
                return
            _add_point(connection, portfolio)
            if not portfolio.is_flat:
                mine = accounts.c.id == account.account_id
                connection.execute(update(accounts).where(mine).values(exposed_at=func.now()))

    def of_user(self, user_id: str) -> tuple[SyncedPortfolio, ...]:
        """The portfolios of all accounts of a user."""
        statement = select(portfolios).where(portfolios.c.user_id == user_id).order_by(portfolios.c.account_id)
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


def _replace(connection: Connection, account: AccountRef, portfolio: Portfolio) -> bool:
    values = {
        "account_id": account.account_id,
        "user_id": account.user_id,
        "as_of": portfolio.as_of,
        "synced_at": func.now(),
        "equity": portfolio.equity,
        "available": portfolio.available,
        "margin_used": portfolio.margin_used,
        "body": dump(portfolio),
        "is_flat": portfolio.is_flat,
    }
    statement = upsert(portfolios).values(values)
    # Two syncs may end in the other order than they began: the venue's clock says which is newer.
    statement = statement.on_conflict_do_update(
        index_elements=[portfolios.c.account_id],
        set_={name: statement.excluded[name] for name in values},
        where=portfolios.c.as_of <= statement.excluded.as_of,
    )
    return connection.execute(statement).rowcount == 1


def _add_point(connection: Connection, portfolio: Portfolio) -> None:
    points = equity_points.c
    recent = exists().where(points.account_id == portfolio.account_id, points.time > portfolio.as_of - POINT_EVERY)
    unrealised = sum((held.unrealised_pnl for held in portfolio.positions if held.size), Decimal(0))
    values = (portfolio.account_id, portfolio.as_of, portfolio.equity, unrealised)
    wanted = select(*(literal(value) for value in values)).where(~recent)
    columns = [points.account_id, points.time, points.equity, points.unrealised]
    connection.execute(insert(equity_points).from_select(columns, wanted))


def _synced(row: Row[Any]) -> SyncedPortfolio:
    return SyncedPortfolio(portfolio=load(Portfolio, row.body), synced_at=row.synced_at)
