"""Both venues, each as one process; rules in common are asked of both."""

from collections.abc import Iterator

import pytest

from tests.contracts.paper_fapi.trader import Trader
from tests.contracts.paper_fapi.venues import calm, trader_of
from tests.contracts.rigs.server import PaperServer


@pytest.fixture(scope="package", params=["binance", "aster"])
def running(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[PaperServer]:
    with PaperServer(tmp_path_factory.mktemp(request.param), request.param) as server:
        yield server


@pytest.fixture
def server(running: PaperServer) -> PaperServer:
    """A venue that stands still."""
    return calm(running)


@pytest.fixture
def venue(request: pytest.FixtureRequest) -> str:
    """The name of the venue that is asked."""
    return str(request.node.callspec.params["running"])


@pytest.fixture
def trader(server: PaperServer, venue: str) -> Iterator[Trader]:
    with trader_of(server, venue) as made:
        yield made
