"""Expects prices to come back: buys below the lower Bollinger band when oversold, sells above the upper when overbought."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from advisors.settings import number, require_known, whole_number
from advisors.strategies.protective import stop_and_profit
from domain.accounts import HeldPosition
from domain.decisions import Action, Advice, MarketView, Proposal, Situation
from domain.errors import Refused
from domain.indicators import atr, bollinger, rsi
from domain.money import Price, plain
from domain.orders import Side

_CANDLES = 100
_LONGEST_PERIOD = 45


@dataclass(frozen=True, slots=True, kw_only=True)
class ReversionSettings:
    """Periods are bars; `deviations` is the width of the bands; `stop_atr` a multiple of the range (0: no stop)."""

    band_period: int
    deviations: Decimal
    rsi_period: int
    oversold: Decimal
    overbought: Decimal
    atr_period: int
    stop_atr: Decimal
    conviction: Decimal


def reversion_settings(settings: dict[str, str]) -> ReversionSettings:
    """Read the settings; raises Misconfigured(adviser_setting)."""
    require_known(settings, ReversionSettings.__slots__)
    oversold = number(settings, "oversold", "30", least="1", most="50")
    return ReversionSettings(
        band_period=whole_number(settings, "band_period", 20, least=2, most=_LONGEST_PERIOD),
        deviations=number(settings, "deviations", "2", least="0.1", most="5"),
        rsi_period=whole_number(settings, "rsi_period", 14, least=2, most=_LONGEST_PERIOD),
        oversold=oversold,
        overbought=number(settings, "overbought", "70", least="50", most="99"),
        atr_period=whole_number(settings, "atr_period", 14, least=2, most=_LONGEST_PERIOD),
        stop_atr=number(settings, "stop_atr", "2", least="0", most="20"),
        conviction=number(settings, "conviction", "0.5", least="0.01", most="1"),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Reading:
    close: Decimal
    upper: Decimal
    middle: Decimal
    lower: Decimal
    strength: Decimal
    range: Decimal


class MeanReversion:
    """Enters outside the bands, leaves at their middle or at the stop."""

    name = "mean_reversion"
    candles_needed = _CANDLES

    def check(self, settings: dict[str, str]) -> None:
        """Refuse settings that cannot be used."""
        reversion_settings(settings)

    def advise(self, situation: Situation) -> Advice:
        """Advise on each coin by itself; one whose data cannot be used is held, with the reason."""
        settings = reversion_settings(situation.settings)
        proposals: list[Proposal] = []
        numbers: dict[str, str] = {}
        for view in situation.views:
            try:
                reading = _read(view, settings)
            except Refused as refusal:
                proposals.append(Proposal(coin=view.coin, action=Action.HOLD, reason=refusal.message))
                continue
            numbers |= _numbers(view, reading)
            position = situation.portfolio.position(view.coin)
            proposal = _when_flat(view, reading, settings) if position is None else _when_held(position, reading)
            proposals.append(proposal)
        return Advice(adviser=self.name, proposals=tuple(proposals), numbers=numbers)


def _read(view: MarketView, settings: ReversionSettings) -> _Reading:
    bands = bollinger(view.candles, settings.band_period, settings.deviations)
    return _Reading(
        close=view.candles.last.close,
        upper=bands.upper[-1],
        middle=bands.middle[-1],
        lower=bands.lower[-1],
        strength=rsi(view.candles, settings.rsi_period)[-1],
        range=atr(view.candles, settings.atr_period)[-1],
    )


def _when_held(position: HeldPosition, reading: _Reading) -> Proposal:
    is_back = reading.close >= reading.middle if position.side is Side.BUY else reading.close <= reading.middle
    if is_back:
        return Proposal(coin=position.coin, action=Action.CLOSE, reason="The price is back at its average.")
    return Proposal(coin=position.coin, action=Action.HOLD, reason="The price is not back yet.")


def _when_flat(view: MarketView, reading: _Reading, settings: ReversionSettings) -> Proposal:
    if reading.close < reading.lower and reading.strength < settings.oversold:
        return _opening(view, Action.OPEN_LONG, reading, settings, "Oversold below the lower band")
    if reading.close > reading.upper and reading.strength > settings.overbought:
        return _opening(view, Action.OPEN_SHORT, reading, settings, "Overbought above the upper band")
    return Proposal(coin=view.coin, action=Action.HOLD, reason="The price is within its bands.")


def _opening(view: MarketView, action: Action, reading: _Reading, settings: ReversionSettings, reason: str) -> Proposal:
    stop_px, _ = stop_and_profit(action, view.mid_px, reading.range, stop=settings.stop_atr, profit=Decimal(0))
    # The market may already be back when the bar has closed: then the middle is no profit any more.
    is_ahead = reading.middle > view.mid_px if action is Action.OPEN_LONG else reading.middle < view.mid_px
    return Proposal(
        coin=view.coin,
        action=action if is_ahead else Action.HOLD,
        reason=f"{reason}: RSI {reading.strength:.1f}." if is_ahead else "The price came back within the bar.",
        conviction=settings.conviction,
        stop_px=stop_px if is_ahead else None,
        take_profit_px=Price(reading.middle) if is_ahead else None,
    )


def _numbers(view: MarketView, reading: _Reading) -> dict[str, str]:
    return {
        f"{view.coin}.mid_px": plain(view.mid_px),
        f"{view.coin}.band_upper": plain(reading.upper),
        f"{view.coin}.band_middle": plain(reading.middle),
        f"{view.coin}.band_lower": plain(reading.lower),
        f"{view.coin}.rsi": plain(reading.strength),
        f"{view.coin}.atr": plain(reading.range),
    }
