"""A paper server of each venue for the session, and for each test a user with money; live venues with `-m live`."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.contracts.rigs.base import Rig
from tests.contracts.rigs.desk import Desk
from tests.contracts.rigs.known import PAPER_RIGS
from tests.contracts.rigs.live import LIVE_CASES, LIVE_VENUES, live_rig
from tests.contracts.rigs.server import PaperServer

LIVE = "-live"
QUICK = ("hyperliquid",)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run every case against every venue's paper server, or with `-m live` against every test network."""
    if "rig_name" not in metafunc.fixturenames:
        return
    # One venue is enough for the quick tests.
    names: list[Any] = [pytest.param(name, marks=() if name in QUICK else pytest.mark.slow) for name in PAPER_RIGS]
    if metafunc.config.getoption("markexpr") == "live":
        names = [pytest.param(name + LIVE, marks=pytest.mark.live) for name in LIVE_VENUES]
    metafunc.parametrize("rig_name", names, scope="session")


@pytest.fixture(scope="session")
def started_rig(rig_name: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    """A rig over a paper server of its own; limits are off, so that cases do not wait for each other's minute."""
    if rig_name not in PAPER_RIGS:
        yield live_rig(rig_name.removesuffix(LIVE))
        return
    made = PAPER_RIGS[rig_name]
    with PaperServer(tmp_path_factory.mktemp(rig_name), made.paper_venue()) as server:
        yield made(server)


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
    if reason := started_rig.reason(case_number):
        pytest.skip(f"not applicable: {reason}")
    if started_rig.is_live and case_number not in LIVE_CASES:
        pytest.skip("needs a paper server: it moves prices, loses answers, turns clocks or counts money")
    started_rig.reset()
    yield started_rig
    started_rig.reset()


@pytest.fixture
def desk(rig: Rig) -> Iterator[Desk]:
    """A user with 10,000 of the venue's dollars."""
    with rig.desk() as made:
        yield made
