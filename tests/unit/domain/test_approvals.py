from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from domain.errors import Refused
from domain.intents import IntentKind, IntentPolicy, OrderStyle, Protection
from domain.limits import RiskLimits
from domain.money import ZERO, price, quantity
from domain.orders import OrderKey, OrderTerms, Side, TimeInForce, Trigger, TriggerKind
from domain.risk import Breaker, approve, approve_reducing
from tests.unit.domain.build import BTC, ETH, NOW, a_day, a_portfolio, a_position, a_request, an_intent, d


def approved(intent=None, *, reference="50000", instrument=BTC, portfolio=None, now=NOW, request=None, **changes):
    return approve(
        request or a_request(intent),
        instrument=instrument,
        reference_px=price(reference),
        portfolio=portfolio or a_portfolio(),
        reserved=changes.get("reserved", ()),
        day=changes.get("day", a_day()),
        breaker=changes.get("breaker"),
        now=now,
    )


def refusal(*args, **kwargs):
    with pytest.raises(Refused) as caught:
        approved(*args, **kwargs)
    return caught.value


def test_a_market_buy_is_an_ioc_limit_at_the_slippage_bound():
    order, decision = approved()
    assert decision.allowed
    assert (order.terms.tif, order.terms.limit_px) == (TimeInForce.IOC, d("50500"))
    assert order.terms.size == d("0.0198")
    assert order.reserved == d("0.0198") * 50500
    assert not order.terms.reduce_only


def test_a_slippage_bound_off_the_tick_is_rounded_inward():
    buy, _ = approved(reference="51237.7")
    sell, _ = approved(an_intent(side=Side.SELL), reference="51237.7")
    assert buy.terms.limit_px == d("51750")
    assert sell.terms.limit_px == d("50726")


def test_an_agents_limit_is_rounded_towards_passive():
    policy = IntentPolicy(style=OrderStyle.LIMIT, limit_px=price("49999.7"), tif=TimeInForce.ALO)
    buy, _ = approved(an_intent(policy=policy, agent_id="agent"))
    sell, _ = approved(an_intent(policy=policy, side=Side.SELL, agent_id="agent"))
    assert (buy.terms.limit_px, sell.terms.limit_px) == (d("49999"), d("50000"))
    assert buy.terms.tif is TimeInForce.ALO


def test_a_limit_by_hand_off_the_tick_is_refused_with_the_nearest_price():
    error = refusal(an_intent(policy=IntentPolicy(style=OrderStyle.LIMIT, limit_px=price("49999.7"))))
    assert (error.code, error.details["nearest"]) == ("price_step", "49999")


def test_a_sell_is_reserved_at_the_market_since_it_fills_above_its_limit():
    order, _ = approved(an_intent(side=Side.SELL))
    assert order.terms.limit_px == d("49500")
    assert order.reserved == order.terms.size * 50000


def test_the_order_carries_the_times_and_names_of_its_request():
    request = a_request(an_intent(trace_id="trace-9"), step="open.2")
    order, _ = approved(request=request)
    assert order.key == OrderKey(intent_id="intent-1", step="open.2")
    assert (order.not_after, order.decided_at, order.trace_id) == (request.not_after, request.decided_at, "trace-9")


def test_leverage_is_the_smaller_of_the_limit_and_the_venue():
    assert approved()[0].leverage == 5
    assert approved(instrument=replace(BTC, max_leverage=3))[0].leverage == 3


def test_a_size_below_the_minimum_notional_names_the_smallest_valid_size():
    error = refusal(an_intent(size=quantity("0.0001")))
    assert error.code == "minimum_notional"
    assert error.details["nearest"] == "0.0002"
    assert approved(an_intent(size=quantity(error.details["nearest"])))[0].terms.size == d("0.0002")


def test_a_size_of_exactly_the_minimum_notional_is_enough():
    policy = IntentPolicy(style=OrderStyle.LIMIT, limit_px=price("50000"))
    assert approved(an_intent(size=quantity("0.0002"), policy=policy))[0].terms.size == d("0.0002")


