"""In what the two venues differ: names, paths, limits and what their error codes prove."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderLimit:
    """How many orders an account may send in a span; `header` is the end of the header that counts them."""

    header: str
    seconds: int
    limit: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Paths:
    """Where an account's requests go. `v` is the version of what has no version of its own below."""

    v: str
    account: str
    positions: str
    balance: str

    def at(self, name: str) -> str:
        """Return the path of an endpoint."""
        match name:
            case "account" | "positionRisk" | "balance":
                known = {"account": self.account, "positionRisk": self.positions, "balance": self.balance}
                return f"/fapi/{known[name]}"
            case _:
                return f"/fapi/{self.v}/{name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """A venue's own choices.

    `has_algo_service`: conditional orders have endpoints of their own. `refusals` are codes that prove that a request had no
    effect; `worded` are (code, start of the message) of codes that prove it with these words alone; `busy` are (code, start of
    the message) that prove it although the status says 5xx. `retention` is how long an order without a fill can still be
    looked up once it has ended.
    """

    name: str
    title: str
    public: str
    order_weight: int
    has_algo_service: bool
    order_limits: tuple[OrderLimit, ...]
    refusals: Mapping[int, tuple[str, str]]
    busy: tuple[tuple[int, str, str], ...]
    retention: timedelta
    may_resend: bool
    worded: tuple[tuple[int, str, str], ...] = ()

    @property
    def trigger_field(self) -> str:
        """The name of the trigger price of a conditional order."""
        return "triggerPrice" if self.has_algo_service else "stopPrice"
