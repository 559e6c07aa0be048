"""Sums over a user's trading, each in one statement."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, Row, text

from domain.money import ZERO, Money
from storage.records import Figures
from storage.tradebook import Performance

_EVER = datetime(1970, 1, 1, tzinfo=UTC)

_COUNTS = text(
    "select (select count(*) from decisions where at >= :since and (:user = '' or user_id = :user)) as cycles,"
    " count(*) as intents, count(first_fill_at) filter (where kind = 'open') as filled,"
    " count(protected_at) as protected, count(*) filter (where phase = 'REFUSED') as refused,"
    " count(*) filter (where phase = 'FAILED') as failed,"
    " (select count(*) from orders where approved_at >= :since and (:user = '' or user_id = :user)) as orders,"
    " (select count(*) from orders where state = 'UNKNOWN' and (:user = '' or user_id = :user)) as unknown,"
    " (select coalesce(sum(abs(d.amount)), 0) from differences d join accounts a on a.id = d.account_id"
    "   where d.kind = 'unexplained' and d.counted_at is not null and d.repaired_at is null"
    "   and (:user = '' or a.user_id = :user)) as unexplained"
    " from intents where created_at >= :since and (:user = '' or user_id = :user)"
)
# Only market orders say how fast we are: a resting order waits for the market.
_FILL_SECONDS = text(
    "select percentile_cont(0.5) within group (order by seconds) as p50,"
    " percentile_cont(0.95) within group (order by seconds) as p95 from ("
    "   select greatest(extract(epoch from first_fill_at - decided_at)::float8, 0) as seconds from intents"
    "   where created_at >= :since and (:user = '' or user_id = :user) and kind = 'open' and first_fill_at is not null"
    "   and policy->'policy'->>'style' = 'market' and policy->'policy'->>'wait_until' is null) as waits"
)
_UNPROTECTED = text(
    "select max(extract(epoch from coalesce(protected_at, finished_at, now()) - first_fill_at))::float8 from intents"
    " where created_at >= :since and (:user = '' or user_id = :user) and kind = 'open' and first_fill_at is not null"
    " and (policy->'protection'->>'stop_px' is not null or policy->'protection'->>'take_profit_px' is not null)"
)
_BY_COIN = text(
    "select instrument, count(*) as intents from intents"
    " where created_at >= :since and (:user = '' or user_id = :user) group by instrument order by instrument"
)
_RESULTS = text(
    "select count(*) as trades, count(*) filter (where realised_pnl > 0) as wins,"
    " count(*) filter (where realised_pnl < 0) as losses,"
    " coalesce(sum(realised_pnl) filter (where realised_pnl > 0), 0) as won,"
    " coalesce(-sum(realised_pnl) filter (where realised_pnl < 0), 0) as lost"
    " from intents where user_id = :user and (:account = '' or account_id = :account)"
    " and kind = 'open' and realised_pnl is not null and finished_at >= :since"
)
_FILLS = text(
    "select coin, sum(closed_pnl) as realised, sum(fee) as fees, sum(px * size) as turnover from fills"
    " where user_id = :user and (:account = '' or account_id = :account) and time >= :since group by coin order by coin"
)
_FUNDING = text(
    "select coalesce(sum(t.amount), 0) from transfers t join accounts a on a.id = t.account_id"
    " where a.user_id = :user and (:account = '' or a.id = :account) and t.kind = 'funding' and t.time >= :since"
)
# Deposits and withdrawals are taken out of the curve, or a withdrawal would look like a loss.
_CURVE = text(
    "with curve as (select p.account_id, p.time, p.equity - coalesce((select sum(t.amount) from transfers t"
    "   where t.account_id = p.account_id and t.kind <> 'funding' and t.time <= p.time and t.time >= :since), 0) as value"
    "   from equity_points p join accounts a on a.id = p.account_id"
    "   where a.user_id = :user and (:account = '' or a.id = :account) and p.time >= :since),"
    " peaks as (select account_id, time, value, max(value) over (partition by account_id order by time) as peak from curve)"
    " select coalesce(max((peak - value) / nullif(peak, 0)), 0) as drawdown,"
    " coalesce((select sum(value) from (select distinct on (account_id) value from curve order by account_id, time) as firsts),"
    "   0) as start from peaks"
)
_EQUITY = text(
    "select coalesce(sum(equity), 0) from portfolios where user_id = :user and (:account = '' or account_id = :account)"
)


def read_figures(connection: Connection, user_id: str, since: datetime | None) -> Figures:
    """Count what was done since an instant; every user's without an id."""
    where = {"user": user_id, "since": since or _EVER}
    counts = connection.execute(_COUNTS, where).one()
    waits = connection.execute(_FILL_SECONDS, where).one()
    return Figures(
        cycles=counts.cycles,
        intents=counts.intents,
        orders=counts.orders,
        filled=counts.filled,
        protected=counts.protected,
        refused=counts.refused,
        failed=counts.failed,
        unknown=counts.unknown,
        fill_p50=waits.p50,
        fill_p95=waits.p95,
        unprotected_max=connection.execute(_UNPROTECTED, where).scalar_one_or_none(),
        unexplained=Decimal(counts.unexplained),
        by_coin={row.instrument: row.intents for row in connection.execute(_BY_COIN, where)},
    )


def read_performance(connection: Connection, user_id: str, account_id: str, since: datetime | None) -> Performance:
    """Sum up a user's results since an instant, of one account or of all."""
    where = {"user": user_id, "account": account_id, "since": since or _EVER}
    results = connection.execute(_RESULTS, where).one()
    by_coin = connection.execute(_FILLS, where).all()
    curve = connection.execute(_CURVE, where).one()
    funding = Money(Decimal(connection.execute(_FUNDING, where).scalar_one()))
    realised, fees = _sum(by_coin, "realised"), _sum(by_coin, "fees")
    return Performance(
        trades=results.trades,
        wins=results.wins,
        losses=results.losses,
        realised_pnl=realised,
        fees=fees,
        funding=funding,
        net_pnl=Money(realised - fees + funding),
        turnover=_sum(by_coin, "turnover"),
        equity=Money(Decimal(connection.execute(_EQUITY, where).scalar_one())),
        start_equity=Money(Decimal(curve.start)),
        max_drawdown=Decimal(curve.drawdown),
        win_rate=Decimal(results.wins) / results.trades if results.trades else None,
        profit_factor=Decimal(results.won) / results.lost if results.lost else None,
        by_coin={row.coin: Money(row.realised - row.fees) for row in by_coin},
    )


def _sum(rows: Iterable[Row[Any]], column: str) -> Money:
    return Money(sum((Decimal(row._mapping[column]) for row in rows), ZERO))  # noqa: SLF001 -- the public name