def test_a_size_below_one_lot_is_refused_where_the_venue_has_no_minimum():
    error = refusal(an_intent(size=quantity("0.000009")), instrument=replace(BTC, minimum_notional=d("0")))
    assert (error.code, error.details["nearest"]) == ("minimum_notional", "0.00001")


def test_a_limit_outside_the_band_names_the_nearest_valid_price():
    policy = IntentPolicy(style=OrderStyle.LIMIT, limit_px=price("90001"))
    error = refusal(an_intent(policy=policy))
    assert (error.code, error.details["nearest"]) == ("price_band", "90000")
    assert error.action == "The nearest valid value is 90000."


def test_a_limit_below_the_smallest_tick_is_refused():
    error = refusal(an_intent(policy=IntentPolicy(style=OrderStyle.LIMIT, limit_px=price("0.01"))))
    assert error.code == "price_step"


def test_a_delisted_instrument_is_refused_by_name():
    assert refusal(instrument=replace(BTC, is_delisted=True)).code == "asset_unavailable"


@pytest.mark.parametrize(
    ("side", "stop", "profit", "code"),
    [
        (Side.BUY, "50000", None, "stop_side"),
        (Side.BUY, "51000", None, "stop_side"),
        (Side.BUY, None, "49000", "take_profit_side"),
        (Side.SELL, "49000", None, "stop_side"),
        (Side.SELL, None, "51000", "take_profit_side"),
        (Side.BUY, None, "50000", "take_profit_side"),
        (Side.SELL, "50000", None, "stop_side"),
        (Side.SELL, None, "0", "take_profit_side"),
    ],
)
def test_a_stop_or_take_profit_on_the_wrong_side_is_refused(side, stop, profit, code):
    protection = Protection(stop_px=stop and price(stop), take_profit_px=profit and price(profit))
    assert refusal(an_intent(side=side, protection=protection)).code == code


def test_a_stop_is_held_against_the_limit_of_a_resting_order():
    policy = IntentPolicy(style=OrderStyle.LIMIT, limit_px=price("45000"))
    assert refusal(an_intent(policy=policy, protection=Protection(stop_px=price("47000")))).code == "stop_side"
    assert approved(an_intent(policy=policy, protection=Protection(stop_px=price("44000"))))[1].allowed


def test_a_stop_of_a_resting_sell_is_held_against_its_limit_too():
    policy = IntentPolicy(style=OrderStyle.LIMIT, limit_px=price("55000"))
    wrong = an_intent(side=Side.SELL, policy=policy, protection=Protection(stop_px=price("53000")))
    right = an_intent(side=Side.SELL, policy=policy, protection=Protection(stop_px=price("56000")))
    error = refusal(wrong)
    assert (error.code, error.action) == ("stop_side", "Choose a price above 55000.")
    assert approved(right)[1].allowed


def test_a_take_profit_within_the_slippage_is_no_mistake():
    assert approved(an_intent(protection=Protection(take_profit_px=price("50200"))))[1].allowed


def test_a_risk_refusal_carries_the_figures():
    error = refusal(an_intent(size=quantity("1")))
    assert error.code == "position_size"
    assert error.details["position_size"] == "50500"
    assert error.details["position_size_limit"] == "10000"
    assert error.action


def test_each_refusal_says_what_to_do():
    poor = a_portfolio(available=d("1"))
    broken = Breaker(code="by_hand", reason="Because.", tripped_at=NOW)
    assert "Deposit" in refusal(portfolio=poor).action
    assert "reset" in refusal(breaker=broken).action


def test_a_decision_that_is_too_old_is_refused():
    assert refusal(now=NOW + timedelta(seconds=30)).code == "decision_too_old"
    assert approved(now=NOW + timedelta(seconds=29))[1].allowed


def test_a_closing_intent_cannot_open():
    assert refusal(an_intent(kind=IntentKind.CLOSE)).code == "not_an_opening"


def test_an_instrument_of_another_coin_is_refused():
    assert refusal(instrument=ETH).code == "wrong_instrument"


def test_no_reference_price_is_refused():
    assert refusal(reference="0").code == "no_reference_price"


