"""Forced closing: the venue's own orders, what is left, and what everybody sees of it."""

from decimal import Decimal
from typing import Any

import pytest

from tests.contracts.paper_fapi.trader import BASE, Trader, eventually
from tests.contracts.paper_fapi.venues import trader_of
from tests.contracts.rigs.server import PaperServer

POOR = "1000"


@pytest.fixture
def victim(server: PaperServer, venue: str) -> Any:
    """A trader who is long ten times what he owns."""
    with trader_of(server, venue, POOR) as made:
        assert made.post("leverage", symbol="BTCUSDT", leverage="20").ok
        assert made.market("BUY", "0.100").ok
        yield made


def _fall(trader: Trader, factor: str) -> None:
    trader.server.move("BTC", BASE * Decimal(factor))


def _is_flat(trader: Trader) -> bool:
    return trader.amount() == 0


def test_a_liquidation_is_an_order_with_an_id_of_the_venue_that_can_be_looked_up(victim: Trader) -> None:
    _fall(victim, "0.903")
    eventually(lambda: _is_flat(victim))
    fills = [row for row in victim.get("userTrades", symbol="BTCUSDT").ok if row["side"] == "SELL"]
    found = {victim.get("order", symbol="BTCUSDT", orderId=row["orderId"]).ok["clientOrderId"] for row in fills}
    assert [name.startswith("autoclose-") for name in found] == [True]


def test_a_position_that_fell_past_its_bankruptcy_price_costs_no_more_than_the_account_had(victim: Trader) -> None:
    _fall(victim, "0.85")
    eventually(lambda: _is_flat(victim))
    assert (
        Decimal(victim.get("/fapi/v3/balance" if victim.version == "v3" else "/fapi/v2/balance").ok[0]["balance"]) == 0
    )
    assert victim.server.get("health")["balanced"]


def test_the_clearance_of_a_liquidation_stands_in_the_income(victim: Trader) -> None:
    _fall(victim, "0.903")
    eventually(lambda: _is_flat(victim))
    kinds = {row["incomeType"] for row in victim.get("income", symbol="BTCUSDT").ok}
    assert {"REALIZED_PNL", "COMMISSION", "INSURANCE_CLEAR"} <= kinds


def test_a_liquidation_cancels_what_rests_and_what_waits(victim: Trader) -> None:
    kept = victim.order(side="SELL", price="104000.00", quantity="0.010").ok["orderId"]
    _fall(victim, "0.903")
    eventually(lambda: _is_flat(victim))
    assert kept not in victim.open_ids()
    assert victim.get("order", symbol="BTCUSDT", orderId=kept).ok["status"] == "EXPIRED"


def test_the_user_stream_tells_a_liquidation_as_such(victim: Trader) -> None:
    with victim.events() as events:
        _fall(victim, "0.903")
        told = events.next("ORDER_TRADE_UPDATE", x="CALCULATED")["o"]
        assert (told["o"], told["S"], told["c"].startswith("autoclose-")) == ("LIQUIDATION", "SELL", True)
        assert events.next("ACCOUNT_UPDATE")["a"]["m"] in {"ORDER", "INSURANCE_CLEAR"}


def test_a_margin_call_comes_before_the_liquidation(victim: Trader) -> None:
    with victim.events() as events:
        _fall(victim, "0.9047")
        assert events.next("MARGIN_CALL")["p"][0]["s"] == "BTCUSDT"
    assert victim.amount() == Decimal("0.1")


def test_everybody_hears_of_a_liquidation_on_the_public_stream(victim: Trader) -> None:
    with victim.events("/ws/btcusdt@forceOrder") as events:
        _fall(victim, "0.903")
        told = events.next("forceOrder")["o"]
    assert (told["s"], told["S"], told["q"], told["X"]) == ("BTCUSDT", "SELL", "0.100", "FILLED")


def test_liquidations_are_listed_by_their_kind(victim: Trader) -> None:
    _fall(victim, "0.903")
    eventually(lambda: _is_flat(victim))
    assert len(victim.get("forceOrders", symbol="BTCUSDT").ok) == 1
    assert len(victim.get("forceOrders", symbol="BTCUSDT", autoCloseType="LIQUIDATION").ok) == 1
    assert victim.get("forceOrders", symbol="BTCUSDT", autoCloseType="ADL").ok == []


def test_an_isolated_position_takes_nothing_but_its_own_margin(server: PaperServer, venue: str) -> None:
    with trader_of(server, venue, "10000") as trader:
        assert trader.post("marginType", symbol="BTCUSDT", marginType="ISOLATED").ok
        assert trader.post("leverage", symbol="BTCUSDT", leverage="20").ok
        assert trader.market("BUY", "0.100").ok
        _fall(trader, "0.85")
        eventually(lambda: _is_flat(trader))
        left = Decimal(
            trader.get("/fapi/v3/balance" if trader.version == "v3" else "/fapi/v2/balance").ok[0]["balance"]
        )
        assert Decimal(9400) < left < Decimal(9500)


def test_one_side_of_a_hedge_is_liquidated_as_that_side(server: PaperServer, venue: str) -> None:
    with trader_of(server, venue, POOR) as trader:
        assert trader.post("positionSide/dual", dualSidePosition="true").ok
        assert trader.post("leverage", symbol="BTCUSDT", leverage="20").ok
        assert trader.market("BUY", "0.100", positionSide="LONG").ok
        _fall(trader, "0.903")
        eventually(lambda: _is_flat(trader))
        sold = [row for row in trader.get("userTrades", symbol="BTCUSDT").ok if row["side"] == "SELL"]
        assert {row["positionSide"] for row in sold} == {"LONG"}


def test_with_deleveraging_on_the_winner_of_the_other_side_loses_its_position_to_the_venue(
    victim: Trader, venue: str
) -> None:
    server = victim.server
    with trader_of(server, venue) as winner:
        assert winner.market("SELL", "0.200").ok
        server.post("settings", adl=True)
        try:
            with winner.events() as events:
                _fall(victim, "0.85")
                told = events.next("ORDER_TRADE_UPDATE", x="CALCULATED")["o"]
            assert (told["c"], told["S"]) == ("adl_autoclose", "BUY")
            assert len(winner.get("forceOrders", symbol="BTCUSDT", autoCloseType="ADL").ok) == 1
        finally:
            server.post("settings", adl=False)
        assert winner.amount() > Decimal("-0.2")
        assert server.get("health")["balanced"]
