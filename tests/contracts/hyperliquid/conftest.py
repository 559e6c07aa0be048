"""A paper Hyperliquid for the session, and for each test a user with money and an approved agent."""

from collections.abc import Iterator

import pytest

from tests.contracts.rigs.desk import Desk
from tests.contracts.rigs.hyperliquid import HyperliquidRig
from tests.contracts.rigs.server import PaperServer


@pytest.fixture(scope="session")
def started_rig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HyperliquidRig]:
    """A rig over a paper server of its own."""
    with PaperServer(tmp_path_factory.mktemp("hyperliquid")) as server:
        yield HyperliquidRig(server)


@pytest.fixture
def rig(started_rig: HyperliquidRig) -> Iterator[HyperliquidRig]:
    """The venue, as at its start."""
    started_rig.reset()
    yield started_rig
    started_rig.reset()


@pytest.fixture
def desk(rig: HyperliquidRig) -> Iterator[Desk]:
    """A user with 10,000 USDC."""
    with rig.desk() as made:
        yield made
