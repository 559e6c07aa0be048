"""One paper Hyperliquid: venue, feed, identities and store put together, without any HTTP."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal

from paper.engine.changes import Changes
from paper.engine.market import Market
from paper.engine.venue import PaperVenue
from paper.feeds.feed import Feed
from paper.hyperliquid.agents import Agents
from paper.hyperliquid.candle_history import CandleHistory
from paper.hyperliquid.limits import Limits
from paper.hyperliquid.nonces import Nonces
from paper.store import Store


@dataclass(slots=True, kw_only=True)
class Node:
    """The parts that a request may need; `listeners` get every drained batch of changes after it is durable."""

    venue: PaperVenue
    feed: Feed
    store: Store
    limits: Limits
    agents: Agents = field(default_factory=Agents)
    nonces: Nonces = field(default_factory=Nonces)
    listeners: list[Callable[[Changes], None]] = field(default_factory=list)
    running: asyncio.Event = field(default_factory=asyncio.Event)
    started_ms: int = 0
    ticks: int = 0
    history: CandleHistory = field(init=False)

    def __post_init__(self) -> None:
        self.history = CandleHistory(self.feed)

    def market_ms(self) -> int:
        """Return the market time now."""
        return self.feed.clock.at(self.venue.clock())

    def note_agents(self, changed: list[str]) -> None:
        """Store changed approvals; a pruned agent's nonces are forgotten, which is why its address must not be reused."""
        for agent in changed:
            self.venue.changes.agents[agent] = None
            if agent in self.agents.retired:
                self.nonces.forget(agent)

    def commit(self) -> None:
        """Make everything that changed durable, then tell the streams."""
        changes = self.venue.drain()
        if changes.is_durable:
            self._store(changes)
        for listener in self.listeners:
            listener(changes)

    def _store(self, changes: Changes) -> None:
        store, venue = self.store, self.venue
        for address in changes.accounts:
            store.put_row("accounts", address, venue.accounts[address])
        for address in changes.vaults:
            store.put_row("vaults", address, venue.vaults[address])
        for twap_id in changes.twaps:
            store.put_row("twaps", twap_id, venue.twaps[twap_id])
        forgotten: list[tuple[str, int | None]] = []
        for address in changes.agents:
            live = self.agents.live.get(address)
            agent = live or self.agents.retired[address]
            store.put_agent(agent, is_live=live is not None)
            if live is None:
                forgotten.append((address, None))
        store.append("fills", changes.fills)
        store.append("fundings", changes.fundings)
        store.append("ledger", changes.ledger)
        store.append("rates", changes.rates)
        store.append("samples", changes.samples)
        if changes.orders or changes.counted or changes.nonces or forgotten:
            orders = [venue.orders[oid] for oid in changes.orders]
            counted = [venue.accounts[address] for address in changes.counted if address not in changes.accounts]
            counts = [(row.address, row.requests_used, row.last_throttled_ms) for row in counted]
            store.put_batch(orders, [*forgotten, *changes.nonces], counts)
        if changes.is_meta:
            store.put_meta("ids", self._ids())
        store.commit()

    def _ids(self) -> dict[str, object]:
        """Return what changes with every order or fill."""
        venue = self.venue
        return {
            "next_oid": venue.next_oid,
            "next_trade": venue.next_trade,
            "fee_income": str(venue.fee_income),
            "counterparty": str(venue.counterparty),
            "deposited": str(venue.deposited),
        }

    def save_meta(self) -> None:
        """Put the ids, the clock, the switches and the overlays of the feed; the caller commits."""
        venue, clock = self.venue, self.feed.clock
        overlays = {
            coin: [(item.from_ms, item.factor, None if item.fixed is None else str(item.fixed)) for item in items]
            for coin, items in self.feed.overlays.items()
        }
        counters = {
            "funded_hour": venue.funded_hour,
            "market_ms": clock.at(venue.clock()),
            "overlays": overlays,
            "marks": {coin: str(market.mark) for coin, market in venue.markets.items()},
            "rules": {market.perp.coin: _rules(market) for market in venue.perp_markets if _has_rules(market)},
            "settings": venue.settings.as_json(),
            "halted_since": venue.halted_since,
        }
        self.store.put_meta("counters", counters)
        self.store.put_meta("ids", self._ids())

    def change_settings(self, wanted: dict[str, object]) -> None:
        """Turn switches; halting stops the block time, going on lets the waiting actions run."""
        settings = self.venue.settings
        settings.change(wanted)
        if settings.halted and self.venue.halted_since is None:
            self.venue.halted_since = self.venue.now()
        elif not settings.halted:
            self.venue.halted_since = None
        self.apply_settings()
        self.save_meta()
        self.venue.changes.is_meta = True
        self.commit()

    def apply_settings(self) -> None:
        """Let the switches take effect on the markets and on the gate of waiting actions."""
        for market in self.venue.markets.values():
            market.liquidity.refill_ms = max(self.venue.settings.refill_ms, 1)
            market.liquidity.impact = float(self.venue.settings.impact)
            market.liquidity.speed = self.feed.clock.speed
            if market.liquidity.scale != self.venue.settings.depth_scale:
                market.liquidity.rescale(self.venue.settings.depth_scale)
        self.agents.grace_ms = self.venue.settings.agent_grace_ms
        if self.venue.settings.halted:
            self.running.clear()
        else:
            self.running.set()

    def total_usd(self) -> Decimal:
        """Return all money in the venue: accounts, fee income and the simulated counterparty; deposits alone change it."""
        accounts = self.venue.accounts.values()
        held = sum((a.cash + a.spot_usdc for a in accounts), Decimal(0))
        isolated = sum((p.collateral for a in accounts for p in a.positions.values()), Decimal(0))
        return held + isolated + self.venue.fee_income + self.venue.counterparty


def _has_rules(market: Market) -> bool:
    is_bound = market.open_interest_cap is not None or market.open_interest_growth is not None
    return is_bound or market.is_delisted or market.perp.only_isolated


def _rules(market: Market) -> dict[str, object]:
    """Return what an operator changed about a market."""
    cap, growth = market.open_interest_cap, market.open_interest_growth
    return {
        "open_interest_cap": None if cap is None else str(cap),
        "open_interest_growth": None if growth is None else str(growth),
        "is_delisted": market.is_delisted,
        "only_isolated": market.perp.only_isolated,
        "is_strict": market.perp.is_strict,
    }
