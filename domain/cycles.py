"""One cycle of an agent: what the activity is asked and answers."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from domain.agents import AgentConfig
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
    """What a cycle decided: intents to start (opens and closes), or none. `held` says why nothing may be opened (halted, breaker ...)."""

    decision_id: str = ""
    intents: tuple[Intent, ...] = ()
    note: str = ""
    held: str = ""
    finished_intents: tuple[str, ...] = ()
    next_after: timedelta | None = None
