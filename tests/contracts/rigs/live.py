"""The contract against a venue's test network, with one account and keys from the environment.

Nothing can be broken there, so only the cases run that need a market and no paper server; what a case leaves open is cancelled
and closed again.
"""

from __future__ import annotations

import os
from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from functools import cached_property
from typing import Any, ClassVar, NoReturn, cast
from urllib.parse import urlsplit

import pytest

from domain.accounts import AccountRef
from domain.orders import OrderTerms, Side
from tests.contracts.rigs.base import Connection, Link, Reads, Rig
from tests.contracts.rigs.desk import Desk
from tests.contracts.rigs.fapi import QUICK as FAPI_PACE
from tests.contracts.rigs.hyperliquid import QUICK as HYPERLIQUID_PACE
from tests.contracts.rigs.known import PAPER_RIGS
from tests.contracts.rigs.server import PaperServer
from venues.aster import venue as aster
from venues.aster.config import AsterConfig
from venues.base import SigningKey, StreamEvent, UserStream
from venues.binance import venue as binance
from venues.binance.config import BinanceConfig
from venues.fapi.limits import RequestBudget as FapiBudget
from venues.hyperliquid import venue as hyperliquid
from venues.hyperliquid.config import HyperliquidConfig
from venues.hyperliquid.limits import RequestBudget as HyperliquidBudget
from venues.hyperliquid.stream import HyperliquidStream

LIVE_VENUES = ("hyperliquid", "binance", "aster", "aster_v1")
LIVE_CASES = frozenset(
    {1, 2, 3, 4, 5, 10, 12, 20, 22, 23, 25, 30, 34, 38, 41, 42, 44, 60, 61, 62, 63, 70, 71, 72, 74, 86, 96, 97, 98}
)
LOOPBACK = {"127.0.0.1", "localhost"}
PATIENCE = timedelta(seconds=8)
BUDGET, WEIGHT = 1_000_000, 1200
NAMES = ("ADDRESS", "SIGNER", "SECRET")


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """What the environment says of one venue. `url` is for a server that is not the official one."""

    address: str
    key: SigningKey
    url: str


def variables(venue: str) -> tuple[str, ...]:
    """The three variables of a venue."""
    return tuple(f"HOLDFAST_LIVE_{venue.upper()}_{name}" for name in NAMES)


def given(venue: str, environment: Mapping[str, str]) -> Given | None:
    """Read what the environment says; None when it does not say all."""
    address, signer, secret = (environment.get(name, "") for name in variables(venue))
    if not (address and signer and secret):
        return None
    master = address if address.startswith("0x") else ""
    key = SigningKey(address=signer, secret=secret, master=master)
    return Given(address=address, key=key, url=environment.get(f"HOLDFAST_LIVE_{venue.upper()}_URL", ""))


def live_rig(venue: str) -> Rig:
    """Return the rig of a test network, or skip with what is missing."""
    found = given(venue, os.environ)
    if found is None:
        pytest.skip(f"no test network: set {', '.join(variables(venue))}")
    return LiveRig(venue, found)


class LiveRig(Rig):
    """One account at a test network."""

    name: ClassVar[str] = "live"
    reads = Reads(order="", open_orders="")
    weight_per_minute = 1200

    def __init__(self, venue: str, found: Given) -> None:
        self._venue = venue
        self._given = found
        is_ours = urlsplit(found.url).hostname in LOOPBACK
        # One budget for all cases, as for all users behind an address; it waits for the venue's next minute.
        self._network = "paper" if is_ours else "testnet"
        self._budget = (BUDGET if is_ours else WEIGHT, timedelta(seconds=70))

    def reason(self, case: int) -> str:
        """The venue has no more at its test network than at our paper server."""
        return PAPER_RIGS[self._venue].absent.get(case, "")

    @property
    def is_live(self) -> bool:
        """It is."""
        return True

    @property
    def server(self) -> PaperServer:  # type: ignore[override]
        """There is none: the case ends here, and what it placed is tidied up."""
        _not_here()

    def desk(self, *, money: str = "", is_linked: bool = True, url: str = "", **settings: Any) -> Desk:
        """Connect with the account of the environment."""
        del money
        if not is_linked or url:
            _not_here()
        account = AccountRef(
            account_id="account", user_id="user", venue=self._venue, network=self._network, address=self._given.address
        )
        venue = self._connect({"network": self._network, "url": self._given.url, "timeout": PATIENCE} | settings)
        return Desk(rig=self, venue=venue, key=self._given.key, account=account, owner=self._given.address)

    def _connect(self, settings: dict[str, Any]) -> Connection:
        key = self._given.key
        match self._venue:
            case "hyperliquid":
                return hyperliquid.connect(HyperliquidConfig(**settings), self._hyperliquid_budget)
            case "binance":
                return binance.connect(BinanceConfig(**settings), lambda _: key, self._fapi_budget)
            case _:
                return aster.connect(AsterConfig(**settings), lambda _: key, self._fapi_budget)

    @cached_property
    def _hyperliquid_budget(self) -> HyperliquidBudget:
        return HyperliquidBudget(*self._budget)

    @cached_property
    def _fapi_budget(self) -> FapiBudget:
        return FapiBudget(*self._budget)

    def stream(self, *desks: Desk) -> AsyncGenerator[StreamEvent, None]:
        """Follow the account."""
        if len(desks) > 1:
            _not_here()
        (desk,) = desks
        venue: Any = desk.venue
        stream: UserStream = (
            HyperliquidStream(venue.config, HYPERLIQUID_PACE)
            if self._venue == "hyperliquid"
            else venue.stream_of(lambda _: self._given.key, FAPI_PACE)
        )
        return cast("AsyncGenerator[StreamEvent, None]", stream.events((desk.account.address,)))

    def bad_link(self, kind: str, desk: Desk) -> Link:
        """There is one key, and it is a good one."""
        del kind, desk
        _not_here()

    def admitted(self, desk: Desk) -> list[Mapping[str, Any]]:
        """A venue's own log is not ours to read."""
        del desk
        _not_here()

    def exhaust(self, desk: Desk) -> None:
        """A storm at a test network is a storm for others."""
        del desk
        _not_here()

    def reset(self) -> None:
        """Nothing was turned."""

    def leave(self, desk: Desk) -> None:
        """Cancel the orders of the coin and close its position."""
        for order in desk.orders():
            if order.coin == desk.coin:
                desk.cancel(oid=order.oid, client_id=order.client_id)
        if held := desk.held():
            side = Side.SELL if held > 0 else Side.BUY
            desk.place(self._closing(desk, side, abs(held)))

    @staticmethod
    def _closing(desk: Desk, side: Side, size: Decimal) -> OrderTerms:
        factor = "0.97" if side is Side.SELL else "1.03"
        return desk.terms(side=side, size=str(size), factor=factor, reduce_only=True)


def _not_here() -> NoReturn:
    pytest.skip("needs a paper server")
