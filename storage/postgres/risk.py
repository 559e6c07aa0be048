"""The trading day, the circuit breaker and the stored risk decisions."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, Engine, Row, func, insert, select, text, update
from sqlalchemy.dialects.postgresql import insert as upsert

from domain.days import Breaker, DayRecord, day_start, trading_day
from domain.money import ZERO, Money
from storage.postgres.engine import transaction
from storage.postgres.paging import page_by_id
from storage.postgres.tables import breakers, day_records, equity_points, portfolios, risk_decisions
from storage.records import Page, StoredRiskDecision

_STREAK_DEPTH = 50
# One statement, since every approval waits for it under the account's lock. The order rate is about our own sending, so it is
# counted by our own clock. A streak starts anew when a breaker ends, or the breaker would trip again at once.
_FIGURES = text(
    "select d.start_equity, d.started_at, f.fees, f.turnover, f.realised, t.moved, o.orders, r.results,"
    " b.code, b.reason, b.tripped_at, b.until from (select 1) one"
    " left join day_records d on d.account_id = :account and d.zone = :zone and d.day = :day"
    " cross join lateral (select coalesce(sum(fee), 0) as fees, coalesce(sum(px * size), 0) as turnover,"
    "   coalesce(sum(closed_pnl), 0) as realised from fills where account_id = :account and time >= :start) f"
    " cross join lateral (select coalesce(sum(amount), 0) as moved from transfers"
    "   where account_id = :account and time > coalesce(d.started_at, :since) and kind <> 'funding') t"
    " cross join lateral (select count(*) as orders from orders"
    "   where account_id = :account and opening and sent_at > now() - interval '1 hour') o"
    " cross join lateral (select array(select realised_pnl from intents"
    "   where account_id = :account and kind = 'open' and realised_pnl is not null"
    "   and finished_at > coalesce((select max(coalesce(reset_at, until)) from breakers"
    "     where account_id = :account and coalesce(reset_at, until) <= now()), '-infinity')"
    "   order by finished_at desc limit :depth) as results) r"
    " left join lateral (select code, reason, tripped_at, until from breakers where account_id = :account"
    "   and reset_at is null order by until desc nulls first, id desc limit 1) b on true"
)


def read_figures(connection: Connection, account_id: str, zone: str, now: datetime) -> tuple[DayRecord, Breaker | None]:
    """Read the trading day that `now` belongs to, whose first reading fixes its start equity, and the breaker, in one statement."""
    start, day = day_start(now, zone), trading_day(now, zone)
    asked = {"account": account_id, "zone": zone, "day": day, "start": start, "since": start, "depth": _STREAK_DEPTH}
    row = connection.execute(_FIGURES, asked).one()
    equity = row.start_equity
    if row.started_at is None:
        equity, since = _start_equity(connection, account_id, zone, day, start)
        if since != start:
            row = connection.execute(_FIGURES, asked | {"since": since}).one()
    return _day(row, day, Money(equity)), _breaker(row) if row.code is not None else None


def read_breaker(connection: Connection, account_id: str) -> Breaker | None:
    """Read the breaker that lasts longest of those that nobody has reset; it may have ended by itself."""
    statement = (
        select(breakers)
        .where(breakers.c.account_id == account_id, breakers.c.reset_at.is_(None))
        .order_by(breakers.c.until.desc().nulls_first(), breakers.c.id.desc())
        .limit(1)
    )
    row = connection.execute(statement).one_or_none()
    return None if row is None else _breaker(row)


class PostgresRiskBook:
    """Days, breakers and decisions; a `RiskBook`."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def figures(self, account_id: str, zone: str, now: datetime) -> tuple[DayRecord, Breaker | None]:
        """Read the figures of the trading day and the newest breaker that was not reset."""
        with transaction(self._engine) as connection:
            return read_figures(connection, account_id, zone, now)

    def breaker(self, account_id: str) -> Breaker | None:
        """Read the newest breaker that was not reset."""
        with transaction(self._engine) as connection:
            return read_breaker(connection, account_id)

    def trip(self, account_id: str, breaker: Breaker, numbers: Mapping[str, str] | None = None) -> bool:
        """Store a tripped breaker; False when one with the same code is in force already."""
        with transaction(self._engine) as connection:
            _lock(connection, account_id)
            in_force = select(breakers.c.id).where(
                breakers.c.account_id == account_id,
                breakers.c.code == breaker.code,
                breakers.c.reset_at.is_(None),
                breakers.c.until.is_(None) | (breakers.c.until > breaker.tripped_at),
            )
            if connection.execute(in_force).first() is not None:
                return False
            values = {
                "account_id": account_id,
                "code": breaker.code,
                "reason": breaker.reason,
                "tripped_at": breaker.tripped_at,
                "until": breaker.until,
                "numbers": dict(numbers or {}),
            }
            connection.execute(insert(breakers).values(values))
            return True

    def reset(self, account_id: str, by: str) -> int:
        """Reset every breaker of an account; returns how many there were."""
        with transaction(self._engine) as connection:
            statement = (
                update(breakers)
                .where(breakers.c.account_id == account_id, breakers.c.reset_at.is_(None))
                .values(reset_at=func.now(), reset_by=by)
            )
            return connection.execute(statement).rowcount

    def decisions(
        self, user_id: str, *, intent_id: str = "", cursor: str = "", limit: int = 50
    ) -> Page[StoredRiskDecision]:
        """List a user's risk decisions, newest first."""
        statement = select(risk_decisions).where(risk_decisions.c.user_id == user_id)
        if intent_id:
            statement = statement.where(risk_decisions.c.intent_id == intent_id)
        with transaction(self._engine) as connection:
            return page_by_id(connection, statement, risk_decisions.c.id, _decision, cursor=cursor, limit=limit)


