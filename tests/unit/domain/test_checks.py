# mypy: no-strict-equality
from dataclasses import replace
from datetime import timedelta

import pytest

from domain.errors import Refused
from domain.limits import PROFILES, RiskLimits, RiskProfile
from domain.money import Money, money, price, quantity
from domain.orders import Side
from domain.risk import (
    Breaker,
    ProposedTrade,
    ReservedExposure,
    TradeResult,
    activate_circuit_breaker,
    breaker_due,
    check_daily_drawdown,
    check_trade_allowed,
    forgive_losses,
    is_active,
    update_after_trade,
)
from tests.unit.domain.build import NOW, a_day, a_portfolio, a_position, d

BUY, SELL = Side.BUY, Side.SELL


def a_trade(notional: str = "1000", coin: str = "BTC", side: Side = BUY, leverage: int = 5) -> ProposedTrade:
    return ProposedTrade(coin=coin, side=side, size=quantity(notional), px=price("1"), leverage=leverage)


def a_row(notional: str, coin: str = "BTC", side: Side = BUY) -> ReservedExposure:
    return ReservedExposure(intent_id="other", coin=coin, side=side, notional=money(notional))


def decision(trade=None, portfolio=None, *, reserved=(), day=None, breaker=None, limits=None, now=NOW):
    return check_trade_allowed(
        trade or a_trade(),
        portfolio or a_portfolio(),
        reserved=reserved,
        day=day or a_day(),
        breaker=breaker,
        limits=limits or RiskLimits(),
        now=now,
    )


def code(*args, **kwargs):
    return decision(*args, **kwargs).code


def test_a_trade_within_every_limit_is_allowed_with_its_figures():
    allowed = decision()
    assert allowed.allowed
    assert allowed.code == "allowed"
    assert allowed.numbers["total_exposure"] == "1000"
    assert allowed.numbers["total_exposure_limit"] == "30000"
    assert {"equity", "notional", "daily_drawdown", "order_rate_limit", "breaker"} <= allowed.numbers.keys()


def test_a_refusal_says_what_it_would_be_and_what_the_limit_is():
    refused = decision(a_trade("10001"))
    assert not refused.allowed
    assert refused.message == "The value of the position would be 10001, the limit is 10000."


@pytest.mark.parametrize(
    ("trade", "expected"),
    [
        (a_trade("10000"), "allowed"),
        (a_trade("10000.01"), "position_size"),
        (a_trade(leverage=6), "leverage"),
        (a_trade(coin="DOGE"), "asset_not_allowed"),
    ],
)
def test_limits_of_one_trade_are_exact(trade, expected):
    assert code(trade, limits=RiskLimits(allowed_coins=("BTC", "ETH"))) == expected


def test_a_position_in_the_same_direction_adds_up():
    held = a_portfolio(a_position(size="0.1"))
    assert code(a_trade("5000"), held) == "allowed"
    assert code(a_trade("5001"), held) == "position_size"


def test_an_opposite_order_does_not_count_as_a_relief_beyond_the_position():
    held = a_portfolio(a_position(size="0.1"))
    assert code(a_trade("15000", side=SELL), held) == "allowed"
    assert code(a_trade("15001", side=SELL), held) == "position_size"


def test_live_rows_count_as_if_they_had_filled():
    assert code(a_trade("9000"), reserved=[a_row("6000")]) == "allowed"
    assert code(a_trade("9001"), reserved=[a_row("6000")]) == "asset_exposure"


def test_buys_and_sells_in_flight_never_net_each_other():
    assert code(a_trade("9001"), reserved=[a_row("6000"), a_row("6000", side=SELL)]) == "asset_exposure"
    assert code(a_trade("1000"), reserved=[a_row("6000", side=SELL)]) == "allowed"


def test_total_exposure_spans_positions_and_rows_of_every_coin():
    held = a_portfolio(a_position("ETH", "5", "2000"), a_position("SOL", "-80", "125"), available=money("90000"))
    assert code(a_trade("9999"), held) == "allowed"
    assert code(a_trade("9999"), held, reserved=[a_row("2", "XRP")]) == "total_exposure"


