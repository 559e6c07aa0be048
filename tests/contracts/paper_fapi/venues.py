"""Running the paper servers for the tests of this protocol: a package's conftest takes these fixtures in by name."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tests.contracts.paper_fapi.trader import BASE, Trader, key_trader, wallet_trader
from tests.contracts.rigs.server import PaperServer

SETTINGS = {
    "impact": "0", "depth_scale": "1", "clock_offset_ms": 0, "halted": False, "trading_halted": False, "account_inactive": False,
    "futures_disabled": False, "cancel_is_found": True, "second_close": "refuse", "algo_child_client_id": "same",
    "close_position_when_flat": "keep", "duplicate_client_id": "reject",
}  # fmt: skip
PRICES = {"BTC": BASE, "ETH": 4000, "SOL": 200}


def calm(server: PaperServer) -> PaperServer:
    """Lift faults, put switches back and hold the prices."""
    server.lift_faults()
    server.post("settings", **SETTINGS)
    for coin, px in PRICES.items():
        server.move(coin, px)
    return server


@contextmanager
def trader_of(server: PaperServer, kind: str, money: str = "100000") -> Iterator[Trader]:
    """Make a trader with money: `binance` and `aster_v1` with API keys, `aster` with a wallet."""
    made = wallet_trader(server, money=money) if kind == "aster" else key_trader(server, money=money)
    try:
        yield made
    finally:
        made.close()


def running_of(*kinds: str) -> Any:
    """Return the fixture `running`: each of some venues as one process, one after the other."""

    @pytest.fixture(scope="package", params=kinds)
    def running(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[PaperServer]:
        with PaperServer(tmp_path_factory.mktemp(request.param), request.param) as server:
            yield server

    return running


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
    """A trader with money at the venue."""
    with trader_of(server, venue) as made:
        yield made
