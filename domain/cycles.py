"""One cycle of an agent: what the activity is asked and answers."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from domain.agents import AgentConfig, AgentStatus
from domain.decisions import Advice, Situation
from domain.intents import Intent


@dataclass(frozen=True, slots=True, kw_only=True)
class CycleRequest:
    """Observe and decide once. `started_at` is the workflow's clock and becomes the decision time of the intents."""

    config: AgentConfig
    cycle: int
    started_at: datetime
    open_intents: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class CycleOutcome:
    """What a cycle decided: intents to start (opens and closes), or none; `held` says why nothing may be opened.

    `cycle` is the number under which it was stored: Postgres may be ahead of the workflow.
    """

    decision_id: str = ""
    intents: tuple[Intent, ...] = ()
    note: str = ""
    held: str = ""
    finished_intents: tuple[str, ...] = ()
    next_after: timedelta | None = None
    cycle: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """A cycle as it is kept: what was seen, what was advised and what came of it. Unique by (agent, cycle)."""

    decision_id: str
    user_id: str
    agent_id: str
    cycle: int
    adviser: str
    at: datetime
    situation: Situation
    advice: Advice
    outcome: CycleOutcome
    trace_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentShown:
    """The status of an agent as lists show it; a cycle shows `running` by itself."""

    agent_id: str
    user_id: str
    status: AgentStatus
    reason: str = ""
    is_over: bool = False
