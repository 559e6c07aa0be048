"""Accounts and markets as the paper server shows them."""

from decimal import Decimal

import pytest

from domain.candles import INTERVALS, require_usable
from domain.errors import Refused
from domain.orders import Side, TimeInForce
from tests.contracts.hyperliquid.trader import PaperServer, Trader


def test_a_new_account_shows_its_money_and_nothing_else(trader: Trader):
    found = trader.venue.accounts.portfolio(trader.account)
    assert (found.equity, found.available, found.is_flat) == (Decimal(10000), Decimal(10000), True)
    assert found.as_of >= trader.started


def test_a_position_shows_in_the_portfolio_with_fills_that_explain_it(trader: Trader):
    answer = trader.place(trader.terms(size="0.012"))
    trader.place(trader.terms(factor="0.7", tif=TimeInForce.GTC))
    found = trader.venue.accounts.portfolio(trader.account)
    held = found.position("BTC")
    assert held is not None
    fills = trader.venue.accounts.fills_since(trader.account, trader.started)
    assert sum(fill.signed_size for fill in fills) == held.size == Decimal("0.012")
    assert {fill.oid for fill in fills} == {answer.oid}
    assert all(fill.fee > 0 and fill.is_taker for fill in fills)
    assert found.equity == Decimal(10000) + held.unrealised_pnl - sum(fill.fee for fill in fills)
    assert (len(found.orders), found.orders[0].side, found.margin_used > 0) == (1, Side.BUY, True)
    summary = trader.venue.accounts.summary(trader.account)
    assert (summary.orders, summary.position("BTC") is not None) == ((), True)


def test_deposits_and_withdrawals_are_transfers(trader: Trader):
    trader.server.post("deposit", user=trader.master.address, usdc="500")
    found = trader.venue.accounts.transfers_since(trader.account, trader.started.replace(year=2020))
    assert [(one.kind, one.amount) for one in found] == [("deposit", Decimal(10000)), ("deposit", Decimal(500))]


def test_the_agents_address_is_no_account(trader: Trader):
    report = trader.venue.accounts.check_link(trader.account, trader.agent.address)
    assert (report.ok, report.code) == (True, "ok")
    assert report.valid_until is not None
    swapped = trader.account.__class__(
        account_id="a", user_id="u", venue="hyperliquid", network="paper", address=trader.agent.address
    )
    wrong = trader.venue.accounts.check_link(swapped, trader.agent.address)
    assert (wrong.ok, wrong.code) == (False, "address_is_agent")
    assert trader.master.address.lower() in wrong.sentence


def test_an_unapproved_agent_and_an_unknown_account_get_a_sentence(server: PaperServer):
    with Trader.funded(server, is_approved=False) as trader:
        accounts = trader.venue.accounts
        assert accounts.check_link(trader.account, trader.agent.address).code == "agent_not_approved"
        nobody = trader.account.__class__(
            account_id="a", user_id="u", venue="hyperliquid", network="paper", address="0x" + "12" * 20
        )
        assert accounts.check_link(nobody, trader.agent.address).code == "account_missing"


def test_marks_and_instruments_of_every_coin_are_read(trader: Trader):
    market = trader.venue.market
    assert {"BTC", "ETH", "SOL"} <= set(market.instruments())
    for coin in market.instruments():
        mark = market.mark(coin)
        assert abs(mark.mid_px / mark.mark_px - 1) < Decimal("0.2")
    with pytest.raises(Refused) as caught:
        market.instrument("BTCC")
    assert "BTC" in caught.value.action


@pytest.mark.parametrize("interval", sorted(INTERVALS))
def test_candles_are_closed_gapless_and_fresh(trader: Trader, interval: str):
    series = require_usable(trader.venue.market.candles("ETH", interval, 60), at_least=60)
    assert len(series.candles) == 60
    assert series.last.time + series.step <= series.as_of < series.last.time + 2 * series.step
    assert all(bar.low <= min(bar.open, bar.close) <= max(bar.open, bar.close) <= bar.high for bar in series.candles)
