"""The life of the platform: halt, release, broadcast, and the watchdog over positions without a live owner."""

from __future__ import annotations

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
    from workflows.platform.turns import Turns


@workflow.defn(name="PlatformWorkflow")
class PlatformWorkflow:
    """Runs `platform` for ever. A halt is CLOSED at once; draining, cancelling, telling and watching go on beside it."""

    @workflow.init
    def __init__(self, start: PlatformInput) -> None:
        self._progress = start.progress
        self._every = start.watch_every
        self._since = workflow.now()
        self._turns = Turns()
        self._draining: set[str] = set()
        self._released: set[str] = set()
        self._found = ""
        self._rounds = 0
        self._watch_at: datetime | None = workflow.now()
        self._watching = False
        self._phase = workflow.info().typed_search_attributes.get(attributes.PHASE, "")

    @workflow.run
    async def run(self, start: PlatformInput) -> None:
        """Watch, round after round; what is asked is begun where it arrives, so that a halt waits for nothing."""
        self._show()
        while not self._is_roll_due(start):
            self._begin_round_when_due()
            await self._wait(start)
        await workflow.wait_condition(workflow.all_handlers_finished)
        rolling.roll(replace(start, progress=self._progress))

    @workflow.signal
    def halt(self, halt: Halt | None = None) -> None:
        """Let no opening order leave inside a scope; the whole platform by default."""
        self._turns.begin(self._close(halt or Halt()))

    @workflow.signal
    def release(self, release: Release | None = None) -> None:
        """Lift a halt."""
        self._turns.begin(self._release(release or Release()))

    @workflow.signal
    def broadcast(self, broadcast: Broadcast) -> None:
        """Send a signal to every agent of a user, or of all."""
        self._turns.begin(self._call(broadcast))

    @workflow.signal
    def watch_now(self) -> None:
        """Do the watchdog's round now: a worker has started, perhaps on a database in a new epoch."""
        self._watch_at = workflow.now()

    @workflow.query
    def status(self) -> HaltTimes:
        """Say which halts are in force, and when the newest was closed and drained."""
        progress = self._progress
        return HaltTimes(
            halts=progress.halts, closed_at=progress.closed_at, drained_at=progress.drained_at, epoch=progress.epoch
        )

    @property
    def _is_watch_due(self) -> bool:
        return not self._watching and self._watch_at is not None and workflow.now() >= self._watch_at

    def _is_roll_due(self, start: PlatformInput) -> bool:
        return self._turns.is_idle and (0 < start.max_rounds <= self._rounds or rolling.is_due(self._since))

    def _begin_round_when_due(self) -> None:
        """Begin a round; the first comes at once, since opens wait for it."""
        if self._is_watch_due:
            self._watching, self._watch_at = True, None
            self._turns.begin(self._watch())

    async def _wait(self, start: PlatformInput) -> None:
        """Wait until the next round, or a roll, is due; there is no timer while a round runs."""
        planned = self._watch_at
        until = None if self._watching or planned is None else planned - workflow.now()
        try:
            await workflow.wait_condition(
                lambda: self._is_watch_due or self._is_roll_due(start) or (until is None and not self._watching),
                timeout=until,
                timeout_summary="until the watchdog's next round",
            )
        except TimeoutError:
            return

    async def _close(self, halt: Halt) -> None:
        """Commit the flag: CLOSED. Draining and telling take seconds and go on side by side."""
        flag = wording.flag_of(halt)
        async with self._turns.of(flag.name).commit, self._turns.to_commit(flag.name):
            self._note(halt)
            closed_at: datetime = await workflow.execute_activity_method(
                PlatformActivities.commit_halt,
                flag,
                task_queue=ids.QUEUE_HALT,
                summary=f"close {flag.name}",
                **options.HALT,
            )
            if wording.is_shown(halt, self._progress):
                self._progress = replace(self._progress, closed_at=closed_at)
            self._follow(halt)
        self._show()

    def _note(self, halt: Halt) -> None:
        """Remember a halt, in the place of an older one of its scope."""
        others = tuple(other for other in self._progress.halts if (other.scope, other.key) != (halt.scope, halt.key))
        self._progress = replace(self._progress, halts=(*others, halt))
        if wording.is_shown(halt, self._progress):
            self._progress = replace(self._progress, drained_at=None)

    def _follow(self, halt: Halt) -> None:
        self._draining.add(wording.name_of(halt))
        self._turns.begin(self._drain(halt))
        self._turns.begin(self._tell(wording.flag_of(halt), is_release=False))

    async def _drain(self, halt: Halt) -> None:
        """Wait for DRAINED, then cancel what rests; a halt that was released in between has neither."""
        flag = wording.flag_of(halt)
        async with self._turns.to_follow(flag.name):
            drained_at: datetime | None = await workflow.execute_activity_method(
                PlatformActivities.drain,
                flag,
                task_queue=ids.QUEUE_HALT,
                summary=f"drain {flag.name}",
                **options.DRAIN,
            )
            if halt in self._progress.halts and wording.is_shown(halt, self._progress):
                self._progress = replace(self._progress, drained_at=drained_at)
            self._show()
            if drained_at is not None and not halt.keep_resting:
                await self._cancel_resting(flag)
        self._draining.discard(flag.name)

    async def _cancel_resting(self, flag: HaltFlag) -> None:
        await workflow.execute_activity_method(
            PlatformActivities.cancel_resting,
            flag,
            task_queue=ids.QUEUE_HALT,
            summary=f"cancel resting opening orders, {flag.name}",
            **options.WATCH,
        )

    async def _release(self, release: Release) -> None:
        flag = HaltFlag(scope=release.scope, key=release.key, by=release.by)
        async with self._turns.of(flag.name).commit, self._turns.to_release(flag.name):
            kept = (halt for halt in self._progress.halts if (halt.scope, halt.key) != (release.scope, release.key))
            self._progress = replace(self._progress, halts=tuple(kept))
            self._released.add(flag.name)
            await workflow.execute_activity_method(
                PlatformActivities.release_halt,
                flag,
                task_queue=ids.QUEUE_HALT,
                summary=f"release {flag.name}",
                **options.HALT,
            )
            self._turns.begin(self._tell(flag, is_release=True))
        self._show()

    async def _tell(self, flag: HaltFlag, *, is_release: bool) -> None:
        """Tell agents and users; agents read the flags themselves, this only shows it sooner."""
        async with self._turns.of(flag.name).tell, self._turns.to_follow(flag.name):
            await workflow.execute_activity_method(
                PlatformActivities.tell_of_release if is_release else PlatformActivities.tell_of_halt,
                flag,
                task_queue=ids.QUEUE_HALT,
                summary=f"tell agents and users of {'the release of ' if is_release else ''}{flag.name}",
                **options.WATCH,
            )

    async def _call(self, broadcast: Broadcast) -> None:
        await workflow.execute_activity_method(
            PlatformActivities.call_agents,
            AgentCall(signal=broadcast.signal, user_id=broadcast.user_id, reason=broadcast.reason or "broadcast"),
            task_queue=ids.QUEUE_CLOSE,
            summary=f"send {broadcast.signal} to agents",
            **options.WATCH,
        )

    async def _watch(self) -> None:
        """One round of the watchdog; it may take minutes, and nothing waits for it but the next round and a roll."""
        self._released.clear()
        await self._assert_halts()
        outcome = await workflow.execute_activity_method(
            PlatformActivities.watch,
            task_queue=ids.QUEUE_CLOSE,
            summary="watchdog: owners, rows",
            **options.WATCH,
        )
        self._found = wording.found_by(outcome)
        self._adopt(outcome.undrained)
        self._rounds += 1
        self._watch_at = self._watch_at or workflow.now() + self._every
        self._watching = False
        self._show()

    async def _assert_halts(self) -> None:
        """Put back what a new epoch of the database has lost; opens wait for this."""
        async with self._turns.to_assert():
            epoch: str = await workflow.execute_activity_method(
                PlatformActivities.assert_halts,
                WatchRequest(
                    halts=tuple(wording.flag_of(halt) for halt in self._progress.halts), epoch=self._progress.epoch
                ),
                task_queue=ids.QUEUE_HALT,
                summary="watchdog: epoch",
                **options.HALT,
            )
            self._progress = replace(self._progress, epoch=epoch)

    def _adopt(self, undrained: tuple[HaltFlag, ...]) -> None:
        """Take over halts that were committed while Temporal did not answer: nobody has told us of them."""
        known = {wording.name_of(halt): halt for halt in self._progress.halts}
        for flag in undrained:
            if flag.name not in self._draining | self._released:
                halt = known.get(flag.name) or Halt(scope=flag.scope, key=flag.key, reason=flag.reason, by=flag.by)
                self._note(halt)
                self._follow(halt)

    def _show(self) -> None:
        workflow.set_current_details(wording.details_of(self._progress, self._found))
        phase = wording.phase_of(self._progress)
        if phase != self._phase:
            self._phase = phase
            workflow.upsert_search_attributes([attributes.PHASE.value_set(phase)])
