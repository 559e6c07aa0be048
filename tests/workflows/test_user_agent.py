"""The life of an agent."""

from __future__ import annotations

import threading
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from temporalio.client import WorkflowExecutionStatus, WorkflowHandle, WorkflowUpdateFailedError
from temporalio.exceptions import ApplicationError
from temporalio.service import RPCError
from temporalio.testing import WorkflowEnvironment

from domain.agents import AgentStatus
from domain.cycles import AgentShown, CycleOutcome, CycleRequest
from domain.halts import EmergencyOutcome, EmergencyStop
from domain.intents import IntentKind
from tests.workflows.fakes import START, Fleet, FleetFakes, PaperIntent, an_agent, an_intent, until
from workflows import attributes, ids
from workflows.user_agent.messages import AgentProgress, AgentReport, Reason, Reconfigure, UserAgentInput
from workflows.user_agent.workflow import UserAgentWorkflow

MINUTE = timedelta(minutes=1)


def fleet(environment: WorkflowEnvironment, fakes: FleetFakes) -> Fleet:
    return Fleet(environment.client, workflows=[UserAgentWorkflow, PaperIntent], activities=fakes.activities())


async def start(environment: WorkflowEnvironment, given: UserAgentInput, **more: Any) -> WorkflowHandle[Any, Any]:
    config = given.config
    return await environment.client.start_workflow(
        UserAgentWorkflow.run,
        given,
        id=ids.agent(config.user_id, config.agent_id),
        task_queue=ids.QUEUE_WORKFLOW,
        search_attributes=attributes.of(user=config.user_id, agent=config.agent_id, phase="running"),
        **more,
    )


async def report(handle: WorkflowHandle[Any, Any]) -> AgentReport:
    """Ask; the test server loses a query that meets a run which is just continuing as new, so it is asked again."""
    for _ in range(5):
        with suppress(RPCError):
            return await handle.query(UserAgentWorkflow.status, rpc_timeout=timedelta(seconds=3))
    return await handle.query(UserAgentWorkflow.status)


async def child_of(environment: WorkflowEnvironment, intent_id: str) -> WorkflowHandle[Any, Any]:
    child = environment.client.get_workflow_handle(ids.intent(intent_id))

    async def exists() -> bool:
        with suppress(RPCError):
            await child.describe()
            return True
        return False

    await until(exists)
    return child


def opens_at(*cycles: int) -> Any:
    def cycle(request: CycleRequest) -> CycleOutcome:
        intents = (an_intent(request.cycle),) if request.cycle in cycles else ()
        return CycleOutcome(cycle=request.cycle, intents=intents)

    return cycle


async def test_an_agent_cycles_by_its_clock_and_starts_each_intent_once(time_skipping: WorkflowEnvironment) -> None:
    fakes = FleetFakes(cycle=opens_at(1))
    async with fleet(time_skipping, fakes):
        handle = await start(time_skipping, UserAgentInput(config=an_agent()))
        await until(lambda: len(fakes.requests) == 1)
        await time_skipping.sleep(timedelta(minutes=2, seconds=1))
        await until(lambda: len(fakes.requests) == 3)
        child = await child_of(time_skipping, an_intent(1).intent_id)
        description = await child.describe()
        now = await report(handle)
        await handle.signal("stop")
        await handle.result()
    assert [request.cycle for request in fakes.requests] == [1, 2, 3]
    gaps = {b.started_at - a.started_at for a, b in zip(fakes.requests, fakes.requests[1:], strict=False)}
    assert all(MINUTE <= gap < timedelta(minutes=1, seconds=5) for gap in gaps)
    assert description.status is WorkflowExecutionStatus.RUNNING
    assert now.open_intents == (an_intent(1).intent_id,)
    assert fakes.cancelled[0].open_intents == (an_intent(1).intent_id,)
    assert [shown.status for shown in fakes.shown] == [AgentStatus.STOPPING, AgentStatus.STOPPED]


async def after_cycle(handle: WorkflowHandle[Any, Any], cycle: int) -> None:
    """Wait until the agent has taken the outcome of its nth cycle and waits for the next: the number is shown from its beginning."""

    async def waits_for_the_next() -> bool:
        events = (await handle.fetch_history()).events
        taken = sum(event.HasField("activity_task_completed_event_attributes") for event in events)
        return taken == cycle and events[-1].HasField("timer_started_event_attributes")

    await until(waits_for_the_next)


