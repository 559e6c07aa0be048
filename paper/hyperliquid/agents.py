"""Agent wallets: approval, names, expiry, replacement (reference 3.6)."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal

from paper.engine.errors import ActionRefused

DAY_MS = 86_400_000
LONGEST_MS = 180 * DAY_MS
NAMED = 3
NAMED_PER_SUB_ACCOUNT = 2
NAME_LENGTH = 16
VOLUME_PER_AGENT = Decimal(5_000_000)
ZERO_ADDRESS = "0x" + "0" * 40
MARK = " valid_until "


@dataclass(frozen=True, slots=True, kw_only=True)
class Agent:
    """A live approval; the unnamed agent has an empty name."""

    address: str
    master: str
    name: str
    valid_until: int
    approved_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentRules:
    """What the venue's switches and the master's sub-accounts say of an approval."""

    zero_revokes: bool = True
    sub_accounts: int = 0
    removal_ms: int = 0
    life_ms: int = 90 * DAY_MS


@dataclass(slots=True)
class Agents:
    """All live approvals by agent address; `retired` addresses were replaced, revoked or ran out."""

    live: dict[str, Agent] = field(default_factory=dict)
    retired: dict[str, Agent] = field(default_factory=dict)
    removed_ms: dict[str, int] = field(default_factory=dict)
    grace_ms: int = 0

    def find(self, address: str, now_ms: int) -> Agent | None:
        """Return the approval of an address while it is valid."""
        agent = self.live.get(address)
        return agent if agent is not None and now_ms < agent.valid_until + self.grace_ms else None

    def of(self, master: str, now_ms: int) -> list[Agent]:
        """Return a master's valid agents, oldest first."""
        mine = (agent for agent in self.live.values() if agent.master == master and now_ms < agent.valid_until)
        return sorted(mine, key=lambda agent: agent.approved_ms)

    def approve(
        self, master: str, address: str, full_name: str, now_ms: int, volume: Decimal, *, limits: AgentRules
    ) -> list[str]:
        """Approve an agent, replacing the one of the same name; returns the addresses whose approval changed."""
        name, valid_until = _parse(full_name, now_ms, limits.life_ms)
        previous = [agent for agent in self.live.values() if agent.master == master and agent.name == name]
        if now_ms - self.removed_ms.get(master, -limits.removal_ms) < limits.removal_ms:
            raise ActionRefused("User has pending agent removal")
        if address == ZERO_ADDRESS and limits.zero_revokes:
            self.removed_ms[master] = now_ms
            return self._retire(previous)
        if address in self.live or address in self.retired:
            raise ActionRefused("Extra agent already used.")
        named = [agent for agent in self.of(master, now_ms) if agent.name and agent.name != name]
        limit = NAMED + NAMED_PER_SUB_ACCOUNT * limits.sub_accounts + int(volume / VOLUME_PER_AGENT)
        if name and len(named) >= limit:
            text = f"Too many extra agents for cumulative volume traded. Current limit is {limit}"
            raise ActionRefused(text)
        changed = self._retire(previous)
        agent = Agent(address=address, master=master, name=name, valid_until=valid_until, approved_ms=now_ms)
        self.live[address] = agent
        return [*changed, address]

    def prune(self, master: str) -> list[str]:
        """Take all agents from a master; returns their addresses."""
        return self._retire([agent for agent in self.live.values() if agent.master == master])

    def _retire(self, agents: list[Agent]) -> list[str]:
        for agent in agents:
            self.retired[agent.address] = self.live.pop(agent.address)
        return [agent.address for agent in agents]


def _parse(full_name: str, now_ms: int, life_ms: int) -> tuple[str, int]:
    name, mark, until = full_name.partition(MARK)
    if not mark:
        name, valid_until = full_name, now_ms + life_ms
    else:
        valid_until = int(until) if until.isdigit() else 0
        if not now_ms < valid_until <= now_ms + LONGEST_MS:
            raise ActionRefused("Agent valid_until already expired.")
    if len(name) > NAME_LENGTH:
        raise ActionRefused("Agent name is too long.")
    return name, valid_until
