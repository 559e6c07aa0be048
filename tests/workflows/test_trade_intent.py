"""The life of an intent."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from temporalio.client import WorkflowHandle, WorkflowUpdateFailedError
from temporalio.exceptions import ApplicationError
from temporalio.testing import WorkflowEnvironment

from domain.approvals import Approval
from domain.intents import Criteria, IntentKind, IntentPhase, IntentPolicy, IntentReport, OrderStyle, Protection
from domain.money import Price, Quantity
from domain.orders import OrderState, Side, TimeInForce
from domain.watch import Ownership, PositionReview, ProtectionReport
from tests.workflows.fakes import Fleet
from tests.workflows.intent_fakes import ONE, IntentFakes, a_wish, ended, filled, silent
from workflows import attributes, ids
from workflows.trade_intent.messages import Amendment, CloseRequest, IntentStatus, TradeIntentInput
from workflows.trade_intent.workflow import TradeIntentWorkflow

FLAT = PositionReview(is_flat=True, filled_size=ONE, closed_by="stop_loss")
EMPTY = PositionReview(is_flat=True)
LIMIT = IntentPolicy(style=OrderStyle.LIMIT, limit_px=Price(Decimal(99_000)), tif=TimeInForce.GTC)


def fleet(environment: WorkflowEnvironment, fakes: IntentFakes) -> Fleet:
    return Fleet(environment.client, workflows=[TradeIntentWorkflow], activities=fakes.activities())


async def start(environment: WorkflowEnvironment, given: TradeIntentInput) -> WorkflowHandle[Any, IntentReport]:
    intent = given.intent
    return await environment.client.start_workflow(
        TradeIntentWorkflow.run,
        given,
        id=ids.intent(intent.intent_id),
        task_queue=ids.QUEUE_WORKFLOW,
        search_attributes=attributes.of(user=intent.user_id, phase="CREATED"),
    )


async def until(condition: Callable[[], bool], seconds: float = 20.0) -> None:
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.02)


async def phase_of(handle: WorkflowHandle[Any, Any]) -> IntentPhase:
    status: IntentStatus = await handle.query(TradeIntentWorkflow.status)
    return status.phase


async def in_phase(handle: WorkflowHandle[Any, Any], phase: IntentPhase) -> None:
    async with asyncio.timeout(20):
        while await phase_of(handle) is not phase:
            await asyncio.sleep(0.02)


async def test_a_market_intent_is_filled_protected_and_closed_by_its_stop(time_skipping: WorkflowEnvironment) -> None:
    fakes = IntentFakes(review=lambda _: FLAT)
    async with fleet(time_skipping, fakes):
        handle = await start(time_skipping, TradeIntentInput(intent=a_wish()))
        await in_phase(handle, IntentPhase.PROTECTED)
        assert fakes.names() == ["approve", "place", "protect"]
        await handle.signal("fill_recorded")
        report = await handle.result()
    assert (report.phase, report.code) == (IntentPhase.CLOSED, "stop_loss")
    assert fakes.names() == ["approve", "place", "protect", "review", "finish"]


async def test_a_refusal_of_risk_ends_the_intent_without_an_order(time_skipping: WorkflowEnvironment) -> None:
    fakes = IntentFakes(approve=lambda _: Approval(code="max_position", reason="Too large."))
    async with fleet(time_skipping, fakes):
        report = await (await start(time_skipping, TradeIntentInput(intent=a_wish()))).result()
    assert (report.phase, report.code) == (IntentPhase.REFUSED, "max_position")
    assert "place" not in fakes.names()


async def test_an_unknown_outcome_is_shown_and_adopted_when_found(time_skipping: WorkflowEnvironment) -> None:
    known: list[bool] = []
    fakes = IntentFakes(
        place=lambda order: ended(order.key, OrderState.UNKNOWN, "timeout"),
        resolve=lambda key: filled(key) if known else silent(key),
    )
    async with fleet(time_skipping, fakes):
        handle = await start(time_skipping, TradeIntentInput(intent=a_wish()))
        await in_phase(handle, IntentPhase.UNKNOWN)
        status: IntentStatus = await handle.query(TradeIntentWorkflow.status)
        assert status.unknown_since is not None
        known.append(True)
        await in_phase(handle, IntentPhase.PROTECTED)
    assert [name for name, _ in fakes.asked].count("place") == 1


async def test_an_order_that_provably_never_ran_is_placed_once_more_under_a_new_step(
    time_skipping: WorkflowEnvironment,
) -> None:
    fakes = IntentFakes(
        place=lambda order: (
            filled(order.key) if order.key.step == "open.2" else ended(order.key, OrderState.EXPIRED, "nonce_burned")
        )
    )
    async with fleet(time_skipping, fakes):
        handle = await start(time_skipping, TradeIntentInput(intent=a_wish()))
        await in_phase(handle, IntentPhase.PROTECTED)
    orders = [argument for name, argument in fakes.asked if name == "place"]
    assert [order.key.step for order in orders] == ["open", "open.2"]
    assert orders[0].not_after == orders[1].not_after


async def test_an_order_that_never_ran_is_not_placed_again_when_the_decision_is_old(
    time_skipping: WorkflowEnvironment,
) -> None:
    policy = IntentPolicy(max_age=timedelta(0))
    fakes = IntentFakes(place=lambda order: ended(order.key, OrderState.EXPIRED, "never_admitted"))
    async with fleet(time_skipping, fakes):
        report = await (await start(time_skipping, TradeIntentInput(intent=a_wish(policy=policy)))).result()
    assert report.phase is IntentPhase.EXPIRED
    assert [name for name, _ in fakes.asked].count("place") == 1


async def test_a_halted_order_is_refused_and_never_placed_again(time_skipping: WorkflowEnvironment) -> None:
    fakes = IntentFakes(place=lambda order: ended(order.key, OrderState.VOID, "halted"))
    async with fleet(time_skipping, fakes):
        report = await (await start(time_skipping, TradeIntentInput(intent=a_wish()))).result()
    assert (report.phase, report.code) == (IntentPhase.REFUSED, "halted")
    assert [name for name, _ in fakes.asked].count("place") == 1


async def test_a_cancel_before_the_fill_cancels_the_resting_order(time_skipping: WorkflowEnvironment) -> None:
    fakes = IntentFakes(place=lambda order: ended(order.key, OrderState.WORKING), review=lambda _: EMPTY)
    async with fleet(time_skipping, fakes):
        handle = await start(time_skipping, TradeIntentInput(intent=a_wish(policy=LIMIT)))
        await in_phase(handle, IntentPhase.WORKING)
        await handle.signal("cancel")
        report = await handle.result()
    assert (report.phase, report.code) == (IntentPhase.CANCELLED, "cancelled")
    assert "cancel_opening" in fakes.names()


async def test_a_fill_that_wins_the_race_against_its_cancel_keeps_its_owner_and_its_stop(
    time_skipping: WorkflowEnvironment,
) -> None:
    held = PositionReview(position_size=ONE, filled_size=ONE, missing=("sl",))
    fakes = IntentFakes(place=lambda order: ended(order.key, OrderState.WORKING), review=lambda _: held)
    async with fleet(time_skipping, fakes):
        handle = await start(time_skipping, TradeIntentInput(intent=a_wish(policy=LIMIT)))
        await in_phase(handle, IntentPhase.WORKING)
        await handle.signal("cancel")
        await in_phase(handle, IntentPhase.PROTECTED)
    assert "finish" not in fakes.names()


async def test_what_fills_while_the_venue_takes_its_time_over_a_cancel_is_protected_at_once(
    time_skipping: WorkflowEnvironment,
) -> None:
    protected_first = threading.Event()
    part = PositionReview(position_size=ONE, filled_size=ONE, missing=("sl",))

    def protect(_: Any) -> ProtectionReport:
        protected_first.set()
        return ProtectionReport(is_protected=True)

    def slow_cancel(_: Any) -> None:
        assert protected_first.wait(20), "the cancel was answered before anything was protected"

    fakes = IntentFakes(
        place=lambda order: ended(order.key, OrderState.WORKING),
        review=lambda _: part,
        protect=protect,
        cancel_opening=slow_cancel,
    )
    async with fleet(time_skipping, fakes):
        handle = await start(time_skipping, TradeIntentInput(intent=a_wish(policy=LIMIT)))
        await in_phase(handle, IntentPhase.WORKING)
        await handle.signal("cancel")
        await until(lambda: "cancel_opening" in fakes.names())
        await handle.signal("fill_recorded")
        await in_phase(handle, IntentPhase.PROTECTED)


async def test_a_partial_fill_is_protected_while_the_rest_still_works(time_skipping: WorkflowEnvironment) -> None:
    key = "open"
    part = Quantity(Decimal("0.04"))

    def review(request: Any) -> PositionReview:
        opening = ended(filled(approved_key(request)).key, OrderState.WORKING, size=part)
        return PositionReview(opening=opening, position_size=part, filled_size=part, missing=("sl",))

    def approved_key(request: Any) -> Any:
        from domain.orders import OrderKey

        return OrderKey(intent_id=request.intent.intent_id, step=key)

    fakes = IntentFakes(place=lambda order: ended(order.key, OrderState.WORKING), review=review)
    async with fleet(time_skipping, fakes):
        handle = await start(time_skipping, TradeIntentInput(intent=a_wish(policy=LIMIT)))
        await in_phase(handle, IntentPhase.WORKING)
        await handle.signal("fill_recorded")
        await until(lambda: "protect" in fakes.names())
        assert await phase_of(handle) is IntentPhase.WORKING


async def test_what_others_have_protected_is_shown_as_protected_and_not_protected_again(
    time_skipping: WorkflowEnvironment,
) -> None:
    held = PositionReview(position_size=ONE, filled_size=ONE, is_protected=True)
    fakes = IntentFakes(place=lambda order: ended(order.key, OrderState.WORKING), review=lambda _: held)
    async with fleet(time_skipping, fakes):
        handle = await start(time_skipping, TradeIntentInput(intent=a_wish(policy=LIMIT)))
        await in_phase(handle, IntentPhase.WORKING)
        await handle.signal("fill_recorded")
        await in_phase(handle, IntentPhase.PROTECTED)
    assert "protect" not in fakes.names()


async def test_a_close_request_closes_the_position_and_tells_the_closer(time_skipping: WorkflowEnvironment) -> None:
    owner = IntentFakes(claim=lambda _: Ownership(owner="intent-1"))
    async with fleet(time_skipping, owner):
        handle = await start(time_skipping, TradeIntentInput(intent=a_wish()))
        await in_phase(handle, IntentPhase.PROTECTED)
        close = a_wish(intent_id="intent-2", kind=IntentKind.CLOSE, side=Side.SELL, size=None, reason="done")
        closing = await start(time_skipping, TradeIntentInput(intent=close))
        closed = await closing.result()
        report = await handle.result()
    assert (report.phase, report.code) == (IntentPhase.CLOSED, "closed")
    assert closed.phase is IntentPhase.CLOSED
    assert [name for name, _ in owner.asked].count("close") == 1


async def test_a_close_stands_in_for_an_owner_whose_workflow_is_gone(time_skipping: WorkflowEnvironment) -> None:
    fakes = IntentFakes(claim=lambda _: Ownership(owner="intent-gone"))
    close = a_wish(intent_id="intent-2", kind=IntentKind.CLOSE, side=Side.SELL, size=None)
    async with fleet(time_skipping, fakes):
        report = await (await start(time_skipping, TradeIntentInput(intent=close))).result()
    assert report.phase is IntentPhase.CLOSED
    assert fakes.names() == ["claim", "take_over", "close", "finish"]


async def test_a_stop_that_the_mark_has_passed_becomes_a_market_close(time_skipping: WorkflowEnvironment) -> None:
    fakes = IntentFakes(protect=lambda _: ProtectionReport(close_now=True, note="passed"))
    async with fleet(time_skipping, fakes):
        report = await (await start(time_skipping, TradeIntentInput(intent=a_wish()))).result()
    assert report.phase is IntentPhase.CLOSED
    assert fakes.names() == ["approve", "place", "protect", "close", "finish"]


async def test_a_stop_cancelled_by_others_is_placed_once_more_and_then_alarmed(
    time_skipping: WorkflowEnvironment,
) -> None:
    dropped = PositionReview(position_size=ONE, filled_size=ONE, missing=("sl",), dropped=("sl",))
    fakes = IntentFakes(review=lambda _: dropped)
    async with fleet(time_skipping, fakes):
        handle = await start(time_skipping, TradeIntentInput(intent=a_wish()))
        await in_phase(handle, IntentPhase.PROTECTED)
        await handle.signal("fill_recorded")
        await until(lambda: [name for name, _ in fakes.asked].count("protect") == 2)
        await handle.signal("fill_recorded")
        await until(lambda: "alarm" in fakes.names())
    assert [name for name, _ in fakes.asked].count("protect") == 2


async def test_criteria_are_waited_for_and_expire(time_skipping: WorkflowEnvironment) -> None:
    fakes = IntentFakes(criteria=silent)
    now = await time_skipping.get_current_time()
    criteria = Criteria(mark_below=Price(Decimal(90_000)))
    policy = IntentPolicy(criteria=criteria, wait_until=now + timedelta(minutes=2))
    async with fleet(time_skipping, fakes):
        handle = await start(time_skipping, TradeIntentInput(intent=a_wish(policy=policy)))
        await in_phase(handle, IntentPhase.WAITING)
        report = await handle.result()
    assert (report.phase, report.code) == (IntentPhase.EXPIRED, "criteria_not_met")
    assert "approve" not in fakes.names()


async def test_execute_ends_the_wait_for_criteria(time_skipping: WorkflowEnvironment) -> None:
    fakes = IntentFakes(criteria=silent)
    policy = IntentPolicy(criteria=Criteria(mark_below=Price(Decimal(90_000))))
    async with fleet(time_skipping, fakes):
        handle = await start(time_skipping, TradeIntentInput(intent=a_wish(policy=policy)))
        await in_phase(handle, IntentPhase.WAITING)
        await handle.signal("execute")
        await in_phase(handle, IntentPhase.PROTECTED)


async def test_an_order_whose_working_time_is_over_expires(time_skipping: WorkflowEnvironment) -> None:
    policy = replace(LIMIT, work_for=timedelta(minutes=5))
    fakes = IntentFakes(place=lambda order: ended(order.key, OrderState.WORKING))
    fakes.review = lambda _: EMPTY if "cancel_opening" in fakes.names() else PositionReview()
    async with fleet(time_skipping, fakes):
        report = await (await start(time_skipping, TradeIntentInput(intent=a_wish(policy=policy)))).result()
    assert (report.phase, report.code) == (IntentPhase.EXPIRED, "work_time_over")


async def test_an_amended_stop_is_brought_to_the_venue(time_skipping: WorkflowEnvironment) -> None:
    fakes = IntentFakes(review=lambda _: PositionReview(position_size=ONE, filled_size=ONE, missing=("sl",)))
    async with fleet(time_skipping, fakes):
        handle = await start(time_skipping, TradeIntentInput(intent=a_wish()))
        await in_phase(handle, IntentPhase.PROTECTED)
        higher = Price(Decimal(95_000))
        status = await handle.execute_update(TradeIntentWorkflow.amend, Amendment(stop_px=higher))
        await until(lambda: [name for name, _ in fakes.asked].count("protect") == 2)
    assert status.stop_px == higher
    assert fakes.last("protect").protection == Protection(stop_px=higher)


async def test_an_amendment_with_its_prices_crossed_is_refused(time_skipping: WorkflowEnvironment) -> None:
    async with fleet(time_skipping, IntentFakes()):
        handle = await start(time_skipping, TradeIntentInput(intent=a_wish()))
        await in_phase(handle, IntentPhase.PROTECTED)
        with pytest.raises(WorkflowUpdateFailedError) as refusal:
            await handle.execute_update(TradeIntentWorkflow.amend, Amendment(take_profit_px=Price(Decimal(80_000))))
    assert isinstance(refusal.value.cause, ApplicationError)
    assert refusal.value.cause.type == "amend_refused"


async def test_signals_work_without_an_argument(time_skipping: WorkflowEnvironment) -> None:
    fakes = IntentFakes()
    async with fleet(time_skipping, fakes):
        handle = await start(time_skipping, TradeIntentInput(intent=a_wish()))
        await in_phase(handle, IntentPhase.PROTECTED)
        await handle.signal("close")
        report = await handle.result()
    assert report.phase is IntentPhase.CLOSED
    assert fakes.last("close").reason == CloseRequest().reason
