"""The paper Binance as one process."""

from collections.abc import Iterator

import pytest

from tests.contracts.paper_fapi.trader import Trader
from tests.contracts.paper_fapi.venues import calm, trader_of
from tests.contracts.rigs.server import PaperServer


@pytest.fixture(scope="package")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PaperServer]:
    with PaperServer(tmp_path_factory.mktemp("binance"), "binance") as server:
        yield server


@pytest.fixture
def server(running: PaperServer) -> PaperServer:
    """A venue that stands still."""
    return calm(running)


@pytest.fixture
def trader(server: PaperServer) -> Iterator[Trader]:
    with trader_of(server, "binance") as made:
        yield made
