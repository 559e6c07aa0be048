"""Intents by hand: to open, to close, to cancel, to amend; and what became of them."""

from __future__ import annotations

from decimal import Decimal
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Query
from starlette.requests import Request

from api import asking, idempotency
from api.auth import Me
from api.deps import PageAsked, Ports
from api.errors import trace_of
from api.schemas.intents import AmendBody, CloseBody, EmptyBody, IntentBody, IntentView, OpenBody, ReasonBody, view_of
from api.schemas.values import Coin, Id, Listed
from domain.errors import Refused
from domain.intents import IntentPhase
from domain.money import Price
from storage.tradebook import Filter
from workflows import ids
from workflows.trade_intent.messages import Amendment, CloseRequest, IntentStatus

router = APIRouter(prefix="/api", tags=["intents"], route_class=idempotency.OnceRoute)

_BEFORE_ORDER = frozenset({IntentPhase.CREATED, IntentPhase.WAITING})

Narrow = Annotated[Id | None, Query()]


@router.post("/intents", status_code=HTTPStatus.ACCEPTED)
def add_intent(body: IntentBody, request: Request, parts: Ports, me: Me, key: idempotency.Key) -> IntentView:
    """Start an intent. Its id follows from the caller and the Idempotency-Key, so it exists once."""
    return asking.start(parts, me, body, key, trace_of(request))


@router.post("/positions/open", status_code=HTTPStatus.ACCEPTED)
def open_position(body: OpenBody, request: Request, parts: Ports, me: Me, key: idempotency.Key) -> IntentView:
    """Start an intent that opens a position at market."""
    return asking.start(parts, me, body.as_intent(), key, trace_of(request))


@router.post("/positions/close", status_code=HTTPStatus.ACCEPTED)
def close_position(body: CloseBody, request: Request, parts: Ports, me: Me, key: idempotency.Key) -> IntentView:
    """Start an intent that closes the whole position in a coin, whoever opened it."""
    return asking.start(parts, me, body.as_intent(), key, trace_of(request))


@router.get("/intents")
def list_intents(
    parts: Ports,
    me: Me,
    page: PageAsked,
    phase: Annotated[IntentPhase | None, Query()] = None,
    coin: Annotated[Coin | None, Query()] = None,
    agent_id: Narrow = None,
    account_id: Narrow = None,
    is_live: Annotated[
        bool | None, Query(description="Only those that have not ended, or only those that have.")
    ] = None,
) -> Listed[IntentView]:
    """List intents, newest first."""
    where = Filter(
        phase=phase.value if phase else "",
        coin=coin or "",
        agent_id=agent_id or "",
        account_id=account_id or "",
        is_live=is_live,
    )
    found = parts.trades.intents(me.user_id, where, cursor=page.cursor, limit=page.limit)
    return Listed(items=[view_of(record) for record in found.items], next_cursor=found.next_cursor)


@router.get("/intents/{intent_id}")
def show_intent(intent_id: Id, parts: Ports, me: Me) -> IntentView:
    """Show an intent with its orders, by its workflow while that lives."""
    return asking.show(parts, me, intent_id)


@router.post("/intents/{intent_id}/cancel", status_code=HTTPStatus.ACCEPTED)
def cancel_intent(intent_id: Id, _body: EmptyBody, parts: Ports, me: Me, _: idempotency.Key) -> IntentView:
    """Cancel what waits or works; a position that is already open stays."""
    return asking.tell(parts, me, intent_id, "cancel")


@router.post("/intents/{intent_id}/execute", status_code=HTTPStatus.ACCEPTED)
def execute_intent(intent_id: Id, _body: EmptyBody, parts: Ports, me: Me, _: idempotency.Key) -> IntentView:
    """Let an intent that waits for its criteria go on at once."""
    view = asking.show(parts, me, intent_id)
    if view.phase not in _BEFORE_ORDER:
        raise Refused("intent_not_waiting", f"The intent is {view.phase} and waits for nothing.", action="Look at it.")
    return asking.tell(parts, me, intent_id, "execute")


@router.post("/intents/{intent_id}/close", status_code=HTTPStatus.ACCEPTED)
def close_intent(intent_id: Id, body: ReasonBody, parts: Ports, me: Me, _: idempotency.Key) -> IntentView:
    """Close the position that the intent owns."""
    return asking.tell(parts, me, intent_id, "close", CloseRequest(reason=body.reason))


@router.patch("/intents/{intent_id}")
def amend_intent(intent_id: Id, body: AmendBody, request: Request, parts: Ports, me: Me) -> IntentView:
    """Change the protection of a position, or the limit of an order that works."""
    view = asking.show(parts, me, intent_id)
    change = Amendment(
        stop_px=_price(body.stop_px), take_profit_px=_price(body.take_profit_px), limit_px=_price(body.limit_px)
    )
    update_id = str(request.state.request_id)
    status = parts.executions.update(ids.intent(intent_id), "amend", change, IntentStatus, update_id)
    if status is None:
        raise Refused("intent_over", f"The intent has ended as {view.phase}.", action="Start a new one.")
    parts.audit.append(me.name, "intent.amend", f"intent/{intent_id}", body.model_dump(mode="json", exclude_none=True))
    return asking.laid_over(view, status)


def _price(value: Decimal | None) -> Price | None:
    return None if value is None else Price(value)
