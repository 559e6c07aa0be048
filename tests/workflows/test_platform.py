"""The life of the platform."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from temporalio import activity
from temporalio.client import WorkflowHandle
from temporalio.exceptions import ApplicationError
from temporalio.testing import WorkflowEnvironment

from domain.halts import AgentCall, HaltFlag, WatchOutcome, WatchRequest
from tests.workflows.fakes import START, Fleet, until
from workflows import ids
from workflows.platform.messages import Broadcast, Halt, HaltTimes, PlatformInput
from workflows.platform.workflow import PlatformWorkflow

DRAINED = START + timedelta(seconds=9)


def _set() -> threading.Event:
    event = threading.Event()
    event.set()
    return event


@dataclass
class Control:
    """The platform's activities; `done` lists what happened in which order."""

    done: list[str] = field(default_factory=list)
    drains: threading.Event = field(default_factory=threading.Event)
    pause: threading.Event = field(default_factory=threading.Event)
    held: set[str] = field(default_factory=set)
    draining: list[str] = field(default_factory=list)
    failing: set[str] = field(default_factory=set)
    epoch: str = "epoch-1"
    asserted: list[WatchRequest] = field(default_factory=list)
    answers: threading.Event = field(default_factory=_set)
    asserts: threading.Event = field(default_factory=_set)
    watches: threading.Event = field(default_factory=_set)
    rounds: int = 0
    undrained: tuple[HaltFlag, ...] = ()
    calls: list[AgentCall] = field(default_factory=list)

    def activities(self) -> list[Callable[..., Any]]:
        def act(name: str) -> None:
            self.done.append(name)
            if name in self.failing:
                self.failing.discard(name)
                raise ApplicationError("the worker died after it had acted", type="crash")

        @activity.defn(name="commit_halt")
        def commit_halt(flag: HaltFlag) -> datetime:
            act(f"close {flag.name}")
            return START

        @activity.defn(name="drain")
        def drain(flag: HaltFlag) -> datetime:
            self.draining.append(flag.name)
            while flag.scope in self.held or not self.drains.wait(0.05):
                activity.heartbeat("rows in flight")
                self.pause.wait(0.05)
            act(f"drain {flag.name}")
            return DRAINED

        @activity.defn(name="cancel_resting")
        def cancel_resting(flag: HaltFlag) -> int:
            act(f"cancel {flag.name}")
            return 0

        @activity.defn(name="release_halt")
        def release_halt(flag: HaltFlag) -> bool:
            act(f"release {flag.name}")
            return True

        @activity.defn(name="tell_of_halt")
        def tell_of_halt(flag: HaltFlag) -> int:
            act(f"tell {flag.name}")
            return 1

        @activity.defn(name="tell_of_release")
        def tell_of_release(flag: HaltFlag) -> int:
            act(f"tell release {flag.name}")
            return 1

        return [commit_halt, drain, cancel_resting, release_halt, tell_of_halt, tell_of_release, *self._watching()]

    def _watching(self) -> list[Callable[..., Any]]:
        @activity.defn(name="call_agents")
        def call_agents(call: AgentCall) -> int:
            self.calls.append(call)
            while not self.answers.wait(0.05):
                activity.heartbeat("calling")
            return 1

        @activity.defn(name="assert_halts")
        def assert_halts(request: WatchRequest) -> str:
            self.asserted.append(request)
            while not self.asserts.wait(0.05):
                activity.heartbeat("registering")
            return self.epoch

        @activity.defn(name="watch")
        def watch() -> WatchOutcome:
            self.rounds += 1
            while not self.watches.wait(0.05):
                activity.heartbeat("looking")
            return WatchOutcome(protected=("BTC of account-1",), undrained=self.undrained)

        return [call_agents, assert_halts, watch]


def fleet(environment: WorkflowEnvironment, control: Control) -> Fleet:
    return Fleet(environment.client, workflows=[PlatformWorkflow], activities=control.activities())


async def start(
    environment: WorkflowEnvironment, given: PlatformInput | None = None, **more: Any
) -> WorkflowHandle[Any, Any]:
    return await environment.client.start_workflow(
        PlatformWorkflow.run, given or PlatformInput(), id=ids.PLATFORM, task_queue=ids.QUEUE_WORKFLOW, **more
    )


async def times(handle: WorkflowHandle[Any, Any]) -> HaltTimes:
    return await handle.query(PlatformWorkflow.status)


