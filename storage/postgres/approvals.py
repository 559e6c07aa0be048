"""The approval desk on Postgres: one transaction under the account's row lock."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Engine, func, select, text, update
from sqlalchemy.dialects.postgresql import insert

from domain.accounts import AccountRef, Portfolio
from domain.days import Breaker, DayRecord
from domain.intents import TERMINAL_PHASES, Intent, IntentPhase
from domain.money import Money
from domain.orders import LIVE_STATES, ApprovedOrder, OrderKey, Side
from domain.risk import ReservedExposure, RiskDecision
from storage.desk import Standing
from storage.postgres.engine import load, transaction
from storage.postgres.gate import OPEN_HALTS, asked_of, told
from storage.postgres.limited import IS_LIMITED, REQUESTS_LEFT
from storage.postgres.risk import read_figures
from storage.postgres.rows import order_values
from storage.postgres.slots import enter, free_slot, given, register, take_slot
from storage.postgres.tables import intents, orders, risk_decisions

# The desk's statements are few, and made once: everybody who trades on the account waits for them.
_LOCK = text("select 1 from accounts where id = :account for update")
_LIVE = [state.value for state in LIVE_STATES]
_END = select(intents.c.opens, intents.c.phase, intents.c.reason_code, intents.c.reason)
_STANDING = text(
    "select clock_timestamp() as at, p.body, p.synced_at, h.scope, h.reason,"  # noqa: S608 - what is put in is a constant
    " exists (select 1 from signers where account_id = :account and retired_at is null) as has_signer,"
    f" {IS_LIMITED} as is_limited, {REQUESTS_LEFT} as requests_left"
    " from (select 1) one left join portfolios p on p.account_id = :account"
    f" left join lateral ({OPEN_HALTS}) h on true"
)
# A fill that is not two seconds older than a sync may be missing in it, so its order still counts as reserved.
_RESERVED = text(
    "select intent_id, instrument, side, reserved from orders where account_id = :account and opening and"
    " (state = any(:live) or (state = 'DONE' and filled_size > 0 and resolved_at >"
    "   (select synced_at from portfolios where account_id = :account) - interval '2 seconds'))"
)


class PostgresApprovals:
    """Implements storage.desk.Approvals."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    @contextmanager
    def desk(self, account: AccountRef) -> Iterator[PostgresDesk]:
        """Lock the account's row and open a desk."""
        with transaction(self._engine) as connection:
            connection.execute(_LOCK, {"account": account.account_id})
            yield PostgresDesk(connection, account)


