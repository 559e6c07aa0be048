"""Agents: what a user configures."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum

from domain.limits import RiskLimits


class AgentMode(StrEnum):
    """Simulate records what it would do and never reaches the order gate."""

    SIMULATE = "simulate"
    LIVE = "live"


class AgentStatus(StrEnum):
    """What a user sees."""

    RUNNING = "running"
    PAUSED = "paused"
    STOPPING = "stopping"
    STOPPED = "stopped"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentConfig:
    """One agent of one user on one account. `settings` belong to the adviser."""

    agent_id: str
    user_id: str
    account_id: str
    venue: str
    adviser: str
    coins: tuple[str, ...]
    mode: AgentMode = AgentMode.SIMULATE
    interval: str = "5m"
    cycle_every: timedelta = timedelta(minutes=5)
    limits: RiskLimits = field(default_factory=RiskLimits)
    settings: dict[str, str] = field(default_factory=dict)
    name: str = ""
