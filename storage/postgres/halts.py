"""The halt book, and what still moves inside a halt."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Engine, Row, Select, false, func, select, text, true, update
from sqlalchemy.dialects.postgresql import insert as upsert

from domain.errors import Refused
from domain.halts import HaltFlag, HaltScope
from domain.orders import IN_FLIGHT_STATES, OrderKey, OrderState
from storage.postgres.accounts import account_ref
from storage.postgres.engine import transaction
from storage.postgres.tables import accounts, halts, intents, orders
from storage.records import HaltRecord, InFlight, RestingOpening

CHANNEL = "holdfast_halts"
"""Told of each halt as it is committed: the scope."""

_WIDEST_FIRST = ("platform", "venue", "user", "agent")


class PostgresHalts:
    """The halt book; a `Halts`."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def commit(self, flag: HaltFlag) -> HaltRecord:
        """Commit a halt (CLOSED), or return the one that is in force."""
        _require_scope(flag.scope, flag.key)
        values = {"scope": flag.scope, "key": flag.key, "reason": flag.reason, "by": flag.by}
        statement = upsert(halts).values(values)
        # The update changes nothing; without it a conflict would return no row.
        statement = statement.on_conflict_do_update(
            index_elements=[halts.c.scope, halts.c.key],
            index_where=text("released_at is null"),
            set_={"scope": statement.excluded.scope},
        )
        with transaction(self._engine) as connection:
            return _halt(connection.execute(statement.returning(*halts.c, func.pg_notify(CHANNEL, flag.scope))).one())

    def release(self, scope: str, key: str, by: str) -> bool:
        """Release a halt; False when there was none."""
        mine = (halts.c.scope == scope, halts.c.key == key, halts.c.released_at.is_(None))
        with transaction(self._engine) as connection:
            statement = update(halts).where(*mine).values(released_by=by, released_at=func.now())
            return connection.execute(statement).rowcount == 1

    def in_force(self) -> tuple[HaltRecord, ...]:
        """List the halts in force, oldest first."""
        statement = select(halts).where(halts.c.released_at.is_(None)).order_by(halts.c.id)
        with transaction(self._engine) as connection:
            return tuple(_halt(row) for row in connection.execute(statement))

    def halted_by(self, *, venue: str = "", user_id: str = "", agent_id: str = "") -> HaltRecord | None:
        """Find the widest halt in force that covers an order."""
        found = [halt for halt in self.in_force() if _covers(halt.flag, venue, user_id, agent_id)]
        return min(found, key=lambda halt: _WIDEST_FIRST.index(halt.flag.scope), default=None)

    def mark_drained(self, halt_id: int) -> datetime:
        """Record DRAINED once; returns when."""
        statement = update(halts).where(halts.c.id == halt_id)
        with transaction(self._engine) as connection:
            first = func.coalesce(halts.c.drained_at, func.clock_timestamp())
            at = connection.execute(statement.values(drained_at=first).returning(halts.c.drained_at)).scalar_one()
        assert isinstance(at, datetime)
        return at

    def in_flight(self, scope: str, key: str) -> tuple[InFlight, ...]:
        """Opening rows in SENDING or UNKNOWN inside a scope, by account, with their last deadline."""
        states = [state.value for state in IN_FLIGHT_STATES]
        columns = (func.count().label("rows"), func.max(orders.c.expires_at).label("last_deadline"))
        statement = (
            _openings(select(accounts, *columns), scope, key)
            .where(orders.c.state.in_(states))
            .group_by(accounts.c.id)
            .order_by(accounts.c.venue, accounts.c.network, accounts.c.id)
        )
        with transaction(self._engine) as connection:
            rows = connection.execute(statement).all()
        return tuple(InFlight(account=account_ref(row), rows=row.rows, last_deadline=row.last_deadline) for row in rows)

    def resting(self, scope: str, key: str) -> tuple[RestingOpening, ...]:
        """Working opening orders inside a scope."""
        columns = (orders.c.intent_id, orders.c.leg, orders.c.step, orders.c.instrument, orders.c.oid)
        statement = _openings(select(accounts, *columns), scope, key).where(orders.c.state == OrderState.WORKING)
        with transaction(self._engine) as connection:
            rows = connection.execute(statement.order_by(orders.c.approved_at)).all()
        return tuple(_resting(row) for row in rows)


def _openings(statement: Select[Any], scope: str, key: str) -> Select[Any]:
    """Narrow a statement to opening rows inside a scope."""
    joined = statement.select_from(orders).join(accounts, accounts.c.id == orders.c.account_id)
    return joined.where(orders.c.opening, _inside(scope, key))


def _inside(scope: str, key: str) -> ColumnElement[bool]:
    match scope:
        case HaltScope.PLATFORM:
            return true()
        case HaltScope.VENUE:
            return accounts.c.venue == key
        case HaltScope.USER:
            return orders.c.user_id == key
        case HaltScope.AGENT:
            return orders.c.intent_id.in_(select(intents.c.id).where(intents.c.agent_id == key))
        case _:
            return false()


def _covers(flag: HaltFlag, venue: str, user_id: str, agent_id: str) -> bool:
    match flag.scope:
        case HaltScope.PLATFORM:
            return True
        case HaltScope.VENUE:
            return flag.key == venue
        case HaltScope.USER:
            return flag.key == user_id
        case _:
            return flag.key == agent_id


def _require_scope(scope: str, key: str) -> None:
    if scope not in _WIDEST_FIRST:
        raise Refused("bad_scope", f"{scope!r} is no scope.", action=f"Choose one of {', '.join(_WIDEST_FIRST)}.")
    if (scope == HaltScope.PLATFORM) is bool(key):
        raise Refused(
            "bad_scope", "A platform halt has no key, every other halt needs one.", action="Name what to halt."
        )


def _halt(row: Row[Any]) -> HaltRecord:
    return HaltRecord(
        id=row.id,
        flag=HaltFlag(scope=row.scope, key=row.key, reason=row.reason, by=row.by),
        at=row.at,
        drained_at=row.drained_at,
        released_by=row.released_by or "",
        released_at=row.released_at,
    )


def _resting(row: Row[Any]) -> RestingOpening:
    return RestingOpening(
        account=account_ref(row),
        key=OrderKey(intent_id=row.intent_id, leg=row.leg, step=row.step),
        coin=row.instrument,
        oid=row.oid,
    )