class PostgresDesk:
    """Implements storage.desk.ApprovalDesk inside an open transaction."""

    def __init__(self, connection: Connection, account: AccountRef) -> None:
        self._connection = connection
        self._account = account
        self._asked = {"account": account.account_id}

    def register(self, intent: Intent) -> bool:
        """Insert the intent row; False when it was there."""
        return register(self._connection, intent)

    def enter(self, intent: Intent) -> str:
        """Insert the intent row and take its slot; returns the slot's owner, '' when the intent was there."""
        return enter(self._connection, intent)

    def approved_order(self, key: OrderKey) -> ApprovedOrder | None:
        """The order of a step as an earlier attempt had it approved."""
        query = select(orders.c.approved).where(orders.c.client_id == key.client_id)
        stored = self._connection.execute(query).scalar_one_or_none()
        return load(ApprovedOrder, stored) if stored is not None else None

    def forbid(self, intent_id: str) -> None:
        """Let no further opening step of an intent be approved."""
        self._connection.execute(update(intents).where(intents.c.id == intent_id).values(opens=False))

    def over(self, intent_id: str) -> tuple[str, str] | None:
        """Why no further opening step may be approved: it was forbidden, or the intent is shown as ended."""
        # Locked against an end that comes between this and the reservation: it then finds the reserved row, and waits for its end.
        row = self._connection.execute(_END.where(intents.c.id == intent_id).with_for_update(key_share=True)).one()
        if not row.opens:
            return "cancelled", "Cancelled before it was approved."
        return (row.reason_code or "intent_ended", row.reason) if IntentPhase(row.phase) in TERMINAL_PHASES else None

    def take_slot(self, coin: str, intent_id: str) -> str:
        """Own the slot (account, coin) or return the owner's intent id."""
        return take_slot(self._connection, self._account.account_id, coin, intent_id)

    def standing(self, intent: Intent) -> Standing:
        """Read what speaks for and against opening, on this connection: a second one may not be free."""
        row = self._connection.execute(_STANDING, self._asked | asked_of(intent)).one()
        return Standing(
            at=row.at,
            portfolio=load(Portfolio, row.body) if row.body is not None else None,
            synced_at=row.synced_at,
            halted_by=told(row) if row.scope is not None else "",
            has_signer=row.has_signer,
            is_limited=row.is_limited,
            requests_left=row.requests_left,
        )

    def reserved(self) -> tuple[ReservedExposure, ...]:
        """Live opening rows of the account, and ended ones whose fills the newest sync may not show yet."""
        return tuple(
            ReservedExposure(
                intent_id=row.intent_id, coin=row.instrument, side=Side(row.side), notional=Money(row.reserved)
            )
            for row in self._connection.execute(_RESERVED, self._asked | {"live": _LIVE})
        )

    def figures(self, zone: str, now: datetime) -> tuple[DayRecord, Breaker | None]:
        """Figures of the trading day, and the breaker that lasts longest of those that were not reset."""
        return read_figures(self._connection, self._account.account_id, zone, now)

    def reserve(self, order: ApprovedOrder, decision: RiskDecision) -> None:
        """Insert the row as APPROVED, the reservation, with the decision, and show it."""
        row = {f"order_{name}": value for name, value in order_values(order).items()}
        self._connection.execute(_RESERVE, row | _decided(decision))

    def note_risk(self, intent: Intent, step: str, decision: RiskDecision) -> None:
        """Store a risk decision with its numbers."""
        self._connection.execute(
            insert(risk_decisions).values(
                user_id=intent.user_id,
                account_id=intent.account_id,
                intent_id=intent.intent_id,
                step=step,
                allowed=decision.allowed,
                code=decision.code,
                message=decision.message,
                numbers=decision.numbers,
            )
        )

    def note_phase(self, intent_id: str, phase: IntentPhase, *, code: str = "", reason: str = "") -> None:
        """Show a phase."""
        self._connection.execute(
            update(intents)
            .where(intents.c.id == intent_id)
            .values(phase=phase.value, reason_code=code, reason=reason[:500], touched_at=func.now())
        )

    def free_slot(self, coin: str, intent_id: str) -> None:
        """Give the slot back after a refusal."""
        free_slot(self._connection, self._account.account_id, coin, intent_id)


def _decided(decision: RiskDecision) -> dict[str, Any]:
    return {
        "risk_allowed": decision.allowed,
        "risk_code": decision.code,
        "risk_message": decision.message,
        "risk_numbers": decision.numbers,
    }


_ORDER = (
    "intent_id", "leg", "step", "client_id", "user_id", "account_id", "instrument", "state", "opening", "side", "size", "limit_px",
    "tif", "reduce_only", "trigger", "reserved", "approved", "not_after", "decided_at", "trace_id",
)  # fmt: skip


def _reserving() -> Any:
    """Make the statement that inserts an order's row with the decision that allowed it, and shows both on the intent's row."""
    order = given("order", _ORDER)
    reserved = insert(orders).values(order).cte("reserved")
    noted = insert(risk_decisions).values(
        user_id=order["user_id"],
        account_id=order["account_id"],
        intent_id=order["intent_id"],
        step=order["step"],
        **given("risk", ("allowed", "code", "message", "numbers")),
    )
    shown = {
        "not_after": order["not_after"],
        "size": order["size"],
        "phase": IntentPhase.APPROVED.value,
        "reason_code": "",
        "reason": "",
        "touched_at": func.now(),
    }
    change = update(intents).where(intents.c.id == order["intent_id"]).values(shown)
    return change.add_cte(reserved, noted.cte("noted"))


_RESERVE = _reserving()
