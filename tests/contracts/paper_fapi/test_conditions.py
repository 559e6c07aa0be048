"""Conditional orders: what both venues refuse, each on its own endpoint."""

import pytest

from tests.contracts.paper_fapi.trader import Trader


@pytest.mark.parametrize(
    ("kind", "side", "trigger"),
    [
        ("STOP_MARKET", "SELL", "100000.10"),
        ("STOP_MARKET", "BUY", "99999.90"),
        ("TAKE_PROFIT_MARKET", "SELL", "99999.90"),
        ("TAKE_PROFIT_MARKET", "BUY", "100000.10"),
    ],
)
def test_a_condition_that_is_met_already_is_refused(
    trader: Trader, venue: str, kind: str, side: str, trigger: str
) -> None:
    is_algo = venue == "binance"
    if is_algo:
        answer = trader.algo_stop(type=kind, side=side, triggerPrice=trigger)
    else:
        answer = trader.stop(type=kind, side=side, stopPrice=trigger)
    assert answer.refusal == (400, -2021, "Order would immediately trigger.")
    assert (trader.waiting_ids() if is_algo else trader.open_ids()) == []
