"""Halts: who is halted, since when, and what an emergency stop has to bring about."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class HaltScope(StrEnum):
    """How far a halt reaches; the key is empty for the platform, else the venue's name or an id."""

    PLATFORM = "platform"
    VENUE = "venue"
    USER = "user"
    AGENT = "agent"


@dataclass(frozen=True, slots=True, kw_only=True)
class HaltFlag:
    """A halt in force, or one to be put in force. No opening order leaves inside its scope."""

    scope: str = HaltScope.PLATFORM
    key: str = ""
    reason: str = "by hand"
    by: str = "operator"

    @property
    def name(self) -> str:
        """How people call it."""
        return f"{self.scope} {self.key}".strip()


def warning_of(scope: str, key: str, matches: int | None) -> str:
    """Say what is odd about a halt that names nobody who is known; '' when nothing is.

    It is never refused for that: the flag holds for an id that this database learns of later, and a person in a hurry may be right.
    """
    if matches != 0:
        return ""
    return (
        f"No {scope} {key} is known here, so this halt may stop nothing: it is in force, check the id, "
        "and halt the platform if you cannot."
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class EmergencyStop:
    """Stop an agent, cancel its orders and close its positions.

    `open_intents` are the ones the workflow knows; the journal may know more. `closes_manual` closes those
    without an owner in the agent's coins as well.
    """

    user_id: str
    agent_id: str
    account_id: str
    coins: tuple[str, ...]
    asked_at: datetime
    open_intents: tuple[str, ...] = ()
    reason: str = "by hand"
    by: str = ""
    closes_manual: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class EmergencyOutcome:
    """How an emergency stop ended: flat by two syncs, the second at `flat_at` by the venue's clock."""

    flat_at: datetime
    closed_coins: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentCall:
    """A signal for the agents of a user, or of all; told in pages, after the agent `after`."""

    signal: str
    user_id: str = ""
    reason: str = ""
    by: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchRequest:
    """One round of the watchdog: the halts that must be in force, and the epoch in which they were last asserted."""

    halts: tuple[HaltFlag, ...] = ()
    epoch: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchOutcome:
    """What a round of the watchdog found and mended; `undrained` are halts that nobody seems to drain."""

    protected: tuple[str, ...] = ()
    settled: tuple[str, ...] = ()
    unowned: tuple[str, ...] = ()
    restarted: tuple[str, ...] = ()
    undrained: tuple[HaltFlag, ...] = ()
