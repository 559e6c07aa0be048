"""Whatever is approved holds every limit and every rule of the venue."""

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from domain.errors import Refused
from domain.instruments import check_order
from domain.intents import Protection
from domain.limits import PROFILES
from domain.money import Money, Price
from domain.orders import Side
from domain.risk import approve
from tests.property.strategies import decimals
from tests.unit.domain.build import BTC, DOGE, ETH, NOW, a_day, a_portfolio, a_request, an_intent

references = {
    "BTC": decimals("1000", "200000", 2),
    "ETH": decimals("100", "20000", 3),
    "DOGE": decimals("0.01", "5", 7),
}


@st.composite
def wishes(draw):
    instrument = draw(st.sampled_from([BTC, ETH, DOGE]))
    reference = Price(draw(references[instrument.coin]))
    side = draw(st.sampled_from(Side))
    distance = draw(st.none() | decimals("0.0001", "0.5", 4))
    stop = None if distance is None else Price(reference * (1 - side.sign * distance))
    intent = an_intent(
        coin=instrument.coin,
        side=side,
        conviction=draw(decimals("0.01", "1", 2)),
        protection=Protection(stop_px=stop),
        limits=draw(st.sampled_from(list(PROFILES.values()))),
    )
    return instrument, reference, intent, Money(draw(decimals("1", "1000000", 2)))


@given(wishes())
def test_an_order_by_conviction_is_always_within_position_limit_risk_and_rules_or_refused_as_too_small(wish):
    instrument, reference, intent, equity = wish
    portfolio = a_portfolio(equity=equity, available=equity)
    refusal: Refused | None = None
    try:
        order, decision = approve(
            a_request(intent),
            instrument=instrument,
            reference_px=reference,
            portfolio=portfolio,
            reserved=(),
            day=a_day(start_equity=equity),
            breaker=None,
            now=NOW,
        )
    except Refused as error:
        refusal = error
    if refusal is not None:
        assert refusal.code == "minimum_notional"
        assert Decimal(refusal.details["nearest"]) > 0
        return
    assert decision.allowed
    terms = order.terms
    assert check_order(size=terms.size, limit_px=terms.limit_px, reference_px=reference, instrument=instrument) == ()
    assert order.reserved <= intent.limits.max_position * equity
    assert abs(terms.limit_px / reference - 1) <= intent.limits.max_slippage
    if intent.protection.stop_px is not None:
        loss = terms.size * abs(terms.limit_px - intent.protection.stop_px)
        risk = intent.limits.risk_per_trade * equity
        # A short's entry is at its limit or above it, which is nearer to the stop.
        assert loss <= risk * (1 + Decimal("1e-20"))
