"""One scenario for each path of each workflow: what is started, what its activities answer, what it is told."""

from __future__ import annotations

from tests.replay.agents import agents
from tests.replay.intents import intents
from tests.replay.staging import Scenario
from tests.replay.standing import accounts, platforms, shards


def scenarios() -> list[Scenario]:
    """Every scenario, with fakes of its own."""
    return [*agents(), *intents(), *accounts(), *shards(), *platforms()]
