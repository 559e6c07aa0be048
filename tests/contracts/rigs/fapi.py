"""What the rigs of Binance and AsterDEX share: users made by the control endpoints, and keys that are asked for."""

from __future__ import annotations

import uuid
from abc import abstractmethod
from collections.abc import AsyncGenerator, Mapping
from datetime import timedelta
from typing import Any, ClassVar, cast

import httpx

from domain.accounts import AccountRef
from tests.contracts.rigs.base import SILENCE, Connection, Link, Reads, Rig
from tests.contracts.rigs.desk import Desk
from venues.base import SigningKey, StreamEvent
from venues.fapi.limits import RequestBudget
from venues.fapi.stream import Pace
from venues.fapi.wire import Call

QUICK = Pace(
    silence=SILENCE,
    ping=timedelta(milliseconds=300),
    shortest=timedelta(milliseconds=50),
    longest=timedelta(milliseconds=200),
)
BUDGET = 1_000_000
MOST_REQUESTS = 2000
TOO_MANY = 429
ELSEWHERE = "203.0.113.9"
DEFAULTS = {"depth_scale": "1", "clock_offset_ms": 0, "halted": False}


class FapiRig(Rig):
    """An adapter whose accounts are known by their keys."""

    reads = Reads(order="orderStatus", open_orders="frontendOpenOrders")
    weight_per_minute = 2400
    absent: ClassVar[Mapping[int, str]] = {}

    @abstractmethod
    def new_key(self, user: str) -> SigningKey:
        """Make a user at the paper server, with a key that may trade and nothing else."""

    @abstractmethod
    def strange_key(self) -> SigningKey:
        """Make a key of the right shape that nobody knows."""

    @abstractmethod
    def broken_key(self) -> SigningKey:
        """Make what cannot be a key."""

    @abstractmethod
    def connect(self, keys: Mapping[str, SigningKey], url: str, **settings: Any) -> Connection:
        """Connect the adapter; `keys` by the address of the account."""

    def new_user(self) -> str:
        """A name for a user."""
        return f"user-{uuid.uuid4().hex[:12]}"

    def address_of(self, venue: Any, user: str, key: SigningKey) -> str:
        """The address that the platform stores for a user's account."""
        return str(venue.accounts.identify(key))

    def desk(self, *, money: str = "10000", is_linked: bool = True, url: str = "", **settings: Any) -> Desk:
        """Make a user with money and a key."""
        user = self.new_user()
        key = self.new_key(user)
        self.server.post("deposit", user=user, amount=money)
        keys: dict[str, SigningKey] = {}
        given = {"timeout": timedelta(seconds=2)} | settings
        venue = self.connect(keys, url or self.server.url, **given)
        account = AccountRef(
            account_id="account",
            user_id="user",
            venue=self.paper_venue(),
            network="paper",
            address=self.address_of(venue, user, key),
        )
        if not is_linked:
            key = self.strange_key()
        keys[account.address] = key
        return Desk(rig=self, venue=venue, key=key, account=account, owner=user, extra=keys)

    def stream(self, *desks: Desk) -> AsyncGenerator[StreamEvent, None]:
        """Follow the desks' accounts."""
        keys = {desk.account.address: desk.key for desk in desks}
        followed = self.stream_of(desks[0], keys).events(tuple(keys))
        return cast("AsyncGenerator[StreamEvent, None]", followed)

    @abstractmethod
    def stream_of(self, desk: Desk, keys: Mapping[str, SigningKey]) -> Any:
        """The adapter's stream with a quick pace."""

    def budget(self, settings: dict[str, Any]) -> Any:
        """A budget that never waits, unless the case is about the budget."""
        if "weight_per_minute" in settings:
            return None
        return RequestBudget(BUDGET)

    def bad_link(self, kind: str, desk: Desk) -> Link:
        """Make the one thing wrong that a case is about."""
        account, url = desk.account, self.server.url
        match kind:
            case "wrong_position_mode":
                self.server.post("account", user=desk.owner, position_mode="hedge")
                return Link(account=account, signer=desk.key.address, connection=desk.venue, code=kind)
            case "can_withdraw":
                self.allow_withdrawals(desk)
                return Link(account=account, signer=desk.key.address, connection=desk.venue, code="key_can_withdraw")
            case "elsewhere":
                self.server.post("account", user=desk.owner, **self.of_key(desk), ip_list=[ELSEWHERE])
                return Link(account=account, signer=desk.key.address, connection=desk.venue, code=self.elsewhere_code)
            case "no_futures":
                self.server.post("account", user=desk.owner, **self.of_key(desk), permissions=self.no_futures)
                return Link(account=account, signer=desk.key.address, connection=desk.venue, code="futures_not_enabled")
            case "clock":
                return Link(account=account, signer=desk.key.address, connection=desk.venue, code="clock_skewed")
            case "bad_key":
                key, code = self.strange_key(), self.strange_key_code
            case _:
                key, code = self.broken_key(), "key_malformed"
        return Link(
            account=account,
            signer=key.address,
            connection=self.connect({account.address: key}, url),
            code=code,
        )

    strange_key_code = "key_refused"
    # These venues have one code for strangers, addresses and missing rights; the sentence names the address.
    elsewhere_code = "key_refused"

    no_futures: ClassVar[Mapping[str, bool]] = {"trade": True, "withdraw": False, "futures": False}

    def of_key(self, desk: Desk) -> dict[str, Any]:
        """What a control request needs beside the user to change the key of a desk."""
        del desk
        return {}

    def allow_withdrawals(self, desk: Desk) -> None:
        """Give a desk's key the right to withdraw."""
        self.server.post("account", user=desk.owner, **self.of_key(desk), permissions={"trade": True, "withdraw": True})

    def deposit(self, desk: Desk, amount: str) -> None:
        """Credit money to a desk's account."""
        self.server.post("deposit", user=desk.owner, amount=amount)

    def share(self, desk: Desk, other: Desk) -> None:
        """Give the desk's connection the other's key."""
        desk.extra[other.account.address] = other.key

    def break_key(self, desk: Desk) -> None:
        """Put a strange key in the place of the desk's."""
        desk.key = desk.extra[desk.account.address] = self.strange_key()

    def end_stream_key(self, desk: Desk) -> None:
        """Close the listen key, as its hour or another program does."""
        venue: Any = desk.venue
        call = Call(method="DELETE", path=f"/fapi/{self.public}/listenKey")
        assert venue.client.ask(desk.key, call, 1) == {}

    def exhaust(self, desk: Desk) -> None:
        """Spend the minute's weight of this address with a dear read that needs no key."""
        with httpx.Client(base_url=self.server.url, trust_env=False, timeout=10) as client:
            for path in (f"/fapi/{self.public}/depth?symbol=BTCUSDT&limit=1000", f"/fapi/{self.public}/time"):
                answers = (client.get(path).status_code for _ in range(MOST_REQUESTS))
                assert TOO_MANY in answers, "The venue never limits."

    public = "v1"

    def admitted(self, desk: Desk) -> list[Mapping[str, Any]]:
        """Read the log of the paper venue."""
        rows: list[Mapping[str, Any]] = self.server.get("orders", user=desk.owner)
        return rows

    def reset(self) -> None:
        """Put the switches back that cases turn."""
        super().reset()
        self.server.post("settings", **DEFAULTS)
