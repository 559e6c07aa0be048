# mypy: no-strict-equality
import math
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from statistics import mean, stdev

import pytest

from domain.money import Money
from domain.performance import max_drawdown, performance, returns, sharpe, sortino, trade_figures
from tests.unit.domain.build import NOW, d

DAY = timedelta(days=1)


@dataclass(frozen=True)
class Point:
    time: datetime
    equity: Money


@dataclass(frozen=True)
class Flow:
    time: datetime
    amount: Money


@dataclass(frozen=True)
class Trade:
    net_pnl: Money


def curve(*levels: str, step: timedelta = timedelta(days=1)) -> list[Point]:
    return [Point(NOW + step * number, Money(d(level))) for number, level in enumerate(levels)]


def trades(*results: str) -> list[Trade]:
    return [Trade(Money(d(result))) for result in results]


def test_returns_are_fractions_of_the_point_before():
    assert returns(curve("100", "110", "99")) == (d("0.1"), d("-0.1"))


def test_points_are_put_in_order():
    assert returns(curve("100", "110", "99")[::-1]) == (d("0.1"), d("-0.1"))


def test_a_deposit_is_no_return():
    flows = [Flow(NOW + timedelta(hours=1), Money(d("100")))]
    assert returns(curve("100", "220"), flows) == (d("0.1"),)
    assert returns(curve("100", "0", "50"), [Flow(NOW + timedelta(hours=1), Money(d("-100")))])[0] == 0


def test_a_curve_that_starts_empty_does_not_divide_by_zero():
    assert returns(curve("0", "100")) == (d("0"),)


def test_the_drawdown_is_the_largest_fall_from_a_peak():
    assert max_drawdown(returns(curve("100", "120", "90", "130", "117"))) == d("0.25")
    assert max_drawdown(()) == 0


def test_sharpe_and_sortino_are_those_of_the_textbook():
    changes = [0.01, -0.02, 0.03, 0.005, -0.01]
    exact = [d(str(change)) for change in changes]
    year = math.sqrt(365)
    downside = math.sqrt(sum(min(change, 0) ** 2 for change in changes) / len(changes))
    assert float(sharpe(exact, DAY) or 0) == pytest.approx(mean(changes) / stdev(changes) * year)
    assert float(sortino(exact, DAY) or 0) == pytest.approx(mean(changes) / downside * year)


def test_a_shorter_period_is_annualised_by_its_own_length():
    changes = (d("0.01"), d("-0.02"), d("0.03"))
    hourly, daily = (float(sharpe(changes, period) or 0) for period in (DAY / 24, DAY))
    assert hourly / daily == pytest.approx(math.sqrt(24))


@pytest.mark.parametrize("changes", [(), (d("0.01"),), (d("0.01"), d("0.01"))])
def test_ratios_that_have_no_meaning_are_none(changes):
    assert sharpe(changes, timedelta(days=1)) is None
    assert sortino(changes, timedelta(days=1)) is None


def test_trades_are_counted_and_summed():
    figures = trade_figures(trades("10", "-5", "20", "0", "-10"))
    assert (figures.trades, figures.won, figures.lost, figures.net_pnl) == (5, 2, 2, 15)
    assert (figures.win_rate, figures.profit_factor) == (d("0.4"), 2)
    assert (figures.average_win, figures.average_loss) == (15, d("7.5"))


def test_without_trades_or_losses_there_is_no_rate_and_no_factor():
    assert trade_figures([]).win_rate is None
    assert trade_figures(trades("1")).profit_factor is None
    assert trade_figures(trades("-1")).average_win is None


def test_the_ratios_use_whole_periods_and_the_drawdown_every_point():
    hourly = curve(*(str(100 - (n % 24 == 12) * 50 + n // 24) for n in range(72)), step=timedelta(hours=1))
    figures = performance(hourly, trades("1", "-2"))
    assert figures.max_drawdown == pytest.approx(d("0.5"), abs=Decimal("0.01"))
    assert figures.total_return == pytest.approx(d("0.02"))
    assert figures.sortino is None
    assert (figures.sharpe or 0) > 0
    assert figures.trades.trades == 2


def test_an_account_without_history_has_figures_of_nothing():
    figures = performance([])
    assert (figures.total_return, figures.max_drawdown, figures.sharpe) == (0, 0, None)
