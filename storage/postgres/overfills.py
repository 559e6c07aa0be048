"""Orders that filled more than they were for, on Postgres."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Engine, Row, bindparam, text

from domain.accounts import AccountRef
from domain.money import Quantity
from domain.orders import LIVE_STATES, OrderKey, OrderState, Side
from storage.journal import OrderRow
from storage.ledgers import Overfill
from storage.postgres.engine import transaction
from storage.postgres.fills import total
from storage.postgres.rows import order_row, select_orders
from storage.postgres.settling import remember
from storage.postgres.tables import orders

MOST_SENDERS = 5
_SENDERS = (
    select_orders()
    .where(
        orders.c.account_id == bindparam("account"),
        orders.c.instrument == bindparam("coin"),
        orders.c.side == bindparam("side"),
        orders.c.sent_at.between(bindparam("since"), bindparam("until")),
        orders.c.size > 0,
        # What is proved never to have run is nobody's original.
        orders.c.state.in_(sorted(state.value for state in LIVE_STATES | {OrderState.DONE})),
    )
    .order_by(orders.c.sent_at.desc())
    .limit(MOST_SENDERS)
)
# Of owners of slots, and of all that filled since: a position that has grown by mistake may be held for long. What closes whole
# positions has no size of its own.
_OVERFILLED = text(
    "with touched as ("
    " select intent_id from fills where account_id = :account and time > :since and intent_id is not null"
    " union select owner_intent from slots where account_id = :account)"
    " select o.intent_id, o.leg, o.step, o.client_id, o.instrument, o.side, o.size,"
    "  sum(f.size) as filled, max(f.time) as last_at"
    " from orders o join fills f on f.intent_id = o.intent_id and f.step = o.step and f.account_id = o.account_id"
    " where o.intent_id in (select intent_id from touched) and o.account_id = :account and o.size > 0"
    " group by o.intent_id, o.leg, o.step having sum(f.size) > o.size order by max(f.time)"
)
_TRADES = text("select trade_id from fills where account_id = :account and oid = :oid and intent_id is not null")


class PostgresOverfills:
    """Implements storage.journal.Overfills."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def senders(
        self, account_id: str, coin: str, side: Side, *, since: datetime, until: datetime
    ) -> tuple[OrderRow, ...]:
        """Rows of an account, with a size, that were sent on a coin and side within a span, newest first."""
        asked = {"account": account_id, "coin": coin, "side": side.value, "since": since, "until": until}
        with transaction(self._engine) as connection:
            return tuple(order_row(row) for row in connection.execute(_SENDERS, asked))

    def bind(self, account: AccountRef, client_id: str, oid: str) -> None:
        """Bind the fills of an order id to the order of ours that it is a copy of."""
        with transaction(self._engine) as connection:
            remember(connection, client_id, oid)
            trades = connection.execute(_TRADES, {"account": account.account_id, "oid": oid}).scalars()
            total(connection, account.account_id, list(trades))

    def overfilled(self, account_id: str, since: datetime) -> tuple[Overfill, ...]:
        """Orders of intents that own a slot, and of those that filled since, whose fills are more than their size; oldest first."""
        with transaction(self._engine) as connection:
            rows = connection.execute(_OVERFILLED, {"account": account_id, "since": since})
            return tuple(_overfill(row) for row in rows)


def _overfill(row: Row[Any]) -> Overfill:
    return Overfill(
        key=OrderKey(intent_id=row.intent_id, leg=row.leg, step=row.step),
        client_id=row.client_id,
        coin=row.instrument,
        side=Side(row.side),
        ordered=Quantity(row.size),
        filled=Quantity(row.filled),
        last_at=row.last_at,
    )
