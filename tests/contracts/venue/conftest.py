"""A paper server of each venue for the session, and for each test a user with money; live venues with `-m live`."""

from collections.abc import Iterator

import pytest

from tests.contracts.rigs.base import Rig
from tests.contracts.rigs.desk import Desk
from tests.contracts.rigs.known import PAPER_RIGS
from tests.contracts.rigs.server import PaperServer


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run every case against every venue."""
    if "rig_name" in metafunc.fixturenames:
        metafunc.parametrize("rig_name", list(PAPER_RIGS), scope="session")


@pytest.fixture(scope="session")
def started_rig(rig_name: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    """A rig over a paper server of its own; limits are off, so that cases do not wait for each other's minute."""
    with PaperServer(tmp_path_factory.mktemp(rig_name), rig_name) as server:
        yield PAPER_RIGS[rig_name](server)


@pytest.fixture(autouse=True)
def case_number(request: pytest.FixtureRequest, record_property) -> int:
    """The number of the case, for the table; a case that the venue cannot have is skipped with the reason."""
    marker = request.node.get_closest_marker("case")
    assert marker is not None, "A contract test has a case number."
    (number,) = marker.args
    record_property("case", number)
    record_property("venue", request.node.callspec.params["rig_name"])
    return number


@pytest.fixture
def rig(started_rig: Rig, case_number: int) -> Iterator[Rig]:
    """The venue, as at its start."""
    if reason := started_rig.absent.get(case_number):
        pytest.skip(f"not applicable: {reason}")
    started_rig.reset()
    yield started_rig
    started_rig.reset()


@pytest.fixture
def desk(rig: Rig) -> Iterator[Desk]:
    """A user with 10,000 of the venue's dollars."""
    with rig.desk() as made:
        yield made
