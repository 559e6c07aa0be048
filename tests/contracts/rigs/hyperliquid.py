"""Hyperliquid: a master account with money, and the agent wallet that it approved."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from datetime import timedelta
from typing import Any, ClassVar, cast

import httpx
from eth_account import Account

from domain.accounts import AccountRef
from tests.contracts.rigs.base import SILENCE, Link, Reads, Rig
from tests.contracts.rigs.desk import Desk, next_nonce
from venues.base import Answer, SigningKey, StreamEvent
from venues.hyperliquid.config import HyperliquidConfig
from venues.hyperliquid.limits import RequestBudget
from venues.hyperliquid.stream import HyperliquidStream, Pace
from venues.hyperliquid.venue import HyperliquidVenue, connect

QUICK = Pace(
    ping_after=timedelta(milliseconds=200),
    silence=SILENCE,
    subscribe_within=timedelta(seconds=3),
    shortest=timedelta(milliseconds=50),
    longest=timedelta(milliseconds=200),
)
BUDGET = 1_000_000
MOST_REQUESTS = 200
TOO_MANY = 429


class HyperliquidRig(Rig):
    """The adapter of Hyperliquid."""

    name = "hyperliquid"
    reads = Reads(order="orderStatus", open_orders="frontendOpenOrders")

    weight_per_minute = 1200
    absent: ClassVar[Mapping[int, str]] = {
        45: "it has no words that prove that a write was thrown away: every 503 is unknown (VC-52)",
        46: "positions are always one-way",
        68: "a write is answered by the block that it is in, and its deadline is checked there",
        69: "it limits and does not ban (VC-83)",
        79: "its streams have no keys",
        82: "deadlines are reckoned from the venue's own clock, which the adapter reads before every order",
        88: "positions are always one-way",
        89: "an agent wallet cannot withdraw: the chain takes withdrawals from the master alone",
        93: "reads are by address and need no key",
        94: "agents are bound to no address",
        95: "to trade is all that an agent may do",
        90: "an agent's key is made by the platform and never typed in",
    }

    def desk(self, *, money: str = "10000", is_linked: bool = True, url: str = "", **settings: Any) -> Desk:
        """Make an account with money and an agent of its own."""
        wallet = Account.create()
        master = SigningKey(address=wallet.address, secret="0x" + bytes(wallet.key).hex())
        self.server.post("deposit", user=master.address, usdc=money)
        given = {"timeout": timedelta(seconds=2)} | settings
        config = HyperliquidConfig(url=url or self.server.url, **given)
        venue = connect(config, None if "weight_per_minute" in given else RequestBudget(BUDGET))
        agent = venue.wallets.make_agent()
        account = AccountRef(
            account_id="account", user_id="user", venue="hyperliquid", network="paper", address=master.address
        )
        made = Desk(rig=self, venue=venue, key=agent, account=account, owner=master.address, extra=master)
        if is_linked:
            approve(made)
        return made

    def stream(self, *desks: Desk) -> AsyncGenerator[StreamEvent, None]:
        """Follow the desks' masters."""
        addresses = tuple(desk.account.address for desk in desks)
        followed = HyperliquidStream(desks[0].venue.config, QUICK).events(addresses)
        return cast("AsyncGenerator[StreamEvent, None]", followed)

    def bad_link(self, kind: str, desk: Desk) -> Link:
        """Make a link with an agent that nobody approved."""
        assert kind == "bad_key", kind
        stranger = wallets_of(desk).make_agent()
        return Link(account=desk.account, signer=stranger.address, connection=desk.venue, code="agent_not_approved")

    def admitted(self, desk: Desk) -> list[Mapping[str, Any]]:
        """Read the log of the paper venue."""
        rows: list[Mapping[str, Any]] = self.server.get("orders", user=desk.owner)
        return rows

    def exhaust(self, desk: Desk) -> None:
        """Spend the minute's weight of this address: first with the dearest read, then with the cheapest request."""
        unsigned = {"action": {"type": "noop"}, "nonce": 1, "signature": {"r": "0x1", "s": "0x1", "v": 27}}
        with httpx.Client(base_url=self.server.url, trust_env=False, timeout=10) as client:
            for path, body in (("/info", {"type": "userRole", "user": desk.owner}), ("/exchange", unsigned)):
                answers = (client.post(path, json=body).status_code for _ in range(MOST_REQUESTS))
                assert TOO_MANY in answers, "The venue never limits."

    def reset(self) -> None:
        """Put the switches back that cases turn."""
        super().reset()
        defaults = {"order_retention": 2000, "position_tpsl_status": "waitingForTrigger", "halted": False}
        self.server.post("settings", **defaults, depth_scale="1", clock_offset_ms=0)


def wallets_of(desk: Desk) -> Any:
    """The wallets of a desk's adapter."""
    venue = desk.venue
    assert isinstance(venue, HyperliquidVenue)
    return venue.wallets


def approve(desk: Desk, name: str = "holdfast") -> Answer:
    """Approve the desk's agent with the master's key."""
    wallets = wallets_of(desk)
    request = wallets.sign_approval(desk.extra, desk.key.address, name=name, nonce=next_nonce())
    answer: Answer = wallets.send_approval(request)
    return answer
