"""Rows of intents, orders, fills and trades as lists show them."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from sqlalchemy import Row

from domain.intents import Intent, IntentPhase
from domain.money import Money, Price, Quantity
from domain.orders import Side
from storage.postgres.engine import load
from storage.postgres.rows import fill_of
from storage.tradebook import FillRecord, IntentRecord, OrderRecord, Trade


def intent_record(row: Row[Any]) -> IntentRecord:
    """Read an intent."""
    return IntentRecord(
        intent=load(Intent, row.policy),
        phase=IntentPhase(row.phase),
        reason_code=row.reason_code,
        reason=row.reason,
        filled_size=Quantity(row.filled_size),
        created_at=row.created_at,
        touched_at=row.touched_at,
        average_px=_price(row.average_px),
        realised_pnl=None if row.realised_pnl is None else Money(row.realised_pnl),
        stop_px=_price(row.stop_px),
        take_profit_px=_price(row.take_profit_px),
        first_fill_at=row.first_fill_at,
        protected_at=row.protected_at,
        finished_at=row.finished_at,
    )


def order_record(row: Row[Any]) -> OrderRecord:
    """Read a row of the journal."""
    return OrderRecord(
        intent_id=row.intent_id,
        leg=row.leg,
        step=row.step,
        client_id=row.client_id,
        account_id=row.account_id,
        coin=row.instrument,
        state=row.state,
        opening=row.opening,
        side=Side(row.side),
        size=Quantity(row.size),
        limit_px=Price(row.limit_px),
        tif=row.tif,
        reduce_only=row.reduce_only,
        trigger_px=Price(Decimal(row.trigger["px"])) if row.trigger else None,
        oid=row.oid,
        filled_size=Quantity(row.filled_size),
        average_px=_price(row.average_px),
        code=row.code,
        reason=row.reason,
        trace_id=row.trace_id,
        approved_at=row.approved_at,
        not_after=row.not_after,
        expires_at=row.expires_at,
        sent_at=row.sent_at,
        unknown_since=row.unknown_since,
        resolved_at=row.resolved_at,
        looks=tuple(row.looks),
    )


def fill_record(row: Row[Any]) -> FillRecord:
    """Read a fill."""
    return FillRecord(fill=fill_of(row), intent_id=row.intent_id or "", step=row.step or "")


def trade(row: Row[Any]) -> Trade:
    """Read a row of the trade log."""
    return Trade(
        account_id=row.account_id,
        asset=row.asset,
        side=Side(row.side),
        size=Quantity(row.size),
        price=Price(row.price),
        realised_pnl=Money(row.realised_pnl),
        fee=Money(row.fee),
        time=row.time,
        fills=row.fills,
        oid=row.oid,
        intent_id=row.intent_id or "",
        agent_id=row.agent_id or "",
        step=row.step or "",
    )


def _price(value: Decimal | None) -> Price | None:
    return None if value is None else Price(value)
