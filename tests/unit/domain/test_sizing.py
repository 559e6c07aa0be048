"""Prices of opening orders stay where the venue takes them."""

from dataclasses import replace
from decimal import Decimal

import pytest

from domain.limits import RiskLimits
from domain.money import Price
from domain.orders import Side
from domain.sizing import opening_limit, within_band
from tests.unit.domain.build import BTC, an_intent

NARROW = replace(BTC, price_band=Decimal("0.05"))


@pytest.mark.parametrize(("side", "limit"), [(Side.BUY, "52250"), (Side.SELL, "47750")])
def test_a_market_order_is_bounded_within_the_narrower_of_slippage_and_band(side: Side, limit: str) -> None:
    """Binance refuses a limit beyond its band, although nobody wanted to pay that much."""
    wish = an_intent(side=side, limits=RiskLimits(max_slippage=Decimal("0.05")))
    assert opening_limit(wish, NARROW, Price(Decimal(50_000))) == Decimal(limit)


def test_a_wide_band_changes_nothing() -> None:
    assert within_band(Decimal("0.08"), BTC) == Decimal("0.08")
    assert within_band(Decimal("0.08"), NARROW) == Decimal("0.045")
