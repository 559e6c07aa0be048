"""Hourly funding (reference 5.6)."""

from __future__ import annotations

from decimal import Decimal

from paper.engine.accounts import Account, FundingPayment, Position
from paper.engine.changes import FundingRate
from paper.engine.venue import PaperVenue

HOUR_MS = 3_600_000
INTEREST = Decimal("0.0001")
CLAMP = Decimal("0.0005")
CAP = Decimal("0.04")
UNIT = Decimal("1e-10")
MICRO = Decimal("0.000001")
STAMP_MS = 12
ZERO = Decimal(0)


def hourly_rate(premium: Decimal) -> Decimal:
    """Return the hourly rate of an average premium: an eighth of premium + clamp(interest - premium), capped."""
    eight_hours = premium + min(max(INTEREST - premium, -CLAMP), CLAMP)
    return min(max(eight_hours / 8, -CAP), CAP)


def pay_funding(venue: PaperVenue, hour: int, premiums: dict[str, Decimal]) -> None:
    """Pay the funding of an hour (counted from the epoch in market time) on every open position."""
    venue.changes.is_meta = True
    stamp = hour * HOUR_MS + STAMP_MS
    rates = {coin: hourly_rate(premium).quantize(UNIT) for coin, premium in premiums.items()}
    for coin, rate in rates.items():
        row = FundingRate(coin=coin, time=stamp, rate=rate, premium=premiums[coin])
        venue.rates[coin].append(row)
        venue.changes.rates.append(row)
    for account in venue.accounts.values():
        for position in account.positions.values():
            _pay(venue, account, position, rates[position.coin], stamp)


def _pay(venue: PaperVenue, account: Account, position: Position, rate: Decimal, stamp: int) -> None:
    usdc = (-position.szi * venue.markets[position.coin].oracle * rate).quantize(MICRO)
    if position.is_cross:
        account.cash += usdc
    else:
        position.collateral += usdc
    venue.counterparty -= usdc
    position.funding_since_open -= usdc
    position.funding_since_change -= usdc
    account.funding_all_time[position.coin] = account.funding_all_time.get(position.coin, ZERO) - usdc
    payment = FundingPayment(
        user=account.address, coin=position.coin, time=stamp, usdc=usdc, szi=position.szi, rate=rate
    )
    venue.books[account.address].fundings.append(payment)
    venue.changes.fundings.append(payment)
    venue.changes.events.append(payment)
    venue.touch(account)
