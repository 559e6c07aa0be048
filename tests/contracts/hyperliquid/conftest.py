"""A paper server for the session, and for each test a funded trader with an approved agent."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.contracts.hyperliquid.trader import PaperServer, Trader


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PaperServer]:
    """A paper server on a free port; limits are off, so that tests do not wait for each other's minute."""
    with PaperServer(tmp_path_factory.mktemp("paper")) as started:
        yield started


@pytest.fixture
def trader(server: PaperServer) -> Iterator[Trader]:
    """A user with 10,000 USDC; faults and switches are as at the start."""
    server.reset()
    with Trader.funded(server) as made:
        yield made
    server.reset()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder of this test's own."""
    return tmp_path
