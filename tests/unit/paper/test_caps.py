"""Limits of size: order value, margin tiers, open interest."""

from dataclasses import replace
from decimal import Decimal

import pytest

from paper.engine.instruments import Tier
from paper.engine.requests import Failed, OrderRequest
from tests.unit.paper.builders import ALICE, BOB, Desk, limit, market


def refused(desk: Desk, wanted: OrderRequest, user: str = ALICE) -> str:
    outcome = desk.send(user, wanted)[0]
    assert isinstance(outcome, Failed), outcome
    return outcome.text


@pytest.mark.parametrize(("sz", "limit_sz"), [("290", "2900")])
def test_a_market_order_has_a_tenth_of_a_limit_orders_room(sz: str, limit_sz: str) -> None:
    desk = Desk()
    desk.deposit(ALICE, "1000000000")
    assert refused(desk, market("buy", sz)._replace(limit_px=Decimal(105_000))) == "Order has invalid size. asset=0"
    assert not isinstance(desk.send(ALICE, limit("buy", "90000", sz))[0], Failed)
    assert refused(desk, limit("buy", "105000", limit_sz)) == "Order has invalid size. asset=0"


def test_a_position_beyond_its_margin_tier_needs_a_lower_leverage() -> None:
    desk = Desk()
    btc = desk.venue.markets["BTC"]
    btc.perp = replace(
        btc.perp,
        tiers=(Tier(lower_bound=Decimal(0), max_leverage=40), Tier(lower_bound=Decimal(10_000), max_leverage=10)),
    )
    text = "Order would cause position to exceed margin tier limit at current leverage asset=0"
    assert refused(desk, market("buy", "0.2")) == text
    assert not isinstance(desk.send(ALICE, market("buy", "0.05"))[0], Failed)


def test_at_the_open_interest_cap_only_what_waits_below_the_oracle_is_taken() -> None:
    desk = Desk()
    desk.send(BOB, market("buy", "0.2"))
    btc = desk.venue.markets["BTC"]
    btc.open_interest_cap = Decimal(10_000)
    capped = "Order would increase open interest while open interest is capped asset=0"
    assert refused(desk, market("buy", "0.1")) == capped
    assert not isinstance(desk.send(ALICE, limit("buy", "99000", "0.1"))[0], Failed)
    btc.oracle = Decimal(99_000)
    aggressive = "Order rejected due to price more aggressive than oracle while at open interest cap asset=0"
    assert refused(desk, limit("buy", "99500", "0.1")) == aggressive
    assert not isinstance(desk.send(BOB, market("sell", "0.2", reduce_only=True))[0], Failed)
    statuses = [order.status for order in desk.venue.orders.values() if order.user == ALICE]
    assert statuses[0] == "positionIncreaseAtOpenInterestCapRejected"
