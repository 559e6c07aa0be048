"""The passing of time: prices move, resting orders fill, triggers fire, funding is paid, accounts are liquidated."""

from __future__ import annotations

from decimal import Decimal
from functools import partial

from paper.engine.cancelling import cancel_all
from paper.engine.fees import utc_day
from paper.engine.funding import HOUR_MS, pay_funding
from paper.engine.instruments import tick_near
from paper.engine.liquidation import liquidate_all
from paper.engine.market import Market
from paper.engine.matching import fill_crossed, settle
from paper.engine.orders import Status
from paper.engine.spot import followed
from paper.engine.tape import print_trades
from paper.engine.triggers import fire_triggers
from paper.engine.twap_slices import run_twaps
from paper.hyperliquid.info_portfolio import take_sample
from paper.hyperliquid.node import Node

__all__ = ["HOUR_MS", "run_market", "tick", "update_prices"]
OVERHANG = 5
PRUNE_EVERY = 40


def update_prices(node: Node, at: int | None = None) -> None:
    """Take mid, mark and oracle of every coin from the feed at a market time, now by default."""
    now = node.market_ms() if at is None else at
    for market in node.venue.perp_markets:
        coin = market.perp.coin
        decimals = market.perp.size_decimals
        mid = tick_near(node.feed.price(coin, now), decimals)
        premium = Decimal(f"{node.feed.premium(coin, now):.10f}")
        market.mid = market.mark = mid
        market.oracle = tick_near(mid / (1 + premium), decimals)
        market.liquidity.move(mid)
        market.liquidity.show(node.feed.ladder(coin, now))
    for market in node.venue.spot_markets:
        _follow(node, market)


def _follow(node: Node, market: Market) -> None:
    """Let a spot pair stand where the oracle of its perpetual does; one without a perpetual stays where it is."""
    leader = followed(market.perp)
    if leader is not None:
        mid = tick_near(node.venue.markets[leader].oracle, market.perp.tick_decimals)
    else:
        mid = market.mid or market.perp.start_px
    if mid != market.mid:
        market.mid = market.mark = market.oracle = mid
        market.liquidity.move(mid)


def tick(node: Node) -> None:
    """Let one moment pass; nothing moves while the chain is halted."""
    venue = node.venue
    if venue.settings.halted:
        return
    venue.begin_block()
    now = node.market_ms()
    for moment in node.feed.passed(now):
        update_prices(node, moment)
        run_market(node)
    update_prices(node)
    for market in venue.markets.values():
        print_trades(venue, node.feed, market, now, partial(tick_near, size_decimals=market.perp.tick_decimals))
    run_market(node, with_liquidation=node.ticks % 4 == 0)
    if venue.settings.prune_unfunded_agents and node.ticks % PRUNE_EVERY == 0:
        _prune_agents(node)
    node.ticks += 1
    _cancel_scheduled(node)
    run_twaps(venue)
    settle(venue)
    hour = node.market_ms() // HOUR_MS
    if hour > venue.funded_hour:
        _pay_hours(node, hour)
    node.save_meta()
    venue.changes.is_meta = True
    node.commit()


def run_market(node: Node, *, with_liquidation: bool = True) -> None:
    """Let the present prices have their effect on orders and accounts."""
    venue = node.venue
    for market in venue.markets.values():
        fill_crossed(venue, market)
        settle(venue)
        fire_triggers(venue, market)
    if with_liquidation:
        liquidate_all(venue)
        settle(venue)


def _prune_agents(node: Node) -> None:
    """Take the agents of masters that have nothing left."""
    venue = node.venue
    owners = {account.master for account in venue.accounts.values()}
    for master in {agent.master for agent in node.agents.live.values()}:
        account = venue.accounts[master]
        # What a master owns elsewhere, in sub-accounts and vaults, keeps its agents alive.
        owns = account.positions or account.tokens or master in owners
        if account.cash <= 0 and account.spot_usdc <= 0 and not owns:
            node.note_agents(node.agents.prune(master))


def _pay_hours(node: Node, hour: int) -> None:
    # Market time that runs fast may pass several hours in one tick.
    for passed in range(max(node.venue.funded_hour + 1, hour - OVERHANG), hour + 1):
        before = (passed - 1) * HOUR_MS
        premiums = {
            coin: Decimal(f"{node.feed.premium(coin, before):.10f}") for coin in (p.coin for p in node.venue.perps)
        }
        pay_funding(node.venue, passed, premiums)
    node.venue.funded_hour = hour
    for address, account in node.venue.accounts.items():
        books = node.venue.books[address]
        sample = take_sample(node.venue, account, books)
        books.values.append(sample)
        node.venue.changes.samples.append(sample)


def _cancel_scheduled(node: Node) -> None:
    venue, now = node.venue, node.venue.now()
    for account in venue.accounts.values():
        if account.scheduled_cancel_ms is not None and now >= account.scheduled_cancel_ms:
            account.scheduled_cancel_ms = None
            if account.scheduled_cancel_day != (today := utc_day(now)):
                account.scheduled_cancel_day, account.scheduled_cancel_count = today, 0
            account.scheduled_cancel_count += 1
            cancel_all(venue, account.address, Status.SCHEDULED_CANCEL)
            venue.touch(account)
