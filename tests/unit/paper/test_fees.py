"""Fees by volume: tiers, days, rebates, referrals, sub-accounts."""

from decimal import Decimal

from paper.engine.accounts import AccountKind, DayVolume
from paper.engine.fees import utc_day
from paper.engine.owned import open_owned
from tests.unit.paper.builders import ALICE, NOW, Desk, limit, market

DAY = 86_400_000


def last_rate(desk: Desk, user: str = ALICE) -> Decimal:
    fill = desk.venue.books[user].fills[-1]
    return (fill.fee / (fill.px * fill.sz)).quantize(Decimal("0.00001"))


def test_yesterdays_volume_sets_todays_tier_and_todays_waits_for_midnight() -> None:
    desk = Desk()
    account = desk.venue.accounts[ALICE]
    account.days[utc_day(NOW)] = DayVolume(cross=Decimal(6_000_000), weighted=Decimal(6_000_000))
    desk.send(ALICE, market("buy", "0.1"))
    assert last_rate(desk) == Decimal("0.00045")
    desk.clock.now += DAY
    desk.send(ALICE, market("buy", "0.1"))
    assert last_rate(desk) == Decimal("0.00040")
    desk.clock.now += 14 * DAY
    desk.send(ALICE, market("buy", "0.1"))
    assert last_rate(desk) == Decimal("0.00045")


def test_at_once_counts_today() -> None:
    desk = Desk()
    desk.venue.settings.fee_tier_at_once = True
    volume = Decimal(30_000_000)
    desk.venue.accounts[ALICE].days[utc_day(NOW)] = DayVolume(cross=volume, weighted=volume)
    desk.send(ALICE, market("buy", "0.1"))
    assert last_rate(desk) == Decimal("0.00035")


def test_a_large_maker_is_paid() -> None:
    desk = Desk()
    desk.venue.settings.exchange_daily_volume = Decimal(1_000_000)
    added = Decimal(1_000_000)
    desk.venue.accounts[ALICE].days[utc_day(NOW, 1)] = DayVolume(add=added, weighted=added)
    desk.send(ALICE, limit("buy", "99999", "0.1"))
    desk.move("BTC", "99900")
    assert last_rate(desk) == Decimal("-0.00003")
    assert desk.total() == desk.venue.deposited


def test_a_referral_is_worth_four_percent() -> None:
    desk = Desk()
    desk.venue.accounts[ALICE].referred_by = "BOB"
    desk.send(ALICE, market("buy", "1"))
    fill = desk.venue.books[ALICE].fills[0]
    assert abs(fill.fee / (fill.px * fill.sz) - Decimal("0.000432")) < Decimal("0.0000001")


def test_a_sub_accounts_volume_counts_for_its_master() -> None:
    desk = Desk()
    sub = open_owned(desk.venue, ALICE, AccountKind.SUB_ACCOUNT, "s")
    desk.deposit(sub.address, "50000")
    desk.send(sub.address, market("buy", "0.1"))
    assert sub.days == {}
    assert desk.venue.accounts[ALICE].days[utc_day(NOW)].cross > 9_000
    assert desk.venue.accounts[ALICE].volume == 0
