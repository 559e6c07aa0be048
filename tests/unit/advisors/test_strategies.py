from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from advisors.registry import Registry, built_in
from advisors.strategies.mean_reversion import MeanReversion
from advisors.strategies.trend import Trend
from domain.accounts import HeldPosition
from domain.candles import CandleSeries
from domain.decisions import Action, MarketView, Situation
from domain.errors import Misconfigured
from domain.money import Price
from tests.unit.domain.build import a_portfolio, a_position, a_series, d

FALL_THEN_RISE = [200 - n for n in range(70)] + [130 + 3 * n for n in range(30)]
RISE_THEN_FALL = [100 + n for n in range(70)] + [170 - 3 * n for n in range(30)]
CALM = [100 + (n % 2) * 0.2 for n in range(100)]
PLUNGE = [*CALM[:-3], 98, 96, 94]
SURGE = [*CALM[:-3], 102, 104, 106]


def view_of(series: CandleSeries, mid: str | None = None) -> MarketView:
    px = Price(d(mid)) if mid else series.last.close
    return MarketView(
        coin=series.coin, as_of=series.as_of, mark_px=px, mid_px=px, funding_rate=Decimal(0), candles=series
    )


def situation(closes, *positions, cycle=1, settings=None, mid=None):
    return Situation(
        agent_id="agent-1",
        cycle=cycle,
        views=(view_of(a_series(closes), mid),),
        portfolio=a_portfolio(*positions),
        settings=settings or {},
    )


def advised(adviser, *args, **kwargs):
    (proposal,) = adviser.advise(situation(*args, **kwargs)).proposals
    return proposal


def until_cross(closes, action):
    """Cut a path right after the first bar at which the trend is entered."""
    for end in range(60, len(closes) + 1):
        if advised(Trend(), closes[:end], settings={"adx_min": "0"}).action is action:
            return closes[:end]
    raise AssertionError("never entered")


def test_trend_goes_long_on_a_crossing_upwards_with_a_stop_below_and_a_profit_above():
    closes = until_cross(FALL_THEN_RISE, Action.OPEN_LONG)
    proposal = advised(Trend(), closes)
    assert proposal.action is Action.OPEN_LONG
    assert proposal.stop_px < closes[-1] < proposal.take_profit_px
    distance = Decimal(closes[-1]) - proposal.stop_px
    assert proposal.take_profit_px - Decimal(closes[-1]) == pytest.approx(distance * Decimal("1.5"))


def test_trend_goes_short_on_a_crossing_downwards_with_a_stop_above_and_a_profit_below():
    closes = until_cross(RISE_THEN_FALL, Action.OPEN_SHORT)
    proposal = advised(Trend(), closes)
    assert proposal.action is Action.OPEN_SHORT
    assert proposal.take_profit_px < closes[-1] < proposal.stop_px


def test_trend_does_not_enter_a_crossing_without_a_trend():
    closes = until_cross(FALL_THEN_RISE, Action.OPEN_LONG)
    proposal = advised(Trend(), closes, settings={"adx_min": "99"})
    assert proposal.action is Action.HOLD
    assert "ADX" in proposal.reason


def test_trend_does_not_chase_an_old_crossing():
    assert advised(Trend(), FALL_THEN_RISE).action is Action.HOLD


def test_trend_closes_on_a_reversal_and_holds_before():
    closes = until_cross(FALL_THEN_RISE, Action.OPEN_LONG)
    assert advised(Trend(), closes, a_position(size="1")).action is Action.HOLD
    assert advised(Trend(), closes, a_position(size="-1")).action is Action.CLOSE


@pytest.mark.parametrize(
    ("closes", "action"), [(FALL_THEN_RISE, Action.OPEN_LONG), (RISE_THEN_FALL, Action.OPEN_SHORT)]
)
def test_an_eager_trend_always_takes_a_side_when_flat(closes, action):
    assert advised(Trend(), closes, settings={"eager": "true"}).action is action
    assert advised(Trend(), CALM, settings={"eager": "true"}).action in {Action.OPEN_LONG, Action.OPEN_SHORT}
    assert advised(Trend(), [100] * 100, settings={"eager": "true"}).action is Action.OPEN_LONG


def test_a_standing_market_still_gets_a_stop_away_from_the_entry():
    proposal = advised(Trend(), [100] * 100, settings={"eager": "true"}, mid="100")
    assert proposal.stop_px <= d("99.8")
    assert proposal.take_profit_px >= d("100.2")


def test_no_position_is_held_for_longer_than_hold_cycles():
    settings = {"eager": "true", "hold_cycles": "2"}
    actions = []
    held: tuple[HeldPosition, ...] = ()
    for cycle in range(1, 8):
        action = advised(Trend(), FALL_THEN_RISE, *held, cycle=cycle, settings=settings).action
        actions.append(action)
        held = (a_position(size="1"),) if action is Action.OPEN_LONG else () if action is Action.CLOSE else held
    assert actions == [
        Action.OPEN_LONG, Action.HOLD, Action.CLOSE, Action.OPEN_LONG, Action.HOLD, Action.CLOSE, Action.OPEN_LONG
    ]  # fmt: skip


@pytest.mark.parametrize("first", [0, 1, 2, 17])
def test_an_eager_trend_opens_within_three_cycles_wherever_it_starts(first):
    settings = {"eager": "true", "hold_cycles": "1"}
    actions = {advised(Trend(), CALM, cycle=first + n, settings=settings).action for n in range(3)}
    assert actions & {Action.OPEN_LONG, Action.OPEN_SHORT}


