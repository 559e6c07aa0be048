"""Rows of intents and the slots that they own: entering, taking and giving back."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sqlalchemy import Connection, bindparam, delete, func, select
from sqlalchemy.dialects.postgresql import insert

from domain.intents import Intent, IntentPhase
from domain.orders import LIVE_STATES
from storage.postgres.engine import dump
from storage.postgres.tables import intents, orders, slots


def given(prefix: str, names: Iterable[str]) -> dict[str, Any]:
    """Make a parameter for each column of a statement that is made once; its name must not be the column's."""
    return {name: bindparam(f"{prefix}_{name}") for name in names}


def enter(connection: Connection, intent: Intent) -> str:
    """Insert an intent's row and take its slot; returns the slot's owner, '' when the intent was there."""
    row = connection.execute(_ENTER, intent_values(intent)).one()
    if not row.is_new:
        return ""
    # Neither means that somebody took it while this statement ran.
    return str(row.owner or row.before or take_slot(connection, intent.account_id, intent.coin, intent.intent_id))


def register(connection: Connection, intent: Intent) -> bool:
    """Insert an intent's row; False when it was there."""
    return connection.execute(_REGISTER, intent_values(intent)).rowcount == 1


def intent_values(intent: Intent) -> dict[str, Any]:
    """Write an intent as the parameters of a new row."""
    values = {
        "id": intent.intent_id,
        "user_id": intent.user_id,
        "account_id": intent.account_id,
        "agent_id": intent.agent_id,
        "instrument": intent.coin,
        "side": intent.side.value,
        "kind": intent.kind.value,
        "size": intent.size,
        "policy": dump(intent),
        "phase": IntentPhase.CREATED.value,
        "stop_px": intent.protection.stop_px,
        "take_profit_px": intent.protection.take_profit_px,
        "trace_id": intent.trace_id,
        "decided_at": intent.decided_at,
    }
    return {f"intent_{name}": value for name, value in values.items()}


def take_slot(connection: Connection, account_id: str, coin: str, intent_id: str) -> str:
    """Own a slot or return its owner."""
    values = {"account_id": account_id, "instrument": coin, "owner_intent": intent_id}
    connection.execute(insert(slots).values(**values).on_conflict_do_nothing())
    query = select(slots.c.owner_intent).where(slots.c.account_id == account_id, slots.c.instrument == coin)
    return str(connection.execute(query).scalar_one())


def free_slot(connection: Connection, account_id: str, coin: str, intent_id: str) -> None:
    """Give a slot back, unless an order of its owner may still trade."""
    busy = select(orders.c.client_id).where(
        orders.c.intent_id == intent_id, orders.c.state.in_([state.value for state in LIVE_STATES])
    )
    connection.execute(
        delete(slots).where(
            slots.c.account_id == account_id,
            slots.c.instrument == coin,
            slots.c.owner_intent == intent_id,
            ~busy.exists(),
        )
    )


_INTENT = ("id", "user_id", "account_id", "agent_id", "instrument", "side", "kind", "size", "policy", "phase")
_INTENT_MORE = ("stop_px", "take_profit_px", "trace_id", "decided_at")
_REGISTER = insert(intents).values(given("intent", (*_INTENT, *_INTENT_MORE))).on_conflict_do_nothing()


def _entering() -> Any:
    """Make the statement that inserts an intent and, where it was new, takes its slot or names who has it."""
    made = _REGISTER.returning(intents.c.id, intents.c.account_id, intents.c.instrument).cte("made")
    columns = ["account_id", "instrument", "owner_intent"]
    new = select(made.c.account_id, made.c.instrument, made.c.id)
    taking = insert(slots).from_select(columns, new).on_conflict_do_nothing().returning(slots.c.owner_intent)
    taken = taking.cte("taken")
    place = (
        slots.c.account_id == bindparam("intent_account_id"),
        slots.c.instrument == bindparam("intent_instrument"),
    )
    return select(
        select(func.count()).select_from(made).scalar_subquery().label("is_new"),
        select(taken.c.owner_intent).scalar_subquery().label("owner"),
        select(slots.c.owner_intent).where(*place).scalar_subquery().label("before"),
    )


_ENTER = _entering()
