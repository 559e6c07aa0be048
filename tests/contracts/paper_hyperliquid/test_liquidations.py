"""Liquidation of a cross account and of an isolated position, as the unmodified SDK sees it."""

from __future__ import annotations

from typing import Any

import pytest

from tests.contracts.paper_hyperliquid.conftest import Paper, Trader, eventually, make_trader


@pytest.fixture
def poor(paper: Paper) -> Trader:
    """A trader with little money, so that prices need not move far."""
    return make_trader(paper, "1000")


def ledger(trader: Trader) -> list[dict[str, Any]]:
    rows = trader.info.user_non_funding_ledger_updates(trader.address, 0)
    return [row["delta"] for row in rows if row["delta"]["type"] == "liquidation"]


def move(trader: Trader, coin: str, px: str) -> None:
    trader.paper.control("price", coin=coin, px=px, freeze=True)


def state(trader: Trader) -> dict[str, Any]:
    found: dict[str, Any] = trader.info.user_state(trader.address)
    return found


def test_a_cross_account_is_sold_into_the_book_with_its_orders_cancelled(poor: Trader) -> None:
    poor.sdk.update_leverage(40, "BTC")
    assert poor.sdk.market_open("BTC", True, 0.2)["status"] == "ok"
    poor.sdk.order("ETH", True, 0.01, 3000, {"limit": {"tif": "Gtc"}})
    before = state(poor)["assetPositions"][0]["position"]
    px = float(before["liquidationPx"])
    move(poor, "BTC", str(round(px) + 20))
    assert poor.szi() == "0.2"
    move(poor, "BTC", str(round(px) - 5))
    eventually(lambda: poor.szi() == "0.0")
    fill = poor.info.user_fills(poor.address)[0]
    assert (fill["dir"], fill["crossed"], fill["liquidation"]["method"]) == ("Close Long", True, "market")
    assert fill["liquidation"]["liquidatedUser"] == poor.address
    (delta,) = ledger(poor)
    assert (delta["leverageType"], delta["liquidatedPositions"]) == ("Cross", [{"coin": "BTC", "szi": "0.2"}])
    assert float(delta["liquidatedNtlPos"]) == pytest.approx(0.2 * px, rel=0.001)
    order = poor.info.historical_orders(poor.address)
    assert "liquidatedCanceled" in {row["status"] for row in order if row["order"]["coin"] == "ETH"}
    closing = next(row["order"] for row in order if row["order"]["oid"] == fill["oid"])
    assert (closing["orderType"], closing["tif"]) == ("Market", "LiquidationMarket")
    left = float(state(poor)["marginSummary"]["accountValue"])
    assert 0 < left < 1000
    assert poor.paper.call("/control/health")["balanced"]


def test_an_isolated_position_is_liquidated_alone(poor: Trader) -> None:
    poor.sdk.update_leverage(20, "BTC", is_cross=False)
    poor.sdk.market_open("BTC", True, 0.05)
    poor.sdk.market_open("ETH", True, 0.1)
    poor.sdk.order("BTC", True, 0.001, 80000, {"limit": {"tif": "Gtc"}})
    poor.sdk.order("ETH", True, 0.01, 3000, {"limit": {"tif": "Gtc"}})
    position = next(row["position"] for row in state(poor)["assetPositions"] if row["position"]["coin"] == "BTC")
    move(poor, "BTC", str(round(float(position["liquidationPx"])) - 5))
    eventually(lambda: poor.szi() == "0.0")
    assert poor.szi("ETH") == "0.1"
    assert ledger(poor)[-1]["leverageType"] == "Isolated"
    assert [row["coin"] for row in poor.info.open_orders(poor.address)] == ["ETH"]
    assert float(state(poor)["marginSummary"]["accountValue"]) > 700


def test_far_below_its_margin_a_position_goes_to_the_backstop(poor: Trader) -> None:
    poor.sdk.update_leverage(40, "BTC")
    poor.sdk.market_open("BTC", False, 0.2)
    move(poor, "BTC", "107000")
    eventually(lambda: poor.szi() == "0.0")
    fill = poor.info.user_fills(poor.address)[0]
    assert (fill["dir"], fill["liquidation"]["method"]) == ("Liquidated Cross Short", "backstop")
    assert (fill["fee"], state(poor)["marginSummary"]["accountValue"]) == ("0.0", "0.0")
    assert poor.paper.call("/control/health")["balanced"]
