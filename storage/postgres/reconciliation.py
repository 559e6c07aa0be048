"""What an account's journal says, to be compared with the venue, and the history of every difference."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, Engine, Row, bindparam, delete, func, insert, select, text, update
from sqlalchemy.dialects.postgresql import insert as upsert

from domain.errors import Refused
from domain.money import Money, Quantity
from storage.ledgers import OPENING
from storage.postgres.accounts import account_ref
from storage.postgres.engine import transaction
from storage.postgres.supervision import live_row, select_live
from storage.postgres.tables import accounts, differences, orders, transfers
from storage.records import CoinTotals, Difference, EquityPoint, FoundDifference, Ledger, Transfer

VANISHED = "vanished"
COUNTS_AFTER = timedelta(seconds=10)

# The position before the first fill that we know is that fill's own start; what follows is a plain sum.
_TOTALS = text(
    "select coin, sum(case side when 'buy' then size else -size end)"
    "   + (array_agg(start_position order by time, length(trade_id), trade_id))[1] as size,"
    " sum(closed_pnl) as closed_pnl, sum(fee) as fees, count(*) as fills, max(time) as last_at"
    " from fills where account_id = :account group by coin order by coin"
)
# What an account has one of, in one statement: the account, what was moved, the first equity seen and what was realised before it.
_HEAD = text(
    "select a.*, m.funding, m.transferred, e.time as first_at, e.equity as first_equity, e.unrealised as first_unrealised,"
    " (select coalesce(sum(closed_pnl - fee), 0) from fills where account_id = a.id and time <= e.time) as earlier,"
    " (select jsonb_object_agg(coin, amount::text) from differences where account_id = a.id and repair = :opening) as openings"
    " from accounts a cross join lateral (select"
    "   coalesce(sum(amount) filter (where kind = 'funding'), 0) as funding,"
    "   coalesce(sum(amount) filter (where kind <> 'funding'), 0) as transferred from transfers where account_id = a.id) m"
    " left join lateral (select time, equity, unrealised from equity_points where account_id = a.id order by time limit 1) e"
    "   on true where a.id = :account"
)
# Fills and live rows from two instants would show a difference that never was.
_ONE_INSTANT = text("set transaction isolation level repeatable read, read only")
_LIVE = select_live().where(orders.c.account_id == bindparam("account"))


class PostgresReconciliations:
    """Ledgers and differences; a `Reconciliations`."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def ledger(self, account_id: str) -> Ledger:
        """Everything that has to be compared; raises Refused(account_unknown)."""
        asked = {"account": account_id}
        with transaction(self._engine) as connection:
            connection.execute(_ONE_INSTANT)
            row = connection.execute(_HEAD, asked | {"opening": OPENING}).one_or_none()
            if row is None:
                raise Refused(
                    "account_unknown", "There is no such account.", action="List them with GET /api/accounts."
                )
            return Ledger(
                account=account_ref(row),
                added_at=row.created_at,
                totals=tuple(_totals(found) for found in connection.execute(_TOTALS, asked)),
                funding=Money(Decimal(row.funding)),
                transferred=Money(Decimal(row.transferred)),
                live=tuple(live_row(found) for found in connection.execute(_LIVE, asked)),
                first_equity=_first_equity(row),
                openings={coin: Quantity(Decimal(amount)) for coin, amount in (row.openings or {}).items()},
            )

    def record_transfers(self, transfers_: tuple[Transfer, ...]) -> int:
        """Insert transfers and funding once each; returns how many were new."""
        if not transfers_:
            return 0
        rows = [
            {
                "account_id": transfer.account_id,
                "time": transfer.time,
                "kind": transfer.kind,
                "coin": transfer.coin,
                "reference": transfer.reference,
                "amount": transfer.amount,
            }
            for transfer in transfers_
        ]
        statement = upsert(transfers).values(rows).on_conflict_do_nothing().returning(transfers.c.time)
        with transaction(self._engine) as connection:
            return len(connection.execute(statement).all())

    def observe(
        self,
        account_id: str,
        found: tuple[FoundDifference, ...],
        at: datetime,
        *,
        counts_after: timedelta = COUNTS_AFTER,
    ) -> tuple[Difference, ...]:
        """Note what a sync saw at a venue time and return what is open.

        A difference that was seen before, at least `counts_after` earlier, counts now; one that is gone before it counted is
        forgotten, one that counted is marked as gone.
        """
        with transaction(self._engine) as connection:
            connection.execute(select(accounts.c.id).where(accounts.c.id == account_id).with_for_update())
            known = {(row.coin, row.kind): row for row in _open(connection, account_id)}
            for difference in found:
                _note(
                    connection, account_id, difference, known.get((difference.coin, difference.kind)), at, counts_after
                )
            seen = {(difference.coin, difference.kind) for difference in found}
            gone = [row for key, row in known.items() if key not in seen]
            if not found and not gone:
                return ()
            _forget(connection, gone, at)
            return tuple(_difference(row) for row in _open(connection, account_id))

    def repair(self, difference_id: int, how: str) -> bool:
        """Mark a difference as repaired."""
        mine = (differences.c.id == difference_id, differences.c.repaired_at.is_(None))
        with transaction(self._engine) as connection:
            statement = update(differences).where(*mine).values(repaired_at=func.now(), repair=how)
            return connection.execute(statement).rowcount == 1

    def differences(self, user_id: str, *, open_only: bool = True) -> tuple[Difference, ...]:
        """List a user's differences, newest first."""
        statement = (
            select(differences)
            .join(accounts, accounts.c.id == differences.c.account_id)
            .where(accounts.c.user_id == user_id)
        )
        if open_only:
            statement = statement.where(differences.c.repaired_at.is_(None))
        with transaction(self._engine) as connection:
            rows = connection.execute(statement.order_by(differences.c.id.desc()).limit(500)).all()
        return tuple(_difference(row) for row in rows)


