# mypy: no-strict-equality
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import pytest

from domain.accounts import RestingOrder
from domain.money import Money, Price, money, price, quantity
from domain.orders import Side
from domain.reconciliation import (
    Books,
    Difference,
    DifferenceKind,
    Look,
    books_of,
    by_coin,
    compare,
    confirm,
    unexplained,
)
from tests.unit.domain.build import NOW, a_portfolio, a_position, d
from tests.unit.domain.test_positions import a_fill

KIND = DifferenceKind
OURS = "c" * 32


@dataclass(frozen=True)
class Entry:
    time: datetime
    kind: str
    amount: Money
    coin: str = ""
    reference: str = ""


DEPOSIT = Entry(NOW, "deposit", money("10000"), reference="d-1")
FUNDING = Entry(NOW + timedelta(hours=1), "funding", money("-1.5"), coin="BTC")
OPENED = a_fill(Side.BUY, "0.1", "50000", fee="2.25", client_id=OURS)


def books(fills=(OPENED,), movements=(DEPOSIT,), **changes):
    return books_of(fills, movements, client_ids={OURS}, **changes)


def venue(equity="9997.75", *positions, **changes):
    held = positions or (a_position(),)
    return a_portfolio(*held, equity=money(equity), **changes)


def kinds(differences):
    return [difference.kind for difference in differences]


def test_books_that_agree_show_no_difference():
    assert compare(venue(), books(), fills=[OPENED], movements=[DEPOSIT]) == ()


def test_the_equity_counts_transfers_pnl_fees_funding_and_what_is_unrealised():
    closed = a_fill(Side.SELL, "0.04", "51000", minute=1, fee="0.918", closed_pnl=money("40"), client_id=OURS)
    held = a_position(size="0.06", unrealised_pnl=money("-30"))
    portfolio = venue("10005.332", held)
    assert unexplained(portfolio, books((OPENED, closed), (DEPOSIT, FUNDING))) == 0
    assert unexplained(replace(portfolio, equity=money("10005.4")), books((OPENED, closed), (DEPOSIT, FUNDING))) == d(
        "0.068"
    )


def test_what_the_venue_cuts_off_is_tolerated_and_no_more():
    assert unexplained(venue("9997.749996"), books()) == 0
    assert unexplained(venue("9997.749995"), books()) == d("-0.000005")


def test_an_account_that_was_added_with_a_history_counts_from_its_opening_cash():
    known = books_of([OPENED], opening_cash=money("500"))
    assert unexplained(venue("497.75"), known) == 0


def test_a_fill_of_ours_that_was_not_journaled_is_named_and_explains_itself():
    (difference,) = compare(venue(), books(fills=()), fills=[OPENED])
    assert (difference.kind, difference.coin, difference.amount) == (KIND.MISSED_FILL, "BTC", d("0.1"))
    assert difference.reference == OPENED.trade_id


def test_a_fill_that_no_order_of_ours_made_is_a_manual_trade():
    by_hand = replace(OPENED, client_id="")
    (difference,) = compare(venue(), books(fills=()), fills=[by_hand])
    assert difference.kind is KIND.MANUAL_TRADE
    assert "by hand" in difference.note


def test_an_order_id_of_ours_is_enough():
    known = books_of([], [DEPOSIT], oids={"7"})
    assert kinds(compare(venue(), known, fills=[replace(OPENED, client_id="")])) == [KIND.MISSED_FILL]


def test_a_liquidation_is_told_apart():
    forced = replace(OPENED, client_id="", is_liquidation=True)
    (difference,) = compare(venue(), books(fills=()), fills=[forced])
    assert "liquidated" in difference.note


def test_a_panic_order_is_ours():
    panic = replace(OPENED, client_id="dead" + "0" * 28)
    assert kinds(compare(venue(), books(fills=()), fills=[panic])) == [KIND.MISSED_FILL]


def test_a_position_that_no_fill_leads_to_is_a_missed_fill():
    differences = compare(venue("9997.75", a_position(size="0.15")), books())
    assert [(one.kind, one.amount) for one in differences] == [(KIND.MISSED_FILL, d("0.05"))]


def test_a_position_that_is_gone_is_a_missed_fill_the_other_way():
    (difference,) = compare(a_portfolio(equity=money("9997.75")), books())
    assert (difference.kind, difference.amount) == (KIND.MISSED_FILL, d("-0.1"))


def test_what_was_held_before_the_first_known_fill_is_its_start():
    more = a_fill(Side.BUY, "0.1", "50000", start_position=quantity("0.3"))
    portfolio = a_portfolio(a_position(size="0.4"), equity=money("10000"))
    assert compare(portfolio, books_of([more], [DEPOSIT])) == ()


