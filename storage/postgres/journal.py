"""The journal on Postgres: rows of orders move forward by compare-and-set, each in one short transaction."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Engine, and_, bindparam, func, literal_column, select, text, update
from sqlalchemy.dialects.postgresql import insert

from domain.errors import Refused
from domain.intents import TERMINAL_PHASES, IntentPhase
from domain.orders import (
    IN_FLIGHT_STATES,
    LIVE_STATES,
    ApprovedOrder,
    OrderAck,
    OrderKey,
    OrderState,
)
from storage.journal import OrderRow, SendClaim, Signer
from storage.postgres.claims import Claim, Claims
from storage.postgres.engine import alone, load, transaction
from storage.postgres.limited import IS_LIMITED
from storage.postgres.rows import order_row, order_values, select_orders
from storage.postgres.settling import named, remember, settle, settle_and_read, storable
from storage.postgres.tables import cancels, intents, leverages, orders

_ORDER = select_orders().where(
    orders.c.intent_id == bindparam("intent"), orders.c.leg == bindparam("leg"), orders.c.step == bindparam("step")
)

_LIVE = select_orders().where(
    orders.c.account_id == bindparam("account"),
    # Words and no parameters: a list of those is written into the statement anew each time, and every look at an account asks this.
    orders.c.state.in_([literal_column(f"'{state.value}'") for state in sorted(LIVE_STATES)]),
)
_ORDER_TO_SEND = _ORDER.add_columns(leverages.c.leverage.label("known_leverage"), leverages.c.is_cross).outerjoin(
    leverages, and_(leverages.c.account_id == orders.c.account_id, leverages.c.coin == orders.c.instrument)
)
_CLAIM = (
    "update orders set state = 'SENDING', signer_id = :signer_id, nonce = :nonce, expires_at = :expires_at,"
    " request_hash = :request_hash, attempt_token = :token, sent_at = clock_timestamp(), epoch = :epoch"
    " where intent_id = :intent and leg = :leg and step = :step and state = 'APPROVED' and not stopped"
)
_SENDING = text(_CLAIM)
_NEWEST_LEVERAGE = (
    "on conflict (account_id, coin) do update set"
    " (leverage, is_cross, read_at) = (excluded.leverage, excluded.is_cross, excluded.read_at)"
)
_IS_LIMITED = text(f"select {IS_LIMITED}")
_NOTE_LEVERAGE = text(
    "insert into leverages (account_id, coin, leverage, is_cross, read_at) values (:account, :coin, :leverage, :is_cross, now())"  # noqa: S608 - what is put in is a constant
    f" {_NEWEST_LEVERAGE}"
)
_SENDING_AT_LEVERAGE = text(
    "with noted as (insert into leverages (account_id, coin, leverage, is_cross, read_at)"  # noqa: S608 - what is put in is a constant
    "  select account_id, instrument, :leverage, :is_cross, now() from orders"
    f"  where intent_id = :intent and leg = :leg and step = :step {_NEWEST_LEVERAGE}) {_CLAIM}"
)


class PostgresJournal:
    """Implements storage.journal.Journal."""

    def __init__(self, engine: Engine, claims: Claims) -> None:
        self._engine = engine
        self._claims = claims

    def order(self, key: OrderKey) -> OrderRow | None:
        """Read a row."""
        with alone(self._engine) as connection:
            row = connection.execute(_ORDER, named(key)).one_or_none()
        return order_row(row) if row is not None else None

    def order_to_send(self, key: OrderKey) -> tuple[OrderRow, tuple[int, bool] | None] | None:
        """Read a row, and the leverage last set or read of its coin."""
        with alone(self._engine) as connection:
            row = connection.execute(_ORDER_TO_SEND, named(key)).one_or_none()
        if row is None:
            return None
        return order_row(row), (row.known_leverage, row.is_cross) if row.known_leverage is not None else None

    def orders_of(self, intent_id: str) -> tuple[OrderRow, ...]:
        """Read all rows of an intent, oldest first."""
        query = select_orders().where(orders.c.intent_id == intent_id).order_by(orders.c.approved_at, orders.c.step)
        with alone(self._engine) as connection:
            return tuple(order_row(row) for row in connection.execute(query))

    def live_rows(self, account_id: str, coin: str = "") -> tuple[OrderRow, ...]:
        """Read the rows of an account (and coin) that may still trade."""
        query = _LIVE.where(orders.c.instrument == coin) if coin else _LIVE
        with alone(self._engine) as connection:
            return tuple(order_row(row) for row in connection.execute(query, {"account": account_id}))

    def reserve_reducing(self, order: ApprovedOrder) -> OrderRow:
        """Insert the row of a reducing step as APPROVED, or return the one that is there."""
        if order.terms.is_opening:
            raise Refused("not_reduce_only", f"{order.key} would open; only an approval desk reserves that.")
        with transaction(self._engine) as connection:
            _require_living(connection, order.key)
            connection.execute(insert(orders).values(**order_values(order)).on_conflict_do_nothing())
            return order_row(connection.execute(select_orders().where(_is(order.key))).one())

    def approved_order(self, key: OrderKey) -> ApprovedOrder | None:
        """Read the order as it was approved."""
        with transaction(self._engine) as connection:
            stored = connection.execute(select(orders.c.approved).where(_is(key))).scalar_one_or_none()
        return load(ApprovedOrder, stored) if stored is not None else None

    def stop(self, key: OrderKey) -> None:
        """Forbid the write-ahead of a row that is still APPROVED."""
        with alone(self._engine) as connection:
            connection.execute(
                update(orders).where(_is(key), orders.c.state == OrderState.APPROVED.value).values(stopped=True)
            )

    @contextmanager
    def write_ahead(
        self, key: OrderKey, *, expires_at: datetime, venue_now: datetime, max_lead_seconds: int
    ) -> Iterator[_WriteAhead]:
        """Open the write-ahead transaction of a step: lock the signer, draw max(Postgres clock, last + 1)."""
        with transaction(self._engine) as connection:
            claim = self._claims.draw_for(
                connection, key, expires_at=expires_at, venue_now=venue_now, max_lead_seconds=max_lead_seconds
            )
            yield _WriteAhead(connection, key, claim)

    def settle(self, key: OrderKey, *, frm: frozenset[OrderState], ack: OrderAck, token: str = "") -> bool:
        """Move a row forward with what is now known; records the order id."""
        with transaction(self._engine) as connection:
            return settle(connection, key, frm, ack, token)

    def answered(self, key: OrderKey, ack: OrderAck) -> OrderRow | None:
        """Move a row in flight forward with its answer, and read how it stands then."""
        with alone(self._engine) as connection:
            row = settle_and_read(connection, key, IN_FLIGHT_STATES, ack)
            if row is None:
                # Somebody else has moved it, perhaps while that statement waited: its snapshot is older than the move.
                row = connection.execute(_ORDER, named(key)).one_or_none()
        return order_row(row) if row is not None else None

    def note_look(self, key: OrderKey, *, found: bool, venue_time: datetime, text: str, counts: bool) -> None:
        """Append a line to the resolution log."""
        line = func.jsonb_build_array(
            func.jsonb_build_object(
                "venue_time", venue_time.isoformat(), "found", found, "text", text, "counts", counts
            )
        )
        values: dict[str, Any] = {"looks": orders.c.looks.op("||")(line)}
        if counts:
            values |= {
                "absent_looks": orders.c.absent_looks + 1,
                # The first one that counts: the second has to be some seconds later.
                "absent_at": func.coalesce(orders.c.absent_at, venue_time),
            }
        with transaction(self._engine) as connection:
            connection.execute(
                update(orders).where(_is(key), func.jsonb_array_length(orders.c.looks) < 200).values(**values)
            )

    def note_oid(self, client_id: str, oid: str) -> None:
        """Remember an order id that was seen for a client id."""
        if oid:
            with transaction(self._engine) as connection:
                remember(connection, client_id, oid)

    def signer(self, signer_id: str) -> Signer:
        """Read the signer that a row was sent with."""
        with transaction(self._engine) as connection:
            return self._claims.signer(connection, signer_id)

    def noop_claim(self, key: OrderKey) -> bool:
        """Mark that a noop with the row's nonce is being sent; False when one was sent before."""
        change = (
            update(orders)
            .where(_is(key), orders.c.noop_state == "", orders.c.state.in_(_names(IN_FLIGHT_STATES)))
            .values(noop_state="sending")
        )
        with transaction(self._engine) as connection:
            return connection.execute(change).rowcount == 1

    def note_noop(self, key: OrderKey, state: str) -> None:
        """Record how the noop ended."""
        with transaction(self._engine) as connection:
            connection.execute(update(orders).where(_is(key)).values(noop_state=state))

    def is_limited(self, account_id: str) -> bool:
        """Whether the venue has lately refused an account for the number of its requests."""
        with alone(self._engine) as connection:
            return bool(connection.scalar(_IS_LIMITED, {"account": account_id}))

    def cancel_claim(
        self, key: OrderKey, *, oid: str, expires_at: datetime, venue_now: datetime, max_lead_seconds: int
    ) -> tuple[int, SendClaim]:
        """Journal a cancel before it is sent."""
        with transaction(self._engine) as connection:
            head = connection.execute(select(orders.c.account_id, orders.c.client_id).where(_is(key))).one()
            claim = self._claims.draw(
                connection,
                head.account_id,
                expires_at=expires_at,
                venue_now=venue_now,
                max_lead_seconds=max_lead_seconds,
            ).send
            values = {
                "client_id": head.client_id,
                "oid": oid,
                "signer_id": claim.signer.signer_id,
                "nonce": claim.nonce,
                "expires_at": expires_at,
                "request_hash": claim.token,
            }
            cancel_id = connection.execute(insert(cancels).values(**values).returning(cancels.c.id)).scalar_one()
        return int(cancel_id), claim

    def note_cancel(self, cancel_id: int, *, verdict: str, text: str) -> None:
        """Record the sorted answer of a cancel."""
        with transaction(self._engine) as connection:
            connection.execute(
                update(cancels).where(cancels.c.id == cancel_id).values(verdict=verdict, text=storable(text))
            )

    def account_claim(
        self, account_id: str, *, expires_at: datetime, venue_now: datetime, max_lead_seconds: int
    ) -> SendClaim:
        """Draw a nonce for an account action that moves no money."""
        with transaction(self._engine) as connection:
            return self._claims.draw(
                connection, account_id, expires_at=expires_at, venue_now=venue_now, max_lead_seconds=max_lead_seconds
            ).send

    def note_leverage(self, account_id: str, coin: str, *, leverage: int, is_cross: bool) -> None:
        """Remember a leverage."""
        noted = {"account": account_id, "coin": coin, "leverage": leverage, "is_cross": is_cross}
        with alone(self._engine) as connection:
            connection.execute(_NOTE_LEVERAGE, noted)

    def forget_leverage(self, account_id: str, coin: str) -> None:
        """Forget it after a write whose outcome is unknown."""
        gone = and_(leverages.c.account_id == account_id, leverages.c.coin == coin)
        with transaction(self._engine) as connection:
            connection.execute(leverages.delete().where(gone))