def _open(connection: Connection, account_id: str) -> list[Row[Any]]:
    mine = (differences.c.account_id == account_id, differences.c.repaired_at.is_(None))
    return list(connection.execute(select(differences).where(*mine).order_by(differences.c.id)))


def _note(
    connection: Connection,
    account_id: str,
    found: FoundDifference,
    known: Row[Any] | None,
    at: datetime,
    counts_after: timedelta,
) -> None:
    values: dict[str, Any] = {"amount": found.amount, "note": found.note}
    if known is None:
        new = {**values, "account_id": account_id, "coin": found.coin, "kind": found.kind, "first_seen_at": at}
        connection.execute(insert(differences).values(new))
        return
    if known.counted_at is None and at - known.first_seen_at >= counts_after:
        values["counted_at"] = at
    connection.execute(update(differences).where(differences.c.id == known.id).values(values))


def _forget(connection: Connection, gone: list[Row[Any]], at: datetime) -> None:
    passing = [row.id for row in gone if row.counted_at is None]
    counted = [row.id for row in gone if row.counted_at is not None]
    connection.execute(delete(differences).where(differences.c.id.in_(passing)))
    ended = {"repaired_at": at, "repair": VANISHED}
    connection.execute(update(differences).where(differences.c.id.in_(counted)).values(ended))


def _first_equity(row: Row[Any]) -> EquityPoint | None:
    if row.first_at is None:
        return None
    return EquityPoint(
        account_id=row.id,
        time=row.first_at,
        equity=Money(row.first_equity),
        unrealised=Money(row.first_unrealised),
        realised=Money(Decimal(row.earlier)),
    )


def _totals(row: Row[Any]) -> CoinTotals:
    return CoinTotals(
        coin=row.coin,
        size=Quantity(row.size),
        closed_pnl=Money(row.closed_pnl),
        fees=Money(row.fees),
        fills=row.fills,
        last_at=row.last_at,
    )


def _difference(row: Row[Any]) -> Difference:
    return Difference(
        id=row.id,
        account_id=row.account_id,
        coin=row.coin,
        kind=row.kind,
        amount=row.amount,
        note=row.note,
        first_seen_at=row.first_seen_at,
        counted_at=row.counted_at,
        repaired_at=row.repaired_at,
        repair=row.repair,
    )