def _day(row: Row[Any], day: str, start_equity: Money) -> DayRecord:
    return DayRecord(
        day=day,
        start_equity=start_equity,
        net_transfers=Money(row.moved),
        fees=Money(row.fees),
        turnover=Money(row.turnover),
        orders_last_hour=row.orders,
        loss_streak=_losses_at_front(row.results),
        realised_pnl=Money(row.realised),
    )


def _start_equity(
    connection: Connection, account_id: str, zone: str, day: str, start: datetime
) -> tuple[Money, datetime]:
    """Find and store the equity that a day starts with; where there is none yet, nothing is stored."""
    found = _equity_near(connection, account_id, start)
    if found is None:
        return Money(ZERO), start
    values = {"account_id": account_id, "zone": zone, "day": day, "start_equity": found[0], "started_at": found[1]}
    connection.execute(upsert(day_records).values(values).on_conflict_do_nothing())
    return found


def _equity_near(connection: Connection, account_id: str, start: datetime) -> tuple[Money, datetime] | None:
    """The equity seen closest to an instant: one of last week would blame today for the days between."""
    points = equity_points.c
    of_account = select(points.equity, points.time).where(points.account_id == account_id)
    before = connection.execute(of_account.where(points.time <= start).order_by(points.time.desc()).limit(1)).first()
    after = connection.execute(of_account.where(points.time > start).order_by(points.time).limit(1)).first()
    candidates = [row for row in (before, after) if row is not None]
    if not candidates:
        statement = select(portfolios.c.equity, portfolios.c.as_of).where(portfolios.c.account_id == account_id)
        row = connection.execute(statement).first()
        return None if row is None else (Money(row[0]), row[1])
    nearest = min(candidates, key=lambda row: abs(row.time - start) / timedelta(microseconds=1))
    return Money(nearest.equity), nearest.time


def _losses_at_front(results: list[Decimal]) -> int:
    return next((count for count, pnl in enumerate(results) if pnl >= 0), len(results))


def _lock(connection: Connection, account_id: str) -> None:
    connection.execute(text("select 1 from accounts where id = :account for update"), {"account": account_id})


def _breaker(row: Row[Any]) -> Breaker:
    return Breaker(code=row.code, reason=row.reason, tripped_at=row.tripped_at, until=row.until)


def _decision(row: Row[Any]) -> StoredRiskDecision:
    return StoredRiskDecision(
        id=row.id,
        account_id=row.account_id,
        intent_id=row.intent_id,
        step=row.step,
        allowed=row.allowed,
        code=row.code,
        message=row.message,
        numbers=row.numbers,
        at=row.at,
    )