class _WriteAhead:
    """Implements storage.journal.WriteAhead inside an open transaction."""

    def __init__(self, connection: Connection, key: OrderKey, claim: Claim) -> None:
        self._connection = connection
        self._key = key
        self._epoch = claim.epoch
        self.claim = claim.send

    def commit_sending(self, request_hash: str, dies_at: datetime, *, leverage: tuple[int, bool] | None = None) -> bool:
        """Move the row APPROVED -> SENDING; the transaction commits when the caller leaves it."""
        claimed = {
            "signer_id": self.claim.signer.signer_id,
            "nonce": self.claim.nonce,
            "expires_at": max(self.claim.expires_at, dies_at),
            "request_hash": request_hash,
            "token": self.claim.token,
            "epoch": self._epoch,
        }
        if leverage is None:
            return self._connection.execute(_SENDING, named(self._key) | claimed).rowcount == 1
        noted = {"leverage": leverage[0], "is_cross": leverage[1]}
        return self._connection.execute(_SENDING_AT_LEVERAGE, named(self._key) | claimed | noted).rowcount == 1


def _require_living(connection: Connection, key: OrderKey) -> None:
    """Lock the intent against its end until the row is there; an end that came first leaves nothing to reduce."""
    row = select(intents.c.phase).where(intents.c.id == key.intent_id).with_for_update(read=True)
    phase = connection.execute(row).scalar_one_or_none()
    if phase is not None and IntentPhase(phase) in TERMINAL_PHASES:
        raise Refused("intent_ended", f"Intent {key.intent_id} has ended: {key.step} is not its business any more.")


def _is(key: OrderKey) -> Any:
    return and_(orders.c.intent_id == key.intent_id, orders.c.leg == key.leg, orders.c.step == key.step)


def _names(states: frozenset[OrderState] | set[OrderState]) -> list[str]:
    return [state.value for state in states]