async def test_an_idle_cycle_costs_eleven_events(time_skipping: WorkflowEnvironment) -> None:
    fakes = FleetFakes()
    async with fleet(time_skipping, fakes):
        handle = await start(time_skipping, UserAgentInput(config=an_agent()))
        await until(lambda: len(fakes.requests) == 1)
        await time_skipping.sleep(MINUTE * 10 + timedelta(seconds=1))
        await after_cycle(handle, 11)
        length = len((await handle.fetch_history()).events)
        await time_skipping.sleep(MINUTE * 10)
        await after_cycle(handle, 21)
        longer = len((await handle.fetch_history()).events)
        await handle.terminate()
    assert (longer - length) / 10 <= 11


async def test_the_same_intent_of_a_second_decision_is_the_first_one(time_skipping: WorkflowEnvironment) -> None:
    fakes = FleetFakes(cycle=lambda r: CycleOutcome(cycle=r.cycle, intents=(an_intent(1),)))
    async with fleet(time_skipping, fakes):
        handle = await start(time_skipping, UserAgentInput(config=an_agent()))
        await until(lambda: len(fakes.requests) == 1)
        child = await child_of(time_skipping, an_intent(1).intent_id)
        await child.signal("cancel")
        await child.result()
        await time_skipping.sleep(MINUTE * 2)
        await until(lambda: len(fakes.requests) >= 2)
        first_run = (await child.describe()).run_id
        await time_skipping.sleep(MINUTE)
        again = await child.describe()
        status = (await handle.describe()).status
        await handle.terminate()
    assert (again.run_id, again.status) == (first_run, WorkflowExecutionStatus.COMPLETED)
    assert status is WorkflowExecutionStatus.RUNNING


async def test_intents_outlive_the_roll_and_report_to_the_new_run(time_skipping: WorkflowEnvironment) -> None:
    fakes = FleetFakes(cycle=opens_at(1))
    async with fleet(time_skipping, fakes):
        first = await start(time_skipping, UserAgentInput(config=an_agent(), max_rounds=1))
        await until(lambda: len(fakes.requests) == 1)
        await time_skipping.sleep(MINUTE * 2)
        await until(lambda: len(fakes.requests) >= 3)
        current = time_skipping.client.get_workflow_handle(first.id)
        child = await child_of(time_skipping, an_intent(1).intent_id)
        before = await report(current)
        child_status = (await child.describe()).status
        await child.signal("close")
        await child.result()
        after = await report(current)
        rolled = (await current.describe()).run_id != first.first_execution_run_id
        await current.terminate()
    assert rolled
    assert child_status is WorkflowExecutionStatus.RUNNING
    assert before.open_intents == (an_intent(1).intent_id,)
    assert after.open_intents == ()
    assert [request.cycle for request in fakes.requests[:3]] == [1, 2, 3]


async def test_a_pause_begins_no_cycle_and_a_resume_goes_on(time_skipping: WorkflowEnvironment) -> None:
    fakes = FleetFakes()
    async with fleet(time_skipping, fakes):
        handle = await start(time_skipping, UserAgentInput(config=an_agent()))
        await after_cycle(handle, 1)
        await handle.signal("pause")
        await handle.signal("pause", Reason(text="lunch", by="me"))
        await time_skipping.sleep(MINUTE * 5)
        paused = await report(handle)
        cycles_while_paused = len(fakes.requests)
        await handle.signal("resume")
        await until(lambda: len(fakes.requests) == len(fakes.shown) == 2)
        resumed = await report(handle)
        await handle.terminate()
    assert cycles_while_paused == 1
    assert (paused.status, paused.note, paused.next_cycle_at) == (AgentStatus.PAUSED, "lunch", None)
    assert resumed.status is AgentStatus.RUNNING
    assert [shown.status for shown in fakes.shown] == [AgentStatus.PAUSED, AgentStatus.RUNNING]


async def test_a_stop_that_comes_before_the_first_task_begins_no_cycle(time_skipping: WorkflowEnvironment) -> None:
    fakes = FleetFakes()
    handle = await start(time_skipping, UserAgentInput(config=an_agent()), start_signal="stop")
    async with fleet(time_skipping, fakes):
        await handle.result()
        last = await report(handle)
    assert fakes.requests == []
    assert last.status is AgentStatus.STOPPED


async def test_a_stop_does_not_wait_for_a_slow_adviser(time_skipping: WorkflowEnvironment) -> None:
    asked, let_go = threading.Event(), threading.Event()

    def slow(request: CycleRequest) -> CycleOutcome:
        asked.set()
        let_go.wait(20)
        return CycleOutcome(cycle=request.cycle, intents=(an_intent(1),))

    fakes = FleetFakes(cycle=slow)
    async with fleet(time_skipping, fakes):
        handle = await start(time_skipping, UserAgentInput(config=an_agent()))
        await until(asked.is_set)
        await handle.signal("stop")
        await handle.result()
        let_go.set()
    assert [shown.status for shown in fakes.shown][-1] is AgentStatus.STOPPED
    assert fakes.cancelled == []


