"""Reduce-only orders never open and never turn a position round."""

from decimal import Decimal

import pytest

from domain.instruments import smallest_size
from domain.orders import Side
from tests.contracts.rigs.base import Rig
from tests.contracts.rigs.desk import Desk
from venues.base import SightingStatus, Verdict


@pytest.mark.case(20)
def test_a_reduce_only_order_closes_the_position(desk: Desk):
    desk.accepted(desk.terms())
    terms, name = desk.closing(), desk.name()
    answer = desk.accepted(terms, name)
    assert answer.filled_size == terms.size
    assert desk.held() == 0
    seen = desk.found(name, terms)
    assert (seen.status, seen.matches) == (SightingStatus.FILLED, True)


@pytest.mark.case(21)
def test_a_reduce_only_order_larger_than_the_position_closes_it_or_does_nothing(desk: Desk):
    desk.accepted(desk.terms())
    terms, name = desk.closing(size="0.03"), desk.name()
    answer = desk.place(terms, name)
    assert answer.verdict in {Verdict.ACCEPTED, Verdict.REFUSED}
    if answer.verdict is Verdict.ACCEPTED:
        assert desk.found(name, terms).matches
        assert desk.held() == 0
    else:
        assert answer.code == "reduce_only_would_increase"
        assert desk.held() == Decimal("0.01")


@pytest.mark.case(22)
@pytest.mark.parametrize("side", list(Side))
def test_a_reduce_only_order_without_a_position_is_refused(desk: Desk, side: Side):
    factor = "1.03" if side is Side.BUY else "0.97"
    answer = desk.place(desk.terms(side=side, factor=factor, reduce_only=True))
    assert (answer.verdict, answer.code) == (Verdict.REFUSED, "reduce_only_would_increase")
    assert desk.held() == 0


@pytest.mark.case(23)
def test_a_reduce_only_order_on_the_side_of_the_position_is_refused(desk: Desk):
    desk.accepted(desk.terms())
    answer = desk.place(desk.terms(reduce_only=True))
    assert (answer.verdict, answer.code) == (Verdict.REFUSED, "reduce_only_would_increase")
    assert desk.held() == Decimal("0.01")


@pytest.mark.case(24)
def test_a_position_worth_less_than_the_smallest_order_is_closed_whole(desk: Desk):
    px = desk.price("1")
    size = smallest_size(px, desk.instrument())
    desk.accepted(desk.terms(size=str(size)))
    least = desk.instrument().minimum_notional
    factor = min(Decimal("0.5"), least / (size * px) * Decimal("0.8"))
    desk.rig.server.move(desk.coin, desk.price(str(factor)))
    assert size * desk.price(str(factor)) < least
    desk.accepted(desk.closing(size=str(size), factor=str(factor * Decimal("0.97"))))
    assert desk.held() == 0


@pytest.mark.case(25)
def test_dust_that_a_first_close_left_is_taken_by_a_second_one(desk: Desk):
    lot = desk.instrument().lot
    size = 3 * smallest_size(desk.price(), desk.instrument())
    desk.accepted(desk.terms(size=str(size)))
    desk.accepted(desk.closing(size=str(size - lot)))
    assert desk.held() == lot
    answer = desk.place(desk.closing(size=str(lot)))
    # A venue that thinks a lot too small for a close says so, and then the close of all is what has to work.
    assert answer.verdict is Verdict.ACCEPTED or answer.code == "minimum_notional", answer
    if answer.verdict is Verdict.ACCEPTED:
        assert desk.held() == 0


@pytest.mark.case(26)
@pytest.mark.parametrize("below", ["0.9995", "0.97"])
def test_a_liquidation_closes_the_position_and_its_fills_say_that_it_was_one(rig: Rig, below: str):
    with rig.desk(money="100") as desk:
        assert desk.set_leverage(20).verdict is Verdict.ACCEPTED
        desk.accepted(desk.terms())
        held = desk.position()
        assert held is not None
        assert held.liquidation_px is not None
        # Just below an order closes it; further down the venue takes the position over.
        rig.server.move(desk.coin, held.liquidation_px * Decimal(below))
        rig.wait(lambda: desk.held() == 0)
        rig.wait(lambda: sum(fill.signed_size for fill in desk.fills()) == 0)
        entry, *exits = desk.fills()
        assert (entry.side, entry.is_liquidation) == (Side.BUY, False)
        assert {(fill.side, fill.is_liquidation) for fill in exits} == {(Side.SELL, True)}


@pytest.mark.case(27)
def test_a_close_of_ours_is_no_liquidation(desk: Desk):
    desk.accepted(desk.terms())
    desk.accepted(desk.closing())
    assert [fill.is_liquidation for fill in desk.fills()] == [False] * len(desk.fills())
    assert len(desk.fills()) >= 2