def test_a_transfer_and_a_funding_payment_that_we_do_not_know_are_named():
    extra = Entry(NOW + timedelta(hours=2), "withdrawal", money("-100"), reference="w-1")
    differences = compare(venue("9896.25"), books(), movements=[DEPOSIT, FUNDING, extra])
    assert [(one.kind, one.coin, one.amount) for one in differences] == [
        (KIND.FUNDING, "BTC", d("-1.5")),
        (KIND.TRANSFER, "", d("-100")),
    ]


def test_a_fee_that_was_changed_is_named_and_explains_itself():
    charged = replace(OPENED, fee=money("2.50"))
    (difference,) = compare(venue("9997.50"), books(), fills=[charged])
    assert (difference.kind, difference.amount) == (KIND.FEE, d("0.25"))


def test_a_fee_that_differs_by_what_the_venue_cuts_off_is_the_same():
    cut = replace(OPENED, fee=money("2.250001"))
    assert compare(venue("9997.749999"), books(), fills=[cut]) == ()


def test_a_movement_without_a_name_is_known_by_its_time():
    (unnamed,) = compare(venue("9996.25"), books(), movements=[FUNDING])
    named = Entry(NOW, "transfer", money("1"), reference="t-1")
    (one,) = compare(venue("9998.75"), books(), movements=[named])
    assert (unnamed.reference, one.reference) == (FUNDING.time.isoformat(), "t-1")


def test_an_open_order_that_is_not_ours_is_named():
    order = RestingOrder(
        coin="ETH",
        oid="99",
        client_id="",
        side=Side.SELL,
        size=quantity("2"),
        original_size=quantity("2"),
        limit_px=price("3000"),
        reduce_only=False,
        placed_at=NOW,
    )
    ours = replace(order, oid="98", client_id=OURS)
    (difference,) = compare(venue(orders=(order, ours)), books())
    assert (difference.kind, difference.reference, difference.amount) == (KIND.ORDER_UNKNOWN_TO_US, "99", -2)


def test_money_that_nothing_accounts_for_is_left_over():
    (difference,) = compare(venue("9990"), books())
    assert (difference.kind, difference.coin, difference.amount) == (KIND.UNEXPLAINED, "", d("-7.75"))


GAP = Difference(kind=KIND.MISSED_FILL, coin="BTC", amount=d("1"))
LEFT = Difference(kind=KIND.UNEXPLAINED, amount=d("1"))
MOVED = Difference(kind=KIND.TRANSFER, amount=d("1"), reference="d-1")


def looks(*differences, seconds=10):
    return Look(at=NOW, differences=differences), Look(at=NOW + timedelta(seconds=seconds), differences=differences)


def test_one_look_counts_for_nothing():
    assert confirm(None, Look(at=NOW, differences=(GAP,))) == ()


@pytest.mark.parametrize(("seconds", "count"), [(9, 0), (10, 1)])
def test_two_looks_have_to_be_ten_seconds_apart(seconds, count):
    assert len(confirm(*looks(GAP, seconds=seconds))) == count


def test_a_difference_that_only_the_second_look_shows_waits_for_a_third():
    before, now = looks(GAP)
    assert confirm(replace(before, differences=()), now) == ()


def test_a_live_order_on_the_coin_holds_the_difference_back():
    assert confirm(*looks(GAP), live_coins={"BTC"}) == ()
    assert confirm(*looks(GAP), live_coins={"ETH"}) == (GAP,)


def test_money_left_over_waits_for_every_order_and_a_transfer_for_none():
    assert confirm(*looks(LEFT, MOVED), live_coins={"ETH"}) == (MOVED,)
    assert confirm(*looks(LEFT, MOVED)) == (LEFT, MOVED)


def test_differences_of_a_kind_on_a_coin_are_shown_as_one():
    more = replace(GAP, amount=d("2"), reference="t-2", note="again")
    summed = by_coin([GAP, LEFT, more])
    assert [(one.kind, one.amount, one.note) for one in summed] == [
        (KIND.MISSED_FILL, 3, "again"),
        (KIND.UNEXPLAINED, 1, ""),
    ]


def test_empty_books_of_an_empty_account_agree():
    assert compare(a_portfolio(equity=money("0")), Books()) == ()


def test_a_flat_row_of_the_venue_is_no_position():
    flat = a_position(size="0", entry_px=Price(d("0")))
    assert compare(a_portfolio(flat, equity=money("0")), Books()) == ()
