"""Positions, leverage, margin, modes, income, funding and liquidation."""

from decimal import Decimal
from typing import Any

import pytest

from tests.contracts.paper_fapi.trader import SYMBOL, Trader, eventually
from tests.contracts.rigs.server import PaperServer

OK = {"code": 200, "msg": "success"}


def position(trader: Trader, side: str = "BOTH") -> dict[str, Any]:
    """The row of a position."""
    rows = trader.get("/fapi/v3/positionRisk", symbol=SYMBOL).ok
    return next(row for row in rows if row["positionSide"] == side)


def test_a_position_has_its_entry_its_mark_and_its_result(trader: Trader, server: PaperServer):
    entry = Decimal(trader.market().ok["avgPrice"])
    server.move("BTC", 101_000)
    row = position(trader)
    assert (row["positionAmt"], Decimal(row["entryPrice"])) == ("0.010", entry)
    assert Decimal(row["markPrice"]) == 101_000
    assert Decimal(row["unRealizedProfit"]) == (101_000 - entry) * Decimal("0.010")
    assert Decimal(row["notional"]) == 1010
    trader.market("SELL", "0.025").ok  # noqa: B018
    assert position(trader)["positionAmt"] == "-0.015"


def test_reduce_only_takes_no_more_than_there_is(trader: Trader):
    trader.market().ok  # noqa: B018
    assert trader.market("BUY", reduceOnly="true").refusal == (400, -2022, "ReduceOnly Order is rejected.")
    closed = trader.market("SELL", "0.030", reduceOnly="true").ok
    assert closed["executedQty"] == "0.010"
    assert trader.amount() == 0


def test_a_resting_order_that_reduces_goes_with_its_position(trader: Trader):
    trader.market().ok  # noqa: B018
    resting = trader.order(side="SELL", price="101000.00", reduceOnly="true").ok
    trader.market("SELL").ok  # noqa: B018
    eventually(lambda: trader.open_ids() == [])
    found = trader.get("order", symbol=SYMBOL, orderId=resting["orderId"]).ok
    assert (found["status"], found["executedQty"], found["reduceOnly"]) == ("EXPIRED", "0.000", True)


def test_leverage_is_a_whole_number_within_the_brackets(trader: Trader):
    answer = trader.post("leverage", symbol=SYMBOL, leverage=10).ok
    assert (answer["leverage"], answer["symbol"]) == (10, SYMBOL)
    assert trader.post("leverage", symbol=SYMBOL, leverage=0).refusal == (400, -4028, "Leverage 0 is not valid")
    assert trader.post("leverage", symbol=SYMBOL, leverage=126).refusal == (400, -4028, "Leverage 126 is not valid")
    assert trader.post("leverage", symbol=SYMBOL, leverage="2.5").code == -1102
    brackets = trader.get("leverageBracket", symbol=SYMBOL).ok[0]["brackets"]
    assert brackets[0]["initialLeverage"] == 125
    assert [row["notionalFloor"] for row in brackets[1:]] == [row["notionalCap"] for row in brackets[:-1]]


def test_a_position_above_what_its_leverage_allows_is_refused(trader: Trader):
    trader.post("leverage", symbol=SYMBOL, leverage=125).ok  # noqa: B018
    words = (400, -2027, "Exceeded the maximum allowable position at current leverage.")
    assert trader.order(quantity="3.200").refusal == words
    trader.post("leverage", symbol=SYMBOL, leverage=20).ok  # noqa: B018
    trader.market(quantity="4.000").ok  # noqa: B018
    assert trader.post("leverage", symbol=SYMBOL, leverage=125).code == -2027
    small = (400, -2028, "Leverage is smaller than permitted: insufficient margin balance.")
    assert trader.post("leverage", symbol=SYMBOL, leverage=2).refusal == small


def test_margin_types_change_only_while_a_contract_is_empty(trader: Trader):
    assert trader.post("marginType", symbol=SYMBOL, marginType="CROSSED").code == -4046
    assert trader.post("marginType", symbol=SYMBOL, marginType="SHARED").code == -1130
    assert trader.post("marginType", symbol=SYMBOL, marginType="ISOLATED").ok == OK
    placed = trader.order().ok["orderId"]
    assert trader.post("marginType", symbol=SYMBOL, marginType="CROSSED").code == -4047
    trader.delete("order", symbol=SYMBOL, orderId=placed).ok  # noqa: B018
    trader.market().ok  # noqa: B018
    assert trader.post("marginType", symbol=SYMBOL, marginType="CROSSED").code == -4048


def test_an_isolated_position_has_margin_of_its_own_to_add_to_and_take_from(trader: Trader):
    assert trader.post("positionMargin", symbol=SYMBOL, amount="10", type=1).code == -4054
    trader.post("marginType", symbol=SYMBOL, marginType="ISOLATED").ok  # noqa: B018
    trader.post("leverage", symbol=SYMBOL, leverage=10).ok  # noqa: B018
    trader.market().ok  # noqa: B018
    before = Decimal(position(trader)["isolatedMargin"])
    assert before == pytest.approx(Decimal(100), rel=Decimal("0.01"))
    assert trader.post("positionMargin", symbol=SYMBOL, amount="50", type=1).ok["code"] == 200
    assert Decimal(position(trader)["isolatedMargin"]) == before + 50
    assert trader.post("positionMargin", symbol=SYMBOL, amount="10000000", type=1).code == -4050
    assert trader.post("positionMargin", symbol=SYMBOL, amount="120", type=2).code == -4051
    assert trader.post("positionMargin", symbol=SYMBOL, amount="0", type=1).code == -4055
    lower = trader.post("leverage", symbol=SYMBOL, leverage=5).refusal
    words = "Leverage reduction is not supported in Isolated Margin Mode with open positions."
    assert lower == (400, -4161, words)
    assert position(trader)["positionAmt"] == "0.010"


