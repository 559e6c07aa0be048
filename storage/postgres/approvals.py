"""The approval desk on Postgres: one transaction under the account's row lock."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

from sqlalchemy import Connection, Engine, and_, delete, exists, func, or_, select, text, update
from sqlalchemy.dialects.postgresql import insert

from domain.accounts import AccountRef, Portfolio
from domain.days import Breaker, DayRecord
from domain.errors import Refused
from domain.intents import Intent, IntentPhase
from domain.money import Money
from domain.orders import LIVE_STATES, ApprovedOrder, OrderKey, OrderState, Side
from domain.risk import ReservedExposure, RiskDecision
from storage.journal import OrderRow
from storage.postgres.engine import dump, load, transaction
from storage.postgres.risk import read_breaker, read_day
from storage.postgres.rows import order_row, order_values, select_orders
from storage.postgres.tables import accounts, intents, orders, portfolios, risk_decisions, signers, slots

_UNSEEN = text("interval '2 seconds'")
"""A fill this much younger than a sync may be missing in it, so its order still counts as reserved."""


class PostgresApprovals:
    """Implements storage.journal.Approvals."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    @contextmanager
    def desk(self, account: AccountRef) -> Iterator[PostgresDesk]:
        """Lock the account's row and open a desk."""
        with transaction(self._engine) as connection:
            connection.execute(select(accounts.c.id).where(accounts.c.id == account.account_id).with_for_update())
            yield PostgresDesk(connection, account)


class PostgresDesk:
    """Implements storage.journal.ApprovalDesk inside an open transaction."""

    def __init__(self, connection: Connection, account: AccountRef) -> None:
        self._connection = connection
        self._account = account

    def register(self, intent: Intent) -> bool:
        """Insert the intent row; False when it was there."""
        return register(self._connection, intent)

    def stored_intent(self, intent_id: str) -> Intent:
        """The intent as first written."""
        stored = self._connection.execute(select(intents.c.policy).where(intents.c.id == intent_id)).scalar_one()
        return load(Intent, stored)

    def order(self, key: OrderKey) -> OrderRow | None:
        """The row of a step, if an earlier attempt reserved it."""
        row = self._connection.execute(select_orders().where(orders.c.client_id == key.client_id)).one_or_none()
        return order_row(row) if row is not None else None

    def forbid(self, intent_id: str) -> None:
        """Let no further opening step of an intent be approved."""
        self._connection.execute(update(intents).where(intents.c.id == intent_id).values(opens=False))

    def is_forbidden(self, intent_id: str) -> bool:
        """Whether no further opening step may be approved."""
        opens = self._connection.execute(select(intents.c.opens).where(intents.c.id == intent_id)).scalar_one()
        return not opens

    def take_slot(self, coin: str, intent_id: str) -> str:
        """Own the slot (account, coin) or return the owner's intent id."""
        return take_slot(self._connection, self._account.account_id, coin, intent_id)

    def portfolio(self) -> tuple[Portfolio, datetime] | None:
        """The newest synced portfolio and when it was synced."""
        query = select(portfolios.c.body, portfolios.c.synced_at)
        row = self._connection.execute(query.where(portfolios.c.account_id == self._account.account_id)).one_or_none()
        return (load(Portfolio, row.body), row.synced_at) if row is not None else None

    def reserved(self) -> tuple[ReservedExposure, ...]:
        """Live opening rows of the account, and ended ones whose fills the newest sync may not show yet."""
        synced = select(portfolios.c.synced_at).where(portfolios.c.account_id == self._account.account_id)
        unseen = and_(
            orders.c.state == OrderState.DONE.value,
            orders.c.filled_size > 0,
            orders.c.resolved_at > synced.scalar_subquery() - _UNSEEN,
        )
        query = select(orders.c.intent_id, orders.c.instrument, orders.c.side, orders.c.reserved).where(
            orders.c.account_id == self._account.account_id,
            orders.c.opening,
            or_(orders.c.state.in_([state.value for state in LIVE_STATES]), unseen),
        )
        return tuple(
            ReservedExposure(
                intent_id=row.intent_id, coin=row.instrument, side=Side(row.side), notional=Money(row.reserved)
            )
            for row in self._connection.execute(query)
        )

    def day(self, zone: str, now: datetime) -> DayRecord:
        """Figures of the trading day."""
        return read_day(self._connection, self._account.account_id, zone, now)

    def breaker(self) -> Breaker | None:
        """The newest breaker that was not reset."""
        return read_breaker(self._connection, self._account.account_id)

    def reserve(self, order: ApprovedOrder) -> None:
        """Insert the row as APPROVED: the reservation; raises Refused(signer_missing) where nobody could sign it."""
        live = signers.c.retired_at.is_(None)
        if not self._connection.scalar(select(exists().where(signers.c.account_id == self._account.account_id, live))):
            # Told here it is a refusal; at the send it would be an order that is feared until its deadline has passed.
            raise Refused(
                "signer_missing",
                "The account has no key that could sign an order.",
                action=f"Add one with `holdfast account key {self._account.account_id}`.",
            )
        self._connection.execute(insert(orders).values(**order_values(order)))
        self._connection.execute(
            update(intents)
            .where(intents.c.id == order.key.intent_id)
            .values(not_after=order.not_after, size=order.terms.size)
        )

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


def register(connection: Connection, intent: Intent) -> bool:
    """Insert an intent's row; False when it was there."""
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
    return connection.execute(insert(intents).values(**values).on_conflict_do_nothing()).rowcount == 1


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
