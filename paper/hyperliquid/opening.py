"""Opening a node: from its state file, or new."""

from __future__ import annotations

from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path
from typing import Any

from paper.engine.accounts import AccountBooks, remember
from paper.engine.instruments import perp
from paper.engine.orders import Order
from paper.engine.spot import listed, spot_pair
from paper.engine.venue import PaperVenue, wall_ms
from paper.feeds.feed import Feed, MarketClock, Overlay, open_feed
from paper.hyperliquid.limits import Limits
from paper.hyperliquid.node import Node
from paper.hyperliquid.ticking import HOUR_MS, update_prices
from paper.store import Store


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What the command line decides."""

    coins: tuple[str, ...] = ("BTC", "ETH", "SOL")
    feed: str | None = None
    speed: float = 1.0
    seed: int = 1
    state: Path | None = None
    limits: bool = True


def open_node(options: Options) -> Node:
    """Return a node that goes on where its state file ended; raises BadState and BadFeed with a sentence."""
    store = Store(options.state)
    saved = (store.meta("counters") or {}) | (store.meta("ids") or {})
    known: list[str] = store.meta("coins") or []
    # Asset ids are positions in this list, so coins are only ever added at its end.
    coins = [*known, *(coin for coin in options.coins if coin not in known)]
    venue = PaperVenue(
        perps=tuple(perp(coin, index) for index, coin in enumerate(coins)),
        spots=tuple(spot_pair(item) for item in listed(tuple(coins))),
    )
    feed = _open_feed(options, store, venue, saved)
    store.put_meta("coins", coins)
    node = Node(venue=venue, feed=feed, store=store, limits=Limits(is_on=options.limits), started_ms=wall_ms())
    _restore_counters(node, saved)
    _restore_rows(node)
    node.apply_settings()
    update_prices(node)
    if not venue.funded_hour:
        venue.funded_hour = node.market_ms() // HOUR_MS
    node.save_meta()
    store.commit()
    return node


def _open_feed(options: Options, store: Store, venue: PaperVenue, saved: dict[str, Any]) -> Feed:
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
    for market in venue.spot_markets:
        market.mid = Decimal(saved["marks"].get(market.perp.coin, "0"))
    _restore_rules(venue, saved.get("rules") or {})
    venue.settings.change(saved["settings"])


def _restore_rules(venue: PaperVenue, rules: dict[str, Any]) -> None:
    for coin, row in rules.items():
        market = venue.markets[coin]
        cap, growth = row["open_interest_cap"], row.get("open_interest_growth")
        market.open_interest_cap = None if cap is None else Decimal(cap)
        market.open_interest_growth = None if growth is None else Decimal(growth)
        market.is_delisted = row["is_delisted"]
        market.perp = replace(market.perp, only_isolated=row["only_isolated"], is_strict=row["is_strict"])


def _restore_rows(node: Node) -> None:
    store, venue = node.store, node.venue
    for account in store.rows("accounts"):
        venue.accounts[account.address] = account
        venue.books[account.address] = AccountBooks()
    _restore_counts(node)
    for fill in store.rows("fills"):
        venue.books[fill.user].fills.append(fill)
    for payment in store.rows("fundings"):
        venue.books[payment.user].fundings.append(payment)
    for update in store.rows("ledger"):
        venue.books[update.user].ledger.append(update)
    for sample in store.rows("samples"):
        venue.books[sample.user].values.append(sample)
    for vault in store.rows("vaults"):
        venue.vaults[vault.address] = vault
    for twap in store.rows("twaps"):
        venue.twaps[twap.twap_id] = twap
    for rate in store.rows("rates"):
        venue.rates.setdefault(rate.coin, []).append(rate)
    for agent, is_live in store.agents():
        (node.agents.live if is_live else node.agents.retired)[agent.address] = agent
    for signer, nonce in store.nonces():
        node.nonces.restore(signer, nonce)
    _restore_orders(venue, list(store.rows("orders")))
    for address, account in venue.accounts.items():
        remember(account, venue.books[address], 0)


def _restore_counts(node: Node) -> None:
    for address, used, throttled in tuple(node.store.counts()):
        account = node.venue.accounts[address]
        account.requests_used = max(account.requests_used, used)
        account.last_throttled_ms = max(account.last_throttled_ms, throttled)
        node.store.put_row("accounts", address, account)
    node.store.drop_counts()


def _restore_orders(venue: PaperVenue, orders: list[Order]) -> None:
    for order in orders:
        venue.admit(order)
    # The queue of a price is the order of arrival there: a fired trigger arrived when it fired.
    for order in sorted((item for item in orders if item.is_live), key=lambda item: (item.timestamp, item.oid)):
        venue.books[order.user].open_oids[order.oid] = None
        market = venue.markets[order.coin]
        if order.is_resting:
            market.book.add(order)
        elif not order.is_waiting_for_parent:
            market.triggers[order.oid] = None
