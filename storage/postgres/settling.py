"""What an answer changes in the journal: the row, the order ids, and the fills that came before anybody knew whose they were."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, Row, text
from sqlalchemy.dialects.postgresql import insert

from domain.orders import ORDER_TRANSITIONS, OrderAck, OrderKey, OrderState
from storage.postgres.tables import order_ids

_MOVE = (
    "with settled as ("
    " update orders set state = :state, code = :code, reason = :reason,"
    "  oid = coalesce(nullif(:oid, ''), oid), filled_size = greatest(filled_size, :filled),"
    "  average_px = coalesce(cast(:average as numeric), average_px),"
    "  unknown_since = case when :is_unknown then coalesce(unknown_since, clock_timestamp()) else unknown_since end,"
    "  resolved_at = case when :is_over then clock_timestamp() else resolved_at end"
    " where intent_id = :intent and leg = :leg and step = :step and state = any(:allowed)"
    "  and (:token = '' or attempt_token = :token) returning *),"
    " seen as (insert into order_ids (client_id, venue_oid) select client_id, :oid from settled where :oid <> ''"
    "  on conflict do nothing),"
    " bound as (update fills f set intent_id = s.intent_id, step = s.step, client_id = coalesce(f.client_id, s.client_id)"
    "  from settled s where :oid <> '' and f.account_id = s.account_id and f.coin = s.instrument and f.oid = :oid"
    "   and f.intent_id is null)"
)
_SETTLE = text(f"{_MOVE} select 1 from settled")  # noqa: S608 - what is put in is a constant
_MOVED_ROW = text(
    f"{_MOVE} select s.*, a.venue, a.network, a.address from settled s join accounts a on a.id = s.account_id"  # noqa: S608 - what is put in is a constant
)
_BIND = text(
    "update fills f set intent_id = o.intent_id, step = o.step, client_id = coalesce(f.client_id, o.client_id)"
    " from orders o where o.client_id = :client_id and f.account_id = o.account_id and f.coin = o.instrument"
    " and f.oid = :oid and f.intent_id is null"
)


def settle(connection: Connection, key: OrderKey, frm: frozenset[OrderState], ack: OrderAck, token: str = "") -> bool:
    """Move a row forward by compare-and-set; a token names the attempt that has to hold it still."""
    return connection.execute(_SETTLE, _asked(key, frm, ack) | {"token": token}).first() is not None


def settle_and_read(
    connection: Connection, key: OrderKey, frm: frozenset[OrderState], ack: OrderAck
) -> Row[Any] | None:
    """Move a row forward by compare-and-set and read it in one statement; None when it was not moved."""
    return connection.execute(_MOVED_ROW, _asked(key, frm, ack) | {"token": ""}).one_or_none()


def _asked(key: OrderKey, frm: frozenset[OrderState], ack: OrderAck) -> dict[str, Any]:
    allowed = [state.value for state in frm if ack.state in ORDER_TRANSITIONS[state]]
    return named(key) | _settled(ack) | {"allowed": allowed}


def remember(connection: Connection, client_id: str, oid: str) -> None:
    """Note an order id that was seen for a client id, and bind its fills."""
    connection.execute(insert(order_ids).values(client_id=client_id, venue_oid=oid).on_conflict_do_nothing())
    # Fills may have come before anybody knew whose they were: bind them now.
    connection.execute(_BIND, {"client_id": client_id, "oid": oid})


def named(key: OrderKey) -> dict[str, Any]:
    """Make the parameters that name a row."""
    return {"intent": key.intent_id, "leg": key.leg, "step": key.step}


def storable(words: str) -> str:
    """Cut a venue's words short and drop the one character that Postgres cannot store: garbled answers hold any byte."""
    return words[:500].replace("\x00", "")


def _settled(ack: OrderAck) -> dict[str, Any]:
    return {
        "state": ack.state.value,
        "code": ack.code[:100],
        "reason": storable(ack.reason),
        "oid": ack.oid,
        "filled": ack.filled_size,
        "average": ack.average_px,
        "is_unknown": ack.state is OrderState.UNKNOWN,
        "is_over": ack.is_terminal,
    }
