"""Which task queues a worker serves: a halt must find a thread wherever something can be closed."""

from pathlib import Path

import pytest
from temporalio.testing import WorkflowEnvironment

from runtime.loading import load_settings
from tests.unit.wiring.test_activities import wire
from wiring.venues import VENUES
from worker import QUEUES, workers_of
from workflows import ids, options
from workflows.platform.turns import COMMITS_AT_ONCE, FOLLOWERS_AT_ONCE


@pytest.mark.parametrize(
    ("asked", "served"),
    [
        ({"close"}, {ids.QUEUE_HALT, ids.QUEUE_CLOSE}),
        ({"open"}, {ids.queue_open(venue) for venue in VENUES}),
        (
            set(QUEUES),
            {
                ids.QUEUE_WORKFLOW,
                ids.QUEUE_HALT,
                ids.QUEUE_CLOSE,
                *(ids.queue_open(venue) for venue in VENUES),
                ids.QUEUE_READ,
                ids.QUEUE_STREAM,
            },
        ),
    ],
)
async def test_who_serves_close_serves_halts(
    time_skipping: WorkflowEnvironment, tmp_path: Path, asked: set[str], served: set[str]
) -> None:
    settings = load_settings({"HOLDFAST_ENV": "testing", "HOLDFAST_HOME": str(tmp_path)}, None)
    wired = wire(time_skipping.client, tmp_path)
    workers = workers_of(time_skipping.client, settings, frozenset(asked), wired)
    assert {worker.task_queue for worker in workers} == served


async def test_narrower_halts_leave_threads_to_the_platforms_own(
    time_skipping: WorkflowEnvironment, tmp_path: Path
) -> None:
    settings = load_settings({"HOLDFAST_ENV": "testing", "HOLDFAST_HOME": str(tmp_path)}, None)
    workers = workers_of(time_skipping.client, settings, frozenset({"close"}), wire(time_skipping.client, tmp_path))
    slots = next(worker for worker in workers if worker.task_queue == ids.QUEUE_HALT).config()[
        "max_concurrent_activities"
    ]
    commit_drain_cancel_tell_and_assert = 5
    assert slots is not None
    assert slots >= COMMITS_AT_ONCE + FOLLOWERS_AT_ONCE + commit_drain_cancel_tell_and_assert


def test_nothing_but_halts_has_the_first_priority() -> None:
    """Closes come after halts, everything else after closes."""
    first = {name for name, value in vars(options).items() if _key(value) == 1}
    assert first == {"HALT", "DRAIN"}
    assert (_key(options.CLOSE), _key(options.RESOLVE), _key(options.PLACE), _key(options.STREAM)) == (2, 2, 3, 5)


def _key(value: object) -> int | None:
    priority = value.get("priority") if isinstance(value, dict) else None
    return priority.priority_key if priority is not None else None
