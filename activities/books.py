"""What cycles, accounts, streams and the platform ask of storage. Every method is one short transaction."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from domain.accounts import AccountRef, Portfolio
from domain.cycles import AgentShown, CycleOutcome, Decision
from domain.days import Breaker
from domain.intents import IntentPhase


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """A portfolio from the read model and when it was synced (our clock)."""

    portfolio: Portfolio
    synced_at: datetime


class Diary(Protocol):
    """Agents' cycles."""

    def last_cycle(self, agent_id: str) -> int:
        """The highest cycle number of an agent, 0 before the first."""

    def outcome(self, agent_id: str, cycle: int) -> CycleOutcome | None:
        """What a cycle came to, None when it was not stored."""

    def record(self, decision: Decision) -> CycleOutcome:
        """Store a decision and show the agent as running; the stored one wins when there is one."""

    def show_agent(self, shown: AgentShown) -> None:
        """Show an agent's status; `is_over` makes it inactive."""


class Portfolios(Protocol):
    """The portfolio read model."""

    def newest(self, account_id: str) -> Snapshot | None:
        """The last synced portfolio."""

    def save(self, account: AccountRef, portfolio: Portfolio) -> None:
        """Write the read model and a point of the equity curve; never replaces a newer one."""


class Breakers(Protocol):
    """Circuit breakers of accounts."""

    def breaker(self, account_id: str) -> Breaker | None:
        """The newest breaker that was not reset."""


class Phases(Protocol):
    """Phases of intents, in bulk."""

    def phases(self, intent_ids: tuple[str, ...]) -> dict[str, IntentPhase]:
        """The phases of the intents that have a row."""
