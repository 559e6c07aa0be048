"""Rows of the journal to and from domain values."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Row, Select, select

from domain.accounts import AccountRef
from domain.fills import Fill
from domain.money import Money, Price, Quantity
from domain.orders import (
    ApprovedOrder,
    OrderKey,
    OrderState,
    OrderTerms,
    Side,
    TimeInForce,
    Trigger,
)
from storage.journal import OrderRow
from storage.postgres.engine import dump, load
from storage.postgres.tables import accounts, fills, orders


def select_orders() -> Select[Any]:
    """Select journal rows together with their accounts."""
    return select(orders, accounts.c.venue, accounts.c.network, accounts.c.address).join(
        accounts, accounts.c.id == orders.c.account_id
    )


def order_row(row: Row[Any]) -> OrderRow:
    """Read a journal row."""
    return OrderRow(
        key=OrderKey(intent_id=row.intent_id, leg=row.leg, step=row.step),
        client_id=row.client_id,
        account=AccountRef(
            account_id=row.account_id,
            user_id=row.user_id,
            venue=row.venue,
            network=row.network,
            address=row.address,
        ),
        coin=row.instrument,
        terms=OrderTerms(
            coin=row.instrument,
            side=Side(row.side),
            size=Quantity(row.size),
            limit_px=Price(row.limit_px),
            tif=TimeInForce(row.tif),
            reduce_only=row.reduce_only,
            trigger=load(Trigger, row.trigger) if row.trigger is not None else None,
        ),
        state=OrderState(row.state),
        not_after=row.not_after,
        decided_at=row.decided_at,
        expires_at=row.expires_at,
        signer_id=row.signer_id or "",
        nonce=row.nonce or 0,
        attempt_token=row.attempt_token or "",
        sent_at=row.sent_at,
        resolved_at=row.resolved_at,
        unknown_since=row.unknown_since,
        oid=row.oid,
        filled_size=Quantity(row.filled_size),
        average_px=Price(row.average_px) if row.average_px is not None else None,
        code=row.code,
        reason=row.reason,
        absent_looks=row.absent_looks,
        absent_at=row.absent_at,
        noop_state=row.noop_state,
    )


def order_values(order: ApprovedOrder) -> dict[str, Any]:
    """Write an approved order as the values of a new row."""
    terms = order.terms
    return {
        "intent_id": order.key.intent_id,
        "leg": order.key.leg,
        "step": order.key.step,
        "client_id": order.key.client_id,
        "user_id": order.user_id,
        "account_id": order.account_id,
        "instrument": terms.coin,
        "state": OrderState.APPROVED.value,
        "opening": terms.is_opening,
        "side": terms.side.value,
        "size": terms.size,
        "limit_px": terms.limit_px,
        "tif": terms.tif.value,
        "reduce_only": terms.reduce_only,
        "trigger": dump(terms.trigger) if terms.trigger is not None else None,
        "reserved": order.reserved,
        "approved": dump(order),
        "not_after": order.not_after,
        "decided_at": order.decided_at,
        "trace_id": order.trace_id,
    }


def fill_of(row: Row[Any]) -> Fill:
    """Read a fill."""
    return Fill(
        account_id=row.account_id,
        time=row.time,
        coin=row.coin,
        trade_id=row.trade_id,
        oid=row.oid,
        side=Side(row.side),
        px=Price(row.px),
        size=Quantity(row.size),
        fee=Money(row.fee),
        closed_pnl=Money(row.closed_pnl),
        start_position=Quantity(row.start_position),
        client_id=row.client_id or "",
        is_taker=row.is_taker,
        is_liquidation=row.is_liquidation,
    )


def fill_values(fill: Fill, user_id: str) -> dict[str, Any]:
    """Write a fill as the values of a new row."""
    return {
        "account_id": fill.account_id,
        "time": fill.time,
        "coin": fill.coin,
        "trade_id": fill.trade_id,
        "user_id": user_id,
        "oid": fill.oid,
        "client_id": fill.client_id or None,
        "side": fill.side.value,
        "px": fill.px,
        "size": fill.size,
        "fee": fill.fee,
        "closed_pnl": fill.closed_pnl,
        "start_position": fill.start_position,
        "is_taker": fill.is_taker,
        "is_liquidation": fill.is_liquidation,
    }


__all__ = ["fill_of", "fill_values", "fills", "order_row", "order_values", "select_orders"]
