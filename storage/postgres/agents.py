"""Agent configurations."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, Engine, Row, Select, bindparam, delete, func, insert, select, update

from domain.agents import AgentConfig, AgentMode, AgentStatus
from domain.errors import Refused
from domain.limits import RiskLimits
from storage.postgres.engine import alone, dump, load, transaction
from storage.postgres.tables import accounts, agents
from storage.records import AgentRecord


class PostgresAgents:
    """Agent configurations; an `Agents`."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def add(self, config: AgentConfig) -> AgentRecord:
        """Add an agent; raises Refused(account_unknown) for an account of somebody else."""
        with transaction(self._engine) as connection:
            _require_account(connection, config)
            if _read(connection, _select().where(agents.c.id == config.agent_id)):
                raise Refused("agent_exists", "There is an agent with this id.", action="Use another idempotency key.")
            values = {**_values(config), "id": config.agent_id, "user_id": config.user_id}
            connection.execute(insert(agents).values(**values, account_id=config.account_id))
            return _read(connection, _select().where(agents.c.id == config.agent_id))[0]

    def update(self, config: AgentConfig) -> AgentRecord:
        """Replace a configuration; user, account and venue cannot change."""
        mine = (agents.c.id == config.agent_id, agents.c.user_id == config.user_id)
        with transaction(self._engine) as connection:
            _require_account(connection, config)
            same = update(agents).where(*mine, agents.c.account_id == config.account_id).values(_values(config))
            if connection.execute(same).rowcount == 0:
                raise Refused("agent_unknown", "There is no such agent.", action="List them with GET /api/agents.")
            return _read(connection, _select().where(*mine))[0]

    def agent(self, user_id: str, agent_id: str) -> AgentRecord | None:
        """Read an agent of a user."""
        with transaction(self._engine) as connection:
            found = _read(connection, _select().where(agents.c.user_id == user_id, agents.c.id == agent_id))
        return found[0] if found else None

    def agents(self, user_id: str) -> tuple[AgentRecord, ...]:
        """List a user's agents, oldest first."""
        with alone(self._engine) as connection:
            return _read(connection, _OF_USER, user=user_id)

    def delete(self, user_id: str, agent_id: str) -> bool:
        """Delete an agent; raises Refused(agent_running) while it is active."""
        mine = (agents.c.user_id == user_id, agents.c.id == agent_id)
        with transaction(self._engine) as connection:
            active = connection.execute(select(agents.c.active).where(*mine).with_for_update()).scalar_one_or_none()
            if active:
                raise Refused("agent_running", "The agent is running.", action="Stop it first.")
            return connection.execute(delete(agents).where(*mine)).rowcount == 1

    def activate(self, user_id: str, agent_id: str, *, active: bool) -> bool:
        """Say whether an agent is started with the platform."""
        mine = (agents.c.user_id == user_id, agents.c.id == agent_id)
        with transaction(self._engine) as connection:
            return connection.execute(update(agents).where(*mine).values(active=active)).rowcount == 1

    def show(self, agent_id: str, status: AgentStatus, *, reason: str = "") -> None:
        """Show a status."""
        statement = update(agents).where(agents.c.id == agent_id)
        with transaction(self._engine) as connection:
            connection.execute(statement.values(status=status.value, status_reason=reason))

    def active(
        self, *, user_id: str = "", agent_id: str = "", after: str = "", limit: int = 200
    ) -> tuple[AgentRecord, ...]:
        """List active agents (of a user, one of them, or all) in the order of their ids, in pages after an id."""
        statement = _select().where(agents.c.active, agents.c.id > after).order_by(agents.c.id).limit(limit)
        if user_id:
            statement = statement.where(agents.c.user_id == user_id)
        if agent_id:
            statement = statement.where(agents.c.id == agent_id)
        with transaction(self._engine) as connection:
            return _read(connection, statement)


def _require_account(connection: Connection, config: AgentConfig) -> None:
    statement = select(func.count()).where(
        accounts.c.id == config.account_id, accounts.c.user_id == config.user_id, accounts.c.venue == config.venue
    )
    if connection.execute(statement).scalar_one() == 0:
        raise Refused(
            "account_unknown", f"There is no such account on {config.venue}.", action="Connect the account first."
        )


def _values(config: AgentConfig) -> dict[str, Any]:
    return {
        "name": config.name,
        "adviser": config.adviser,
        "settings": dict(config.settings),
        "risk_profile": config.limits.profile.value,
        "limits": dump(config.limits),
        "allowed_assets": list(config.coins),
        "interval": config.interval,
        "cycle_seconds": Decimal(config.cycle_every // timedelta(microseconds=1)) / 1_000_000,
        "mode": config.mode.value,
    }


def _select() -> Select[Any]:
    return select(agents, accounts.c.venue).join(accounts, accounts.c.id == agents.c.account_id)


_OF_USER = _select().where(agents.c.user_id == bindparam("user")).order_by(agents.c.created_at, agents.c.id)


def _read(connection: Connection, statement: Select[Any], **asked: str) -> tuple[AgentRecord, ...]:
    return tuple(_agent(row) for row in connection.execute(statement, asked))


def _agent(row: Row[Any]) -> AgentRecord:
    config = AgentConfig(
        agent_id=row.id,
        user_id=row.user_id,
        account_id=row.account_id,
        venue=row.venue,
        adviser=row.adviser,
        coins=tuple(row.allowed_assets),
        mode=AgentMode(row.mode),
        interval=row.interval,
        cycle_every=timedelta(microseconds=int(row.cycle_seconds * 1_000_000)),
        limits=load(RiskLimits, row.limits),
        settings=dict(row.settings),
        name=row.name,
    )
    return AgentRecord(
        config=config,
        active=row.active,
        status=AgentStatus(row.status),
        status_reason=row.status_reason,
        cycle=row.cycle,
        created_at=row.created_at,
        last_cycle_at=row.last_cycle_at,
    )
