"""What Binance alone tells of an account and of its keys."""

import pytest

from tests.contracts.paper_fapi.trader import SYMBOL, Trader


@pytest.mark.parametrize("right", ["trade", "withdraw", "futures"])
def test_the_rights_of_a_key_are_told(trader: Trader, right: str):
    names = {"trade": "enableFutures", "withdraw": "enableWithdrawals", "futures": "enableFutures"}
    for value in (True, False):
        trader.account(permissions={"trade": True, "withdraw": False, "futures": True} | {right: value})
        told = trader.get("/sapi/v1/account/apiRestrictions").ok
        assert (told["enableReading"], told[names[right]]) == (True, value)


def test_a_key_without_futures_is_refused(trader: Trader):
    trader.account(permissions={"futures": False})
    assert trader.get("openOrders").refusal[:2] == (401, -2015)
    assert trader.order().refusal[:2] == (401, -2015)


def test_the_third_version_lists_positions_that_have_a_size_or_orders(trader: Trader):
    assert trader.get("/fapi/v3/positionRisk").ok == []
    trader.market().ok  # noqa: B018
    (row,) = trader.get("/fapi/v3/positionRisk").ok
    assert (row["symbol"], row["positionAmt"], row["marginAsset"]) == (SYMBOL, "0.010", "USDT")
    assert len(trader.get("/fapi/v2/positionRisk").ok) == 3
    (slim,) = trader.get("/fapi/v3/account").ok["positions"]
    assert slim["positionAmt"] == "0.010"
    assert len(trader.get("/fapi/v2/account").ok["positions"]) == 3


def test_a_quick_note_of_a_fill_comes_beside_the_full_one(trader: Trader):
    with trader.events() as events:
        placed = trader.market().ok
        lite = events.next("TRADE_LITE")
        full = events.next("ORDER_TRADE_UPDATE", x="TRADE")["o"]
    assert (lite["i"], lite["t"], lite["l"], lite["L"]) == (placed["orderId"], full["t"], full["l"], full["L"])


def test_an_order_may_follow_the_book_instead_of_a_price(trader: Trader):
    best = trader.public("ticker/bookTicker", symbol=SYMBOL).ok
    placed = trader.order(price=None, priceMatch="QUEUE").ok
    assert (placed["price"], placed["priceMatch"]) == (best["bidPrice"], "QUEUE")


def test_an_order_good_till_a_date_says_so(trader: Trader):
    assert trader.order(timeInForce="GTD").code == -1102
    soon = trader.public("time").ok["serverTime"] + 60_000
    assert trader.order(timeInForce="GTD", goodTillDate=soon).code == -1130
    late = (soon + 3_600_000) // 1000 * 1000
    assert trader.order(timeInForce="GTD", goodTillDate=late).ok["goodTillDate"] == late
