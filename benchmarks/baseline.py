"""What an intent is measured against: a workflow of one activity that does nothing."""

from __future__ import annotations

from datetime import timedelta

from temporalio import activity, workflow


@activity.defn
def do_nothing(number: int) -> int:
    """Answer at once."""
    return number


@workflow.defn
class OneActivity:
    """Runs one activity and ends."""

    @workflow.run
    async def run(self, number: int) -> int:
        """Run it."""
        return await workflow.execute_activity(do_nothing, number, start_to_close_timeout=timedelta(seconds=30))
