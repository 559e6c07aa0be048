"""Reads: every type answers in the venue's shape."""

import inspect
import time
from itertools import pairwise

import pytest
from hyperliquid.utils.types import Cloid

from tests.contracts.paper_hyperliquid.conftest import Paper, Trader, make_trader

NOW = time.time_ns() // 1_000_000
USER_READS = [
    "clearinghouseState", "spotClearinghouseState", "openOrders", "frontendOpenOrders", "historicalOrders", "userFills", "userFees",
    "userRateLimit", "userRole", "extraAgents", "subAccounts", "portfolio",
]  # fmt: skip


@pytest.mark.parametrize("kind", USER_READS)
def test_an_unknown_address_is_an_empty_account_and_no_error(paper: Paper, kind: str) -> None:
    answer = paper.call("/info", {"type": kind, "user": "0x" + "9" * 40, "dex": ""})
    assert not isinstance(answer, dict) or "code" not in answer
    if kind == "clearinghouseState":
        assert answer["marginSummary"] == {
            "accountValue": "0.0",
            "totalNtlPos": "0.0",
            "totalRawUsd": "0.0",
            "totalMarginUsed": "0.0",
        }


def test_the_universe_and_the_contexts_are_index_aligned(trader: Trader) -> None:
    meta, contexts = trader.info.meta_and_asset_ctxs()
    assert [row["name"] for row in meta["universe"]] == ["BTC", "ETH", "SOL"]
    assert meta["universe"][0]["szDecimals"] == 5
    assert [row["markPx"] for row in contexts] == ["100000.0", "4000.0", "200.0"]
    mids = trader.info.all_mids()
    assert {coin: mids[coin] for coin in ("BTC", "ETH", "SOL")} == {"BTC": "100000.0", "ETH": "4000.0", "SOL": "200.0"}
    assert set(mids) == {"BTC", "ETH", "SOL", "PURR/USDC", "@142", "@151", "@156"}
    spot, _ = trader.info.spot_meta_and_asset_ctxs()
    tokens = {token["index"] for token in spot["tokens"]}
    assert all(set(pair["tokens"]) <= tokens for pair in spot["universe"])
    assert trader.info.perp_dexs() == [None]


def test_the_book_has_twenty_levels_a_side_best_first_and_can_be_coarsened(paper: Paper, trader: Trader) -> None:
    bids, asks = trader.info.l2_snapshot("BTC")["levels"]
    assert (len(bids), len(asks)) == (20, 20)
    assert [float(row["px"]) for row in bids] == sorted((float(row["px"]) for row in bids), reverse=True)
    assert float(bids[0]["px"]) < 100000 < float(asks[0]["px"])
    coarse = paper.call("/info", {"type": "l2Book", "coin": "BTC", "nSigFigs": 3})["levels"]
    assert [row["px"] for row in coarse[0]][:2] == ["99900.0", "99800.0"]
    assert paper.call("/info", {"type": "l2Book", "coin": "NONE"}) is None


def test_candles_end_with_the_forming_one_at_the_present_price(trader: Trader) -> None:
    now = time.time_ns() // 1_000_000
    candles = trader.info.candles_snapshot("ETH", "1m", now - 600_000, now)
    assert [later["t"] - earlier["t"] for earlier, later in pairwise(candles)] == [60_000] * (len(candles) - 1)
    forming = candles[-1]
    assert forming["t"] <= now <= forming["T"]
    assert forming["c"] == "4000.0"
    assert all(float(row["l"]) <= min(float(row["o"]), float(row["c"])) <= float(row["h"]) for row in candles)
    assert len(trader.info.candles_snapshot("ETH", "1h", 0, now)) == 5000


