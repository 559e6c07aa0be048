# mypy: no-strict-equality
from datetime import timedelta
from typing import Any

import pytest

from domain.errors import Refused
from domain.fills import Fill, average_price, filled_size
from domain.money import Money, money, price, quantity
from domain.orders import Side
from domain.positions import Position, PositionBook, apply_fill, replay, round_trips
from tests.unit.domain.build import NOW, d

_ids = iter(range(1, 100_000))


def a_fill(side: Side, size: str, px: str, *, minute: int = 0, fee: str = "0", coin: str = "BTC", **changes) -> Fill:
    values: dict[str, Any] = {
        "account_id": "account-1",
        "time": NOW + timedelta(minutes=minute),
        "coin": coin,
        "trade_id": str(next(_ids)),
        "oid": "7",
        "side": side,
        "px": price(px),
        "size": quantity(size),
        "fee": money(fee),
    }
    return Fill(**(values | changes))


BUY, SELL = Side.BUY, Side.SELL


def after(*fills):
    position = Position(coin="BTC")
    for fill in fills:
        position = apply_fill(position, fill)
    return position


def test_increases_average_the_entry():
    position = after(a_fill(BUY, "1", "100"), a_fill(BUY, "3", "120"))
    assert (position.size, position.entry_px, position.realised_pnl) == (4, 115, 0)


def test_a_reduction_realises_and_leaves_the_entry_alone():
    position = after(a_fill(BUY, "4", "115"), a_fill(SELL, "1", "125"))
    assert (position.size, position.entry_px, position.realised_pnl) == (3, 115, 10)


def test_a_short_earns_when_the_price_falls():
    position = after(a_fill(SELL, "2", "100"), a_fill(BUY, "2", "90"))
    assert position.is_flat
    assert (position.realised_pnl, position.entry_px) == (20, 0)


def test_a_flip_realises_the_old_side_and_restarts_at_the_fill():
    position = after(a_fill(BUY, "1", "100"), a_fill(SELL, "3", "110"))
    assert (position.size, position.entry_px, position.realised_pnl) == (-2, 110, 10)


def test_fees_and_funding_stand_beside_the_gross_pnl():
    book = replay([a_fill(BUY, "1", "100", fee="0.5"), a_fill(SELL, "1", "110", minute=1, fee="-0.1")])
    position = book.pay_funding("BTC", money("-2")).position("BTC")
    assert (position.realised_pnl, position.fees, position.funding) == (10, d("0.4"), -2)
    assert position.net_pnl == d("7.6")


def test_the_unrealised_pnl_is_taken_at_the_mark():
    book = replay([a_fill(SELL, "2", "100"), a_fill(BUY, "1", "50", coin="ETH")])
    assert book.unrealised_pnl({"BTC": price("90"), "ETH": price("60")}) == 30


def test_a_missing_mark_is_refused_by_name():
    with pytest.raises(Refused) as caught:
        replay([a_fill(SELL, "2", "100")]).unrealised_pnl({})
    assert caught.value.code == "mark_missing"
    assert "BTC" in caught.value.message


def test_a_flat_position_needs_no_mark():
    assert replay([a_fill(BUY, "1", "1"), a_fill(SELL, "1", "2", minute=1)]).unrealised_pnl({}) == 0


def test_a_fill_given_twice_counts_once():
    fill = a_fill(BUY, "1", "100")
    book = replay([fill, fill]).add([fill])
    assert book.position("BTC").size == 1
    assert len(book.fills) == 1


def test_two_accounts_may_share_a_trade_id():
    fill = a_fill(BUY, "1", "100")
    other = a_fill(BUY, "1", "100", trade_id=fill.trade_id, account_id="account-2")
    assert replay([fill, other]).position("BTC").size == 2


def test_a_late_fill_is_put_where_it_belongs_and_funding_is_kept():
    first, second = a_fill(BUY, "1", "100"), a_fill(SELL, "2", "110", minute=1)
    book = replay([second]).pay_funding("BTC", Money(d("-1"))).add([first])
    assert (book.position("BTC").size, book.position("BTC").realised_pnl) == (-1, 10)
    assert book.position("BTC").funding == -1


def test_fills_of_one_block_are_ordered_by_where_they_started():
    opening = a_fill(BUY, "1", "100", trade_id="999", start_position=quantity("0"))
    more = a_fill(BUY, "1", "200", trade_id="111", start_position=quantity("1"))
    assert [fill.trade_id for fill in replay([more, opening]).fills] == ["999", "111"]


def test_funding_of_a_coin_without_fills_is_kept():
    assert PositionBook().pay_funding("SOL", money("3")).position("SOL").net_pnl == 3


def test_a_fill_of_another_coin_is_refused():
    with pytest.raises(Refused):
        apply_fill(Position(coin="ETH"), a_fill(BUY, "1", "1"))


def test_a_round_trip_goes_from_flat_to_flat():
    (trip,) = round_trips(
        [
            a_fill(BUY, "1", "100", fee="1"),
            a_fill(BUY, "1", "110", minute=1, fee="1"),
            a_fill(SELL, "2", "120", minute=5, fee="2"),
        ]
    )
    assert (trip.side, trip.size, trip.entry_px, trip.exit_px) == (BUY, 2, 105, 120)
    assert (trip.realised_pnl, trip.fees, trip.net_pnl) == (30, 4, 26)
    assert trip.closed_at - trip.opened_at == timedelta(minutes=5)


def test_a_flip_ends_one_trip_and_begins_the_next_with_its_share_of_the_fee():
    trips = round_trips(
        [
            a_fill(BUY, "2", "100"),
            a_fill(SELL, "8", "110", minute=1, fee="4"),
            a_fill(BUY, "3", "100", minute=2),
            a_fill(BUY, "3", "100", minute=3),
        ]
    )
    assert [(trip.side, trip.size, trip.realised_pnl, trip.fees) for trip in trips] == [
        (BUY, 2, 20, 1),
        (SELL, 6, 60, 3),
    ]


def test_sizes_and_averages_of_fills():
    fills = (a_fill(BUY, "1", "100"), a_fill(BUY, "3", "120"))
    assert filled_size(fills) == 4
    assert average_price(fills) == 115
    assert average_price(()) is None


def test_a_fill_that_is_no_number_is_refused():
    with pytest.raises(Refused):
        a_fill(BUY, "1", "100", closed_pnl=d("NaN"))
