"""What a StreamShardWorkflow is started with, told and asked. Signal: reassign (the accounts of the shard changed)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamShardInput:
    """Start of a StreamShardWorkflow; which accounts belong to it stands in Postgres.

    `max_rounds` > 0 rolls after so many activities (tests).
    """

    venue: str
    network: str
    egress: str = "default"
    shard: int = 0
    sync_every: timedelta = timedelta(seconds=30)
    run_for: timedelta = timedelta(hours=1)
    max_rounds: int = 0