def test_two_orders_at_once_cannot_both_pass():
    trade = a_trade("9000")
    assert code(trade, reserved=[]) == "allowed"
    assert code(trade, reserved=[a_row("9000")]) == "asset_exposure"


def test_what_is_in_flight_on_another_coin_is_no_exposure_in_this_one():
    rows = [a_row("9000", "ETH", SELL), a_row("9000", "ETH", BUY)]
    assert code(a_trade("9000"), reserved=rows) == "allowed"
    assert decision(a_trade("9000"), reserved=rows).numbers["total_exposure"] == "18000"


def test_open_positions_are_counted_by_coin_with_the_rows_in_flight():
    held = a_portfolio(a_position("ETH", "1", "10"), a_position("SOL", "1", "10"))
    limits = RiskLimits(max_open_positions=3)
    assert code(a_trade("100"), held, limits=limits) == "allowed"
    assert code(a_trade("100"), held, reserved=[a_row("10", "XRP")], limits=limits) == "open_positions"
    assert code(a_trade("100", "ETH"), held, reserved=[a_row("10", "XRP")], limits=limits) == "allowed"


def test_a_flat_row_is_no_open_position():
    held = a_portfolio(a_position("ETH", "0", "10"))
    assert code(a_trade("100"), held, limits=RiskLimits(max_open_positions=1)) == "allowed"


def test_the_hourly_rate_counts_this_order():
    assert code(day=a_day(orders_last_hour=59)) == "allowed"
    assert code(day=a_day(orders_last_hour=60)) == "order_rate"


def test_fees_and_turnover_have_a_budget_a_day():
    assert code(day=a_day(fees=money("200"))) == "allowed"
    assert code(day=a_day(fees=money("200.01"))) == "fee_budget"
    assert code(day=a_day(turnover=money("299000"))) == "allowed"
    assert code(day=a_day(turnover=money("299000")), reserved=[a_row("1")]) == "churn_budget"


def test_margin_counts_the_rows_in_flight():
    poor = a_portfolio(available=money("1000"))
    assert code(a_trade("5000"), poor) == "allowed"
    assert code(a_trade("5000"), poor, reserved=[a_row("1", "ETH")]) == "insufficient_margin"


def test_an_account_without_equity_cannot_open():
    assert code(portfolio=a_portfolio(equity=money("0")), day=a_day(start_equity=money("0"))) == "no_equity"


def test_a_first_day_that_began_before_the_deposit_has_budgets_too():
    assert code(day=a_day(start_equity=money("0"))) == "allowed"


def test_a_loss_of_the_day_forbids_new_exposure():
    lost = a_portfolio(equity=money("9500"))
    assert code(portfolio=lost) == "daily_drawdown"
    assert code(portfolio=a_portfolio(equity=money("9500.01"))) == "allowed"


def test_the_days_loss_excludes_deposits_and_withdrawals():
    withdrawn = a_day(net_transfers=money("-5000"))
    assert check_daily_drawdown(a_portfolio(equity=money("5000")), withdrawn, RiskLimits()).allowed
    deposited = a_day(net_transfers=money("5000"))
    refused = check_daily_drawdown(a_portfolio(equity=money("14000")), deposited, RiskLimits())
    assert (refused.code, refused.numbers["change"]) == ("daily_drawdown", "-1000")
    assert refused.numbers["daily_drawdown"] == "0.066667"


def test_a_loss_that_reaches_the_limit_is_too_much_and_is_told_in_percent():
    refused = check_daily_drawdown(a_portfolio(equity=money("9500")), a_day(), RiskLimits())
    assert refused.message == "The day's loss is 5 % of equity, the limit is 5 %."
    assert check_daily_drawdown(a_portfolio(equity=money("9500.01")), a_day(), RiskLimits()).allowed


def test_a_loss_after_everything_was_withdrawn_is_a_total_one():
    day = a_day(net_transfers=money("-10000"))
    assert check_daily_drawdown(a_portfolio(equity=money("0")), day, RiskLimits()).allowed
    assert not check_daily_drawdown(a_portfolio(equity=money("-1")), day, RiskLimits()).allowed


