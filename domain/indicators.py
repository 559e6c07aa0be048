"""Technical indicators: TA-Lib behind one module, imported by activities and advisers only (numpy is no part of a workflow).

Every function takes a series of closed bars, refuses one with gaps or numbers that are none, and returns the values after
the indicator's warm-up, oldest first; the last one belongs to the last bar.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal

import numpy as np
import numpy.typing as npt
import talib

from domain.candles import CandleSeries, require_usable
from domain.errors import Refused

Line = tuple[Decimal, ...]
_Floats = npt.NDArray[np.float64]
_NEUTRAL_RSI = Decimal(50)


@dataclass(frozen=True, slots=True, kw_only=True)
class Macd:
    """Moving average convergence and divergence, its signal and their difference."""

    line: Line
    signal: Line
    histogram: Line


@dataclass(frozen=True, slots=True, kw_only=True)
class Bands:
    """Bollinger bands."""

    upper: Line
    middle: Line
    lower: Line


@dataclass(frozen=True, slots=True, kw_only=True)
class Indicators:
    """The usual indicators at the last bar, with their usual periods."""

    close: Decimal
    ema_12: Decimal
    ema_26: Decimal
    rsi_14: Decimal
    atr_14: Decimal
    adx_14: Decimal
    macd: Decimal
    macd_signal: Decimal
    macd_histogram: Decimal
    band_upper: Decimal
    band_middle: Decimal
    band_lower: Decimal


def indicators(series: CandleSeries) -> Indicators:
    """Compute the usual indicators at the last bar; needs 34 bars."""
    convergence, bands = macd(series), bollinger(series)
    return Indicators(
        close=series.last.close,
        ema_12=ema(series, 12)[-1],
        ema_26=ema(series, 26)[-1],
        rsi_14=rsi(series)[-1],
        atr_14=atr(series)[-1],
        adx_14=adx(series)[-1],
        macd=convergence.line[-1],
        macd_signal=convergence.signal[-1],
        macd_histogram=convergence.histogram[-1],
        band_upper=bands.upper[-1],
        band_middle=bands.middle[-1],
        band_lower=bands.lower[-1],
    )


def ema(series: CandleSeries, period: int) -> Line:
    """Exponential moving average of the closes; needs `period` bars."""
    return _line(talib.EMA(_closes(series, at_least=period), timeperiod=period))


def rsi(series: CandleSeries, period: int = 14) -> Line:
    """Relative strength index, 0 to 100; needs one bar more than the period."""
    closes = _closes(series, at_least=period + 1)
    values = _line(talib.RSI(closes, timeperiod=period))
    # TA-Lib answers 0 for a price that never moved, which would read as oversold.
    return tuple(_NEUTRAL_RSI for _ in values) if np.ptp(closes) == 0 else values


def atr(series: CandleSeries, period: int = 14) -> Line:
    """Average true range in quote currency; needs one bar more than the period."""
    return _line(talib.ATR(*_bars(series, at_least=period + 1), timeperiod=period))


def adx(series: CandleSeries, period: int = 14) -> Line:
    """Average directional index, 0 to 100; needs twice the period."""
    return _line(talib.ADX(*_bars(series, at_least=2 * period), timeperiod=period))


def macd(series: CandleSeries, fast: int = 12, slow: int = 26, signal: int = 9) -> Macd:
    """Moving average convergence and divergence; needs slow + signal - 1 bars."""
    closes = _closes(series, at_least=slow + signal - 1)
    line, smoothed, histogram = talib.MACD(closes, fastperiod=fast, slowperiod=slow, signalperiod=signal)
    return Macd(line=_line(line), signal=_line(smoothed), histogram=_line(histogram))


def bollinger(series: CandleSeries, period: int = 20, deviations: Decimal = Decimal(2)) -> Bands:
    """Bollinger bands of the closes round their simple average; needs `period` bars."""
    width = float(deviations)
    closes = _closes(series, at_least=period)
    upper, middle, lower = talib.BBANDS(closes, timeperiod=period, nbdevup=width, nbdevdn=width)
    return Bands(upper=_line(upper), middle=_line(middle), lower=_line(lower))


def _closes(series: CandleSeries, *, at_least: int) -> _Floats:
    return _bars(series, at_least=at_least)[2]


def _bars(series: CandleSeries, *, at_least: int) -> tuple[_Floats, _Floats, _Floats]:
    """Return highs, lows and closes; one that is no number in the middle makes TA-Lib's RSI 0.0 at the end."""
    require_usable(series, at_least=at_least)
    high, low, close = (
        np.array([float(value(bar)) for bar in series.candles], dtype=np.float64) for value in _HIGH_LOW_CLOSE
    )
    bars = np.stack((high, low, close))
    if not (np.isfinite(bars).all() and (bars > 0).all() and (high >= low).all()):
        raise Refused(
            "candles_not_numbers",
            f"{series.coin} {series.interval} has a bar whose prices are no prices.",
            action="The cycle is skipped; the series is read again at the next one.",
        )
    return high, low, close


_HIGH_LOW_CLOSE: tuple[Callable[..., Decimal], ...] = (
    lambda bar: bar.high,
    lambda bar: bar.low,
    lambda bar: bar.close,
)


def _line(values: _Floats) -> Line:
    return tuple(Decimal(f"{value:.12g}") for value in values[~np.isnan(values)])
