"""Agents: what they are. Starting and stopping them is in agent.py."""

from __future__ import annotations

from dataclasses import replace
from http import HTTPStatus
from typing import Any

from fastapi import APIRouter
from starlette.requests import Request

from api import asked, idempotency
from api.auth import Me
from api.deps import PageAsked, Parts, Ports
from api.schemas.agents import (
    AgentBody,
    AgentChange,
    AgentView,
    DecisionView,
    LimitsBody,
    audited,
    decision_of,
    duration_of,
    view_of,
)
from api.schemas.values import Id, Listed
from domain.agents import AgentConfig, AgentMode
from domain.errors import Refused
from domain.limits import PROFILES, RiskLimits, RiskProfile
from storage.records import AgentRecord, Caller
from workflows import ids
from workflows.user_agent.messages import AgentReport, Reconfigure

router = APIRouter(prefix="/api/agents", tags=["agents"], route_class=idempotency.OnceRoute)


@router.get("")
def list_agents(parts: Ports, me: Me) -> Listed[AgentView]:
    """List the caller's agents, oldest first."""
    return Listed(items=[view_of(agent) for agent in parts.agents.agents(me.user_id)])


@router.post("", status_code=HTTPStatus.CREATED)
def add_agent(body: AgentBody, parts: Ports, me: Me, key: idempotency.Key) -> AgentView:
    """Make an agent; it does nothing until it is started."""
    agent_id = idempotency.derived_id(me.user_id, key, "agent")
    known = parts.agents.agent(me.user_id, agent_id)
    if known is not None:
        return view_of(known)
    account = asked.account_of(parts, me, body.account_id)
    config = AgentConfig(
        agent_id=agent_id,
        user_id=me.user_id,
        account_id=account.ref.account_id,
        venue=account.ref.venue,
        name=body.name,
        adviser=body.adviser,
        coins=_distinct(body.coins),
        interval=body.interval,
        cycle_every=duration_of(body.cycle_seconds),
        limits=_limits(PROFILES.get(body.risk_profile, RiskLimits()), body.risk_profile, body.limits),
        settings=dict(body.settings),
        mode=body.mode,
    )
    _require_confirmation(AgentMode.SIMULATE, config, is_confirmed=body.confirm)
    parts.advisers.check(config.adviser, config.settings)
    made = parts.agents.add(config)
    _audit(parts, me, "agent.add", made, was=AgentMode.SIMULATE)
    return view_of(made)


@router.get("/{agent_id}")
def show_agent(agent_id: Id, parts: Ports, me: Me) -> AgentView:
    """Show an agent's configuration."""
    return view_of(asked.own_agent(parts, me, agent_id))


@router.patch("/{agent_id}")
def change_agent(agent_id: Id, body: AgentChange, request: Request, parts: Ports, me: Me) -> AgentView:
    """Change an agent; a running one takes the change with its next cycle."""
    before = asked.own_agent(parts, me, agent_id)
    config = _changed(before.config, body)
    _require_confirmation(before.config.mode, config, is_confirmed=body.confirm)
    parts.advisers.check(config.adviser, config.settings)
    # The running agent first: what it refuses must not be stored either.
    parts.executions.update(
        ids.agent(me.user_id, agent_id),
        "reconfigure",
        Reconfigure(config=config),
        AgentReport,
        str(request.state.request_id),
    )
    after = parts.agents.update(config)
    _audit(parts, me, "agent.change", after, was=before.config.mode)
    return view_of(after)


@router.delete("/{agent_id}", status_code=HTTPStatus.NO_CONTENT)
def delete_agent(agent_id: Id, parts: Ports, me: Me) -> None:
    """Delete an agent that does not run."""
    agent = asked.own_agent(parts, me, agent_id)
    seen = parts.executions.see(ids.agent(me.user_id, agent_id))
    if seen is not None and seen.is_running:
        raise Refused("agent_running", "The agent is running.", action="Stop it first.")
    parts.agents.activate(me.user_id, agent_id, active=False)
    parts.agents.delete(me.user_id, agent_id)
    _audit(parts, me, "agent.delete", agent, was=agent.config.mode)


@router.get("/{agent_id}/decisions")
def list_decisions(agent_id: Id, parts: Ports, me: Me, page: PageAsked) -> Listed[DecisionView]:
    """List an agent's decisions, newest first."""
    asked.own_agent(parts, me, agent_id)
    found = parts.diary.decisions(me.user_id, agent_id=agent_id, cursor=page.cursor, limit=page.limit)
    return Listed(items=[decision_of(decision) for decision in found.items], next_cursor=found.next_cursor)


def _changed(config: AgentConfig, body: AgentChange) -> AgentConfig:
    given: dict[str, Any] = {
        name: value for name in ("name", "adviser", "interval", "mode") if (value := getattr(body, name)) is not None
    }
    if body.coins is not None:
        given["coins"] = _distinct(body.coins)
    if body.settings is not None:
        given["settings"] = dict(body.settings)
    if body.cycle_seconds is not None:
        given["cycle_every"] = duration_of(body.cycle_seconds)
    if body.risk_profile is not None or body.limits is not None:
        profile = body.risk_profile or config.limits.profile
        base = PROFILES.get(profile, config.limits) if body.risk_profile is not None else config.limits
        given["limits"] = _limits(base, profile, body.limits or LimitsBody())
    return replace(config, **given)


def _limits(base: RiskLimits, profile: RiskProfile, body: LimitsBody) -> RiskLimits:
    """Lay a caller's own limits over a profile's; with any of them the profile is custom."""
    given = {name: value for name, value in dict(body).items() if value is not None}
    cool_down = given.pop("cool_down_seconds", None)
    if cool_down is not None:
        given["cool_down"] = duration_of(cool_down)
    return replace(base, profile=RiskProfile.CUSTOM if given else profile, **given)


def _distinct(coins: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(coins))


def _require_confirmation(was: AgentMode, config: AgentConfig, *, is_confirmed: bool) -> None:
    """Going live is a confirmed act."""
    if config.mode is AgentMode.LIVE and was is not AgentMode.LIVE and not is_confirmed:
        raise Refused(
            "confirmation_required",
            "In mode live the agent trades real orders on its account.",
            action='Repeat the request with "confirm": true and a new Idempotency-Key.',
        )


def _audit(parts: Parts, me: Caller, action: str, agent: AgentRecord, *, was: AgentMode) -> None:
    config = agent.config
    name = f"agent/{config.agent_id}"
    parts.audit.append(me.name, action, name, audited(config))
    if config.mode is not was:
        parts.audit.append(me.name, f"agent.{config.mode}", name, {"was": was.value, "key": me.key_id})
