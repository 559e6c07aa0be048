"""Hyperliquid's rule: at most five significant figures and szDecimals-dependent decimals; integers are always allowed."""

from decimal import Decimal

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from domain.errors import Refused
from domain.instruments import (
    Instrument,
    Rounding,
    check_order,
    floor_size,
    nearest_price,
    price_step,
    round_price,
    round_size,
    smallest_size,
)
from domain.money import Price, notional, parse_decimal, plain
from tests.property.strategies import instruments, prices, sizes
from tests.unit.domain.build import BTC, DOGE, ETH, d


def is_valid(px: Decimal, instrument: Instrument) -> bool:
    """The rule once more, from the words of the documentation and from the digits alone."""
    if px <= 0:
        return False
    text = plain(px)
    if "." not in text:
        return True
    decimals = len(text.partition(".")[2])
    figures = len(text.replace(".", "").lstrip("0"))
    allowed = instrument.significant_figures
    return decimals <= instrument.price_decimals and (allowed is None or figures <= allowed)


@given(prices, instruments(), st.sampled_from(Rounding))
@example(Price(Decimal("9.99996")), BTC, Rounding.UP)
@example(Price(Decimal("99999.5")), BTC, Rounding.NEAREST)
@example(Price(Decimal("123456.7")), BTC, Rounding.DOWN)
def test_a_rounded_price_is_valid_or_zero(px, instrument, rounding):
    rounded = round_price(px, instrument, rounding)
    assert rounded == 0 or is_valid(rounded, instrument)


@given(prices, instruments(), st.sampled_from(Rounding), st.sampled_from(Rounding))
def test_rounding_is_idempotent_whatever_the_second_mode(px, instrument, first, second):
    rounded = round_price(px, instrument, first)
    assert round_price(rounded, instrument, second) == rounded


@given(prices, instruments())
def test_a_valid_price_is_left_alone(px, instrument):
    assume(is_valid(px, instrument))
    for rounding in Rounding:
        assert round_price(px, instrument, rounding) == px


@given(prices, instruments())
def test_a_price_lies_between_its_roundings_and_nearest_is_the_nearer_one(px, instrument):
    down, up = (round_price(px, instrument, rounding) for rounding in (Rounding.DOWN, Rounding.UP))
    nearest = round_price(px, instrument)
    assert down <= px <= up
    assert nearest in {down, up}
    assert abs(nearest - px) == min(px - down, up - px)


@given(prices, instruments())
def test_no_valid_price_lies_between_the_two_roundings(px, instrument):
    down, up = (round_price(px, instrument, rounding) for rounding in (Rounding.DOWN, Rounding.UP))
    assume(down < up)
    for part in range(1, 10):
        assert not is_valid(down + (up - down) * part / 10, instrument)


@given(prices, instruments())
def test_the_roundings_are_one_step_apart(px, instrument):
    down, up = (round_price(px, instrument, rounding) for rounding in (Rounding.DOWN, Rounding.UP))
    assert up - down in {Decimal(0), price_step(px, instrument)}


@given(prices, prices, instruments(), st.sampled_from(Rounding))
def test_rounding_keeps_the_order(one, other, instrument, rounding):
    low, high = sorted((one, other))
    assert round_price(low, instrument, rounding) <= round_price(high, instrument, rounding)


@given(st.integers(1, 10**9), instruments(), st.sampled_from(Rounding))
def test_an_integer_is_always_allowed(px, instrument, rounding):
    assert round_price(Price(Decimal(px)), instrument, rounding) == px


@given(sizes, instruments())
def test_a_floored_size_is_the_largest_multiple_of_the_lot_below(size, instrument):
    floored = floor_size(size, instrument)
    assert 0 <= size - floored < instrument.lot
    assert floored % instrument.lot == 0
    assert floor_size(floored, instrument) == floored


@given(sizes, instruments())
def test_a_size_below_one_lot_is_refused_and_names_the_lot(size, instrument):
    if size >= instrument.lot:
        assert round_size(size, instrument) == floor_size(size, instrument)
        return
    with pytest.raises(Refused) as caught:
        round_size(size, instrument)
    assert caught.value.details["nearest"] == plain(instrument.lot)


@given(prices, instruments())
def test_the_smallest_size_is_worth_the_minimum_and_one_lot_less_is_not(px, instrument):
    px = nearest_price(px, instrument)
    size = smallest_size(px, instrument)
    assert size % instrument.lot == 0
    assert notional(size, px) >= instrument.minimum_notional
    assert size == instrument.lot or notional(size - instrument.lot, px) < instrument.minimum_notional


