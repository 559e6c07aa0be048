"""Margin, leverage, funding, liquidation and fees."""

from decimal import Decimal
from random import Random

import pytest

from paper.engine.accounts import LeverageChoice
from paper.engine.cancelling import cancel
from paper.engine.funding import HOUR_MS, hourly_rate, pay_funding
from paper.engine.instruments import maintenance_margin, perp
from paper.engine.liquidation import liquidate_all
from paper.engine.margin import account_value, liquidation_px, required_margin, withdrawable
from paper.engine.matching import settle
from paper.engine.orders import Status
from paper.engine.requests import Failed
from paper.engine.trades import execute
from tests.unit.paper.builders import ALICE, BOB, Desk, limit, market, trigger

D = Decimal


@pytest.mark.parametrize(
    ("premium", "hourly"),
    [
        ("-0.000413624", "0.000010797"),
        ("0.0001", "0.0000125"),
        ("0.00055", "0.0000125"),
        ("0.001", "0.0000625"),
        ("1", "0.04"),
    ],
)
def test_the_hourly_rate_follows_the_premium(premium: str, hourly: str) -> None:
    assert hourly_rate(D(premium)) == D(hourly)


def test_funding_moves_money_between_long_and_short_at_the_oracle() -> None:
    desk = Desk()
    desk.send(BOB, limit("sell", "100001", "0.5"))
    desk.send(ALICE, limit("buy", "100001", "0.5"))
    before = [desk.venue.accounts[user].cash for user in (ALICE, BOB)]
    pay_funding(desk.venue, 500_000, {"BTC": D("0.001"), "ETH": D(0)})
    paid, received = (desk.venue.accounts[user].cash - cash for user, cash in zip((ALICE, BOB), before, strict=True))
    assert paid == -received == D("-0.5") * 100_000 * D("0.0000625")
    payment = desk.venue.books[ALICE].fundings[0]
    assert payment.time // HOUR_MS == 500_000
    assert desk.venue.accounts[ALICE].positions["BTC"].funding_since_open == -paid
    assert desk.total() == desk.venue.deposited


@pytest.mark.parametrize(
    ("notional", "margin"),
    [("100000", "1250"), ("150000000", "1875000"), ("200000000", "3125000")],
)
def test_maintenance_margin_is_continuous_over_the_tiers(notional: str, margin: str) -> None:
    assert maintenance_margin(D(notional), perp("BTC", 0).tiers) == D(margin)


def test_the_recorded_isolated_position_has_the_recorded_liquidation_price() -> None:
    """Reference 1.2: BTC szi 0.06075, leverage 4, rawUsd -3828.81778, value 5101.4205, liquidation at 63823.6021044955."""
    desk = Desk()
    desk.set_mark("BTC", "83974")
    account = desk.venue.accounts[ALICE]
    account.leverage["BTC"] = LeverageChoice(is_cross=False, value=4)
    desk.send(ALICE, limit("buy", "83979", "0.06075"))
    position = account.positions["BTC"]
    position.collateral = D("-3828.81778") + position.entry_px * position.szi
    price = liquidation_px(desk.venue, account, position)
    assert price is not None
    assert abs(price - D("63823.6021044955")) < D("1e-9")


def test_an_isolated_position_sets_its_margin_aside_and_gives_it_back() -> None:
    desk = Desk()
    account = desk.venue.accounts[ALICE]
    account.leverage["BTC"] = LeverageChoice(is_cross=False, value=10)
    desk.send(ALICE, market("buy", "0.1"))
    assert account.positions["BTC"].collateral == account.positions["BTC"].entry_px * D("0.01")
    desk.send(ALICE, market("sell", "0.1", reduce_only=True))
    assert account.positions == {}
    assert account_value(desk.venue, account) == account.cash
    assert desk.total() == desk.venue.deposited


def test_what_may_leave_keeps_a_tenth_of_the_notional() -> None:
    desk = Desk()
    desk.venue.accounts[ALICE].leverage["BTC"] = LeverageChoice(is_cross=True, value=40)
    desk.send(ALICE, market("buy", "5"))
    account = desk.venue.accounts[ALICE]
    value = account_value(desk.venue, account)
    assert withdrawable(desk.venue, account) == value - D("0.1") * 5 * desk.venue.mark("BTC")
    assert required_margin(desk.venue, account) == 5 * desk.venue.mark("BTC") / 40


def test_equity_below_maintenance_is_liquidated_into_the_book_with_orders_cancelled() -> None:
    desk = Desk()
    desk.venue.accounts[BOB].cash = D("3000")
    desk.venue.deposited -= 97_000
    desk.venue.accounts[BOB].leverage["BTC"] = LeverageChoice(is_cross=True, value=40)
    desk.send(BOB, market("buy", "0.9"))
    order = desk.order(desk.send(BOB, limit("buy", "90000", "0.01"))[0])
    desk.set_mark("BTC", "98000")
    liquidate_all(desk.venue)
    assert desk.szi(BOB) == D("0.9")
    desk.set_mark("BTC", "97900")
    liquidate_all(desk.venue)
    settle(desk.venue)
    assert order.status is Status.LIQUIDATED_CANCELED
    assert desk.szi(BOB) == 0
    fill = desk.venue.books[BOB].fills[-1]
    assert fill.liquidation is not None
    assert (fill.liquidation.user, fill.liquidation.method) == (BOB, "market")
    assert desk.total() == desk.venue.deposited


