"""An opening step that is cancelled, lost or overtaken while it is approved and placed."""

from __future__ import annotations

import threading
import uuid
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from temporalio.client import Client
from temporalio.exceptions import ApplicationError
from temporalio.testing import WorkflowEnvironment

from domain.approvals import Approval, ApprovalRequest
from domain.intents import Intent, IntentPhase, Protection, api_intent_id
from domain.money import Price
from domain.orders import OrderState
from domain.watch import PositionReview
from tests.workflows.intent_fakes import IntentFakes, a_wish, approved, ended
from tests.workflows.test_trade_intent import EMPTY, FLAT, LIMIT, fleet, in_phase, start, until
from workflows.trade_intent.messages import Amendment, TradeIntentInput
from workflows.trade_intent.workflow import TradeIntentWorkflow


@pytest.fixture
def real_time(temporal_client: Client) -> WorkflowEnvironment:
    """The real server. The one that skips time breaks when a workflow gives up an activity in the instant in which it returns."""
    return WorkflowEnvironment.from_client(temporal_client)


def own_wish() -> Intent:
    """A wish that no other test on the same server has."""
    return a_wish(intent_id=api_intent_id("user", str(uuid.uuid4())))


class Stuck:
    """An approval that hangs until it is let go."""

    def __init__(self) -> None:
        self.entered = threading.Event()
        self.go = threading.Event()

    def __call__(self, request: ApprovalRequest) -> Approval:
        self.entered.set()
        assert self.go.wait(20)
        return Approval(order=approved(request))


async def test_a_cancel_before_the_approval_forbids_it_and_does_not_wait_for_it(
    real_time: WorkflowEnvironment,
) -> None:
    stuck = Stuck()
    fakes = IntentFakes(approve=stuck, forbid=lambda _: True)
    async with fleet(real_time, fakes):
        handle = await start(real_time, TradeIntentInput(intent=own_wish()))
        await until(stuck.entered.is_set)
        await handle.signal("cancel")
        report = await handle.result()
        stuck.go.set()
    assert (report.phase, report.code) == (IntentPhase.CANCELLED, "cancelled")
    assert "cancel" not in fakes.names()


async def test_a_cancel_after_the_approval_ends_its_order(real_time: WorkflowEnvironment) -> None:
    stuck = Stuck()
    fakes = IntentFakes(approve=stuck, cancel=lambda key: ended(key, OrderState.VOID, "cancelled"))
    async with fleet(real_time, fakes):
        handle = await start(real_time, TradeIntentInput(intent=own_wish()))
        await until(stuck.entered.is_set)
        await handle.signal("cancel")
        report = await handle.result()
        stuck.go.set()
    assert report.phase is IntentPhase.CANCELLED
    assert "cancel" in fakes.names()


async def test_an_opening_that_never_gets_an_answer_is_forbidden_before_the_intent_ends(
    time_skipping: WorkflowEnvironment,
) -> None:
    def broken(_: Any) -> Approval:
        raise ApplicationError("no database", type="database", non_retryable=True)

    fakes = IntentFakes(approve=broken, forbid=lambda _: True)
    async with fleet(time_skipping, fakes):
        report = await (await start(time_skipping, TradeIntentInput(intent=a_wish()))).result()
    assert (report.phase, report.code) == (IntentPhase.REFUSED, "approval_unavailable")
    assert fakes.names() == ["approve", "forbid", "finish"]


async def test_an_opening_without_an_answer_that_was_approved_is_resolved(time_skipping: WorkflowEnvironment) -> None:
    def broken(_: Any) -> Any:
        raise ApplicationError("worker lost", type="lost", non_retryable=True)

    fakes = IntentFakes(place=broken)
    async with fleet(time_skipping, fakes):
        handle = await start(time_skipping, TradeIntentInput(intent=a_wish()))
        await in_phase(handle, IntentPhase.PROTECTED)
    assert fakes.names() == ["approve", "place", "forbid", "resolve", "protect"]


async def test_news_before_the_journal_knows_the_order_changes_nothing(real_time: WorkflowEnvironment) -> None:
    def missing(_: Any) -> Any:
        raise ApplicationError("no row", type="row_missing", non_retryable=True)

    stuck = Stuck()
    fakes = IntentFakes(approve=stuck, resolve=missing)
    async with fleet(real_time, fakes):
        handle = await start(real_time, TradeIntentInput(intent=own_wish()))
        await until(stuck.entered.is_set)
        await handle.signal("fill_recorded")
        await until(lambda: "resolve" in fakes.names())
        stuck.go.set()
        await in_phase(handle, IntentPhase.PROTECTED)
        await handle.terminate()
    assert [name for name, _ in fakes.asked].count("place") == 1


async def test_an_amended_limit_is_cancelled_and_placed_anew(time_skipping: WorkflowEnvironment) -> None:
    better = Price(Decimal(99_500))
    fakes = IntentFakes(place=lambda order: ended(order.key, OrderState.WORKING))
    fakes.review = lambda _: EMPTY if fakes.names().count("cancel_opening") == 1 else PositionReview()
    async with fleet(time_skipping, fakes):
        handle = await start(time_skipping, TradeIntentInput(intent=a_wish(policy=LIMIT)))
        await in_phase(handle, IntentPhase.WORKING)
        await handle.execute_update(TradeIntentWorkflow.amend, Amendment(limit_px=better))
        await until(lambda: [name for name, _ in fakes.asked].count("place") == 2)
        await in_phase(handle, IntentPhase.WORKING)
    placed = [argument for name, argument in fakes.asked if name == "approve"]
    assert [request.step for request in placed] == ["open", "open.2"]
    assert placed[1].intent == replace(placed[0].intent, policy=replace(LIMIT, limit_px=better))


async def test_a_fill_that_came_back_protected_is_not_protected_again(time_skipping: WorkflowEnvironment) -> None:
    fakes = IntentFakes(protects_at_once=True, review=lambda _: FLAT)
    async with fleet(time_skipping, fakes):
        handle = await start(time_skipping, TradeIntentInput(intent=a_wish()))
        await in_phase(handle, IntentPhase.PROTECTED)
        await handle.signal("fill_recorded")
        report = await handle.result()
    assert report.phase is IntentPhase.CLOSED
    assert fakes.names() == ["approve", "place", "review", "finish"]


async def test_a_stop_that_was_amended_meanwhile_is_brought_to_the_venue(real_time: WorkflowEnvironment) -> None:
    stuck = Stuck()
    fakes = IntentFakes(approve=stuck, protects_at_once=True, review=lambda _: FLAT)
    higher = Price(Decimal(95_000))
    async with fleet(real_time, fakes):
        handle = await start(real_time, TradeIntentInput(intent=own_wish()))
        await until(stuck.entered.is_set)
        changed = Protection(stop_px=higher)
        progress = await handle.execute_update(TradeIntentWorkflow.amend, Amendment(stop_px=higher))
        assert progress.stop_px == changed.stop_px
        stuck.go.set()
        await until(lambda: "protect" in fakes.names())
        await handle.result()
    assert fakes.last("protect").protection == changed