async def test_a_halt_by_hand_is_closed_then_drained_then_cleans_up(time_skipping: WorkflowEnvironment) -> None:
    control = Control()
    handle = await start(time_skipping, start_signal="halt")
    async with fleet(time_skipping, control):
        await until(lambda: "close platform" in control.done)

        async def is_closed() -> bool:
            return (await times(handle)).closed_at == START

        await until(is_closed)
        closed = await times(handle)
        await until(lambda: "tell platform" in control.done)
        control.drains.set()
        await until(lambda: control.done[-1] == "cancel platform")
        drained = await times(handle)
        await handle.terminate()
    assert (closed.drained_at, closed.halts) == (None, (Halt(),))
    assert drained.drained_at == DRAINED
    assert control.done == ["close platform", "tell platform", "drain platform", "cancel platform"]


async def test_a_second_halt_is_closed_while_the_first_still_drains(time_skipping: WorkflowEnvironment) -> None:
    control = Control()
    async with fleet(time_skipping, control):
        handle = await start(time_skipping)
        await handle.signal("halt", Halt(scope="user", key="user-1"))
        await until(lambda: "close user user-1" in control.done)
        await handle.signal("halt", Halt(keep_resting=True))
        await until(lambda: "close platform" in control.done)
        assert not any(name.startswith("drain") for name in control.done)
        control.drains.set()
        await until(
            lambda: {"tell platform", "drain platform", "tell user user-1", "cancel user user-1"} <= set(control.done)
        )
        await handle.terminate()
    assert "cancel platform" not in control.done
    assert "cancel user user-1" in control.done


async def test_steps_that_failed_after_they_acted_are_done_again(time_skipping: WorkflowEnvironment) -> None:
    control = Control(failing={"close platform", "drain platform", "cancel platform"})
    control.drains.set()
    async with fleet(time_skipping, control):
        handle = await start(time_skipping)
        await handle.signal("halt")
        await until(lambda: control.done.count("cancel platform") == 2)
        now = await times(handle)
        await handle.terminate()
    assert now.drained_at == DRAINED
    assert control.done.count("close platform") == 2
    assert control.done.count("drain platform") == 2


async def test_a_release_lifts_the_halt_of_its_scope_alone(time_skipping: WorkflowEnvironment) -> None:
    control = Control()
    control.drains.set()
    async with fleet(time_skipping, control):
        handle = await start(time_skipping)
        await handle.signal("halt")
        await handle.signal("halt", Halt(scope="venue", key="hyperliquid"))
        await until(lambda: "tell venue hyperliquid" in control.done)
        await handle.signal("release")
        await until(lambda: "tell release platform" in control.done)
        now = await times(handle)
        await handle.terminate()
    assert [halt.scope for halt in now.halts] == ["venue"]


async def test_the_watchdog_reasserts_the_halts_in_force_each_round(time_skipping: WorkflowEnvironment) -> None:
    control = Control()
    control.drains.set()
    async with fleet(time_skipping, control):
        handle = await start(time_skipping)
        await handle.signal("halt", Halt(reason="fire", by="me"))
        # The first round begins with the workflow, beside the halt, and may come after all of it.
        await until(lambda: "tell platform" in control.done and control.rounds == 1)
        await time_skipping.sleep(timedelta(seconds=61))
        await until(lambda: control.rounds == 2)
        await handle.signal("watch_now")
        await until(lambda: control.rounds == 3)
        now = await times(handle)
        await handle.terminate()
    assert control.asserted[0].epoch == ""
    assert control.asserted[-1] == WatchRequest(halts=(HaltFlag(reason="fire", by="me"),), epoch="epoch-1")
    assert now.epoch == "epoch-1"


async def test_a_broadcast_reaches_agents_by_one_activity(time_skipping: WorkflowEnvironment) -> None:
    control = Control()
    async with fleet(time_skipping, control):
        handle = await start(time_skipping)
        await handle.signal("broadcast", Broadcast(signal="pause", user_id="user-1", reason="maintenance"))
        await until(lambda: len(control.calls) == 1)
        await handle.terminate()
    assert control.calls == [AgentCall(signal="pause", user_id="user-1", reason="maintenance")]


async def test_halts_survive_the_roll(time_skipping: WorkflowEnvironment) -> None:
    control = Control()
    control.drains.set()
    async with fleet(time_skipping, control):
        first = await start(time_skipping, PlatformInput(max_rounds=2))
        await first.signal("halt", Halt(reason="fire"))
        await until(lambda: "tell platform" in control.done)
        await time_skipping.sleep(timedelta(minutes=3, seconds=30))
        await until(lambda: control.rounds > 3)
        current = time_skipping.client.get_workflow_handle(ids.PLATFORM)
        rolled = (await current.describe()).run_id != first.first_execution_run_id
        now = await times(current)
        await current.terminate()
    assert rolled
    assert (now.halts, now.drained_at) == ((Halt(reason="fire"),), DRAINED)
