"""A unified account: its money is spot, its perp state shows none, and transfers between the two are refused."""

from __future__ import annotations

from typing import Any

import pytest

from tests.contracts.paper_hyperliquid.conftest import Paper, Trader, make_trader

DISABLED = "Action disabled when unified account is active"


@pytest.fixture
def unified(paper: Paper) -> Trader:
    trader = make_trader(paper, "1000")
    assert trader.master.usd_class_transfer(400, False)["status"] == "ok"
    assert trader.master.user_set_abstraction(trader.address, "unifiedAccount")["status"] == "ok"
    return trader


def usdc(trader: Trader) -> dict[str, Any]:
    rows = trader.info.spot_user_state(trader.address)["balances"]
    found: dict[str, Any] = next(row for row in rows if row["coin"] == "USDC")
    return found


def test_all_money_is_in_the_spot_state_and_backs_perpetuals(unified: Trader) -> None:
    assert unified.info.query_user_abstraction_state(unified.address) == "unifiedAccount"
    assert (usdc(unified)["total"], usdc(unified)["hold"]) == ("1000.0", "0.0")
    assert unified.info.user_state(unified.address)["marginSummary"]["accountValue"] == "0.0"
    # More than the six hundred that were in the perp account.
    assert "filled" in str(unified.sdk.market_open("BTC", True, 0.15))
    assert unified.szi() == "0.15"
    assert float(usdc(unified)["hold"]) == pytest.approx(750, rel=0.01)
    refused = unified.sdk.market_open("BTC", True, 0.1)
    assert "Insufficient margin to place order." in str(refused)


def test_spot_is_bought_and_sold_from_the_same_money(unified: Trader) -> None:
    assert "filled" in str(unified.sdk.market_open("UBTC/USDC", True, 0.005))
    assert float(usdc(unified)["total"]) == pytest.approx(500, rel=0.01)
    assert "Insufficient spot balance" in str(unified.sdk.market_open("UBTC/USDC", True, 0.009))
    assert "Insufficient margin" in str(unified.sdk.market_open("BTC", True, 0.15))
    assert unified.paper.call("/control/health")["balanced"]


def test_transfers_are_refused_and_there_is_no_way_back(unified: Trader) -> None:
    assert unified.master.usd_class_transfer(10, True)["response"] == DISABLED
    token = unified.info.spot_meta()["tokens"][0]
    assert unified.master.spot_transfer(1, "0x" + "9" * 40, f"USDC:{token['tokenId']}")["response"] == DISABLED
    assert unified.master.user_set_abstraction(unified.address, "disabled")["status"] == "err"


def test_a_day_has_so_many_actions(paper: Paper) -> None:
    own = Paper(["--port", "0", "--limits", "on"])
    own.start()
    try:
        trader = make_trader(own)
        trader.master.user_set_abstraction(trader.address, "unifiedAccount")
        own.control("settings", unified_daily_actions=2)
        answers = [trader.sdk.update_leverage(5, "BTC")["status"] for _ in range(4)]
        assert answers == ["ok", "ok", "err", "err"]
    finally:
        own.stop()


def test_an_agent_may_switch_too(paper: Paper) -> None:
    trader = make_trader(paper)
    assert trader.sdk.agent_set_abstraction("u")["status"] == "ok"
    assert trader.info.query_user_abstraction_state(trader.address) == "unifiedAccount"
    assert trader.sdk.agent_set_abstraction("i")["status"] == "err"
    assert trader.master.user_dex_abstraction(trader.address, True)["status"] == "ok"
    assert trader.info.query_user_dex_abstraction_state(trader.address) is True
