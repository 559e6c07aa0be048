"""Trades between others: recorded ones as they were, made-up ones at the best prices where no recording says otherwise."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from random import Random

from paper.engine.market import SIMULATED_USER, Market, Trade
from paper.engine.venue import PaperVenue
from paper.feeds.feed import Feed

TAPE = Random(0)
SHOWN = 100
_PART_OF_TICKS = 0.3
_PART_OF_LEVEL = Decimal("0.02")
Rounded = Callable[[Decimal], Decimal]


def print_trades(venue: PaperVenue, feed: Feed, market: Market, market_ms: int, rounded: Rounded) -> None:
    """Print the trades since the last call; they touch no account and are not stored."""
    coin = market.perp.coin
    since = feed.printed_ms.get(coin, market_ms)
    feed.printed_ms[coin] = market_ms
    known = feed.prints(coin, since, market_ms) if since < market_ms else []
    if known is None:
        _make_up(venue, market)
        return
    for deal in known[-SHOWN:]:
        px = rounded(Decimal(f"{deal.px:.10g}"))
        sz = Decimal(f"{deal.sz:.10g}").quantize(market.perp.lot)
        _print(venue, market, px, max(sz, market.perp.lot), is_buy=deal.is_buy)


def _make_up(venue: PaperVenue, market: Market) -> None:
    if TAPE.random() > _PART_OF_TICKS:
        return
    is_buy = TAPE.random() < 0.5
    level = market.best(venue.orders, venue.now(), is_bid=not is_buy)
    if level is not None:
        sz = max((level.sz * _PART_OF_LEVEL).quantize(market.perp.lot), market.perp.lot)
        _print(venue, market, level.px, sz, is_buy=is_buy)


def _print(venue: PaperVenue, market: Market, px: Decimal, sz: Decimal, *, is_buy: bool) -> None:
    tid, digest = venue.take_trade()
    trade = Trade(
        coin=market.perp.coin,
        is_buy=is_buy,
        px=px,
        sz=sz,
        time=venue.now(),
        hash=digest,
        tid=tid,
        buyer=SIMULATED_USER,
        seller=SIMULATED_USER,
    )
    market.tape.append(trade)
    venue.changes.events.append(trade)
