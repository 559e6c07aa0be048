"""Funding of perpetuals: rates as fractions of the notional, positive when longs pay shorts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from domain.errors import Refused
from domain.money import ZERO

HOUR = timedelta(hours=1)
HOURS_A_YEAR = 24 * 365


@dataclass(frozen=True, slots=True, kw_only=True)
class FundingRate:
    """One settlement: `rate` for the whole `interval` that ended at `time`, as a fraction of the notional."""

    coin: str
    time: datetime
    rate: Decimal
    interval: timedelta

    @property
    def hourly(self) -> Decimal:
        """The rate of one hour."""
        return per_hour(self.rate, self.interval)


@dataclass(frozen=True, slots=True, kw_only=True)
class FundingOutlook:
    """What was paid last and what comes next. Rates are hourly, so that venues with other intervals compare.

    `predicted` is the venue's running estimate of the settlement at `next_at`; `last` is None before a first one.
    """

    coin: str
    last: FundingRate | None
    predicted: Decimal
    next_at: datetime
    interval: timedelta


def per_hour(rate: Decimal, interval: timedelta) -> Decimal:
    """Spread a rate over the hours of its interval."""
    return rate * int(HOUR.total_seconds()) / int(interval.total_seconds())


def annualised(hourly: Decimal) -> Decimal:
    """Return the simple yearly rate of an hourly one: a position of constant size pays without compounding."""
    return hourly * HOURS_A_YEAR


def average(history: Sequence[FundingRate]) -> Decimal:
    """Return the mean hourly rate, weighted by the length of each interval."""
    hours = sum(_hours(row) for row in _some(history))
    return sum((row.hourly * _hours(row) for row in history), ZERO) / hours


def volatility(history: Sequence[FundingRate]) -> Decimal:
    """Return the sample standard deviation of the hourly rates; 0 for a single one."""
    rates = [row.hourly for row in _some(history)]
    if len(rates) == 1:
        return ZERO
    mean = sum(rates, ZERO) / len(rates)
    return (sum(((rate - mean) ** 2 for rate in rates), ZERO) / (len(rates) - 1)).sqrt()


def _hours(row: FundingRate) -> Decimal:
    return Decimal(int(row.interval.total_seconds())) / int(HOUR.total_seconds())


def _some(history: Sequence[FundingRate]) -> Sequence[FundingRate]:
    if not history:
        raise Refused("no_funding_history", "There is no funding history.", action="Ask for a longer span.")
    return history
