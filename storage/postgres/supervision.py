"""What the platform's watchdog looks at: positions and live rows, with the last sign of life of their owners."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from sqlalchemy import Engine, Row, Select, func, select

from domain.accounts import HeldPosition, Portfolio
from domain.intents import IntentPhase
from domain.money import Quantity
from domain.orders import LIVE_STATES, OrderKey, Side
from storage.postgres.accounts import account_ref
from storage.postgres.engine import load, transaction
from storage.postgres.tables import accounts, intents, orders, portfolios, slots
from storage.records import ExposedPosition, LiveRow


class PostgresSupervision:
    """Positions and rows of all users; a `Supervision`."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def exposed(self) -> tuple[ExposedPosition, ...]:
        """Every position with the owner of its slot."""
        held = (
            select(accounts, portfolios.c.body)
            .join(portfolios, portfolios.c.account_id == accounts.c.id)
            .where(~portfolios.c.is_flat)
        )
        owned = select(
            slots, intents.c.phase, func.greatest(slots.c.touched_at, intents.c.touched_at).label("alive_at")
        )
        with transaction(self._engine) as connection:
            rows = connection.execute(held.order_by(accounts.c.id)).all()
            accounts_ = [row.id for row in rows]
            statement = owned.outerjoin(intents, intents.c.id == slots.c.owner_intent)
            found = connection.execute(statement.where(slots.c.account_id.in_(accounts_))).all()
        owners = {(row.account_id, row.instrument): row for row in found}
        return tuple(
            _exposed(row, position, owners.get((row.id, position.coin))) for row in rows for position in _positions(row)
        )

    def stale_rows(self, older_than: timedelta) -> tuple[LiveRow, ...]:
        """Live rows whose intent shows no sign of life since then."""
        last_sign = func.greatest(intents.c.touched_at, orders.c.approved_at, orders.c.sent_at)
        statement = (
            select_live()
            .outerjoin(intents, intents.c.id == orders.c.intent_id)
            .where(last_sign < func.now() - older_than)
        )
        with transaction(self._engine) as connection:
            return tuple(live_row(row) for row in connection.execute(statement))

    def phases(self, intent_ids: tuple[str, ...]) -> dict[str, IntentPhase]:
        """The phases of the intents that have a row."""
        statement = select(intents.c.id, intents.c.phase).where(intents.c.id.in_(intent_ids))
        with transaction(self._engine) as connection:
            return {row.id: IntentPhase(row.phase) for row in connection.execute(statement)}


def select_live() -> Select[Any]:
    """Select the rows that may still trade, oldest first."""
    return (
        select(orders)
        .where(orders.c.state.in_([state.value for state in LIVE_STATES]))
        .order_by(orders.c.approved_at, orders.c.client_id)
    )


def live_row(row: Row[Any]) -> LiveRow:
    """Read a row that may still trade."""
    return LiveRow(
        key=OrderKey(intent_id=row.intent_id, leg=row.leg, step=row.step),
        client_id=row.client_id,
        coin=row.instrument,
        state=row.state,
        opening=row.opening,
        side=Side(row.side),
        size=Quantity(row.size),
        oid=row.oid,
        user_id=row.user_id,
        account_id=row.account_id,
        approved_at=row.approved_at,
        not_after=row.not_after,
        expires_at=row.expires_at,
    )


def _positions(row: Row[Any]) -> Iterator[HeldPosition]:
    return (held for held in load(Portfolio, row.body).positions if held.size != 0)


def _exposed(row: Row[Any], held: HeldPosition, owner: Row[Any] | None) -> ExposedPosition:
    return ExposedPosition(
        account=account_ref(row),
        coin=held.coin,
        side=held.side,
        size=held.size,
        entry_px=held.entry_px,
        owner_intent=owner.owner_intent if owner else "",
        owner_phase=(owner.phase or "") if owner else "",
        owner_touched_at=owner.alive_at if owner else None,
    )
