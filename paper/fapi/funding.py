"""Funding every eight hours, paid on the mark (reference 5.1)."""

from __future__ import annotations

from decimal import Decimal

from paper.engine.accounts import Account, FundingPayment, Position
from paper.engine.changes import FundingRate
from paper.fapi.hedging import coin_of
from paper.fapi.node import Node

HOUR_MS = 3_600_000
EARLIER = 90
INTERVAL_HOURS = 8
INTEREST = Decimal("0.0001")
CLAMP = Decimal("0.0005")
CAP = Decimal("0.02")
UNIT = Decimal("1e-8")


def rate_of(premium: Decimal) -> Decimal:
    """Return the rate of eight hours: premium + clamp(interest - premium), capped."""
    rate = premium + min(max(INTEREST - premium, -CLAMP), CLAMP)
    return min(max(rate, -CAP), CAP).quantize(UNIT)


def premium_at(node: Node, coin: str, market_ms: int) -> Decimal:
    """Return the average premium of a coin in the hour of a market time."""
    return Decimal(f"{node.feed.premium(coin, market_ms):.10f}")


def next_funding(market_ms: int) -> int:
    """Return the next settlement after a market time."""
    length = INTERVAL_HOURS * HOUR_MS
    return (market_ms // length + 1) * length


def rates_of(node: Node, coin: str) -> list[FundingRate]:
    """Return the settlements of a coin, oldest first; those of the month before the venue was started come from its feed."""
    length = INTERVAL_HOURS * HOUR_MS
    stored = node.venue.rates[coin]
    until = stored[0].time if stored else next_funding(node.market_ms())
    earlier: list[FundingRate] = []
    for stamp in range(until - EARLIER * length, until, length):
        premium = premium_at(node, coin, stamp - HOUR_MS)
        earlier.append(FundingRate(coin=coin, time=stamp, rate=rate_of(premium), premium=premium))
    return [*earlier, *stored]


def pay_funding(node: Node, stamp: int) -> None:
    """Pay a settlement on every open position; the rate is of the hour before it."""
    venue = node.venue
    rates: dict[str, Decimal] = {}
    for coin in venue.markets:
        premium = premium_at(node, coin, stamp - HOUR_MS)
        rates[coin] = rate_of(premium)
        row = FundingRate(coin=coin, time=stamp, rate=rates[coin], premium=premium)
        venue.rates[coin].append(row)
        venue.changes.rates.append(row)
    for account in venue.accounts.values():
        for position in account.positions.values():
            _pay(node, account, position, rates[coin_of(position.coin)], stamp)


def _pay(node: Node, account: Account, position: Position, rate: Decimal, stamp: int) -> None:
    venue = node.venue
    amount = (-position.szi * venue.mark(position.coin) * rate).quantize(UNIT)
    if position.is_cross:
        account.cash += amount
    else:
        position.collateral += amount
    venue.counterparty -= amount
    position.funding_since_open -= amount
    payment = FundingPayment(
        user=account.address, coin=position.coin, time=stamp, usdc=amount, szi=position.szi, rate=rate
    )
    venue.books[account.address].fundings.append(payment)
    venue.changes.fundings.append(payment)
    venue.changes.events.append(payment)
    venue.touch(account)
