"""Scenarios of intents."""

from __future__ import annotations

import threading
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

from temporalio.client import Client, WorkflowHandle
from temporalio.exceptions import ApplicationError

from domain.approvals import Approval
from domain.intents import Criteria, Intent, IntentKind, IntentPhase, IntentPolicy, OrderStyle
from domain.money import Price, Quantity
from domain.orders import OrderState, Side, TimeInForce
from domain.watch import Ownership, PositionReview
from tests.replay.staging import Scenario, settled
from tests.workflows.fakes import START, until
from tests.workflows.intent_fakes import ONE, IntentFakes, a_wish, ended, filled, silent
from workflows import attributes, ids
from workflows.trade_intent.messages import Amendment, CloseRequest, IntentStatus, TradeIntentInput
from workflows.trade_intent.workflow import TradeIntentWorkflow

Handle = WorkflowHandle[Any, Any]
LIMIT = IntentPolicy(style=OrderStyle.LIMIT, limit_px=Price(Decimal(99_000)), tif=TimeInForce.GTC)
FLAT = PositionReview(is_flat=True, filled_size=ONE, closed_by="stop_loss")
LONG_AGO = timedelta(hours=1)


def _intent(
    name: str,
    fakes: IntentFakes,
    play: Callable[[Handle], Awaitable[None]],
    intent: Intent | None = None,
    *,
    rolls: bool = False,
    review_every: timedelta = timedelta(minutes=5),
) -> Scenario:
    wish = replace(intent or a_wish(), intent_id=name)

    async def run(client: Client) -> Handle:
        handle = await client.start_workflow(
            TradeIntentWorkflow.run,
            TradeIntentInput(intent=wish, review_every=review_every),
            id=ids.intent(wish.intent_id),
            task_queue=ids.QUEUE_WORKFLOW,
            search_attributes=attributes.of(user=wish.user_id, phase="CREATED"),
        )
        await play(handle)
        return handle

    return Scenario(
        name=f"trade_intent.{name}",
        workflows=[TradeIntentWorkflow],
        activities=fakes.activities(),
        play=run,
        rolls=rolls,
    )


async def ends(handle: Handle) -> None:
    """Wait for the end."""
    await handle.result()


async def fires(handle: Handle) -> None:
    """Wait for protection, then let the stop fire."""
    await in_phase(handle, IntentPhase.PROTECTED)
    await handle.signal("fill_recorded")
    await handle.result()


def intents() -> list[Scenario]:
    return [
        _intent("filled_and_closed_by_its_stop", IntentFakes(review=lambda _: FLAT), fires),
        _intent("refused", IntentFakes(approve=lambda _: Approval(code="max_position", reason="Too large.")), ends),
        _intent("halted", IntentFakes(place=lambda order: ended(order.key, OrderState.VOID, "halted")), ends),
        _intent("criteria_not_met", _impatient(), ends, _criteria_wish()),
        _partial(),
        _unknown_then_found(),
        _intent("unknown_then_resent", _resent(), fires),
        _cancelled(),
        _cancelled_while_filling(),
        _closed_by_request(),
        _intent("close_stands_in", IntentFakes(claim=lambda _: Ownership(owner="intent-gone")), ends, _close_wish()),
        _amended(),
        _rolling_intent(),
    ]


def _criteria_wish() -> Intent:
    return a_wish(policy=IntentPolicy(criteria=Criteria(mark_below=Price(Decimal(1))), wait_until=START))


def _impatient() -> IntentFakes:
    def criteria(_: Any) -> None:
        raise ApplicationError("not met in time", type="criteria_not_met", non_retryable=True)

    return IntentFakes(criteria=criteria)


def _close_wish() -> Intent:
    return a_wish(intent_id="intent-2", kind=IntentKind.CLOSE, side=Side.SELL, size=None, reason="done")


