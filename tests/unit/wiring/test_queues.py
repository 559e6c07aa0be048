"""Which task queues a worker serves: a halt must find a thread wherever something can be closed."""

from pathlib import Path

import pytest
from temporalio.testing import WorkflowEnvironment

from api.starts import agent_of, intent_of, stopping_agent_of
from runtime.loading import load_settings
from tests.unit.wiring.test_activities import wire
from tests.workflows.fakes import an_agent, an_intent
from wiring.venues import VENUES
from worker import QUEUES, workers_of
from workflows import ids, options
from workflows.platform.turns import COMMITS_AT_ONCE, FOLLOWERS_AT_ONCE
from workflows.user_agent.messages import Reason


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


@pytest.mark.parametrize(("given", "tasks"), [({}, (8, 2)), ({"WORKER_WORKFLOW_TASKS": "40"}, (40, 10))])
async def test_few_workflow_tasks_are_under_way_at_once(
    time_skipping: WorkflowEnvironment, tmp_path: Path, given: dict[str, str], tasks: tuple[int, int]
) -> None:
    """Priorities order what waits at the server: a stop's task is behind whatever has been handed out before it."""
    settings = load_settings({"HOLDFAST_ENV": "testing", "HOLDFAST_HOME": str(tmp_path)} | given, None)
    wired = wire(time_skipping.client, tmp_path)
    (worker,) = workers_of(time_skipping.client, settings, frozenset({"workflow"}), wired)
    config = worker.config()
    assert (config["max_concurrent_workflow_tasks"], config["max_concurrent_workflow_task_polls"]) == tasks


def test_nothing_but_halts_and_emergency_stops_has_the_first_priority() -> None:
    """Closes come after halts, everything else after closes."""
    first = {name for name, value in vars(options).items() if _key(value) == 1}
    assert first == {"HALT", "DRAIN", "STOP"}
    assert (_key(options.CLOSE), _key(options.RESOLVE), _key(options.PLACE), _key(options.STREAM)) == (2, 2, 3, 5)


def test_a_stop_goes_before_agents_and_agents_before_the_opens_that_they_ask_for() -> None:
    config = an_agent()
    stop, agent, opening = (
        start.keywords["priority"].priority_key
        for start in (stopping_agent_of(config, Reason()), agent_of(config), intent_of(an_intent(1)))
    )
    assert stop < agent < opening


def _key(value: object) -> int | None:
    priority = value.get("priority") if isinstance(value, dict) else None
    return priority.priority_key if priority is not None else None