@given(prices, sizes, prices, instruments())
def test_an_order_of_the_nearest_values_breaks_no_rule(px, size, reference, instrument):
    """Whoever follows the refusals one by one arrives at an order that is allowed."""
    reference = nearest_price(reference, instrument)
    # A reference of very few ticks has no valid price inside its band.
    assume(reference > 20 * price_step(reference, instrument))
    for _ in range(6):
        breaches = check_order(size=size, limit_px=px, reference_px=reference, instrument=instrument)
        if not breaches:
            return
        breach = breaches[0]
        assert breach.nearest, breach
        value = parse_decimal(breach.nearest)
        assert value > 0
        size, px = (size, Price(value)) if breach.rule.startswith("price") else (value, px)
    raise AssertionError(breaches)


@given(prices, sizes, instruments())
def test_an_order_breaks_the_step_rules_exactly_when_its_digits_do(px, size, instrument):
    rules = {one.rule for one in check_order(size=size, limit_px=px, reference_px=px, instrument=instrument)}
    assert ("price_step" in rules) is not is_valid(px, instrument)
    assert ("size_step" in rules) is (size % instrument.lot != 0)
    assert ("minimum_notional" in rules) is (size * px < instrument.minimum_notional)
    assert "price_band" not in rules


# The documentation's own examples and recorded ones (docs, "Tick and lot size").
@pytest.mark.parametrize(
    ("size_decimals", "px", "expected"),
    [(1, "0.01234", True), (1, "0.012345", False), (0, "1234.5", True), (0, "1234.56", False), (0, "0.001234", True)],
)
def test_the_examples_of_the_documentation(size_decimals, px, expected):
    instrument = Instrument(
        venue="h", coin="X", asset_id=1, size_decimals=size_decimals, price_decimals=6 - size_decimals
    )
    assert (round_price(Price(d(px)), instrument) == d(px)) is expected


@pytest.mark.parametrize(
    ("instrument", "px", "down", "up"),
    [
        (BTC, "123456.7", "123456", "123457"),
        (BTC, "67890.3", "67890", "67891"),
        (BTC, "9999.96", "9999.9", "10000"),
        (ETH, "3456.78", "3456.7", "3456.8"),
        (ETH, "99.999", "99.99", "100"),
        (DOGE, "0.1234567", "0.12345", "0.12346"),
        (DOGE, "0.00000049", "0", "0.000001"),
    ],
)
def test_prices_of_known_coins(instrument, px, down, up):
    assert round_price(Price(d(px)), instrument, Rounding.DOWN) == d(down)
    assert round_price(Price(d(px)), instrument, Rounding.UP) == d(up)


@pytest.mark.parametrize(("px", "nearest"), [("-5", "0.1"), ("0", "0.1"), ("0.01", "0.1"), ("0.26", "0.3")])
def test_the_nearest_valid_price_is_never_zero(px, nearest):
    (breach, *_) = check_order(size=d("1"), limit_px=Price(d(px)), reference_px=Price(d("0")), instrument=BTC)
    assert (breach.rule, breach.nearest) == ("price_step", nearest)


def test_the_band_is_inclusive_and_names_its_inner_edge():
    def rules(px):
        return check_order(size=d("1"), limit_px=Price(d(px)), reference_px=Price(d("50000")), instrument=BTC)

    assert rules("90000") == rules("10000") == ()
    assert [(one.rule, one.nearest) for one in rules("90001")] == [("price_band", "90000")]
    assert [(one.rule, one.nearest) for one in rules("9999")] == [("price_band", "10000")]


def test_closing_a_whole_position_needs_no_minimum_and_no_size():
    for size in ("0", "0.00001"):
        assert check_order(
            size=d(size), limit_px=Price(d("100")), reference_px=Price(d("100")), instrument=BTC, closes_whole_position=True
        ) == ()  # fmt: skip
    rules = check_order(size=d("0"), limit_px=Price(d("100")), reference_px=Price(d("100")), instrument=BTC)
    assert [one.rule for one in rules] == ["size_step", "minimum_notional"]


def test_an_absurd_size_or_price_breaks_rules_and_nothing_else():
    huge = d("1e30")
    assert floor_size(huge + d("0.000001"), BTC) == huge
    assert round_price(Price(huge), BTC) == huge


@given(st.decimals(allow_nan=False, allow_infinity=False, places=8, min_value=-(10**12), max_value=10**12))
def test_plain_is_read_back_without_exponent_and_without_trailing_zeros(value):
    text = plain(value)
    assert Decimal(text) == value
    assert "E" not in text.upper()
    assert not ("." in text and text.endswith("0"))
    assert text != "-0"


@pytest.mark.parametrize("text", ["", "abc", "NaN", "Infinity", "-Infinity", "sNaN", "1E999999", "1e-9999", "0x10"])
def test_what_is_no_finite_number_is_refused(text):
    with pytest.raises(Refused) as caught:
        parse_decimal(text)
    assert caught.value.code == "not_a_number"