def test_a_cycle_that_only_closes_opens_nothing():
    assert advised(Trend(), CALM, cycle=4, settings={"eager": "true", "hold_cycles": "1"}).action is Action.HOLD


def test_no_stop_and_no_profit_when_the_multiples_are_zero():
    settings = {"eager": "true", "stop_atr": "0", "profit_atr": "0"}
    proposal = advised(Trend(), CALM, settings=settings)
    assert (proposal.stop_px, proposal.take_profit_px) == (None, None)


def test_a_profit_below_zero_is_left_out():
    falling = [100 * 0.8**n for n in range(100)]
    proposal = advised(Trend(), [f"{close:.12f}" for close in falling], settings={"eager": "true", "profit_atr": "50"})
    assert (proposal.action, proposal.take_profit_px) == (Action.OPEN_SHORT, None)


def test_the_same_situation_gives_the_same_advice():
    seen = situation(FALL_THEN_RISE, settings={"eager": "true"})
    for adviser in (Trend(), MeanReversion()):
        same = replace(seen, settings={}) if adviser.name == "mean_reversion" else seen
        assert adviser.advise(same) == adviser.advise(same)


def test_the_numbers_that_led_to_the_advice_are_kept():
    numbers = Trend().advise(situation(FALL_THEN_RISE)).numbers
    assert {"BTC.ema_fast", "BTC.ema_slow", "BTC.adx", "BTC.atr", "BTC.mid_px"} == numbers.keys()


@pytest.mark.parametrize("adviser", [Trend(), MeanReversion()])
def test_unusable_data_of_one_coin_leaves_the_others_alone(adviser):
    good = view_of(a_series(PLUNGE, coin="ETH"))
    series = a_series(CALM)
    stale = view_of(replace(series, as_of=series.as_of + timedelta(hours=1)))
    advice = adviser.advise(replace(situation(CALM), views=(stale, good)))
    assert [proposal.coin for proposal in advice.proposals] == ["BTC", "ETH"]
    assert advice.proposals[0].action is Action.HOLD
    assert "ago" in advice.proposals[0].reason
    assert "ETH.atr" in advice.numbers


def test_reversion_buys_when_oversold_below_the_band_and_aims_at_the_average():
    proposal = advised(MeanReversion(), PLUNGE)
    assert proposal.action is Action.OPEN_LONG
    assert proposal.stop_px < 94 < proposal.take_profit_px < 101


def test_reversion_sells_when_overbought_above_the_band():
    proposal = advised(MeanReversion(), SURGE)
    assert proposal.action is Action.OPEN_SHORT
    assert proposal.take_profit_px < 106 < proposal.stop_px


def test_reversion_leaves_calm_and_standing_markets_alone():
    assert advised(MeanReversion(), CALM).action is Action.HOLD
    assert advised(MeanReversion(), [100] * 100).action is Action.HOLD


def test_reversion_does_not_enter_when_the_price_has_come_back_since_the_bar():
    proposal = advised(MeanReversion(), PLUNGE, mid="101")
    assert (proposal.action, proposal.stop_px) == (Action.HOLD, None)


def test_reversion_closes_at_the_average_and_holds_before():
    assert advised(MeanReversion(), PLUNGE, a_position(size="1")).action is Action.HOLD
    assert advised(MeanReversion(), PLUNGE, a_position(size="-1")).action is Action.CLOSE
    assert advised(MeanReversion(), SURGE, a_position(size="1")).action is Action.CLOSE


@pytest.mark.parametrize(
    ("adviser", "settings", "name"),
    [
        (Trend(), {"fats": "9"}, "fats"),
        (Trend(), {"fast": "nine"}, "fast"),
        (Trend(), {"fast": "1"}, "fast"),
        (Trend(), {"fast": "²"}, "fast"),
        (Trend(), {"fast": "30", "slow": "20"}, "slow"),
        (Trend(), {"eager": "perhaps"}, "eager"),
        (Trend(), {"adx_min": "NaN"}, "adx_min"),
        (Trend(), {"conviction": "1.5"}, "conviction"),
        (MeanReversion(), {"oversold": "80"}, "oversold"),
        (MeanReversion(), {"deviations": ""}, "deviations"),
    ],
)
def test_a_setting_that_cannot_be_used_is_named(adviser, settings, name):
    with pytest.raises(Misconfigured) as caught:
        adviser.advise(situation(CALM, settings=settings))
    assert caught.value.code == "adviser_setting"
    assert caught.value.details == {"setting": name}
    with pytest.raises(Misconfigured):
        built_in().check(adviser.name, settings)


def test_the_largest_periods_fit_the_candles_that_are_asked_for():
    settings = {"slow": "45", "adx_period": "45", "atr_period": "45", "cross_within": "20"}
    closes = FALL_THEN_RISE[-Trend.candles_needed :]
    assert "BTC.adx" in Trend().advise(situation(closes, settings=settings)).numbers


def test_the_registry_finds_advisers_and_names_them_all_when_it_does_not():
    registry = built_in()
    assert registry.names == ("mean_reversion", "trend")
    assert registry.named("trend").name == "trend"
    with pytest.raises(Misconfigured) as caught:
        registry.named("trent")
    assert caught.value.code == "adviser_unknown"
    assert "mean_reversion, trend" in caught.value.message


def test_settings_of_an_adviser_without_checks_are_let_through():
    class Plain:
        name = "plain"
        candles_needed = 1

        def advise(self, situation):
            raise NotImplementedError

    Registry([Plain()]).check("plain", {"any": "thing"})
