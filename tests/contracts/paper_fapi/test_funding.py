"""Funding on venues whose market time runs fast: eight hours pass in three seconds."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest

from tests.contracts.paper_fapi.trader import SYMBOL, Trader
from tests.contracts.paper_fapi.venues import calm, trader_of
from tests.contracts.rigs.server import PaperServer

EIGHT_HOURS_MS = 8 * 3_600_000
pytestmark = pytest.mark.slow


@pytest.fixture(params=["binance", "aster"])
def holder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Trader]:
    with PaperServer(tmp_path_factory.mktemp(request.param), request.param, speed=9600) as server:
        calm(server)
        with trader_of(server, request.param) as made:
            yield made


def test_funding_of_a_crossed_position_tells_the_balance_alone(holder: Trader):
    holder.market().ok  # noqa: B018
    with holder.events() as events:
        told: dict[str, Any] = {"m": "", "P": [], "B": []}
        while told["m"] != "FUNDING_FEE":
            told = events.next("ACCOUNT_UPDATE")["a"]
    assert Decimal(told["B"][0]["bc"]) != 0
    assert [row["s"] for row in told["P"]] == []
    paid = holder.get("income", symbol=SYMBOL, incomeType="FUNDING_FEE").ok[-1]
    rate = holder.public("fundingRate", symbol=SYMBOL, limit=1000).ok
    of_time = {row["fundingTime"]: Decimal(row["fundingRate"]) for row in rate}
    assert paid["time"] % EIGHT_HOURS_MS == 0
    # Longs pay what is above zero, on the mark.
    assert Decimal(paid["income"]) == -(1000 * of_time[paid["time"]]).quantize(Decimal("1e-8"))
