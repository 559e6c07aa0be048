"""Running the paper servers for the tests of this protocol."""

from collections.abc import Iterator
from contextlib import contextmanager

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
