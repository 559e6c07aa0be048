"""What the tests of activities share: a paper exchange of each file, and a trading desk of each test on a database of its own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from runtime.secrets import KeyRing
from tests.integration.fleet_desk import FleetDesk
from tests.stack.paper import Paper
from tests.stack.trading import Bench, bench


@pytest.fixture(scope="module")
def paper(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Paper]:
    with Paper(tmp_path_factory.mktemp("paper")) as started:
        yield started


@pytest.fixture
def desk(paper: Paper, database: str, tmp_path: Path, keys: KeyRing) -> Iterator[Bench]:
    made = bench(paper, database, tmp_path, keys)
    yield made
    paper.clear_faults()
    made.close()


@pytest.fixture
def fleet(desk: Bench) -> FleetDesk:
    return FleetDesk(desk)
