"""Intents over the wire."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Annotated, Self

from pydantic import Field, model_validator

from api.schemas.trading import OrderView, order_of
from api.schemas.values import Answer, Body, Coin, Id, Number, Positive, Reason
from domain.intents import IntentKind, IntentPhase, OrderStyle
from domain.orders import Side, TimeInForce
from storage.tradebook import IntentRecord, OrderRecord
from workflows.trade_intent.messages import IntentStatus

LONGEST_WAIT = Decimal(30 * 86_400)
LONGEST_AGE = Decimal(300)

Wait = Annotated[Number, Field(gt=0, le=LONGEST_WAIT)]


class CriteriaBody(Body):
    """What has to hold before the intent is approved; `max_funding` is an hourly rate."""

    mark_above: Positive | None = None
    mark_below: Positive | None = None
    max_funding: Annotated[Number, Field(ge=-1, le=1)] | None = None


class IntentBody(Body):
    """A wish to open or to close. An open needs a side and exactly one of size and notional."""

    kind: IntentKind
    coin: Coin
    side: Side | None = None
    account_id: Id | None = None
    agent_id: Id | None = None
    size: Positive | None = None
    notional: Positive | None = None
    style: OrderStyle = OrderStyle.MARKET
    limit_px: Positive | None = None
    tif: TimeInForce = TimeInForce.GTC
    stop_px: Positive | None = None
    take_profit_px: Positive | None = None
    max_slippage: (
        Annotated[
            Number,
            Field(
                gt=0, le=Decimal("0.5"), description="Of a market order, as a fraction; the limits' own bound stays."
            ),
        ]
        | None
    ) = None
    criteria: CriteriaBody = CriteriaBody()
    wait_seconds: Wait | None = None
    check_seconds: Annotated[Number, Field(ge=1, le=86_400)] = Decimal(10)
    work_seconds: Wait | None = None
    max_age_seconds: Annotated[Number, Field(gt=0, le=LONGEST_AGE)] = Decimal(30)
    reason: Reason = ""

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        fault = _fault_of_open(self) if self.kind is IntentKind.OPEN else _fault_of_close(self)
        if fault:
            raise ValueError(fault)
        return self


class OpenBody(Body):
    """Open a position at market."""

    coin: Coin
    side: Side
    account_id: Id | None = None
    size: Positive | None = None
    notional: Positive | None = None
    stop_px: Positive | None = None
    take_profit_px: Positive | None = None
    reason: Reason = ""

    @model_validator(mode="after")
    def _one_size(self) -> Self:
        if (self.size is None) is (self.notional is None):
            raise ValueError("send exactly one of size and notional")
        return self

    def as_intent(self) -> IntentBody:
        """Say the same as an intent."""
        return IntentBody(kind=IntentKind.OPEN, **dict(self))


class CloseBody(Body):
    """Close the whole position in a coin at market."""

    coin: Coin
    account_id: Id | None = None
    reason: Reason = ""

    def as_intent(self) -> IntentBody:
        """Say the same as an intent."""
        return IntentBody(kind=IntentKind.CLOSE, **dict(self))


class ReasonBody(Body):
    """Why."""

    reason: Reason = "by hand"


class EmptyBody(Body):
    """Nothing."""


class AmendBody(Body):
    """New protection prices of the position, or a new limit of an order that works; what is left out stays."""

    stop_px: Positive | None = None
    take_profit_px: Positive | None = None
    limit_px: Positive | None = None

    @model_validator(mode="after")
    def _changes_something(self) -> Self:
        if self.stop_px is None and self.take_profit_px is None and self.limit_px is None:
            raise ValueError("send stop_px, take_profit_px or limit_px")
        return self


class IntentView(Answer):
    """An intent and what became of it. `source` is workflow, database (the workflow did not answer in time) or request."""

    id: str
    user_id: str
    account_id: str = ""
    agent_id: str = ""
    coin: str
    side: Side | None = None
    kind: IntentKind | None = None
    size: Number | None = None
    notional: Number | None = None
    phase: IntentPhase
    code: str = ""
    reason: str = ""
    filled_size: Number = Decimal(0)
    average_px: Number | None = None
    realised_pnl: Number | None = None
    stop_px: Number | None = None
    take_profit_px: Number | None = None
    unknown_since: datetime | None = None
    trace_id: str = ""
    decided_at: datetime | None = None
    first_fill_at: datetime | None = None
    protected_at: datetime | None = None
    finished_at: datetime | None = None
    as_of: datetime
    source: str
    orders: list[OrderView] = Field(default_factory=list)


def view_of(record: IntentRecord, *, orders: tuple[OrderRecord, ...] = ()) -> IntentView:
    """Show a stored intent."""
    intent = record.intent
    unknown = [order.unknown_since for order in orders if order.unknown_since and order.resolved_at is None]
    return IntentView(
        id=intent.intent_id,
        user_id=intent.user_id,
        account_id=intent.account_id,
        agent_id=intent.agent_id,
        coin=intent.coin,
        side=intent.side,
        kind=intent.kind,
        size=intent.size,
        notional=intent.notional,
        phase=record.phase,
        code=record.reason_code,
        reason=record.reason,
        filled_size=record.filled_size,
        average_px=record.average_px,
        realised_pnl=record.realised_pnl,
        stop_px=record.stop_px,
        take_profit_px=record.take_profit_px,
        unknown_since=min(unknown, default=None),
        trace_id=intent.trace_id,
        decided_at=intent.decided_at,
        first_fill_at=record.first_fill_at,
        protected_at=record.protected_at,
        finished_at=record.finished_at,
        as_of=record.touched_at,
        source="database",
        orders=[order_of(order) for order in orders],
    )


def with_status(view: IntentView, status: IntentStatus, as_of: datetime) -> IntentView:
    """Put the workflow's own answer over what was stored."""
    told = {
        "phase": status.phase,
        "code": status.code,
        "reason": status.reason,
        "filled_size": status.filled_size,
        "average_px": status.average_px,
        "stop_px": status.stop_px,
        "take_profit_px": status.take_profit_px,
        "unknown_since": status.unknown_since,
        "as_of": as_of,
        "source": "workflow",
    }
    return view.model_copy(update=told)