async def test_a_pause_in_the_middle_of_a_cycle_opens_nothing_but_still_closes(
    time_skipping: WorkflowEnvironment,
) -> None:
    asked, let_go = threading.Event(), threading.Event()

    def slow(request: CycleRequest) -> CycleOutcome:
        asked.set()
        let_go.wait(20)
        return CycleOutcome(cycle=1, intents=(an_intent(1), an_intent(1, coin="ETH", kind=IntentKind.CLOSE)))

    fakes = FleetFakes(cycle=slow)
    async with fleet(time_skipping, fakes):
        handle = await start(time_skipping, UserAgentInput(config=an_agent()))
        await until(asked.is_set)
        await handle.signal("pause")
        let_go.set()
        closing = an_intent(1, coin="ETH", kind=IntentKind.CLOSE).intent_id
        seen: list[AgentReport] = []

        async def look() -> bool:
            seen.append(await report(handle))
            return seen[-1].open_intents == (closing,)

        await until(look)
        await handle.terminate()
    assert seen[-1].status is AgentStatus.PAUSED


async def test_an_adviser_that_breaks_stops_its_agent_alone_and_a_resume_tries_again(
    time_skipping: WorkflowEnvironment,
) -> None:
    broken = True

    def cycle(request: CycleRequest) -> CycleOutcome:
        if broken:
            raise ApplicationError("Adviser trend failed: KeyError", type="adviser_failed", non_retryable=True)
        return CycleOutcome(cycle=request.cycle)

    fakes = FleetFakes(cycle=cycle)
    async with fleet(time_skipping, fakes):
        handle = await start(time_skipping, UserAgentInput(config=an_agent()))
        await until(lambda: len(fakes.requests) == 1)
        await time_skipping.sleep(MINUTE * 6)
        await until(lambda: bool(fakes.notices))
        failed = await report(handle)
        tries = len(fakes.requests)
        broken = False
        await handle.signal("resume")
        await until(lambda: len(fakes.requests) == tries + 1)
        mended = await report(handle)
        await handle.terminate()
    assert tries == 3
    assert failed.status is AgentStatus.FAILED
    assert [notice.kind for notice in fakes.notices] == ["agent_failed"]
    # On the threads for reads it would wait for slow decisions, and a stop for it.
    assert fakes.told_on == [ids.QUEUE_CLOSE]
    assert mended.status is AgentStatus.RUNNING


async def test_an_outage_only_skips_cycles(time_skipping: WorkflowEnvironment) -> None:
    def cycle(request: CycleRequest) -> CycleOutcome:
        if request.cycle <= 4:
            raise ApplicationError("The venue is away.", type="venue_unavailable")
        return CycleOutcome(cycle=request.cycle)

    fakes = FleetFakes(cycle=cycle)
    async with fleet(time_skipping, fakes):
        handle = await start(time_skipping, UserAgentInput(config=an_agent()))
        await until(lambda: bool(fakes.requests))
        await time_skipping.sleep(MINUTE * 26)
        await until(lambda: fakes.requests[-1].cycle >= 5)
        now = await report(handle)
        await handle.terminate()
    assert now.status is AgentStatus.RUNNING
    assert fakes.notices == []


async def test_the_cycle_number_follows_the_database(time_skipping: WorkflowEnvironment) -> None:
    fakes = FleetFakes(cycle=lambda r: CycleOutcome(cycle=max(r.cycle, 41)))
    async with fleet(time_skipping, fakes):
        handle = await start(time_skipping, UserAgentInput(config=an_agent()))
        await until(lambda: len(fakes.requests) == 1)
        await time_skipping.sleep(MINUTE + timedelta(seconds=1))
        await until(lambda: len(fakes.requests) == 2)
        await handle.terminate()
    assert [request.cycle for request in fakes.requests] == [1, 42]


async def test_a_held_agent_opens_nothing_and_says_why(time_skipping: WorkflowEnvironment) -> None:
    fakes = FleetFakes(cycle=lambda r: CycleOutcome(cycle=r.cycle, held="platform halted", intents=(an_intent(1),)))
    async with fleet(time_skipping, fakes):
        handle = await start(time_skipping, UserAgentInput(config=an_agent()))
        await after_cycle(handle, 1)
        held = await report(handle)
        await handle.signal("release")
        released = await report(handle)
        await handle.signal("hold", Reason(text="user halted"))
        again = await report(handle)
        await handle.terminate()
    assert (held.note, held.open_intents) == ("held: platform halted", ())
    assert released.note == ""
    assert again.note == "held: user halted"


