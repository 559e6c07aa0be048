"""TWAP orders over time, with a clock that the test sets."""

from decimal import Decimal

import pytest

from paper.engine.errors import OrderRefused
from paper.engine.twap_slices import TwapWanted, run_twaps, start_twap
from paper.engine.twaps import Twap, TwapStatus
from tests.unit.paper.builders import ALICE, Desk, market


def started(desk: Desk, sz: str, *, minutes: int = 5, randomize: bool = False, reduce_only: bool = False) -> Twap:
    wanted = TwapWanted(
        asset=0,
        is_buy=not reduce_only,
        sz=Decimal(sz),
        reduce_only=reduce_only,
        minutes=minutes,
        randomize=randomize,
    )
    return start_twap(desk.venue, desk.venue.accounts[ALICE], wanted)


def run(desk: Desk, twap: Twap, slices: int) -> None:
    for _ in range(slices):
        run_twaps(desk.venue)
        desk.clock.now += 30_000


def test_ten_slices_of_five_minutes_trade_the_whole_size() -> None:
    desk = Desk()
    twap = started(desk, "0.1")
    run(desk, twap, 4)
    assert desk.szi(ALICE) == Decimal("0.04")
    run(desk, twap, 6)
    assert (desk.szi(ALICE), twap.status) == (Decimal("0.1"), TwapStatus.FINISHED)
    assert {fill.twap_id for fill in desk.venue.books[ALICE].fills} == {twap.twap_id}


def test_random_slices_still_add_up_to_the_size() -> None:
    desk = Desk()
    twap = started(desk, "0.1", randomize=True)
    run(desk, twap, 10)
    assert desk.szi(ALICE) == Decimal("0.1")
    assert len({fill.sz for fill in desk.venue.books[ALICE].fills}) > 3


def test_what_an_empty_book_did_not_trade_is_caught_up_with_at_most_three_slices_at_once() -> None:
    desk = Desk()
    twap = started(desk, "0.1")
    liquidity = desk.venue.markets["BTC"].liquidity
    depth = sum((level.sz for level in liquidity.levels(is_bid=False, now_ms=desk.clock.now)), Decimal(0))
    for _ in range(5):
        liquidity.take(depth, is_bid=False, now_ms=desk.clock.now)
        run(desk, twap, 1)
        liquidity.asks.taken = depth
    assert desk.szi(ALICE) == 0
    liquidity.asks.taken = Decimal(0)
    run(desk, twap, 1)
    assert desk.szi(ALICE) == Decimal("0.03")


def test_a_slice_without_margin_ends_the_twap_with_the_reason() -> None:
    desk = Desk()
    twap = started(desk, "500")
    run(desk, twap, 1)
    assert (twap.status, twap.description) == (TwapStatus.ERROR, "Insufficient margin to place order.")


def test_a_reduce_only_twap_ends_when_the_position_is_gone() -> None:
    desk = Desk()
    desk.send(ALICE, market("buy", "0.1"))
    twap = started(desk, "0.1", reduce_only=True)
    run(desk, twap, 2)
    assert desk.szi(ALICE) == Decimal("0.08")
    desk.send(ALICE, market("sell", "0.08", reduce_only=True))
    run(desk, twap, 1)
    assert twap.status is TwapStatus.ERROR
    assert desk.szi(ALICE) == 0


def test_the_older_minimum_counts_ten_dollars_a_minute() -> None:
    desk = Desk()
    desk.venue.settings.twap_minimum_rule = "per_minute"
    with pytest.raises(OrderRefused, match=r"TWAP order value too small. Min is \$1200, which is \$10 per minute."):
        started(desk, "0.01", minutes=120)
