"""The life of one shard: keep one heartbeating activity running that watches the shard's accounts."""

from __future__ import annotations

from contextlib import suppress

from temporalio import workflow
from temporalio.exceptions import ActivityError

with workflow.unsafe.imports_passed_through():
    import workflows.ids as ids
    import workflows.options as options
    import workflows.rolling as rolling
    from activities.streams import StreamActivities
    from domain.supervision import ShardReport, ShardRun
    from workflows.stream_shard.messages import StreamShardInput


@workflow.defn(name="StreamShardWorkflow")
class StreamShardWorkflow:
    """Runs `stream/{venue}/{egress}/{n}` for ever. Two activities may overlap for a heartbeat: all they write is idempotent."""

    @workflow.init
    def __init__(self, start: StreamShardInput) -> None:
        self._given = start
        self._since = workflow.now()
        self._reassigned = False
        self._last = ShardReport()
        self._rounds = 0

    @workflow.run
    async def run(self, start: StreamShardInput) -> None:
        """Watch; begin anew when the accounts changed, roll when the run has grown old."""
        while True:
            await self._watch()
            self._show()
            if not self._reassigned and self._is_roll_due:
                await workflow.wait_condition(workflow.all_handlers_finished)
                rolling.roll(start)

    @workflow.signal
    def reassign(self) -> None:
        """Read the list of accounts again now; the activity does so each minute by itself."""
        self._reassigned = True

    @workflow.query
    def status(self) -> ShardReport:
        """Say what the last activity came to."""
        return self._last

    @property
    def _is_roll_due(self) -> bool:
        return 0 < self._given.max_rounds <= self._rounds or rolling.is_due(self._since)

    async def _watch(self) -> None:
        self._reassigned = False
        self._rounds += 1
        given = self._given
        running = workflow.start_activity_method(
            StreamActivities.run_shard,
            ShardRun(
                venue=given.venue,
                network=given.network,
                egress=given.egress,
                shard=given.shard,
                sync_every=given.sync_every,
                run_for=given.run_for,
            ),
            task_queue=ids.QUEUE_STREAM,
            summary=f"watch {given.venue} {given.network} shard {given.shard}",
            cancellation_type=workflow.ActivityCancellationType.TRY_CANCEL,
            **options.STREAM,
        )
        await workflow.wait_condition(lambda: running.done() or self._reassigned)
        if running.done():
            self._last = await running
            return
        running.cancel()
        with suppress(ActivityError):
            await running

    def _show(self) -> None:
        last = self._last
        workflow.set_current_details(
            f"**watching** {self._given.venue} {self._given.network}, shard {self._given.shard}\n"
            f"- {last.accounts} accounts, {last.syncs} syncs, {last.fills} fills, {last.wakes} wake-ups in the last hour"
        )