async def test_finished_intents_are_forgotten(time_skipping: WorkflowEnvironment) -> None:
    def cycle(request: CycleRequest) -> CycleOutcome:
        return CycleOutcome(cycle=request.cycle, finished_intents=request.open_intents)

    fakes = FleetFakes(cycle=cycle)
    progress = AgentProgress(cycle=6, open_intents=("gone",))
    async with fleet(time_skipping, fakes):
        handle = await start(time_skipping, UserAgentInput(config=an_agent(), progress=progress))
        await after_cycle(handle, 1)
        now = await report(handle)
        await handle.terminate()
    assert fakes.requests[0].open_intents == ("gone",)
    assert (now.open_intents, now.cycle) == ((), 7)


async def test_a_reconfiguration_takes_effect_with_the_next_cycle(time_skipping: WorkflowEnvironment) -> None:
    fakes = FleetFakes()
    async with fleet(time_skipping, fakes):
        handle = await start(time_skipping, UserAgentInput(config=an_agent()))
        await after_cycle(handle, 1)
        changed = an_agent(coins=("ETH", "SOL"), cycle_every=timedelta(minutes=2))
        answer = await handle.execute_update(UserAgentWorkflow.reconfigure, Reconfigure(config=changed))
        moved = Reconfigure(config=an_agent(account_id="other"))
        with pytest.raises(WorkflowUpdateFailedError) as refusal:
            await handle.execute_update(UserAgentWorkflow.reconfigure, moved)
        await time_skipping.sleep(MINUTE + timedelta(seconds=1))
        await until(lambda: len(fakes.requests) == 2)
        await handle.terminate()
    assert answer.note == "reconfigured"
    assert fakes.requests[1].config.coins == ("ETH", "SOL")
    assert isinstance(refusal.value.cause, ApplicationError)
    assert refusal.value.cause.type == "reconfigure_refused"


async def test_an_emergency_stop_halts_closes_tells_and_ends(time_skipping: WorkflowEnvironment) -> None:
    attempts: list[EmergencyStop] = []

    def crash_once(stop: EmergencyStop) -> EmergencyOutcome:
        attempts.append(stop)
        if len(attempts) == 1:
            raise ApplicationError("the worker died after it had cancelled", type="crash")
        return EmergencyOutcome(flat_at=START, closed_coins=("BTC",))

    fakes = FleetFakes(cycle=opens_at(1), stop=crash_once)
    async with fleet(time_skipping, fakes):
        handle = await start(time_skipping, UserAgentInput(config=an_agent()))
        await until(lambda: len(fakes.requests) == 1)
        await child_of(time_skipping, an_intent(1).intent_id)
        await handle.signal("emergency_stop", Reason(text="fire", by="operator"))
        await handle.result()
        last = await report(handle)
    assert len(attempts) == 2
    assert replace(attempts[0], asked_at=START) == replace(attempts[1], asked_at=START)
    assert (attempts[0].reason, attempts[0].by) == ("fire", "operator")
    assert attempts[0].open_intents == (an_intent(1).intent_id,)
    assert [notice.kind for notice in fakes.notices] == ["emergency_stop"]
    assert (last.status, last.open_intents) == (AgentStatus.STOPPED, ())
    assert [shown.is_over for shown in fakes.shown] == [False, True]


async def test_a_stop_does_not_wait_for_threads_that_would_show_it(time_skipping: WorkflowEnvironment) -> None:
    stopped = threading.Event()

    def shown_late(_: AgentShown) -> None:
        if not stopped.wait(10):
            raise ApplicationError("the stop waited until its status was shown", type="late", non_retryable=True)

    def close(stop: EmergencyStop) -> EmergencyOutcome:
        stopped.set()
        return EmergencyOutcome(flat_at=START, closed_coins=stop.coins)

    fakes = FleetFakes(show=shown_late, stop=close)
    async with fleet(time_skipping, fakes):
        progress = AgentProgress(paused=True)
        handle = await start(time_skipping, UserAgentInput(config=an_agent(), progress=progress))
        await until(lambda: fakes.shows_asked == 1)
        await handle.signal("emergency_stop")
        await handle.result()
    assert (fakes.shown[0].status, fakes.shown[-1].status) == (AgentStatus.PAUSED, AgentStatus.STOPPED)


async def test_an_agent_that_is_stopped_already_can_be_started_into_its_emergency_stop(
    time_skipping: WorkflowEnvironment,
) -> None:
    fakes = FleetFakes()
    async with fleet(time_skipping, fakes):
        handle = await start(time_skipping, UserAgentInput(config=an_agent()), start_signal="emergency_stop")
        await handle.result()
    assert len(fakes.emergencies) == 1
    assert fakes.requests == []