def test_the_account_state_adds_up(trader: Trader) -> None:
    trader.sdk.market_open("BTC", True, 0.5)
    trader.sdk.market_open("ETH", False, 2)
    state = trader.info.user_state(trader.address)
    summary = {key: float(value) for key, value in state["marginSummary"].items()}
    signed = sum(
        float(row["position"]["szi"]) * {"BTC": 100000, "ETH": 4000}[row["position"]["coin"]]
        for row in state["assetPositions"]
    )
    assert summary["totalRawUsd"] == pytest.approx(summary["accountValue"] - signed)
    assert summary["totalNtlPos"] == pytest.approx(58_000)
    assert summary["totalMarginUsed"] == pytest.approx(58_000 / 20)
    assert float(state["withdrawable"]) == pytest.approx(summary["accountValue"] - 5_800)
    assert abs(state["time"] - time.time_ns() // 1_000_000) < 2_000


def test_fills_by_time_come_oldest_first_and_can_be_merged(trader: Trader) -> None:
    trader.paper.control("settings", refill_ms=1)
    trader.sdk.market_open("BTC", True, 8)
    trader.sdk.market_open("BTC", False, 0.1)
    rows = trader.info.user_fills_by_time(trader.address, 0)
    assert [row["time"] for row in rows] == sorted(row["time"] for row in rows)
    assert len(rows) > 2
    merged = trader.info.user_fills_by_time(trader.address, 0, aggregate_by_time=True)
    assert len(merged) == 2
    assert float(merged[0]["sz"]) == 8
    assert sum(float(row["fee"]) for row in rows) == pytest.approx(sum(float(row["fee"]) for row in merged))
    assert trader.info.user_fills_by_time(trader.address, rows[-1]["time"] + 1) == []
    trader.paper.control("settings", refill_ms=10_000)


def test_limits_fees_roles_and_data_of_an_account(trader: Trader) -> None:
    trader.sdk.market_open("BTC", True, 0.1)
    limit = trader.info.user_rate_limit(trader.address)
    assert limit["nRequestsCap"] == 10_000 + int(float(limit["cumVlm"]))
    assert limit["nRequestsUsed"] == 2
    assert trader.info.user_fees(trader.address)["userCrossRate"] == "0.00045"
    assert trader.info.user_role(trader.address) == {"role": "user"}
    data = trader.paper.call("/info", {"type": "activeAssetData", "user": trader.address, "coin": "BTC"})
    assert data["leverage"] == {"type": "cross", "value": 20}
    assert float(data["maxTradeSzs"][0]) < float(data["maxTradeSzs"][1])
    names = [row[0] for row in trader.info.portfolio(trader.address)]
    assert names == ["day", "week", "month", "allTime", "perpDay", "perpWeek", "perpMonth", "perpAllTime"]


def test_the_lookups_forget_old_orders_and_the_log_does_not(trader: Trader) -> None:
    first = trader.sdk.order("BTC", True, 0.01, 105000, {"limit": {"tif": "Ioc"}})
    oid = first["response"]["data"]["statuses"][0]["filled"]["oid"]
    trader.paper.control("settings", order_retention=3)
    for _ in range(3):
        trader.sdk.order("BTC", True, 0.01, 105000, {"limit": {"tif": "Ioc"}})
    assert trader.info.query_order_by_oid(trader.address, oid) == {"status": "unknownOid"}
    assert len(trader.info.historical_orders(trader.address)) == 6
    assert oid in {fill["oid"] for fill in trader.info.user_fills(trader.address)}
    assert oid in {row["oid"] for row in trader.orders()}
    trader.paper.control("settings", order_retention=2000)


def test_every_read_of_the_sdk_but_the_auctions_answers(trader: Trader) -> None:
    trader.sdk.market_open("BTC", True, 0.01)
    given = {
        "user": trader.address, "address": trader.address, "name": "BTC", "coin": "BTC", "interval": "1h", "startTime": 0, "start_time": 0,
        "endTime": NOW, "oid": 5, "cloid": Cloid.from_int(1), "multi_sig_user": trader.address,
    }  # fmt: skip
    outside = {"query_spot_deploy_auction_status", "query_perp_deploy_auction_status"}
    local = {"subscribe", "unsubscribe", "disconnect_websocket", "post", "set_perp_meta", "name_to_asset"}
    asked = 0
    for name, method in inspect.getmembers(trader.info, inspect.ismethod):
        if name.startswith("_") or name in outside | local:
            continue
        wanted = [item.name for item in inspect.signature(method).parameters.values() if item.default is item.empty]
        method(*[given[item] for item in wanted])
        asked += 1
    assert asked >= 35


def test_on_another_dex_nobody_has_anything(trader: Trader) -> None:
    trader.sdk.market_open("BTC", True, 0.01)
    trader.sdk.order("BTC", True, 0.01, 90000, {"limit": {"tif": "Gtc"}})
    assert trader.info.user_state(trader.address, "xyz")["assetPositions"] == []
    assert trader.info.open_orders(trader.address, "xyz") == []
    assert len(trader.info.open_orders(trader.address)) == 1


def test_the_leaderboard_ranks_by_value_and_is_a_page_of_its_own(trader: Trader) -> None:
    rich = make_trader(trader.paper, "5000000")
    rows = trader.paper.call("/Mainnet/leaderboard")["leaderboardRows"]
    assert (rows[0]["ethAddress"], rows[0]["accountValue"]) == (rich.address, "5000000.0")
    assert [window for window, _ in rows[0]["windowPerformances"]] == ["day", "week", "month", "allTime"]
    assert trader.address in {row["ethAddress"] for row in rows}


def test_other_reads_answer(paper: Paper) -> None:
    for body in (
        {"type": "predictedFundings"},
        {"type": "recentTrades", "coin": "BTC"},
        {"type": "fundingHistory", "coin": "BTC", "startTime": 0},
        {"type": "exchangeStatus"},
        {"type": "marginTable", "id": 56},
        {"type": "maxBuilderFee", "user": "0x" + "1" * 40, "builder": "0x" + "2" * 40},
        {"type": "userFunding", "user": "0x" + "1" * 40, "startTime": 0},
    ):
        answer = paper.call("/info", body)
        assert not isinstance(answer, dict) or "code" not in answer, body
