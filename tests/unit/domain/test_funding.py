"""Rates of settlements with different intervals, compared and added up."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from domain.errors import Refused
from domain.funding import HOUR, FundingRate, annualised, average, volatility

START = datetime(2026, 1, 1, tzinfo=UTC)


def rate(value: str, hours: int = 1) -> FundingRate:
    return FundingRate(coin="BTC", time=START, rate=Decimal(value), interval=hours * HOUR)


def test_a_rate_of_eight_hours_is_spread_over_them() -> None:
    assert rate("0.0001", 8).hourly == Decimal("0.0000125")
    assert annualised(Decimal("0.0000125")) == Decimal("0.1095")


def test_the_average_weighs_each_settlement_by_its_length() -> None:
    assert average([rate("0.0008", 8), rate("0.0010", 1)]) == Decimal("0.0018") / 9


def test_volatility_is_the_sample_deviation_of_hourly_rates() -> None:
    assert volatility([rate("0.0001"), rate("0.0003")]) == Decimal("0.00000002").sqrt()
    assert volatility([rate("0.0001")]) == 0
    assert volatility([rate("0.0001"), rate("0.0008", 8)]) == 0


@pytest.mark.parametrize("of", [average, volatility])
def test_nothing_is_said_of_no_history(of: object) -> None:
    with pytest.raises(Refused) as caught:
        of([])  # type: ignore[operator]
    assert caught.value.code == "no_funding_history"


def test_an_interval_is_any_span() -> None:
    half = FundingRate(coin="BTC", time=START, rate=Decimal("0.0001"), interval=timedelta(minutes=30))
    assert half.hourly == Decimal("0.0002")