def test_a_limit_of_zero_forbids_any_loss_but_not_a_day_without_one():
    limits = RiskLimits(daily_loss=d("0"))
    assert check_daily_drawdown(a_portfolio(), a_day(), limits).allowed
    assert code(limits=limits) == "allowed"
    assert code(portfolio=a_portfolio(equity=money("9999")), limits=limits) == "daily_drawdown"


def test_a_breaker_without_an_end_needs_a_reset():
    breaker = activate_circuit_breaker("by_hand", "Because.", limits=RiskLimits(), now=NOW)
    assert breaker == Breaker(code="by_hand", reason="Because.", tripped_at=NOW)
    assert is_active(breaker, NOW + timedelta(days=365))
    refused = decision(breaker=breaker)
    assert (refused.code, refused.numbers["breaker_active"]) == ("circuit_breaker", "true")
    assert "reset" in refused.message


def test_a_breaker_with_a_cool_down_ends_by_itself():
    limits = RiskLimits(cool_down=timedelta(hours=1))
    breaker = activate_circuit_breaker("loss_streak", "Six.", limits=limits, now=NOW)
    just_before, after = NOW + timedelta(minutes=59, seconds=59), NOW + timedelta(hours=1)
    assert code(breaker=breaker, now=just_before) == "circuit_breaker"
    assert code(breaker=breaker, now=after) == "allowed"
    assert not is_active(None, NOW)


def test_the_breaker_trips_on_the_days_loss_and_on_a_streak():
    limits = RiskLimits(loss_streak=3)
    assert breaker_due(a_portfolio(), a_day(loss_streak=2), limits, now=NOW) is None
    streak = breaker_due(a_portfolio(), a_day(loss_streak=3), limits, now=NOW)
    loss = breaker_due(a_portfolio(equity=money("9000")), a_day(), limits, now=NOW)
    assert streak is not None
    assert loss is not None
    assert (streak.code, loss.code) == ("loss_streak", "daily_drawdown")
    assert breaker_due(a_portfolio(), a_day(loss_streak=99), RiskLimits(loss_streak=0), now=NOW) is None


def test_a_reset_starts_a_new_streak():
    day = forgive_losses(a_day(loss_streak=9))
    assert breaker_due(a_portfolio(), day, RiskLimits(), now=NOW) is None


@pytest.mark.parametrize(
    ("pnl", "fees", "streak"),
    [("-1", "0", 3), ("1", "2", 3), ("1", "0.5", 0), ("1", "1", 0), ("0", "5", 2)],
)
def test_losing_trades_lengthen_the_streak_winners_end_it_and_openings_leave_it_alone(pnl, fees, streak):
    result = TradeResult(realised_pnl=money(pnl), fees=money(fees), turnover=money("100"))
    day = update_after_trade(a_day(loss_streak=2, fees=money("1")), result)
    assert day.loss_streak == streak
    assert (day.fees, day.turnover, day.realised_pnl) == (1 + d(fees), 100, d(pnl))


def test_the_profiles_grow_bolder():
    careful, moderate, bold = (
        PROFILES[name] for name in (RiskProfile.CONSERVATIVE, RiskProfile.MODERATE, RiskProfile.AGGRESSIVE)
    )
    for name in ("max_position", "max_total_exposure", "max_leverage", "risk_per_trade", "daily_loss", "loss_streak"):
        assert getattr(careful, name) < getattr(moderate, name) < getattr(bold, name)


def test_figures_that_are_no_numbers_are_refused():
    with pytest.raises(Refused):
        replace(a_trade(), px=price("1") / 1 * d("NaN"))
    with pytest.raises(Refused):
        a_day(fees=Money(d("Infinity")))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("max_position", d("-0.1")),
        ("daily_loss", d("1.1")),
        ("max_slippage", d("0.6")),
        ("max_leverage", 0),
        ("loss_streak", -1),
    ],
)
def test_a_limit_out_of_range_is_named(name, value):
    with pytest.raises(Refused) as caught:
        replace(RiskLimits(), **{name: value})
    assert (caught.value.code, caught.value.details["limit"]) == ("limit_out_of_range", name)


def test_a_limit_that_is_no_number_is_refused():
    with pytest.raises(Refused) as caught:
        RiskLimits(daily_loss=d("NaN"))
    assert caught.value.code == "not_a_number"
