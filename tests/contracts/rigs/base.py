"""What a venue brings to the contract suite, and what it does not have."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

from domain.accounts import AccountRef
from venues.base import AccountReader, MarketData, StreamEvent, Trading
from venues.funding import FundingOracle

if TYPE_CHECKING:
    from tests.contracts.rigs.desk import Desk
    from tests.contracts.rigs.server import PaperServer


SILENCE = timedelta(seconds=1)


class Connection(Protocol):
    """What `connect` of every adapter returns."""

    @property
    def config(self) -> Any:
        """Where and how it speaks to the venue."""

    @property
    def trading(self) -> Trading:
        """Writes and lookups."""

    @property
    def accounts(self) -> AccountReader:
        """Reads of accounts."""

    @property
    def market(self) -> MarketData:
        """Public data."""

    @property
    def funding(self) -> FundingOracle:
        """What holding costs."""

    def close(self) -> None:
        """Close all connections."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """An account and a signer that do not fit, and the code that says so."""

    account: AccountRef
    signer: str
    connection: Connection
    code: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Reads:
    """How the paper server names reads in faults: the lookup of one order, and the list of open orders."""

    order: str
    open_orders: str


class Rig(ABC):
    """One adapter against one venue. `absent` names the cases that the venue cannot have, each with the reason in words."""

    name: ClassVar[str]
    # The paper server to start, where it is not called as the adapter's column is.
    venue: ClassVar[str] = ""
    absent: ClassVar[Mapping[int, str]] = {}
    coin = "BTC"
    base_px = "60000"
    reads: ClassVar[Reads]
    weight_per_minute: ClassVar[int]
    # How far back a nonce lies that the venue no longer takes, where it is the nonce that makes a request too old.
    nonces_live = timedelta(seconds=5)
    lost_after = (
        "execute_then_drop",
        "execute_then_429",
        "execute_then_403",
        "execute_then_502",
        "execute_then_503",
        "short_statuses",
        "garbage",
    )
    lost_before = ("drop", "http_429", "http_500", "http_503_empty")

    def __init__(self, server: PaperServer) -> None:
        self.server = server

    @property
    def is_live(self) -> bool:
        """Whether the venue is a real one, which takes no orders from a test but by its interface."""
        return False

    @classmethod
    def paper_venue(cls) -> str:
        """The paper server to start."""
        return cls.venue or cls.name

    def reason(self, case: int) -> str:
        """Why the venue cannot have a case; empty when it can."""
        return self.absent.get(case, "")

    def leave(self, desk: Desk) -> None:
        """Tidy up what a case leaves behind, where that costs anybody anything."""
        del desk

    @abstractmethod
    def desk(self, *, money: str = "10000", is_linked: bool = True, url: str = "", **settings: Any) -> Desk:
        """Make a user with money and a signer that may act for it, and connect the adapter; the caller closes it."""

    @abstractmethod
    def stream(self, *desks: Desk) -> AsyncGenerator[StreamEvent, None]:
        """Follow the desks' users at a quick pace: silence counts after a second."""

    @abstractmethod
    def bad_link(self, kind: str, desk: Desk) -> Link:
        """Make a link with one thing wrong: bad_key, wrong_position_mode, can_withdraw, clock, malformed, elsewhere (the key is
        bound to another address), no_futures."""

    @abstractmethod
    def admitted(self, desk: Desk) -> list[Mapping[str, Any]]:
        """Every order that the venue ever admitted for a desk, from its own log."""

    def end_stream_key(self, desk: Desk) -> None:
        """End the key of a desk's user stream, where the venue has one."""
        raise NotImplementedError(desk.account.address)

    def share(self, desk: Desk, other: Desk) -> None:
        """Let a desk's connection serve another desk's account as well."""
        raise NotImplementedError(f"{desk.owner}, {other.owner}")

    def break_key(self, desk: Desk) -> None:
        """Put a key that nobody knows in the place of a desk's."""
        raise NotImplementedError(desk.owner)

    def fill(self, desk: Desk, oid: str, size: str) -> None:
        """Let a taker come for a part of a resting order."""
        self.server.post("fill", user=desk.owner, oid=int(oid), sz=size)

    def deposit(self, desk: Desk, amount: str) -> None:
        """Credit money to a desk's account."""
        self.server.post("deposit", user=desk.owner, usdc=amount)

    @abstractmethod
    def exhaust(self, desk: Desk) -> None:
        """Use up the venue's request limit for this address, as somebody else behind the same address would."""

    def client_id_of(self, desk: Desk, oid: str) -> str:
        """The client id of an order id, from the venue's own log."""
        names = {str(row["oid"]): str(row["cloid"] or "") for row in self.admitted(desk)}
        return names.get(oid, "").removeprefix("0x")

    def wait(self, is_true: Callable[[], bool], seconds: float = 15) -> None:
        """Poll until something is true."""
        give_up = time.monotonic() + seconds
        while not is_true():
            assert time.monotonic() < give_up
            time.sleep(0.05)

    def reset(self) -> None:
        """Lift faults, put switches back and hold the price where the cases expect it, and the book around it."""
        self.server.lift_faults()
        self.server.post("settings", impact="0")
        self.server.move(self.coin, self.base_px)
