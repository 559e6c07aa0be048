"""Activity options by name; `summary` stays with the call. Queues are chosen by the call as well."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TypedDict

from temporalio.common import Priority, RetryPolicy


class Options(TypedDict, total=False):
    """The part of execute_activity's keywords that a policy fixes (without summary, which would collide)."""

    start_to_close_timeout: timedelta
    schedule_to_close_timeout: timedelta
    schedule_to_start_timeout: timedelta
    heartbeat_timeout: timedelta
    retry_policy: RetryPolicy
    priority: Priority


HALTS = Priority(priority_key=1)
URGENT = Priority(priority_key=2)
NORMAL = Priority(priority_key=3)
BACKGROUND = Priority(priority_key=5)

_MISSED = timedelta(seconds=3)
"""Silence after which an activity's worker counts as dead; activities beat each second."""

HALT_TASK = timedelta(seconds=4)
"""How long a worker may keep a task of the platform's workflow. One that stands still takes tasks, several in a row, and with the
server's ten seconds a halt was drained after half a minute; the workflow's own steps take milliseconds."""

_QUICK = RetryPolicy(
    initial_interval=timedelta(milliseconds=500), backoff_coefficient=2.0, maximum_interval=timedelta(seconds=10)
)

READ = Options(start_to_close_timeout=timedelta(seconds=30), retry_policy=_QUICK, priority=NORMAL)
"""Reads and decisions: retried until they answer; the caller bounds the wait where lateness matters."""

APPROVE = Options(
    start_to_close_timeout=timedelta(seconds=20),
    schedule_to_close_timeout=timedelta(seconds=60),
    retry_policy=_QUICK,
    priority=NORMAL,
)

PLACE = Options(
    start_to_close_timeout=timedelta(seconds=30),
    heartbeat_timeout=_MISSED,
    schedule_to_close_timeout=timedelta(seconds=120),
    retry_policy=_QUICK,
    priority=NORMAL,
)
"""A first send. Late is worse than none, but the ceiling is `not_after`, which the venue enforces."""

RESOLVE = Options(
    start_to_close_timeout=timedelta(seconds=30),
    heartbeat_timeout=_MISSED,
    retry_policy=RetryPolicy(
        initial_interval=timedelta(seconds=1), backoff_coefficient=1.0, maximum_interval=timedelta(seconds=5)
    ),
    priority=URGENT,
)
"""Retry as poll: an unknown outcome is asked for until it is known, without history events."""

CLOSE = Options(
    start_to_close_timeout=timedelta(seconds=60),
    heartbeat_timeout=_MISSED,
    retry_policy=RetryPolicy(
        initial_interval=timedelta(milliseconds=300), backoff_coefficient=1.5, maximum_interval=timedelta(seconds=5)
    ),
    priority=URGENT,
)
"""Cancels, closes and protection: retried for ever, on slots of their own."""

HALT = Options(
    start_to_close_timeout=timedelta(seconds=20),
    heartbeat_timeout=_MISSED,
    retry_policy=RetryPolicy(initial_interval=timedelta(milliseconds=200), maximum_interval=timedelta(seconds=1)),
    priority=HALTS,
)
"""A flag committed or released: a few statements, ahead of everything else."""

STREAM = Options(
    start_to_close_timeout=timedelta(hours=12),
    heartbeat_timeout=timedelta(seconds=20),
    retry_policy=RetryPolicy(
        initial_interval=timedelta(seconds=1), backoff_coefficient=2.0, maximum_interval=timedelta(seconds=30)
    ),
    priority=BACKGROUND,
)

CYCLE = Options(
    start_to_close_timeout=timedelta(seconds=60),
    schedule_to_close_timeout=timedelta(minutes=5),
    retry_policy=_QUICK,
    priority=NORMAL,
)
"""A decision: an outage only skips the cycle, so the wait for it is bounded."""

WATCH = Options(
    start_to_close_timeout=timedelta(minutes=5),
    heartbeat_timeout=timedelta(seconds=30),
    retry_policy=_QUICK,
    priority=URGENT,
)
"""Long rounds over many rows, heartbeating: broadcast, watchdog, what follows a halt."""

STOP = Options(
    start_to_close_timeout=timedelta(minutes=5),
    heartbeat_timeout=_MISSED,
    retry_policy=RetryPolicy(initial_interval=timedelta(milliseconds=200), maximum_interval=timedelta(seconds=5)),
    priority=HALTS,
)
"""An emergency stop: long, but a worker that dies over it is noticed in seconds, not after the half minute of other long rounds."""

DRAIN = Options(
    start_to_close_timeout=timedelta(minutes=5),
    heartbeat_timeout=_MISSED,
    retry_policy=RetryPolicy(initial_interval=timedelta(milliseconds=200), maximum_interval=timedelta(seconds=1)),
    priority=HALTS,
)
"""A halt's drain: retried at once, since people wait for it."""


def fair(base: Options, user_id: str) -> Options:
    """Give each user the same share of a busy queue."""
    chosen = base.copy()
    chosen["priority"] = replace(base.get("priority", NORMAL), fairness_key=user_id)
    return chosen