def _partial() -> Scenario:
    part = Quantity(Decimal("0.04"))
    reviews: list[int] = []

    def review(request: Any) -> PositionReview:
        reviews.append(1)
        if len(reviews) > 1:
            return FLAT
        opening = ended(filled(_key(request.intent)).key, OrderState.WORKING, size=part)
        return PositionReview(opening=opening, position_size=part, filled_size=part, missing=("sl",))

    fakes = IntentFakes(place=lambda order: ended(order.key, OrderState.WORKING), review=review)

    async def play(handle: Handle) -> None:
        await in_phase(handle, IntentPhase.WORKING)
        await handle.signal("fill_recorded")
        await until(lambda: "protect" in fakes.names())
        await settled(handle, "ActivityTaskCompleted", times=3)
        await handle.signal("fill_recorded")
        await handle.result()

    return _intent("partially_filled", fakes, play, a_wish(policy=LIMIT))


def _key(intent: Intent) -> Any:
    from domain.orders import OrderKey

    return OrderKey(intent_id=intent.intent_id, step="open")


def _unknown_then_found() -> Scenario:
    known = threading.Event()
    fakes = IntentFakes(
        place=lambda order: ended(order.key, OrderState.UNKNOWN, "timeout"),
        resolve=lambda key: filled(key) if known.is_set() else silent(key),
        review=lambda _: FLAT,
    )

    async def play(handle: Handle) -> None:
        await in_phase(handle, IntentPhase.UNKNOWN)
        known.set()
        await fires(handle)

    return _intent("unknown_then_found", fakes, play)


def _resent() -> IntentFakes:
    def place(order: Any) -> Any:
        return filled(order.key) if order.key.step == "open.2" else ended(order.key, OrderState.UNKNOWN, "timeout")

    return IntentFakes(
        place=place,
        resolve=lambda key: ended(key, OrderState.EXPIRED, "nonce_burned"),
        review=lambda _: FLAT,
    )


def _cancelled() -> Scenario:
    fakes = IntentFakes(
        place=lambda order: ended(order.key, OrderState.WORKING), review=lambda _: PositionReview(is_flat=True)
    )

    async def play(handle: Handle) -> None:
        await in_phase(handle, IntentPhase.WORKING)
        await handle.signal("cancel")
        await handle.result()

    return _intent("cancelled", fakes, play, a_wish(policy=LIMIT))


def _cancelled_while_filling() -> Scenario:
    reviews: list[int] = []

    def review(_: Any) -> PositionReview:
        reviews.append(1)
        return PositionReview(position_size=ONE, filled_size=ONE, missing=("sl",)) if len(reviews) == 1 else FLAT

    fakes = IntentFakes(place=lambda order: ended(order.key, OrderState.WORKING), review=review)

    async def play(handle: Handle) -> None:
        await in_phase(handle, IntentPhase.WORKING)
        await handle.signal("cancel")
        await fires(handle)

    return _intent("cancelled_while_filling", fakes, play, a_wish(policy=LIMIT))


def _closed_by_request() -> Scenario:
    async def play(handle: Handle) -> None:
        await in_phase(handle, IntentPhase.PROTECTED)
        await handle.signal("close", CloseRequest(reason="enough"))
        await handle.result()

    return _intent("closed_by_request", IntentFakes(), play)


def _amended() -> Scenario:
    reviews: list[int] = []

    def review(_: Any) -> PositionReview:
        reviews.append(1)
        return PositionReview(position_size=ONE, filled_size=ONE, missing=("sl",)) if len(reviews) == 1 else FLAT

    fakes = IntentFakes(review=review)

    async def play(handle: Handle) -> None:
        await in_phase(handle, IntentPhase.PROTECTED)
        await handle.execute_update(TradeIntentWorkflow.amend, Amendment(stop_px=Price(Decimal(95_000))))
        await until(lambda: fakes.names().count("protect") == 2)
        await settled(handle, "ActivityTaskCompleted", times=4)
        await handle.signal("fill_recorded")
        await handle.result()

    return _intent("amended", fakes, play)


def _rolling_intent() -> Scenario:
    async def play(handle: Handle) -> None:
        await in_phase(handle, IntentPhase.PROTECTED)
        await settled(handle, "WorkflowExecutionContinuedAsNew")

    return _intent("continued_as_new", IntentFakes(), play, rolls=True, review_every=timedelta(milliseconds=200))


async def in_phase(handle: Handle, phase: IntentPhase) -> None:
    """Wait for a phase of an intent."""

    async def holds() -> bool:
        status: IntentStatus = await handle.query(TradeIntentWorkflow.status)
        return status.phase is phase

    await until(holds)