def test_hedge_mode_keeps_two_positions_and_wants_a_side_with_each_order(trader: Trader):
    assert trader.get("positionSide/dual").ok == {"dualSidePosition": False}
    assert trader.post("positionSide/dual", dualSidePosition="true").ok == OK
    words = (400, -4059, "No need to change position side.")
    assert trader.post("positionSide/dual", dualSidePosition="true").refusal == words
    wanted = (400, -4061, "Order's position side does not match user's setting.")
    assert trader.market().refusal == wanted
    trader.market(positionSide="LONG").ok  # noqa: B018
    trader.market("SELL", "0.020", positionSide="SHORT").ok  # noqa: B018
    assert (position(trader, "LONG")["positionAmt"], position(trader, "SHORT")["positionAmt"]) == ("0.010", "-0.020")
    assert trader.market("SELL", positionSide="LONG", reduceOnly="true").code == -1106
    assert trader.market("SELL", "0.011", positionSide="LONG").refusal == (400, -2022, "ReduceOnly Order is rejected.")
    trader.market("SELL", positionSide="LONG").ok  # noqa: B018
    assert trader.post("positionSide/dual", dualSidePosition="false").code == -4068
    trader.market("BUY", "0.020", positionSide="SHORT").ok  # noqa: B018
    trader.order(positionSide="LONG").ok  # noqa: B018
    assert trader.post("positionSide/dual", dualSidePosition="false").code == -4067


def test_income_tells_results_fees_and_transfers(trader: Trader, server: PaperServer):
    trader.market().ok  # noqa: B018
    server.move("BTC", 101_000)
    trader.market("SELL", reduceOnly="true").ok  # noqa: B018
    rows = trader.get("income").ok
    assert sorted({row["incomeType"] for row in rows}) == ["COMMISSION", "REALIZED_PNL", "TRANSFER"]
    results = trader.get("income", symbol=SYMBOL, incomeType="REALIZED_PNL").ok
    assert sum(Decimal(row["income"]) for row in results) == pytest.approx(Decimal(10), rel=Decimal("0.05"))
    fees = [Decimal(row["income"]) for row in rows if row["incomeType"] == "COMMISSION"]
    # One for each trade; an order is several where somebody has just used up the best level.
    trades = trader.get("userTrades", symbol=SYMBOL).ok
    assert sorted(fees) == sorted(-Decimal(trade["commission"]) for trade in trades)
    assert max(fees) < 0
    assert sum(Decimal(row["income"]) for row in rows) == Decimal(trader.get(of_balance(trader)).ok[0]["balance"])
    assert trader.get("income", limit=1).ok == rows[-1:]


def of_balance(trader: Trader) -> str:
    """The path of the balances."""
    return "balance" if trader.version == "v3" else "/fapi/v2/balance"


def test_the_balance_and_the_account_agree(trader: Trader):
    trader.market().ok, trader.order().ok
    (balance,) = trader.get(of_balance(trader)).ok
    name = "accountWithJoinMargin" if trader.version == "v3" else "/fapi/v2/account"
    account = trader.get(name).ok
    assert account["totalWalletBalance"] == balance["balance"]
    assert account["availableBalance"] == balance["availableBalance"]
    held, orders = (Decimal(account[f"total{name}InitialMargin"]) for name in ("Position", "OpenOrder"))
    assert Decimal(account["totalInitialMargin"]) == held + orders
    assert held == pytest.approx(Decimal(1000) / 20, rel=Decimal("0.01"))
    assert orders == pytest.approx(Decimal(970) / 20, rel=Decimal("0.05"))


def test_an_account_below_its_maintenance_is_warned_and_liquidated(server: PaperServer, venue: str):
    from tests.contracts.paper_fapi.venues import trader_of

    with trader_of(server, venue, "300") as poor, poor.events() as events:
        poor.post("leverage", symbol=SYMBOL, leverage=50).ok  # noqa: B018
        poor.market(quantity="0.100").ok  # noqa: B018
        resting = poor.order(price="96000.00", quantity="0.002").ok["orderId"]
        at = Decimal(position(poor)["liquidationPrice"])
        assert 97_000 < at < 98_500
        server.move("BTC", (at + 60).quantize(Decimal("0.1")))
        warned = events.next("MARGIN_CALL")
        assert warned["p"][0]["s"] == SYMBOL
        server.move("BTC", at - 100)
        told = events.next("ORDER_TRADE_UPDATE", x="CALCULATED")
        assert told["o"]["c"].startswith("autoclose-")
        assert told["o"]["o"] == "LIQUIDATION"
        assert eventually(lambda: poor.amount() == 0)
        assert poor.get("order", symbol=SYMBOL, orderId=resting).ok["status"] in {"EXPIRED", "CANCELED"}
        (forced,) = poor.get("forceOrders").ok
        assert (forced["side"], forced["status"]) == ("SELL", "FILLED")
