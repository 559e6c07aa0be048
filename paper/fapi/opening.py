"""Opening a node: from its state file, or new."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from paper.engine.accounts import AccountBooks, remember
from paper.engine.orders import Order
from paper.engine.venue import wall_ms
from paper.fapi.dialect import Dialect
from paper.fapi.limits import Limits
from paper.fapi.node import Node
from paper.fapi.store import FapiStore
from paper.fapi.terms import AlgoStatus
from paper.fapi.ticking import HOUR_MS, update_prices
from paper.fapi.venue import FapiVenue, make_venue
from paper.feeds.feed import Feed, MarketClock, Overlay, open_feed


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What the command line decides."""

    coins: tuple[str, ...] = ("BTC", "ETH", "SOL")
    feed: str | None = None
    speed: float = 1.0
    seed: int = 1
    state: Path | None = None
    limits: bool = True


def open_node(dialect: Dialect, options: Options) -> Node:
    """Return a node that goes on where its state file ended; raises BadState and BadFeed with a sentence."""
    store = FapiStore(options.state)
    saved = store.meta("counters") or {}
    known: list[str] = store.meta("coins") or []
    coins = [*known, *(coin for coin in options.coins if coin not in known)]
    contracts = {coin: dialect.contract(coin) for coin in coins}
    venue = make_venue(contracts, dialect.taker, dialect.maker)
    feed = _open_feed(options, store, venue, saved)
    store.put_meta("coins", coins)
    limits = Limits(is_on=options.limits, weight_limit=dialect.weight_limit, order_limits=dialect.order_limits)
    node = Node(dialect=dialect, venue=venue, feed=feed, store=store, limits=limits, started_ms=wall_ms())
    _restore_counters(node, saved)
    _restore_rows(node)
    node.apply_settings()
    update_prices(node)
    if not venue.funded_hour:
        venue.funded_hour = node.market_ms() // HOUR_MS
    node.save_meta()
    store.commit()
    return node


def _open_feed(options: Options, store: FapiStore, venue: FapiVenue, saved: dict[str, Any]) -> Feed:
    now = wall_ms()
    # Market time stood still while the venue was down, unless the wall clock has overtaken it.
    clock = MarketClock(wall_start=now, market_start=max(now, saved.get("market_ms", 0)), speed=options.speed)
    identity = [options.feed, options.seed]
    same = store.meta("feed_identity") == identity
    starts = store.meta("feed_starts") if same else None
    prices = {item.coin: float(item.start_px) for item in venue.perps}
    feed = open_feed(prices, clock, seed=options.seed, template=options.feed, anchors=starts)
    store.put_meta("feed_identity", identity)
    store.put_meta("feed_starts", {coin: series.start_ms for coin, series in feed.series.items()})
    for coin, rows in (saved.get("overlays") or {}).items() if same else ():
        feed.overlays[coin] = [
            Overlay(from_ms=from_ms, factor=factor, fixed=None if fixed is None else Decimal(fixed))
            for from_ms, factor, fixed in rows
        ]
    return feed


def _restore_counters(node: Node, saved: dict[str, Any]) -> None:
    venue = node.venue
    if not saved:
        return
    venue.next_oid, venue.next_trade = saved["next_oid"], saved["next_trade"]
    venue.funded_hour = max(saved["funded_hour"], node.market_ms() // HOUR_MS)
    venue.fee_income = Decimal(saved["fee_income"])
    venue.counterparty = Decimal(saved["counterparty"])
    venue.deposited = Decimal(saved["deposited"])
    venue.halted_since = saved["halted_since"]
    venue.settings.change(saved["settings"])
    for name, value in saved["own_settings"].items():
        node.settings.change(name, value)


def _restore_rows(node: Node) -> None:
    store, venue = node.store, node.venue
    for account in store.rows("accounts"):
        venue.accounts[account.address] = account
        venue.books[account.address] = AccountBooks()
    for fill in store.rows("fills"):
        venue.books[fill.user].fills.append(fill)
    for payment in store.rows("fundings"):
        venue.books[payment.user].fundings.append(payment)
    for update in store.rows("ledger"):
        venue.books[update.user].ledger.append(update)
    for rate in store.rows("rates"):
        venue.rates.setdefault(rate.coin, []).append(rate)
    for user in store.own_rows("users"):
        node.users.add(user)
    for agent in store.own_rows("wallet_agents"):
        node.users.put_agent(agent)
    node.users.dirty, node.users.dirty_agents = {}, {}
    node.listen_keys = {key: (str(row[0]), int(row[1])) for key, row in (store.meta("listen_keys") or {}).items()}
    for terms in store.own_rows("terms"):
        node.terms[terms.oid] = terms
    for signer, nonce in store.nonces():
        node.nonces.restore(signer, nonce)
    _restore_orders(node, list(store.rows("orders")))
    for address, account in venue.accounts.items():
        remember(account, venue.books[address], 0)


def _restore_orders(node: Node, orders: list[Order]) -> None:
    venue = node.venue
    for order in orders:
        venue.admit(order)
    # The queue of a price is the order of arrival there: a fired trigger arrived when it fired.
    for order in sorted((item for item in orders if item.is_live), key=lambda item: (item.timestamp, item.oid)):
        venue.books[order.user].open_oids[order.oid] = None
        if order.is_resting:
            venue.markets[order.coin].book.add(order)
        elif node.terms[order.oid].algo_status is AlgoStatus.NEW:
            node.wait_for(order)
