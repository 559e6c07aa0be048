import math
from dataclasses import replace
from decimal import Decimal
from itertools import pairwise

import pytest

from domain.errors import Refused
from domain.indicators import adx, atr, bollinger, ema, indicators, macd, rsi
from domain.money import Price
from tests.unit.domain.build import a_series, d

WAVE = [100 + 5 * math.sin(n / 4) + n * 0.05 for n in range(100)]


def wilder_rsi(closes: list[float], period: int = 14) -> float:
    """The definition, written down once more."""
    changes = [after - before for before, after in pairwise(closes)]
    gain = sum(max(change, 0) for change in changes[:period]) / period
    loss = sum(max(-change, 0) for change in changes[:period]) / period
    for change in changes[period:]:
        gain = (gain * (period - 1) + max(change, 0)) / period
        loss = (loss * (period - 1) + max(-change, 0)) / period
    return 100 * gain / (gain + loss)


def test_rsi_is_wilders():
    assert float(rsi(a_series(WAVE))[-1]) == pytest.approx(wilder_rsi(WAVE), abs=1e-6)


def test_rsi_of_a_price_that_never_moved_is_neutral_and_not_oversold():
    assert set(rsi(a_series([100] * 40))) == {Decimal(50)}


def test_rsi_is_at_its_ends_for_prices_that_only_rise_or_fall():
    assert rsi(a_series(range(100, 160)))[-1] == 100
    assert rsi(a_series(range(160, 100, -1)))[-1] == 0


def test_ema_and_atr_of_a_constant_series_are_its_level_and_range():
    series = a_series(["100"] * 50)
    assert ema(series, 20)[-1] == 100
    assert float(atr(series)[-1]) == pytest.approx(0.2)


def test_adx_tells_a_trend_from_a_chop():
    chop = [100 + 3 * math.sin(n / 2) for n in range(100)]
    trend = [100 + n for n in range(100)]
    assert adx(a_series(trend))[-1] > 50 > adx(a_series(chop))[-1]


def test_macd_is_the_difference_of_its_averages():
    convergence = macd(a_series(WAVE))
    assert convergence.line[-1] - convergence.signal[-1] == pytest.approx(convergence.histogram[-1])


def test_bands_lie_two_deviations_round_the_average():
    bands = bollinger(a_series(WAVE))
    window = WAVE[-20:]
    mean = sum(window) / 20
    deviation = math.sqrt(sum((close - mean) ** 2 for close in window) / 20)
    assert float(bands.middle[-1]) == pytest.approx(mean)
    assert float(bands.upper[-1]) == pytest.approx(mean + 2 * deviation)
    assert float(bands.lower[-1]) == pytest.approx(mean - 2 * deviation)


def test_the_usual_indicators_are_those_of_the_single_functions():
    series = a_series(WAVE)
    usual = indicators(series)
    assert usual.rsi_14 == rsi(series)[-1]
    assert usual.macd_signal == macd(series).signal[-1]
    assert usual.close == series.last.close


@pytest.mark.parametrize("indicator", [rsi, atr, adx, macd, bollinger, indicators, lambda series: ema(series, 20)])
def test_a_series_with_a_gap_is_refused(indicator):
    series = a_series(WAVE)
    gapped = replace(series, candles=series.candles[:40] + series.candles[41:])
    with pytest.raises(Refused) as caught:
        indicator(gapped)
    assert caught.value.code == "candles_gap"


@pytest.mark.parametrize("indicator", [rsi, atr, adx, macd, bollinger, indicators, lambda series: ema(series, 20)])
@pytest.mark.parametrize("value", ["NaN", "Infinity", "0", "-1"])
def test_a_bar_that_is_no_number_in_the_middle_is_refused_and_never_an_oversold_signal(indicator, value):
    series = a_series(WAVE)
    broken = replace(series.candles[50], close=Price(d(value)), low=Price(d(value)))
    with pytest.raises(Refused) as caught:
        indicator(replace(series, candles=(*series.candles[:50], broken, *series.candles[51:])))
    assert caught.value.code == "candles_not_numbers"


def test_a_bar_whose_high_is_below_its_low_is_refused():
    series = a_series(WAVE)
    broken = replace(series.last, high=series.last.low, low=series.last.high)
    with pytest.raises(Refused):
        atr(replace(series, candles=(*series.candles[:-1], broken)))


@pytest.mark.parametrize(
    ("indicator", "needed"),
    [(rsi, 15), (atr, 15), (adx, 28), (macd, 34), (bollinger, 20), (lambda series: ema(series, 20), 20)],
)
def test_each_indicator_works_with_exactly_the_bars_that_it_names_and_not_with_one_less(indicator, needed):
    assert indicator(a_series(WAVE[:needed]))
    with pytest.raises(Refused) as caught:
        indicator(a_series(WAVE[: needed - 1]))
    assert caught.value.code == "candles_too_few"
