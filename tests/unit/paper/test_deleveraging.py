"""Bankrupt positions against the winners of the other side."""

from decimal import Decimal

import pytest

from paper.engine.liquidation import liquidate_all
from paper.engine.matching import settle
from tests.unit.paper.builders import ALICE, BOB, Desk, limit, market


def ruined(*, adl: bool) -> Desk:
    """Return a desk on which Alice was short against Bob and the price has doubled."""
    desk = Desk()
    desk.venue.settings.adl = adl
    desk.send(ALICE, limit("sell", "100000", "1"))
    desk.send(BOB, limit("buy", "100000", "1"))
    desk.venue.accounts[ALICE].cash -= Decimal(50_000)
    desk.venue.deposited -= Decimal(50_000)
    desk.set_mark("BTC", "170000")
    liquidate_all(desk.venue)
    settle(desk.venue)
    return desk


@pytest.mark.parametrize("adl", [True, False])
def test_the_winner_is_closed_at_the_bankruptcy_price_only_with_the_switch(adl: bool) -> None:
    desk = ruined(adl=adl)
    alice, bob = desk.venue.accounts[ALICE], desk.venue.accounts[BOB]
    assert alice.szi("BTC") == 0
    assert alice.cash.quantize(Decimal(1)) == 0
    assert bob.szi("BTC") == (0 if adl else 1)
    assert desk.total() == desk.venue.deposited
    if adl:
        fill = desk.venue.books[BOB].fills[-1]
        assert fill.direction == "Auto-Deleveraging"
        assert fill.liquidation is not None
        assert fill.liquidation.user == ALICE
        # Alice had 49,985 left of her money: that is how far beyond the entry somebody else could be paid.
        assert Decimal(149_900) < fill.px < Decimal(150_000)


def test_the_liquidation_object_is_on_both_sides_of_a_liquidating_trade() -> None:
    desk = Desk()
    desk.send(ALICE, market("buy", "15"))
    # The book still leans up after so large a buy.
    desk.clock.now += 600_000
    desk.set_mark("BTC", "94400")
    desk.send(BOB, limit("buy", "94399", "2"))
    liquidate_all(desk.venue)
    settle(desk.venue)
    theirs = desk.venue.books[BOB].fills[-1].liquidation
    own = desk.venue.books[ALICE].fills[-1].liquidation
    assert theirs is not None
    assert own is not None
    assert (theirs.user, theirs.method, own.user) == (ALICE, "market", ALICE)
    row = desk.venue.books[ALICE].ledger[-1].delta
    assert (row["type"], row["leverageType"]) == ("liquidation", "Cross")
