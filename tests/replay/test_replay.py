"""Today's code against recorded histories: the same commands in the same order, or a failed test."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from temporalio.client import Client, WorkflowHistory

from api.replay import WORKFLOWS, fetch, replay
from domain.errors import Refused
from runtime.converter import data_converter
from tests.replay.changed import ShardThatSleepsFirst
from tests.replay.recording import FINGERPRINTS, FOLDER, Servers, fingerprint, kept, play, servers
from tests.replay.scenarios import scenarios
from tests.replay.staging import Scenario

NAMES = sorted(path.stem for path in FOLDER.glob("*.json"))
CONVERTER = data_converter(None)


@pytest.mark.parametrize("name", NAMES)
async def test_todays_code_replays_the_recorded_history(name: str) -> None:
    report = await replay(kept(name), CONVERTER)
    assert report.is_compatible, f"{name} differs at event {report.differs_at}: {report.difference}"


@pytest.mark.parametrize("name", NAMES)
def test_the_recorded_history_has_the_recorded_fingerprint(name: str) -> None:
    assert fingerprint(kept(name)) == json.loads(FINGERPRINTS.read_text())[name]


def test_every_scenario_is_recorded_and_every_workflow_is_among_them() -> None:
    recorded = [scenario.name for scenario in scenarios()]
    assert sorted(recorded) == NAMES
    types = {kept(name).events[0].workflow_execution_started_event_attributes.workflow_type.name for name in NAMES}
    assert types == {kind.__name__ for kind in WORKFLOWS}


@pytest.fixture(scope="module")
def both_servers(temporal_binary: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    with servers(temporal_binary, tmp_path_factory.mktemp("replay")) as running:
        yield running


@pytest.mark.slow
@pytest.mark.real
@pytest.mark.parametrize("scenario", scenarios(), ids=lambda scenario: scenario.name)
async def test_todays_code_gives_the_commands_of_the_fingerprint(scenario: Scenario, both_servers: Servers) -> None:
    history = await play(scenario, both_servers.of(scenario))
    assert fingerprint(history) == json.loads(FINGERPRINTS.read_text())[scenario.name]


def _renamed(name: str, old: str, new: str) -> WorkflowHistory:
    history = kept(name)
    return WorkflowHistory.from_json(history.workflow_id, history.to_json().replace(f'"{old}"', f'"{new}"'))


async def test_a_command_that_the_code_gives_no_more_is_found_and_named() -> None:
    history = _renamed("trade_intent.filled_and_closed_by_its_stop", "protect_position", "guard_position")
    report = await replay(history, CONVERTER)
    scheduled = next(step for step in report.steps if step.subject.startswith("guard_position"))
    assert not report.is_compatible
    # A task's commands are compared together, so the difference is placed at the first of them.
    assert scheduled.event_id - 1 <= report.differs_at <= scheduled.event_id
    assert "guard_position" in report.difference


async def test_a_changed_workflow_fails_the_replay_of_its_history() -> None:
    history = kept("stream_shard.reassigned_and_continued_as_new")
    report = await replay(history, CONVERTER, workflows=[ShardThatSleepsFirst])
    assert not report.is_compatible
    assert report.steps[0].subject == "StreamShardWorkflow"


async def test_the_steps_read_like_a_log() -> None:
    report = await replay(kept("user_agent.opened_and_reported"), CONVERTER)
    told = [f"{step.what}: {step.subject} ({step.summary})" for step in report.steps]
    assert "activity task scheduled: run_cycle on hf-read (cycle 1: observe and decide)" in told
    assert any("intent_reported" in line for line in told)


@pytest.mark.real
async def test_an_execution_that_temporal_does_not_know_is_refused_with_a_sentence(temporal_client: Client) -> None:
    with pytest.raises(Refused, match="no execution intent/nowhere"):
        await fetch(temporal_client, "intent/nowhere")
