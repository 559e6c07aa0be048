"""What a UserAgentWorkflow is started with, told and asked.

Signals: pause, resume, stop, emergency_stop, hold, release, intent_reported.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from domain.agents import AgentConfig, AgentStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentProgress:
    """The state that survives continue-as-new. `open_intents` are those started and not yet terminal."""

    cycle: int = 0
    paused: bool = False
    stopping: bool = False
    emergency: bool = False
    open_intents: tuple[str, ...] = ()
    last_note: str = ""
    failures: int = 0
    failed: bool = False
    held: str = ""
    reason: str = ""
    by: str = ""
    next_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class UserAgentInput:
    """Start of a UserAgentWorkflow. `max_rounds` > 0 rolls after so many cycles (tests)."""

    config: AgentConfig
    progress: AgentProgress = field(default_factory=AgentProgress)
    max_rounds: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """Optional argument of pause, resume, stop and emergency_stop."""

    text: str = "by hand"
    by: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reconfigure:
    """Update `reconfigure`: takes effect with the next cycle; account, user and venue cannot change."""

    config: AgentConfig


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentReport:
    """Answer of query `status` and of update `reconfigure`."""

    agent_id: str
    status: AgentStatus
    cycle: int
    open_intents: tuple[str, ...] = ()
    note: str = ""
    next_cycle_at: datetime | None = None
