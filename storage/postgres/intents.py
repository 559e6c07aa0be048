"""Intents, slots and the view that activities have of them, on Postgres."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import Engine, func, or_, select, text, update

from domain.errors import Retryable
from domain.fills import Fill
from domain.intents import TERMINAL_PHASES, Intent, IntentPhase, Protection
from domain.money import Price, Quantity
from domain.orders import LIVE_STATES
from storage.journal import IntentView
from storage.postgres.engine import alone, load, transaction
from storage.postgres.events import emit, telling, told
from storage.postgres.rows import fill_of
from storage.postgres.slots import free_slot, register, take_slot
from storage.postgres.tables import fills, intents, orders, slots

_TERMINAL = [phase.value for phase in TERMINAL_PHASES]
_LIVE = [state.value for state in LIVE_STATES]
_SOON = timedelta(milliseconds=400)
_UNTOLD = text(
    "select distinct s.instrument, s.owner_intent from fills f"
    " join slots s on s.account_id = f.account_id and s.instrument = f.coin"
    " where f.account_id = :account and f.trade_id = any(:trade_ids) and f.coin = any(:coins)"
    " and (f.intent_id is distinct from s.owner_intent or not exists ("
    "   select 1 from orders o join intents i on i.id = o.intent_id"
    "   where o.intent_id = s.owner_intent and o.step = f.step and o.opening and o.state = 'DONE'"
    # A resting order that filled later is shown as filled by its owner's own look, so the owner is told of it.
    "   and i.phase in ('FILLED', 'PROTECTED'))) order by s.instrument"
)
_SHOW = text(
    "with shown as (update intents set phase = :phase, reason_code = :code, reason = :reason, touched_at = now(),"  # noqa: S608 - what is put in is a constant
    " protected_at = coalesce(protected_at, cast(:protected_at as timestamptz))"
    " where id = :intent and phase <> all(:over) returning user_id),"
    " touched as (update slots set touched_at = now() where owner_intent = :intent returning owner_intent),"
    # Counted, so that it is done before the turn is taken.
    f" seen as (select user_id from shown, (select count(*) from touched) slot), {telling('seen')}"
)


class PostgresIntents:
    """Implements storage.journal.Intents."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def register(self, intent: Intent) -> bool:
        """Insert the row of an intent that needs no approval; False when it was there."""
        with transaction(self._engine) as connection:
            return register(connection, intent)

    def view(self, intent_id: str) -> IntentView | None:
        """Read a row."""
        with alone(self._engine) as connection:
            row = connection.execute(select(intents).where(intents.c.id == intent_id)).one_or_none()
        if row is None:
            return None
        return IntentView(
            intent=load(Intent, row.policy),
            phase=IntentPhase(row.phase),
            filled_size=Quantity(row.filled_size),
            average_px=_price(row.average_px),
            protection=Protection(stop_px=_price(row.stop_px), take_profit_px=_price(row.take_profit_px)),
        )

    def show(self, intent_id: str, phase: IntentPhase, *, code: str = "", reason: str = "") -> None:
        """Show a phase and touch the row; a terminal phase stays."""
        self._show(intent=intent_id, phase=phase.value, code=code, reason=reason[:500])

    def touch(self, intent_id: str) -> None:
        """Say that the owner is alive."""
        with transaction(self._engine) as connection:
            connection.execute(update(intents).where(intents.c.id == intent_id).values(touched_at=func.now()))
            connection.execute(update(slots).where(slots.c.owner_intent == intent_id).values(touched_at=func.now()))

    def set_protection(self, intent_id: str, *, stop_px: Price | None, take_profit_px: Price | None) -> None:
        """Remember the prices in force."""
        values = {"stop_px": stop_px, "take_profit_px": take_profit_px}
        with transaction(self._engine) as connection:
            connection.execute(update(intents).where(intents.c.id == intent_id).values(**values))

    def mark_protected(self, intent_id: str, at: datetime) -> None:
        """Record when the position was first protected, and show it."""
        self._show(intent=intent_id, phase=IntentPhase.PROTECTED.value, code="", reason="", protected_at=at)

    def fills(self, intent_id: str) -> tuple[Fill, ...]:
        """Fills bound to an intent, oldest first."""
        query = select(fills).where(fills.c.intent_id == intent_id).order_by(fills.c.time, fills.c.trade_id)
        with transaction(self._engine) as connection:
            return tuple(fill_of(row) for row in connection.execute(query))

    def unfinished(self, account_id: str) -> tuple[Intent, ...]:
        """Intents of an account that are not shown as ended or that own a slot, oldest first."""
        owners = select(slots.c.owner_intent).where(slots.c.account_id == account_id)
        is_left = or_(intents.c.phase.not_in(_TERMINAL), intents.c.id.in_(owners))
        query = select(intents.c.policy).where(intents.c.account_id == account_id, is_left)
        with transaction(self._engine) as connection:
            return tuple(load(Intent, policy) for policy in connection.scalars(query.order_by(intents.c.created_at)))

    def finish(self, intent: Intent, phase: IntentPhase, *, code: str, reason: str) -> bool:
        """Show the terminal phase and free the slot if the intent holds it; its row is locked against new steps meanwhile."""
        bound = select(fills).where(fills.c.intent_id == intent.intent_id)
        with transaction(self._engine) as connection:
            # One that was called off before anything else was done of it is shown as well.
            register(connection, intent)
            own = tuple(fill_of(row) for row in connection.execute(bound))
            values = {
                "phase": phase.value,
                "reason_code": code,
                "reason": reason[:500],
                "realised_pnl": sum((fill.closed_pnl - fill.fee for fill in own), Decimal(0)) if own else None,
                "finished_at": func.now(),
                "touched_at": func.now(),
            }
            changed = connection.execute(_open_row(intent.intent_id).values(**values)).rowcount == 1
            if changed and (step := connection.scalar(_live_step(intent.intent_id))):
                raise Retryable(
                    "order_still_works", f"{step} of {intent.intent_id} has not ended yet.", retry_after=_SOON
                )
            free_slot(connection, intent.account_id, intent.coin, intent.intent_id)
            if changed:
                body = {"intent_id": intent.intent_id, "coin": intent.coin, "phase": phase.value, "code": code}
                emit(connection, intent.user_id, "intent", body)
        return changed

    def untold(self, account_id: str, new: tuple[Fill, ...]) -> dict[str, str]:
        """Owners of slots, by coin, that journaled fills are news for: not all are of their opening orders with a known answer."""
        coins = sorted({fill.coin for fill in new})
        asked = {"account": account_id, "trade_ids": [fill.trade_id for fill in new], "coins": coins}
        with alone(self._engine) as connection:
            return {row.instrument: row.owner_intent for row in connection.execute(_UNTOLD, asked)}

    def owner(self, account_id: str, coin: str) -> str:
        """The intent that owns a slot, '' when free."""
        query = select(slots.c.owner_intent).where(slots.c.account_id == account_id, slots.c.instrument == coin)
        with alone(self._engine) as connection:
            return str(connection.execute(query).scalar_one_or_none() or "")

    def adopt_slot(self, account_id: str, coin: str, intent_id: str) -> str:
        """Own a free slot for a close without owner; returns the owner."""
        with transaction(self._engine) as connection:
            return take_slot(connection, account_id, coin, intent_id)

    def replace_owner(self, account_id: str, coin: str, gone: str, intent_id: str) -> str:
        """Take a slot from an owner by compare-and-set; returns the owner."""
        change = update(slots).where(
            slots.c.account_id == account_id, slots.c.instrument == coin, slots.c.owner_intent == gone
        )
        with transaction(self._engine) as connection:
            connection.execute(change.values(owner_intent=intent_id, taken_at=func.now(), touched_at=func.now()))
            return take_slot(connection, account_id, coin, intent_id)

    def _show(self, **shown: Any) -> None:
        event = told("intent", {"intent_id": shown["intent"], "phase": shown["phase"]})
        with alone(self._engine) as connection:
            connection.execute(_SHOW, {"over": _TERMINAL, "protected_at": None, **shown} | event)


def _live_step(intent_id: str) -> Any:
    return select(orders.c.step).where(orders.c.intent_id == intent_id, orders.c.state.in_(_LIVE)).limit(1)


def _open_row(intent_id: str) -> Any:
    return update(intents).where(intents.c.id == intent_id, intents.c.phase.not_in(_TERMINAL))


def _price(value: Decimal | None) -> Price | None:
    return Price(value) if value is not None else None
