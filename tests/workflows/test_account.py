"""The supervision of an account."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

from temporalio import activity
from temporalio.client import WorkflowExecutionStatus, WorkflowHandle
from temporalio.exceptions import ApplicationError
from temporalio.testing import WorkflowEnvironment

from domain.accounts import AccountRef
from domain.money import money
from domain.notices import Notice
from domain.supervision import BreakerReset, ReconcileOutcome, ReconcileRequest
from tests.workflows.fakes import START, Fleet, until
from workflows import ids
from workflows.account.messages import AccountInput, AccountStatus, ResetBreaker, Wake
from workflows.account.workflow import AccountWorkflow

ACCOUNT = AccountRef(account_id="account-1", user_id="user-1", venue="hyperliquid", network="paper", address="0xabc")
EXPOSED = ReconcileOutcome(at=START, day="2026-01-01", opening_cash="1000")


@dataclass
class Desk:
    """The activities of an account; `answer` decides, the lists remember."""

    answer: Callable[[ReconcileRequest], ReconcileOutcome] = lambda _: EXPOSED
    requests: list[ReconcileRequest] = field(default_factory=list)
    resets: list[BreakerReset] = field(default_factory=list)
    notices: list[Notice] = field(default_factory=list)

    def activities(self) -> list[Callable[..., Any]]:
        @activity.defn(name="reconcile")
        def reconcile(request: ReconcileRequest) -> ReconcileOutcome:
            self.requests.append(request)
            return self.answer(request)

        @activity.defn(name="reset_breaker")
        def reset_breaker(reset: BreakerReset) -> int:
            self.resets.append(reset)
            return 1

        @activity.defn(name="notify")
        def notify(notice: Notice) -> None:
            self.notices.append(notice)

        return [reconcile, reset_breaker, notify]


def fleet(environment: WorkflowEnvironment, desk: Desk) -> Fleet:
    return Fleet(environment.client, workflows=[AccountWorkflow], activities=desk.activities())


async def start(environment: WorkflowEnvironment, **more: Any) -> WorkflowHandle[Any, Any]:
    return await environment.client.start_workflow(
        AccountWorkflow.run,
        AccountInput(account=ACCOUNT),
        id=ids.account(ACCOUNT.account_id),
        task_queue=ids.QUEUE_WORKFLOW,
        **more,
    )


async def test_it_reconciles_at_once_then_by_its_clock_and_on_each_wake(time_skipping: WorkflowEnvironment) -> None:
    desk = Desk()
    async with fleet(time_skipping, desk):
        handle = await start(time_skipping)
        await until(lambda: len(desk.requests) == 1)
        await time_skipping.sleep(timedelta(minutes=10, seconds=1))
        await until(lambda: len(desk.requests) == 2)
        await handle.signal("wake", Wake(reason="fill", coin="BTC"))
        await until(lambda: len(desk.requests) == 3)
        await handle.signal("wake")
        await until(lambda: len(desk.requests) == 4)
        status: AccountStatus = await handle.query(AccountWorkflow.status)
        await handle.terminate()
    assert [request.reason for request in desk.requests] == ["round", "round", "fill", "by hand"]
    assert [request.opening_cash for request in desk.requests] == ["", "1000", "1000", "1000"]
    assert desk.requests[1].read_to == START
    assert status.flat_since is None


async def test_wakes_that_come_together_are_one_reconciliation(time_skipping: WorkflowEnvironment) -> None:
    desk = Desk()
    handle = await start(time_skipping, start_signal="wake", start_signal_args=[Wake(reason="fill")])
    for reason in ("fill", "difference", "fill"):
        await handle.signal("wake", Wake(reason=reason))
    async with fleet(time_skipping, desk):
        await until(lambda: len(desk.requests) == 1)
        await time_skipping.sleep(timedelta(seconds=30))
        await handle.terminate()
    assert [request.reason for request in desk.requests] == ["difference, fill"]


async def test_a_difference_is_looked_at_again_soon(time_skipping: WorkflowEnvironment) -> None:
    desk = Desk(lambda _: replace(EXPOSED, look_again=timedelta(seconds=12) if len(desk.requests) == 1 else None))
    async with fleet(time_skipping, desk):
        handle = await start(time_skipping)
        await until(lambda: len(desk.requests) == 1)
        await time_skipping.sleep(timedelta(seconds=13))
        await until(lambda: len(desk.requests) == 2)
        await time_skipping.sleep(timedelta(seconds=60))
        await handle.terminate()
    assert len(desk.requests) == 2


async def test_a_tripped_breaker_is_told_once_and_a_person_resets_it(time_skipping: WorkflowEnvironment) -> None:
    def answer(_: ReconcileRequest) -> ReconcileOutcome:
        if desk.resets:
            return EXPOSED
        return replace(EXPOSED, breaker="lost 6 %", is_tripped=len(desk.requests) == 1)

    desk = Desk(answer)
    async with fleet(time_skipping, desk):
        handle = await start(time_skipping)
        await until(lambda: len(desk.notices) == 1)
        await handle.signal("wake")
        await until(lambda: len(desk.requests) == 2)
        tripped: AccountStatus = await handle.query(AccountWorkflow.status)
        await handle.signal("reset_breaker", ResetBreaker(by="operator"))
        await until(lambda: len(desk.requests) == 3)

        async def is_mended() -> bool:
            status: AccountStatus = await handle.query(AccountWorkflow.status)
            return status.breaker == ""

        await until(is_mended)
        await handle.terminate()
    assert [notice.kind for notice in desk.notices] == ["circuit_breaker"]
    assert tripped.breaker == "lost 6 %"
    assert [reset.by for reset in desk.resets] == ["operator"]


async def test_manual_trades_are_told(time_skipping: WorkflowEnvironment) -> None:
    desk = Desk(lambda _: replace(EXPOSED, flagged=("buy 1 BTC at 100",), unexplained=money("0")))
    async with fleet(time_skipping, desk):
        handle = await start(time_skipping)
        await until(lambda: len(desk.notices) == 1)
        await handle.terminate()
    assert desk.notices[0].kind == "manual_trade"
    assert "buy 1 BTC at 100" in desk.notices[0].text


async def test_it_ends_after_a_day_of_quiet_and_not_before(time_skipping: WorkflowEnvironment) -> None:
    desk = Desk(lambda _: replace(EXPOSED, is_quiet=True))
    async with fleet(time_skipping, desk):
        handle = await start(time_skipping)
        await until(lambda: len(desk.requests) == 1)
        await time_skipping.sleep(timedelta(hours=23))
        nearly = (await handle.describe()).status
        last: AccountStatus = await handle.result()
    assert nearly is WorkflowExecutionStatus.RUNNING
    assert last.flat_since is not None


async def test_a_reconciliation_that_failed_after_it_acted_is_done_again(time_skipping: WorkflowEnvironment) -> None:
    def answer(_: ReconcileRequest) -> ReconcileOutcome:
        if len(desk.requests) < 3:
            raise ApplicationError("the worker died after it had journaled the fills", type="crash")
        return EXPOSED

    desk = Desk(answer)
    async with fleet(time_skipping, desk):
        handle = await start(time_skipping)
        await until(lambda: len(desk.requests) == 3)
        await handle.terminate()
    assert desk.requests[0] == desk.requests[2]
