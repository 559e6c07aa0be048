"""Links, marks, instruments and candles as the paper server shows them."""

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal

import pytest

from domain.candles import INTERVALS, require_usable
from domain.errors import Refused
from tests.contracts.rigs.desk import Desk
from tests.contracts.rigs.hyperliquid import BUDGET, QUICK, HyperliquidRig, wallets_of
from venues.hyperliquid.stream import HyperliquidStream
from venues.hyperliquid.venue import HyperliquidVenue


def test_the_agents_address_is_no_account(desk: Desk):
    report = desk.venue.accounts.check_link(desk.account, desk.key.address)
    assert (report.ok, report.code) == (True, "ok")
    assert report.valid_until is not None
    swapped = replace(desk.account, address=desk.key.address)
    wrong = desk.venue.accounts.check_link(swapped, desk.key.address)
    assert (wrong.ok, wrong.code) == (False, "address_is_agent")
    assert desk.account.address.lower() in wrong.sentence


def test_an_unapproved_agent_and_an_unknown_account_get_a_sentence(rig: HyperliquidRig):
    with rig.desk(is_linked=False) as desk:
        accounts = desk.venue.accounts
        assert accounts.check_link(desk.account, desk.key.address).code == "agent_not_approved"
        nobody = replace(desk.account, address="0x" + "12" * 20)
        assert accounts.check_link(nobody, desk.key.address).code == "account_missing"


def test_marks_and_instruments_of_every_coin_are_read(desk: Desk):
    market = desk.venue.market
    assert {"BTC", "ETH", "SOL"} <= set(market.instruments())
    for coin in market.instruments():
        mark = market.mark(coin)
        assert abs(mark.mid_px / mark.mark_px - 1) < Decimal("0.2")
    with pytest.raises(Refused) as caught:
        market.instrument("BTCC")
    assert "BTC" in caught.value.action


@pytest.mark.parametrize("interval", sorted(INTERVALS))
def test_candles_are_closed_gapless_and_fresh(desk: Desk, interval: str):
    series = require_usable(desk.venue.market.candles("ETH", interval, 60), at_least=60)
    assert len(series.candles) == 60
    assert series.last.time + series.step <= series.as_of < series.last.time + 2 * series.step
    assert all(bar.low <= min(bar.open, bar.close) <= max(bar.open, bar.close) <= bar.high for bar in series.candles)


async def test_more_users_than_a_connection_takes_are_refused(desk: Desk):
    addresses = tuple(f"0x{number:040x}" for number in range(11))
    with pytest.raises(Refused):
        await anext(HyperliquidStream(desk.venue.config, QUICK).events(addresses))


def weight_spent(venue: HyperliquidVenue, read: Callable[[], object]) -> int:
    """The request weight that a read spends of this address's 1200 a minute."""
    before = venue.client.budget.free_share
    read()
    return round((before - venue.client.budget.free_share) * BUDGET)


def test_the_check_of_a_listed_agents_link_does_not_ask_for_its_role(desk: Desk):
    """`userRole` weighs 60, and doctor, the API and the command line ask it of each account."""
    venue, agent = desk.venue, desk.key.address
    assert isinstance(venue, HyperliquidVenue)
    accounts = venue.accounts
    assert weight_spent(venue, lambda: accounts.check_link(desk.account, agent)) == 60 + 20 + 20 + 2
    assert weight_spent(venue, lambda: accounts.check_link(desk.account, desk.owner)) == 60 + 20 + 20 + 2
    stranger = wallets_of(desk).make_agent().address
    assert weight_spent(venue, lambda: accounts.check_link(desk.account, stranger)) == 2 * 60 + 20 + 20 + 2
    assert weight_spent(venue, lambda: accounts.is_listed(desk.owner, agent)) == 20
