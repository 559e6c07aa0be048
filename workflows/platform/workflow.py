"""The life of the platform: halt, release, broadcast, and the watchdog over positions without a live owner."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import datetime

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    import workflows.attributes as attributes
    import workflows.ids as ids
    import workflows.options as options
    import workflows.platform.wording as wording
    import workflows.rolling as rolling
    from activities.platform import PlatformActivities
    from domain.halts import AgentCall, HaltFlag, WatchRequest
    from workflows.platform.messages import Broadcast, Halt, HaltTimes, PlatformInput, Release


@workflow.defn(name="PlatformWorkflow")
class PlatformWorkflow:
    """Runs `platform` for ever. A halt is CLOSED at once; draining, cancelling and telling go on beside further halts."""

    @workflow.init
    def __init__(self, start: PlatformInput) -> None:
        self._progress = start.progress
        self._every = start.watch_every
        self._since = workflow.now()
        self._asked: list[Halt | Release | Broadcast] = []
        self._draining: set[asyncio.Task[None]] = set()
        self._found = ""
        self._rounds = 0
        self._watch_due = True
        self._phase = workflow.info().typed_search_attributes.get(attributes.PHASE, "")

    @workflow.run
    async def run(self, start: PlatformInput) -> None:
        """Do what is asked, watch in between; the first round comes at once, since opens wait for it."""
        while True:
            self._show()
            if not self._watch_due:
                await self._wait_for_request()
            if self._asked:
                await self._answer(self._asked.pop(0))
            else:
                await self._watch()
            if self._is_roll_due(start):
                await workflow.wait_condition(workflow.all_handlers_finished)
                rolling.roll(replace(start, progress=self._progress))

    @workflow.signal
    def halt(self, halt: Halt | None = None) -> None:
        """Let no opening order leave inside a scope; the whole platform by default."""
        self._asked.append(halt or Halt())

    @workflow.signal
    def release(self, release: Release | None = None) -> None:
        """Lift a halt."""
        self._asked.append(release or Release())

    @workflow.signal
    def broadcast(self, broadcast: Broadcast) -> None:
        """Send a signal to every agent of a user, or of all."""
        self._asked.append(broadcast)

    @workflow.signal
    def watch_now(self) -> None:
        """Do the watchdog's round now: a worker has started, perhaps on a database in a new epoch."""
        self._watch_due = True

    @workflow.query
    def status(self) -> HaltTimes:
        """Say which halts are in force, and when the newest was closed and drained."""
        progress = self._progress
        return HaltTimes(
            halts=progress.halts, closed_at=progress.closed_at, drained_at=progress.drained_at, epoch=progress.epoch
        )

    def _is_roll_due(self, start: PlatformInput) -> bool:
        if self._asked or self._draining:
            return False
        return 0 < start.max_rounds <= self._rounds or rolling.is_due(self._since)

    async def _wait_for_request(self) -> None:
        try:
            await workflow.wait_condition(
                lambda: bool(self._asked) or self._watch_due,
                timeout=self._every,
                timeout_summary="until the watchdog's next round",
            )
        except TimeoutError:
            return

    async def _answer(self, asked: Halt | Release | Broadcast) -> None:
        match asked:
            case Halt():
                await self._close(asked)
            case Release():
                await self._release(asked)
            case Broadcast():
                await self._call(
                    AgentCall(signal=asked.signal, user_id=asked.user_id, reason=asked.reason or "broadcast")
                )

    async def _close(self, halt: Halt) -> None:
        """Commit the flag: CLOSED. What follows takes seconds and must not keep the next halt waiting."""
        others = tuple(other for other in self._progress.halts if (other.scope, other.key) != (halt.scope, halt.key))
        self._progress = replace(self._progress, halts=(*others, halt), drained_at=None)
        closed_at: datetime = await workflow.execute_activity_method(
            PlatformActivities.commit_halt,
            wording.flag_of(halt),
            task_queue=ids.QUEUE_CLOSE,
            summary=f"close {wording.name_of(halt)}",
            **options.CLOSE,
        )
        self._progress = replace(self._progress, closed_at=closed_at)
        task = asyncio.create_task(self._drain(halt))
        self._draining.add(task)
        task.add_done_callback(self._draining.discard)

    async def _drain(self, halt: Halt) -> None:
        flag = wording.flag_of(halt)
        drained_at: datetime = await workflow.execute_activity_method(
            PlatformActivities.drain,
            flag,
            task_queue=ids.QUEUE_CLOSE,
            summary=f"drain {flag.name}",
            **options.DRAIN,
        )
        if halt in self._progress.halts:
            self._progress = replace(self._progress, drained_at=drained_at)
        self._show()
        if not halt.keep_resting:
            await workflow.execute_activity_method(
                PlatformActivities.cancel_resting,
                flag,
                task_queue=ids.QUEUE_CLOSE,
                summary=f"cancel resting opening orders, {flag.name}",
                **options.WATCH,
            )
        await self._tell(flag, is_release=False)

    async def _release(self, release: Release) -> None:
        kept = tuple(halt for halt in self._progress.halts if (halt.scope, halt.key) != (release.scope, release.key))
        self._progress = replace(self._progress, halts=kept)
        flag = HaltFlag(scope=release.scope, key=release.key, by=release.by)
        await workflow.execute_activity_method(
            PlatformActivities.release_halt,
            flag,
            task_queue=ids.QUEUE_CLOSE,
            summary=f"release {flag.name}",
            **options.CLOSE,
        )
        await self._tell(flag, is_release=True)

    async def _tell(self, flag: HaltFlag, *, is_release: bool) -> None:
        """Tell agents and users; agents read the flags themselves, this only shows it sooner."""
        await workflow.execute_activity_method(
            PlatformActivities.tell_of_release if is_release else PlatformActivities.tell_of_halt,
            flag,
            task_queue=ids.QUEUE_READ,
            summary=f"tell agents and users of {'the release of ' if is_release else ''}{flag.name}",
            **options.WATCH,
        )

    async def _call(self, call: AgentCall) -> None:
        await workflow.execute_activity_method(
            PlatformActivities.call_agents,
            call,
            task_queue=ids.QUEUE_CLOSE,
            summary=f"send {call.signal} to agents",
            **options.WATCH,
        )

    async def _watch(self) -> None:
        self._rounds += 1
        self._watch_due = False
        outcome = await workflow.execute_activity_method(
            PlatformActivities.watch,
            WatchRequest(
                halts=tuple(wording.flag_of(halt) for halt in self._progress.halts), epoch=self._progress.epoch
            ),
            task_queue=ids.QUEUE_CLOSE,
            summary="watchdog: epoch, owners, rows",
            **options.WATCH,
        )
        self._progress = replace(self._progress, epoch=outcome.epoch)
        self._found = wording.found_by(outcome)

    def _show(self) -> None:
        workflow.set_current_details(wording.details_of(self._progress, self._found))
        phase = wording.phase_of(self._progress)
        if phase != self._phase:
            self._phase = phase
            workflow.upsert_search_attributes([attributes.PHASE.value_set(phase)])
