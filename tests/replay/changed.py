"""A workflow as somebody might change it, for the proof that such a change is noticed."""

from __future__ import annotations

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from workflows.stream_shard.messages import StreamShardInput


@workflow.defn(name="StreamShardWorkflow")
class ShardThatSleepsFirst:
    """A shard with a new timer before its first activity."""

    @workflow.run
    async def run(self, start: StreamShardInput) -> None:
        """Sleep."""
        await workflow.sleep(start.sync_every)

    @workflow.signal
    def reassign(self) -> None:
        """Take the signal."""
