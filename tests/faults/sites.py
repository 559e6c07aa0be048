"""The venues of the suite: how orders are named there, what rests, and what the venue's own log says of an account."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from domain.accounts import AccountRef
from domain.orders import OrderKey
from tests.stack.paper import Paper
from tests.stack.trading import Bench
from wiring.venues import ASTER, BINANCE, HYPERLIQUID

NAMES = (HYPERLIQUID, BINANCE, ASTER)
HL_ONLY = (HYPERLIQUID,)
Log = list[dict[str, Any]]
SLOT = 10.0
"""Seconds between two requests that Hyperliquid lets an account send beyond its limit; the others are made to count as long."""


@dataclass(frozen=True, kw_only=True)
class VenueLog:
    """What a venue says of one account: every order, every fill, what still works, what is held."""

    admitted: Log
    fills: Log
    working: Log
    positions: dict[str, Decimal]

    def on_the_wall(self, since_ms: float, offset_ms: int) -> Log:
        """The fills by the wall's clock, which orders carry: fills carry the venue's, shifted since an instant."""
        late = {order["oid"] for order in self.admitted if order["time"] >= since_ms}
        return [{**row, "time": row["time"] - offset_ms * (row["oid"] in late)} for row in self.fills]


@dataclass(frozen=True, kw_only=True)
class Site:
    """One venue of the suite and its paper exchange."""

    venue: str
    paper: Paper
    bench: Bench

    @property
    def is_hyperliquid(self) -> bool:
        """Whether this is Hyperliquid."""
        return self.venue == HYPERLIQUID

    @property
    def prefix(self) -> str:
        """What the venue writes before our client ids."""
        return "0x" if self.is_hyperliquid else ""

    def name(self, key: OrderKey) -> str:
        """Return how an order is called at the venue."""
        return f"{self.prefix}{key.client_id}"

    def owner(self, account: AccountRef) -> str:
        """Return how the exchange's operator calls the holder of an account."""
        return account.address if self.is_hyperliquid else self.bench.owners[account.address]

    def mark(self, coin: str) -> Decimal:
        """Return the mark of a coin."""
        return self.bench.venues.of(self.venue, "paper").market.mark(coin).mark_px

    @property
    def cancel_lives(self) -> float:
        """Seconds in which the venue takes a cancel: its deadline, or AsterDEX's distance of a nonce from its clock."""
        return 10 if self.venue == ASTER else 5

    def lot(self, coin: str) -> Decimal:
        """Return the smallest step of a coin's sizes."""
        return self.bench.venues.of(self.venue, "paper").market.instrument(coin).lot

    def resting_px(self, coin: str) -> Decimal:
        """Return a price at which a buy rests; Binance and AsterDEX take none beyond 5 % of the mark."""
        away = "0.93" if self.is_hyperliquid else "0.965"
        return (self.mark(coin) * Decimal(away)).quantize(Decimal(1))

    def revoke_key(self, account: AccountRef) -> Callable[[], object]:
        """Take the right to trade from the key that signs for an account; returns what gives it a key that may."""
        if self.is_hyperliquid:
            made = self.bench.approve_agent(account.address)
            return lambda: self.bench.store_key(account.account_id, made)
        owner = self.owner(account)
        signer = {"signer": self.bench.signer(account)} if self.venue == ASTER else {}
        self.paper.post("account", user=owner, permissions={"trade": False}, **signer)
        return lambda: self.paper.post("account", user=owner, permissions={"trade": True}, **signer)

    def use_up_requests(self, account: AccountRef, *, and_the_slot: bool = True) -> Callable[[], object]:
        """Let a venue take nothing of an account for ten seconds, by its limits; returns what holds the account to them no longer.

        Hyperliquid takes one request each ten seconds from then on, whatever the account trades in the case, and the first at once
        without `and_the_slot`; the others take all.
        """
        owner = self.owner(account)
        limit = {"left": 0, "interval": "10S" if self.venue == BINANCE else "1M", "seconds": SLOT}
        if self.is_hyperliquid:
            limit = {"left": -5_000, "throttled": and_the_slot}
        self.paper.post("requests", user=owner, **limit)
        return lambda: self.paper.post("requests", user=owner)

    def log(self, account: AccountRef) -> VenueLog:
        """Return what the venue's own log says of an account."""
        owner = self.owner(account)
        admitted = self.paper.orders(owner)
        if self.is_hyperliquid:
            state = self.paper.info(type="clearinghouseState", user=owner)
            return VenueLog(
                admitted=admitted,
                fills=self.paper.info(type="userFillsByTime", user=owner, startTime=0),
                working=self.paper.info(type="frontendOpenOrders", user=owner),
                positions={e["position"]["coin"]: Decimal(e["position"]["szi"]) for e in state["assetPositions"]},
            )
        fills = self.paper.fills(owner)
        working = [{**row, "orderType": row["type"]} for row in admitted if row["status"] in {"open", "triggered"}]
        return VenueLog(admitted=admitted, fills=fills, working=working, positions=_held(fills))


def _held(fills: Log) -> dict[str, Decimal]:
    held: defaultdict[str, Decimal] = defaultdict(Decimal)
    for fill in fills:
        held[fill["coin"]] += Decimal(fill["sz"]) * (1 if fill["side"] == "B" else -1)
    return {coin: size for coin, size in held.items() if size}


def sites_of(bench: Bench) -> dict[str, Site]:
    """Return the venues of a bench by name."""
    return {name: Site(venue=name, paper=paper, bench=bench) for name, paper in bench.papers.items()}