def test_an_account_deep_under_water_is_taken_over_and_owes_nothing() -> None:
    desk = Desk()
    desk.venue.accounts[BOB].leverage["BTC"] = LeverageChoice(is_cross=True, value=40)
    desk.send(BOB, market("buy", "15"))
    desk.set_mark("BTC", "80000")
    liquidate_all(desk.venue)
    settle(desk.venue)
    account = desk.venue.accounts[BOB]
    assert (account.positions, account.cash) == ({}, D(0))
    assert desk.venue.books[BOB].ledger[-1].delta["type"] == "liquidation"
    assert desk.total() == desk.venue.deposited


def test_a_large_position_is_liquidated_a_fifth_first_and_wholly_after_half_a_minute() -> None:
    desk = Desk()
    desk.venue.accounts[BOB].leverage["BTC"] = LeverageChoice(is_cross=True, value=40)
    desk.send(BOB, market("buy", "15"))
    account = desk.venue.accounts[BOB]
    # Equity between two thirds of the maintenance margin (about 17,600) and the whole of it.
    desk.set_mark("BTC", str(int(account.positions["BTC"].entry_px - (account.cash - 15_000) / 15)))
    liquidate_all(desk.venue)
    assert desk.szi(BOB) == 12
    desk.clock.now += 29_000
    desk.set_mark("BTC", str(desk.venue.mark("BTC") - 150))
    liquidate_all(desk.venue)
    assert desk.szi(BOB) == 12
    desk.clock.now += 1_000
    liquidate_all(desk.venue)
    assert desk.szi(BOB) == 0
    assert desk.total() == desk.venue.deposited


def test_fees_are_truncated_to_six_decimals_and_makers_pay_less() -> None:
    desk = Desk()
    desk.send(BOB, limit("sell", "100001", "0.00123"))
    desk.send(ALICE, limit("buy", "100001", "0.00123"))
    taker, maker = desk.venue.books[ALICE].fills[-1], desk.venue.books[BOB].fills[-1]
    assert (taker.fee, maker.fee) == (D("0.055350"), D("0.018450"))
    assert (taker.crossed, maker.crossed) == (True, False)


def test_new_exposure_needs_margin_and_a_reduction_does_not() -> None:
    desk = Desk()
    desk.send(ALICE, market("buy", "15"))
    assert desk.send(ALICE, market("buy", "15")) == [Failed(text="Insufficient margin to place order. asset=0")]
    desk.set_mark("BTC", "95500")
    desk.send(ALICE, limit("sell", "90000", "10"))
    assert desk.szi(ALICE) <= 5


def test_a_partial_close_gives_back_its_share_of_the_isolated_margin() -> None:
    desk = Desk()
    account = desk.venue.accounts[ALICE]
    account.leverage["BTC"] = LeverageChoice(is_cross=False, value=10)
    desk.send(ALICE, market("buy", "0.4"))
    whole = account.positions["BTC"].collateral
    desk.send(ALICE, market("sell", "0.1", reduce_only=True))
    assert account.positions["BTC"].collateral == whole * D("0.75")
    assert account.positions["BTC"].szi == D("0.3")


def test_the_remembered_sum_of_resting_orders_is_the_one_that_is_added_up_anew() -> None:
    desk = Desk()
    random, account = Random(5), desk.venue.accounts[ALICE]
    for step in range(300):
        side, px = random.choice(["buy", "sell"]), random.choice(["97000", "99000", "100000", "101000", "103000"])
        match random.randrange(7):
            case 0 | 1 | 2:
                desk.send(ALICE, limit(side, px, "0.01", reduce_only=random.random() < 0.3))
            case 3:
                desk.send(ALICE, trigger(side, random.choice(["sl", "tp"]), px, "0.01"))
            case 4 if desk.live(ALICE):
                wanted = random.choice(desk.live(ALICE))
                cancel(desk.venue, ALICE, wanted.asset, wanted.oid)
            case 5 if resting := [row for row in desk.live(ALICE) if row.is_resting and row.sz > D("0.001")]:
                execute(desk.venue, None, random.choice(resting), D(100_000), D("0.001"))
                settle(desk.venue)
            case _:
                desk.clock.now += 5_000
                desk.move("BTC", random.choice(["98000", "100000", "102000"]))
        remembered = required_margin(desk.venue, account)
        desk.venue.books[ALICE].open_oids.resting = None
        assert required_margin(desk.venue, account) == remembered, step
        required_margin(desk.venue, account)