@pytest.mark.parametrize("given", [{"size": None}, {"size": quantity("1"), "conviction": d("1")}])
def test_an_open_needs_exactly_one_size(given):
    assert refusal(an_intent(**given)).code == "size_ambiguous"


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({"size": quantity("-1")}, "size_not_positive"),
        ({"notional": d("0")}, "size_not_positive"),
        ({"conviction": d("1.1")}, "conviction_out_of_range"),
    ],
)
def test_a_nonsensical_size_is_refused(given, code):
    assert refusal(an_intent(**given)).code == code


def test_an_absurd_size_is_refused_and_not_a_crash():
    assert refusal(an_intent(size=quantity("1e28"))).code == "position_size"


def test_full_conviction_without_a_stop_takes_the_whole_position_limit_at_the_worst_price():
    order, decision = approved(an_intent(conviction=d("1")))
    assert decision.allowed
    assert d("9999") < order.reserved <= 10000


def test_conviction_with_a_stop_risks_what_the_profile_allows():
    intent = an_intent(conviction=d("1"), protection=Protection(stop_px=price("45000")))
    order, _ = approved(intent)
    loss = order.terms.size * (order.terms.limit_px - 45000)
    assert d("99") < loss <= 100


def test_half_the_conviction_is_half_the_size():
    whole, _ = approved(an_intent(conviction=d("1")))
    half, _ = approved(an_intent(conviction=d("0.5")))
    assert abs(whole.terms.size - 2 * half.terms.size) <= 2 * BTC.lot


def test_a_tight_stop_never_lifts_the_size_over_the_position_limit():
    intent = an_intent(conviction=d("1"), protection=Protection(stop_px=price("49999")))
    order, decision = approved(intent, portfolio=a_portfolio())
    assert decision.allowed
    assert order.reserved <= 10000


def test_conviction_without_equity_is_refused():
    assert refusal(an_intent(conviction=d("1")), portfolio=a_portfolio(equity=d("-5"))).code == "minimum_notional"


def test_the_intents_own_limits_are_the_ones_that_count():
    assert refusal(an_intent(limits=RiskLimits(allowed_coins=("ETH",)))).code == "asset_not_allowed"


def test_an_existing_position_counts():
    error = refusal(portfolio=a_portfolio(a_position(size="0.19")))
    assert error.code == "position_size"


def reducing(terms, **changes):
    values = {
        "key": OrderKey(intent_id="i", step="close"),
        "user_id": "u",
        "account_id": "a",
        "instrument": BTC,
        "terms": terms,
        "decided_at": NOW,
        "not_after": NOW + timedelta(seconds=30),
    }
    return approve_reducing(**(values | changes))


def closing(**changes):
    values: dict[str, Any] = {
        "coin": "BTC",
        "side": Side.SELL,
        "size": quantity("0.1"),
        "limit_px": price("49500.3"),
        "reduce_only": True,
    }
    return OrderTerms(**(values | changes))


def test_a_reducing_order_reserves_nothing():
    order = reducing(closing())
    assert order.reserved == ZERO
    assert order.terms.reduce_only


def test_an_opening_order_cannot_be_approved_as_reducing():
    with pytest.raises(Refused) as caught:
        reducing(closing(reduce_only=False))
    assert caught.value.code == "not_reduce_only"


def test_a_reducing_order_of_no_size_is_refused_unless_it_is_the_whole_position():
    with pytest.raises(Refused) as caught:
        reducing(closing(size=quantity("0")))
    assert caught.value.code == "size_not_positive"
    stop = Trigger(px=price("48000.4"), kind=TriggerKind.STOP_LOSS)
    order = reducing(closing(size=quantity("0"), trigger=stop))
    assert order.terms.trigger is not None
    assert order.terms.trigger.px == d("48000")


@pytest.mark.parametrize(
    ("side", "tif", "expected"),
    [
        (Side.SELL, TimeInForce.IOC, "49500"),
        (Side.BUY, TimeInForce.IOC, "49501"),
        (Side.SELL, TimeInForce.GTC, "49501"),
        (Side.BUY, TimeInForce.ALO, "49500"),
    ],
)
def test_a_close_that_has_to_fill_is_rounded_towards_filling(side, tif, expected):
    assert reducing(closing(side=side, tif=tif)).terms.limit_px == d(expected)
