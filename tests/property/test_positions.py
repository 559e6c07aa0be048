from decimal import Decimal
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from domain.positions import Position, apply_fill, replay, round_trips
from tests.property.strategies import decimals, fills_of, steps

CLOSE = Decimal("1e-12")


def cash(fills):
    """What left and entered the account: the only truth about a profit."""
    return sum((-fill.signed_size * fill.px for fill in fills), Decimal(0))


@given(steps, decimals("0.0001", "100000", 4))
def test_realised_and_unrealised_pnl_are_the_cash_and_the_value_of_the_position(steps, mark):
    fills = fills_of(steps)
    position = replay(fills).position("BTC")
    total = position.realised_pnl + position.unrealised_pnl(mark)
    assert abs(total - (cash(fills) + position.size * mark)) < CLOSE


@given(steps)
def test_the_position_is_the_sum_of_the_signed_fills_and_the_fees_their_sum(steps):
    fills = fills_of(steps)
    position = replay(fills).position("BTC")
    assert position.size == sum((fill.signed_size for fill in fills), Decimal(0))
    assert position.fees == sum((fill.fee for fill in fills), Decimal(0))


@given(steps, st.integers())
def test_the_order_and_the_number_of_deliveries_do_not_matter(steps, seed):
    fills = fills_of(steps)
    shuffled = [*fills, *fills]
    Random(seed).shuffle(shuffled)
    assert replay(shuffled) == replay(fills)


@given(steps, st.integers(0, 25))
def test_a_book_that_grows_is_the_book_of_all(steps, cut):
    fills = fills_of(steps)
    assert replay(fills[cut:]).add(fills[:cut]) == replay(fills)


@given(steps)
def test_the_entry_moves_on_increases_and_restarts_on_flips_alone(steps):
    position = Position(coin="BTC")
    for fill in fills_of(steps):
        after = apply_fill(position, fill)
        if after.size == 0:
            assert after.entry_px == 0
        elif position.size == 0 or after.size * position.size < 0:
            assert after.entry_px == fill.px
        elif abs(after.size) < abs(position.size):
            assert after.entry_px == position.entry_px
        else:
            low, high = sorted((position.entry_px, fill.px))
            assert low - CLOSE <= after.entry_px <= high + CLOSE
            assert after.realised_pnl == position.realised_pnl
        position = after


@given(steps)
def test_finished_trades_and_the_open_one_add_up_to_the_book(steps):
    fills = fills_of(steps)
    book = replay(fills).position("BTC")
    if book.size != 0:
        return
    trips = round_trips(fills)
    assert abs(sum((trip.realised_pnl for trip in trips), Decimal(0)) - book.realised_pnl) < CLOSE
    assert abs(sum((trip.fees for trip in trips), Decimal(0)) - book.fees) < CLOSE


@given(steps)
def test_every_flip_ends_a_trade(steps):
    fills = fills_of(steps)
    position, ends = Position(coin="BTC"), 0
    for fill in fills:
        after = apply_fill(position, fill)
        ends += position.size != 0 and after.size * position.size <= 0
        position = after
    assert len(round_trips(fills)) == ends
