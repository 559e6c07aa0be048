"""Users and what their keys may do; on Aster also the agents of a wallet."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass, field
from string import ascii_letters


@dataclass(slots=True, kw_only=True)
class User:
    """An account of the venue; `name` is also the engine's address of it."""

    name: str
    api_key: str
    secret: str
    created_ms: int
    can_trade: bool = True
    can_withdraw: bool = False
    can_futures: bool = True
    ip_list: tuple[str, ...] = ()
    is_hedged: bool = False
    is_multi_assets: bool = False
    stp: str = "EXPIRE_MAKER"
    countdowns: dict[str, int] = field(default_factory=dict)

    @property
    def alias(self) -> str:
        """A code of the account that never changes and tells nothing; of letters, as the venue's are."""
        digest = hashlib.sha256(b"alias/" + self.name.encode()).digest()
        return "".join(ascii_letters[byte % len(ascii_letters)] for byte in digest[:8])


@dataclass(slots=True, kw_only=True)
class WalletAgent:
    """A key that acts for a wallet until `expires_ms`."""

    user: str
    address: str
    name: str
    expires_ms: int
    can_perp: bool = True
    can_spot: bool = False
    can_withdraw: bool = False
    ip_list: tuple[str, ...] = ()


def new_user(name: str, now: int) -> User:
    """Return a user with fresh keys."""
    return User(name=name, api_key=secrets.token_hex(32), secret=secrets.token_hex(32), created_ms=now)


@dataclass(slots=True)
class Users:
    """All users by name and by key, and all agents by address; `dirty*` is what the store must take."""

    by_name: dict[str, User] = field(default_factory=dict)
    by_key: dict[str, User] = field(default_factory=dict)
    agents: dict[str, WalletAgent] = field(default_factory=dict)
    dirty: dict[str, None] = field(default_factory=dict)
    dirty_agents: dict[str, None] = field(default_factory=dict)

    def add(self, user: User) -> None:
        """Take a user in."""
        self.by_name[user.name] = user
        self.by_key[user.api_key] = user
        self.dirty[user.name] = None

    def touch(self, user: User) -> None:
        """Mark a user as changed."""
        self.dirty[user.name] = None

    def put_agent(self, agent: WalletAgent) -> None:
        """Take an agent in, or change it."""
        self.agents[agent.address] = agent
        self.dirty_agents[agent.address] = None

    def drop_agent(self, address: str) -> None:
        """Forget an agent."""
        self.agents.pop(address, None)
        self.dirty_agents[address] = None