def _fault_of_open(body: IntentBody) -> str:
    if body.side is None:
        return "an open needs a side"
    if (body.size is None) is (body.notional is None):
        return "an open needs exactly one of size and notional"
    if body.style is OrderStyle.LIMIT and body.limit_px is None:
        return "a limit order needs limit_px"
    if body.style is OrderStyle.MARKET and body.limit_px is not None:
        return "a market order takes no limit_px"
    if body.style is OrderStyle.LIMIT and body.max_slippage is not None:
        return "a limit order takes no max_slippage: its limit_px is the bound"
    if body.style is OrderStyle.MARKET and "tif" in body.model_fields_set and body.tif is not TimeInForce.IOC:
        # It would be sent at market, which is what gtc and alo are asked for to avoid.
        return "tif gtc and alo need a limit order with limit_px"
    if body.wait_seconds is not None and body.criteria == CriteriaBody():
        return "wait_seconds needs criteria to wait for"
    return _fault_of_protection(body)


def _fault_of_protection(body: IntentBody) -> str:
    stop, target = body.stop_px, body.take_profit_px
    if stop is None or target is None:
        return ""
    is_between = stop < target if body.side is Side.BUY else target < stop
    return "" if is_between else "stop_px and take_profit_px are on the wrong sides of each other"


def _fault_of_close(body: IntentBody) -> str:
    if body.size is not None or body.notional is not None:
        return "a close takes no size: it closes the whole position"
    if body.stop_px is not None or body.take_profit_px is not None:
        return "a close has no protection"
    if body.style is not OrderStyle.MARKET or body.limit_px is not None or body.max_slippage is not None:
        return "a close is at market, by the bound of the limits"
    if body.criteria != CriteriaBody():
        return "a close waits for nothing"
    return ""
