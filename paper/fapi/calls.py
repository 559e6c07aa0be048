"""A request that is let in, and the table of endpoints."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from paper.engine.accounts import Account
from paper.engine.orders import Origin
from paper.fapi.node import Node
from paper.fapi.params import Params
from paper.fapi.users import User


class Security(StrEnum):
    """What a request must carry."""

    NONE = "none"
    KEY = "key"
    READ = "read"
    TRADE = "trade"


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A request with whoever sent it; `deadline` is the time after which the matching stage refuses it."""

    node: Node
    params: Params
    version: str = "v1"
    user: User | None = None
    origin: Origin = field(default_factory=Origin)
    deadline: int | None = None
    as_of: int | None = None
    ip: str = ""
    scheme: str = "none"

    @property
    def who(self) -> User:
        """The user of a signed request."""
        assert self.user is not None
        return self.user

    @property
    def account(self) -> Account:
        """The account of a signed request."""
        return self.node.account_of(self.who)


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """One path and method; `kind` names it for faults; `orders` is how many orders a request counts as."""

    run: Callable[[Call], Any]
    kind: str
    security: Security = Security.NONE
    weight: int | Callable[[Params], int] = 1
    orders: Callable[[Params], int] | None = None

    @property
    def is_write(self) -> bool:
        """Whether the request changes something."""
        return self.security is Security.TRADE

    def weight_of(self, params: Params) -> int:
        """Return the weight of a request."""
        return self.weight if isinstance(self.weight, int) else self.weight(params)


Table = dict[tuple[str, str], Endpoint]
