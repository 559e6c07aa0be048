"""What the platform does at once, what in order, and what waits for nothing."""

from __future__ import annotations

import threading

from temporalio.testing import WorkflowEnvironment

from domain.halts import HaltFlag
from tests.workflows.fakes import SLOTS, until
from tests.workflows.test_platform import DRAINED, Control, fleet, start, times
from workflows import ids
from workflows.platform.messages import Broadcast, Halt, PlatformInput, PlatformProgress
from workflows.platform.turns import FOLLOWERS_AT_ONCE


async def test_a_halt_that_comes_while_the_watchdogs_round_hangs_is_closed_and_drained_at_once(
    time_skipping: WorkflowEnvironment,
) -> None:
    control = Control(watches=threading.Event())
    control.drains.set()
    async with fleet(time_skipping, control):
        handle = await start(time_skipping)
        await until(lambda: control.rounds == 1)
        await handle.signal("halt")
        await until(lambda: {"drain platform", "cancel platform", "tell platform"} <= set(control.done))
        await handle.signal("release")
        await until(lambda: "tell release platform" in control.done)
        assert control.rounds == 1
        control.watches.set()
        await handle.terminate()
    assert control.done[0] == "close platform"


async def test_agents_are_told_while_the_halt_still_drains(time_skipping: WorkflowEnvironment) -> None:
    control = Control()
    async with fleet(time_skipping, control):
        handle = await start(time_skipping)
        await handle.signal("halt")
        await until(lambda: "tell platform" in control.done)
        control.drains.set()
        await until(lambda: "cancel platform" in control.done)
        await handle.terminate()
    assert control.done == ["close platform", "tell platform", "drain platform", "cancel platform"]


async def test_one_round_runs_at_a_time_and_the_roll_waits_for_it(time_skipping: WorkflowEnvironment) -> None:
    control = Control(watches=threading.Event())
    async with fleet(time_skipping, control):
        first = await start(time_skipping, PlatformInput(max_rounds=2))
        await until(lambda: control.rounds == 1)
        await first.signal("watch_now")
        await first.signal("halt", Halt(reason="fire"))
        await until(lambda: "tell platform" in control.done)
        assert (control.rounds, len(control.asserted)) == (1, 1)
        control.watches.set()
        await until(lambda: control.rounds == 2)
        current = time_skipping.client.get_workflow_handle(ids.PLATFORM)
        assert (await current.describe()).run_id == first.first_execution_run_id  # it drains yet
        control.drains.set()

        async def has_rolled() -> bool:
            return (await current.describe()).run_id != first.first_execution_run_id

        await until(has_rolled)
        now = await times(current)
        await current.terminate()
    assert now.drained_at == DRAINED


async def test_halts_and_releases_of_one_scope_keep_their_order(time_skipping: WorkflowEnvironment) -> None:
    control = Control()
    control.drains.set()
    handle = await start(time_skipping, start_signal="halt")
    for signal in ("release", "halt", "release", "halt"):
        await handle.signal(signal)
    async with fleet(time_skipping, control):
        await until(lambda: control.done.count("tell platform") == 3)
        now = await times(handle)
        await handle.terminate()
    flags = [name for name in control.done if name.startswith(("close", "release"))]
    assert flags == ["close platform", "release platform"] * 2 + ["close platform"]
    told = [name for name in control.done if name.startswith("tell")]
    assert told == ["tell platform", "tell release platform"] * 2 + ["tell platform"]
    assert now.halts == (Halt(),)


async def test_no_flag_is_put_back_beside_its_release(time_skipping: WorkflowEnvironment) -> None:
    control = Control(asserts=threading.Event())
    control.drains.set()
    handle = await start(time_skipping, PlatformInput(progress=PlatformProgress(halts=(Halt(),))))
    async with fleet(time_skipping, control):
        await until(lambda: len(control.asserted) == 1)
        await handle.signal("release")
        await handle.signal("halt", Halt(scope="user", key="user-1"))
        await until(lambda: "cancel user user-1" in control.done)
        assert "release platform" not in control.done
        control.asserts.set()
        await until(lambda: "release platform" in control.done)
        await handle.terminate()
    assert control.asserted[0].halts == (HaltFlag(),)


async def test_a_halt_is_drained_while_every_thread_that_closes_is_taken(time_skipping: WorkflowEnvironment) -> None:
    control = Control(answers=threading.Event())
    control.drains.set()
    async with fleet(time_skipping, control):
        handle = await start(time_skipping)
        for _ in range(SLOTS + 5):
            await handle.signal("broadcast", Broadcast(signal="pause"))
        await until(lambda: len(control.calls) == SLOTS)
        await handle.signal("halt")
        await until(lambda: {"cancel platform", "tell platform"} <= set(control.done))
        assert len(control.calls) == SLOTS
        control.answers.set()
        await handle.terminate()


async def test_the_platforms_halt_does_not_wait_for_many_narrower_ones(time_skipping: WorkflowEnvironment) -> None:
    control = Control(held={"agent"})
    control.drains.set()
    handle = await start(time_skipping)
    for number in range(60):  # more than the queue has slots
        await handle.signal("halt", Halt(scope="agent", key=f"agent-{number}"))
    async with fleet(time_skipping, control):
        await until(lambda: len(control.draining) == FOLLOWERS_AT_ONCE)
        await handle.signal("halt")
        await until(lambda: "drain platform" in control.done)
        assert control.draining.count("platform") == 1
        assert len(control.draining) == FOLLOWERS_AT_ONCE + 1
        await handle.terminate()


async def test_a_halt_that_nobody_drains_is_taken_over_by_the_watchdog(time_skipping: WorkflowEnvironment) -> None:
    control = Control(undrained=(HaltFlag(scope="user", key="user-1", reason="fire", by="me"),))
    control.drains.set()
    async with fleet(time_skipping, control):
        handle = await start(time_skipping)
        await until(lambda: "cancel user user-1" in control.done)
        await until(lambda: "tell user user-1" in control.done)
        now = await times(handle)
        await handle.terminate()
    assert now.halts == (Halt(scope="user", key="user-1", reason="fire", by="me"),)
    assert "close user user-1" not in control.done


async def test_a_narrower_halt_that_is_drained_does_not_say_so_of_the_platform(
    time_skipping: WorkflowEnvironment,
) -> None:
    control = Control(held={"platform"})
    control.drains.set()
    async with fleet(time_skipping, control):
        handle = await start(time_skipping)
        await handle.signal("halt")
        await until(lambda: "tell platform" in control.done)
        await handle.signal("halt", Halt(scope="user", key="user-1"))
        await until(lambda: "cancel user user-1" in control.done)
        now = await times(handle)
        await handle.terminate()
    assert now.drained_at is None
