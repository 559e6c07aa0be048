"""One paper venue of this protocol: engine, feed, users, terms and store put together, without any HTTP."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal

from paper.engine.accounts import Account
from paper.engine.changes import Changes
from paper.engine.orders import Order
from paper.fapi.contracts import Contract
from paper.fapi.dialect import Dialect
from paper.fapi.hedging import coin_of, side_of
from paper.fapi.limits import Limits
from paper.fapi.nonces import Nonces
from paper.fapi.settings import FapiSettings
from paper.fapi.store import FapiStore
from paper.fapi.terms import AlgoStatus, Terms
from paper.fapi.users import User, Users
from paper.fapi.venue import FapiVenue
from paper.feeds.feed import Feed


@dataclass(slots=True, kw_only=True)
class Node:
    """The parts that a request may need; `listeners` get every drained batch of changes after it is durable."""

    dialect: Dialect
    venue: FapiVenue
    feed: Feed
    store: FapiStore
    limits: Limits
    users: Users = field(default_factory=Users)
    terms: dict[int, Terms] = field(default_factory=dict)
    waiting: dict[str, dict[int, None]] = field(default_factory=dict)
    nonces: Nonces = field(default_factory=Nonces)
    settings: FapiSettings = field(default_factory=FapiSettings)
    dirty_terms: dict[int, None] = field(default_factory=dict)
    notices: list[tuple[str, str, dict[str, object]]] = field(default_factory=list)
    listeners: list[Callable[[Changes], None]] = field(default_factory=list)
    running: asyncio.Event = field(default_factory=asyncio.Event)
    started_ms: int = 0
    ticks: int = 0
    listen_keys: dict[str, tuple[str, int]] = field(default_factory=dict)
    queued: dict[tuple[str, int], None] = field(default_factory=dict)
    voided: dict[tuple[str, int], None] = field(default_factory=dict)
    warned: dict[str, int] = field(default_factory=dict)

    def market_ms(self) -> int:
        """Return the market time now."""
        return self.feed.clock.at(self.venue.clock())

    def contract_of(self, key: str) -> Contract:
        """Return the contract of a coin or of one of its position sides."""
        return self.venue.contracts[coin_of(key)]

    def account_of(self, user: User) -> Account:
        """Return a user's account; every user has one."""
        return self.venue.open_account(user.name)

    def put_terms(self, terms: Terms) -> None:
        """Keep the terms of an order and store them with the next commit."""
        self.terms[terms.oid] = terms
        self.dirty_terms[terms.oid] = None

    def wait_for(self, order: Order) -> None:
        """Let a conditional order wait for its price."""
        self.waiting.setdefault(coin_of(order.coin), {})[order.oid] = None

    def stop_waiting(self, order: Order) -> None:
        """Take a conditional order out of those that wait."""
        self.waiting.get(coin_of(order.coin), {}).pop(order.oid, None)

    def notify(self, user: str, kind: str, body: dict[str, object]) -> None:
        """Tell a user's stream something that is neither an order nor a fill."""
        self.notices.append((user, kind, body))

    def commit(self) -> None:
        """Make everything that changed durable, then tell the streams."""
        self._finish_parents()
        changes = self.venue.drain()
        if changes.is_durable or self.dirty_terms or self.users.dirty or self.users.dirty_agents:
            self._store(changes)
        for listener in self.listeners:
            listener(changes)

    def _finish_parents(self) -> None:
        """End the algo orders whose child is no longer live."""
        for oid in tuple(self.venue.changes.orders):
            terms = self.terms.get(oid)
            if terms is None or terms.parent is None or self.venue.orders[oid].is_live:
                continue
            parent = self.terms[terms.parent]
            if parent.algo_status is AlgoStatus.TRIGGERED:
                parent.algo_status = AlgoStatus.FINISHED
                self.dirty_terms[parent.oid] = None
                self.venue.note(self.venue.orders[parent.oid])

    def terms_of(self, order: Order) -> Terms:
        """Return an order's terms; orders that the venue itself placed get theirs when they are looked at."""
        if order.oid not in self.terms:
            self.terms[order.oid] = Terms(
                oid=order.oid,
                client_id=f"autoclose-{order.oid}" if order.is_liquidation else order.cloid or f"manual-{order.oid}",
                type="LIMIT",
                original_type="LIMIT",
                tif="IOC" if order.is_liquidation else "GTC",
                position_side=side_of(order.coin),
                qty=order.orig_sz,
                price=order.limit_px,
                reduce_only=order.reduce_only,
            )
            self.dirty_terms[order.oid] = None
        return self.terms[order.oid]

    def _store(self, changes: Changes) -> None:
        store, venue = self.store, self.venue
        for address in changes.accounts:
            store.put_row("accounts", address, venue.accounts[address])
        for oid in changes.orders:
            store.put_row("orders", oid, venue.orders[oid])
        for oid in self.dirty_terms:
            store.put_own("terms", oid, self.terms[oid])
        for name in self.users.dirty:
            store.put_own("users", name, self.users.by_name[name])
        for address in self.users.dirty_agents:
            store.put_own("wallet_agents", address, self.users.agents.get(address))
        store.append("fills", changes.fills)
        store.append("fundings", changes.fundings)
        store.append("ledger", changes.ledger)
        store.append("rates", changes.rates)
        store.add_nonces(changes.nonces)
        self.save_meta()
        store.commit()
        self.dirty_terms, self.users.dirty, self.users.dirty_agents = {}, {}, {}

    def save_meta(self) -> None:
        """Put the counters, the clock and the overlays of the feed; the caller commits."""
        venue, clock = self.venue, self.feed.clock
        overlays = {
            coin: [(item.from_ms, item.factor, None if item.fixed is None else str(item.fixed)) for item in items]
            for coin, items in self.feed.overlays.items()
        }
        counters = {
            "next_oid": venue.next_oid,
            "next_trade": venue.next_trade,
            "funded_hour": venue.funded_hour,
            "fee_income": str(venue.fee_income),
            "counterparty": str(venue.counterparty),
            "deposited": str(venue.deposited),
            "market_ms": clock.at(venue.clock()),
            "overlays": overlays,
            "settings": venue.settings.as_json(),
            "own_settings": self.settings.as_json(),
            "halted_since": venue.halted_since,
        }
        self.store.put_meta("counters", counters)

    def save_listen_keys(self) -> None:
        """Store the listen keys: they outlive a restart, as the venue's do."""
        self.store.put_meta("listen_keys", {key: list(row) for key, row in self.listen_keys.items()})
        self.store.commit()

    def apply_settings(self) -> None:
        """Let the switches take effect on the markets and on the gate of waiting requests."""
        settings = self.venue.settings
        if settings.halted and self.venue.halted_since is None:
            self.venue.halted_since = self.venue.now()
        elif not settings.halted:
            self.venue.halted_since = None
        for market in self.venue.markets.values():
            market.liquidity.refill_ms = max(settings.refill_ms, 1)
            market.liquidity.impact = float(settings.impact)
            market.liquidity.speed = self.feed.clock.speed
            if market.liquidity.scale != settings.depth_scale:
                market.liquidity.rescale(settings.depth_scale)
        if settings.halted:
            self.running.clear()
        else:
            self.running.set()

    def total_usd(self) -> Decimal:
        """Return all money in the venue: accounts, fee income and the simulated counterparty; deposits alone change it."""
        accounts = self.venue.accounts.values()
        held = sum((account.cash for account in accounts), Decimal(0))
        isolated = sum((p.collateral for a in accounts for p in a.positions.values()), Decimal(0))
        return held + isolated + self.venue.fee_income + self.venue.counterparty
