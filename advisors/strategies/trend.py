"""Follows trends: a crossing of two moving averages, taken when the market has a direction, with stops by its range."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from advisors.settings import number, require_known, whole_number, yes_or_no
from advisors.strategies.protective import stop_and_profit
from domain.decisions import Action, Advice, MarketView, Proposal, Situation
from domain.errors import Refused
from domain.indicators import adx, atr, ema
from domain.money import plain
from domain.orders import Side

_CANDLES = 100
_LONGEST_PERIOD = 45


@dataclass(frozen=True, slots=True, kw_only=True)
class TrendSettings:
    """`fast`, `slow`, `adx_period` and `atr_period` are bars; `adx_min` is the least strength of a trend that is entered;
    `cross_within` is how many bars old a crossing may be; `stop_atr` and `profit_atr` are multiples of the range (0: none).

    `eager` takes the side of the fast average's slope whenever flat. `hold_cycles` above zero closes every position in each
    cycle whose number is a multiple of `hold_cycles + 1` and opens none in it, so that none is held for longer.
    """

    fast: int
    slow: int
    adx_period: int
    adx_min: Decimal
    atr_period: int
    cross_within: int
    stop_atr: Decimal
    profit_atr: Decimal
    conviction: Decimal
    eager: bool
    hold_cycles: int


def trend_settings(settings: dict[str, str]) -> TrendSettings:
    """Read the settings; raises Misconfigured(adviser_setting)."""
    require_known(settings, TrendSettings.__slots__)
    fast = whole_number(settings, "fast", 9, least=2, most=_LONGEST_PERIOD - 1)
    return TrendSettings(
        fast=fast,
        slow=whole_number(settings, "slow", max(21, fast + 1), least=fast + 1, most=_LONGEST_PERIOD),
        adx_period=whole_number(settings, "adx_period", 14, least=2, most=_LONGEST_PERIOD),
        adx_min=number(settings, "adx_min", "20", least="0", most="100"),
        atr_period=whole_number(settings, "atr_period", 14, least=2, most=_LONGEST_PERIOD),
        cross_within=whole_number(settings, "cross_within", 3, least=1, most=20),
        stop_atr=number(settings, "stop_atr", "2", least="0", most="20"),
        profit_atr=number(settings, "profit_atr", "3", least="0", most="50"),
        conviction=number(settings, "conviction", "0.5", least="0.01", most="1"),
        eager=yes_or_no(settings, "eager", default=False),
        hold_cycles=whole_number(settings, "hold_cycles", 0, least=0, most=10_000),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Reading:
    fast: tuple[Decimal, ...]
    slow: tuple[Decimal, ...]
    strength: Decimal
    range: Decimal

    @property
    def side(self) -> Side:
        """The side that the averages are on."""
        return Side.BUY if self.fast[-1] >= self.slow[-1] else Side.SELL

    @property
    def slope(self) -> Side:
        """The side that the fast average moves to."""
        return Side.BUY if self.fast[-1] >= self.fast[-2] else Side.SELL

    def has_crossed(self, within: int) -> bool:
        """Whether the averages were on the other side within the last bars."""
        pairs = zip(self.fast[-1 - within : -1], self.slow[-1 - within : -1], strict=True)
        return any((fast < slow) is (self.side is Side.BUY) and fast != slow for fast, slow in pairs)


class Trend:
    """Enters on a crossing of the averages in a strong enough trend, leaves on the reverse crossing."""

    name = "trend"
    candles_needed = _CANDLES

    def check(self, settings: dict[str, str]) -> None:
        """Refuse settings that cannot be used."""
        trend_settings(settings)

    def advise(self, situation: Situation) -> Advice:
        """Advise on each coin by itself; one whose data cannot be used is held, with the reason."""
        settings = trend_settings(situation.settings)
        proposals: list[Proposal] = []
        numbers: dict[str, str] = {}
        for view in situation.views:
            try:
                reading = _read(view, settings)
            except Refused as refusal:
                proposals.append(Proposal(coin=view.coin, action=Action.HOLD, reason=refusal.message))
                continue
            numbers |= _numbers(view, reading)
            proposals.append(_proposal(view, reading, situation, settings))
        return Advice(adviser=self.name, proposals=tuple(proposals), numbers=numbers)


def _read(view: MarketView, settings: TrendSettings) -> _Reading:
    slow = ema(view.candles, settings.slow)
    return _Reading(
        fast=ema(view.candles, settings.fast)[-len(slow) :],
        slow=slow,
        strength=adx(view.candles, settings.adx_period)[-1],
        range=atr(view.candles, settings.atr_period)[-1],
    )


def _proposal(view: MarketView, reading: _Reading, situation: Situation, settings: TrendSettings) -> Proposal:
    position = situation.portfolio.position(view.coin)
    is_over = settings.hold_cycles > 0 and situation.cycle % (settings.hold_cycles + 1) == 0
    if position is None:
        return _when_flat(view, reading, settings, is_over=is_over)
    if is_over:
        return Proposal(coin=view.coin, action=Action.CLOSE, reason=f"Held for {settings.hold_cycles} cycles at most.")
    if not settings.eager and position.side is not reading.side:
        return Proposal(coin=view.coin, action=Action.CLOSE, reason="The averages have crossed back.")
    return Proposal(coin=view.coin, action=Action.HOLD, reason="The trend goes on.")


def _when_flat(view: MarketView, reading: _Reading, settings: TrendSettings, *, is_over: bool) -> Proposal:
    if is_over:
        return Proposal(coin=view.coin, action=Action.HOLD, reason="This cycle only closes.")
    if settings.eager:
        return _opening(view, reading.slope, reading, settings, "Eager: takes the side of the average's slope.")
    if not reading.has_crossed(settings.cross_within):
        return Proposal(coin=view.coin, action=Action.HOLD, reason="No crossing of the averages.")
    if reading.strength < settings.adx_min:
        reason = f"A crossing without a trend: ADX {reading.strength:.1f} is below {plain(settings.adx_min)}."
        return Proposal(coin=view.coin, action=Action.HOLD, reason=reason)
    reason = f"The averages have crossed and ADX is {reading.strength:.1f}."
    return _opening(view, reading.side, reading, settings, reason)


def _opening(view: MarketView, side: Side, reading: _Reading, settings: TrendSettings, reason: str) -> Proposal:
    action = Action.OPEN_LONG if side is Side.BUY else Action.OPEN_SHORT
    stop_px, profit_px = stop_and_profit(
        action, view.mid_px, reading.range, stop=settings.stop_atr, profit=settings.profit_atr
    )
    return Proposal(
        coin=view.coin,
        action=action,
        reason=reason,
        conviction=settings.conviction,
        stop_px=stop_px,
        take_profit_px=profit_px,
    )


def _numbers(view: MarketView, reading: _Reading) -> dict[str, str]:
    return {
        f"{view.coin}.mid_px": plain(view.mid_px),
        f"{view.coin}.ema_fast": plain(reading.fast[-1]),
        f"{view.coin}.ema_slow": plain(reading.slow[-1]),
        f"{view.coin}.adx": plain(reading.strength),
        f"{view.coin}.atr": plain(reading.range),
    }
