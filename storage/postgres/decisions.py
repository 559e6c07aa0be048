"""Agents' cycles: what was seen, advised and decided. The first record of a cycle wins."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, Engine, Row, func, select, update
from sqlalchemy.dialects.postgresql import insert as upsert

from domain.agents import AgentStatus
from domain.cycles import AgentShown, CycleOutcome, Decision
from domain.decisions import Advice, Situation
from storage.postgres.engine import dump, load, transaction
from storage.postgres.paging import page
from storage.postgres.tables import agents, decisions
from storage.records import Page


class PostgresDiary:
    """Agents' cycles and decisions; a `Diary`."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def last_cycle(self, agent_id: str) -> int:
        """The highest cycle number of an agent, 0 before the first."""
        statement = select(agents.c.cycle).where(agents.c.id == agent_id)
        with transaction(self._engine) as connection:
            return int(connection.execute(statement).scalar_one_or_none() or 0)

    def outcome(self, agent_id: str, cycle: int) -> CycleOutcome | None:
        """What a cycle came to, None when it was not stored."""
        with transaction(self._engine) as connection:
            return _outcome(connection, agent_id, cycle)

    def record(self, decision: Decision) -> CycleOutcome:
        """Store a decision and show the agent as running; the stored one wins when there is one."""
        with transaction(self._engine) as connection:
            statement = upsert(decisions).values(_values(decision)).on_conflict_do_nothing()
            if connection.execute(statement).rowcount == 0:
                return _outcome(connection, decision.agent_id, decision.cycle) or decision.outcome
            shown = {
                "status": AgentStatus.RUNNING.value,
                "status_reason": decision.outcome.held or decision.outcome.note,
                "cycle": func.greatest(agents.c.cycle, decision.cycle),
                "last_cycle_at": decision.at,
            }
            connection.execute(update(agents).where(agents.c.id == decision.agent_id).values(shown))
        return decision.outcome

    def show_agent(self, shown: AgentShown) -> None:
        """Show an agent's status; `is_over` makes it inactive."""
        values: dict[str, Any] = {"status": shown.status.value, "status_reason": shown.reason}
        if shown.is_over:
            values["active"] = False
        with transaction(self._engine) as connection:
            connection.execute(update(agents).where(agents.c.id == shown.agent_id).values(values))

    def decision(self, user_id: str, decision_id: str) -> Decision | None:
        """Read a decision of a user."""
        statement = select(decisions).where(decisions.c.user_id == user_id, decisions.c.id == decision_id)
        with transaction(self._engine) as connection:
            row = connection.execute(statement).one_or_none()
        return None if row is None else _decision(row)

    def decisions(self, user_id: str, *, agent_id: str = "", cursor: str = "", limit: int = 50) -> Page[Decision]:
        """List decisions, newest first."""
        statement = select(decisions).where(decisions.c.user_id == user_id)
        if agent_id:
            statement = statement.where(decisions.c.agent_id == agent_id)
        keys = (decisions.c.at, decisions.c.id)
        with transaction(self._engine) as connection:
            return page(connection, statement, keys, _decision, cursor=cursor, limit=limit)


def _outcome(connection: Connection, agent_id: str, cycle: int) -> CycleOutcome | None:
    statement = select(decisions.c.outcome).where(decisions.c.agent_id == agent_id, decisions.c.cycle == cycle)
    stored = connection.execute(statement).scalar_one_or_none()
    return None if stored is None else load(CycleOutcome, stored)


def _values(decision: Decision) -> dict[str, Any]:
    return {
        "id": decision.decision_id,
        "user_id": decision.user_id,
        "agent_id": decision.agent_id,
        "cycle": decision.cycle,
        "adviser": decision.adviser,
        "at": decision.at,
        "situation": dump(decision.situation),
        "advice": dump(decision.advice),
        "outcome": dump(decision.outcome),
        "trace_id": decision.trace_id,
    }


def _decision(row: Row[Any]) -> Decision:
    return Decision(
        decision_id=row.id,
        user_id=row.user_id,
        agent_id=row.agent_id,
        cycle=row.cycle,
        adviser=row.adviser,
        at=row.at,
        situation=load(Situation, row.situation),
        advice=load(Advice, row.advice),
        outcome=load(CycleOutcome, row.outcome),
        trace_id=row.trace_id,
    )
