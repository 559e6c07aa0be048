"""The passing of time: prices move, resting orders fill, conditions fire, funding is paid, accounts are liquidated."""

from __future__ import annotations

from decimal import Decimal
from functools import partial

from paper.engine.matching import fill_crossed, settle
from paper.engine.tape import print_trades
from paper.fapi.conditions import fire_conditions
from paper.fapi.expiry import expire
from paper.fapi.funding import HOUR_MS, INTERVAL_HOURS, pay_funding
from paper.fapi.liquidation import liquidate_all
from paper.fapi.margin_calls import warn
from paper.fapi.node import Node
from paper.fapi.venue import near_tick

__all__ = ["HOUR_MS", "run_market", "tick", "update_prices"]
OVERHANG = 3
LIQUIDATE_EVERY = 4


def update_prices(node: Node, at: int | None = None) -> None:
    """Take mid, mark and index of every coin from the feed at a market time, now by default."""
    now = node.market_ms() if at is None else at
    for coin, market in node.venue.markets.items():
        mid = near_tick(node.feed.price(coin, now), node.venue.contracts[coin].tick)
        premium = Decimal(f"{node.feed.premium(coin, now):.10f}")
        market.mid = market.mark = mid
        market.oracle = mid / (1 + premium)
        market.liquidity.move(mid)
        market.liquidity.show(node.feed.ladder(coin, now))


def tick(node: Node) -> None:
    """Let one moment pass; nothing moves while the venue is halted."""
    venue = node.venue
    if venue.settings.halted:
        return
    venue.begin_block()
    now = node.market_ms()
    for moment in node.feed.passed(now):
        update_prices(node, moment)
        run_market(node)
    update_prices(node)
    for coin, market in venue.markets.items():
        print_trades(venue, node.feed, market, now, partial(near_tick, tick=venue.contracts[coin].tick))
    run_market(node, with_liquidation=node.ticks % LIQUIDATE_EVERY == 0)
    node.ticks += 1
    expire(node)
    hour = node.market_ms() // HOUR_MS
    if hour > venue.funded_hour:
        _pay_hours(node, hour)
    node.commit()


def run_market(node: Node, *, with_liquidation: bool = True) -> None:
    """Let the present prices have their effect on orders and accounts."""
    venue = node.venue
    for market in venue.markets.values():
        fill_crossed(venue, market)
        settle(venue)
        fire_conditions(node, market)
    if with_liquidation:
        warn(node)
        liquidate_all(node)


def _pay_hours(node: Node, hour: int) -> None:
    # Market time that runs fast may pass several settlements in one tick.
    first, last = node.venue.funded_hour // INTERVAL_HOURS + 1, hour // INTERVAL_HOURS
    for settlement in range(max(first, last - OVERHANG), last + 1):
        pay_funding(node, settlement * INTERVAL_HOURS * HOUR_MS)
    node.venue.funded_hour = hour
    node.venue.changes.is_meta = True
