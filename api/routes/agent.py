"""Agents: what they do. Start, stop, pause, resume, emergency stop and status."""

from __future__ import annotations

from datetime import UTC, datetime
from http import HTTPStatus
from typing import Annotated

import structlog
from fastapi import APIRouter, Query

from api import asked, idempotency, starts
from api.auth import Me
from api.deps import Parts, Ports
from api.halting import ADMIN_PREFIX
from api.schemas.agents import AgentAsked, AgentState
from api.schemas.values import Id, Listed
from domain.agents import AgentStatus
from domain.errors import Refused, Retryable
from domain.halts import HaltFlag, HaltScope
from storage.records import AgentRecord, Caller
from workflows import ids
from workflows.platform.messages import Release
from workflows.user_agent.messages import AgentReport, Reason

router = APIRouter(prefix="/api/agent", tags=["agent"], route_class=idempotency.OnceRoute)


@router.post("/start", status_code=HTTPStatus.ACCEPTED)
def start_agent(body: AgentAsked, parts: Ports, me: Me, _: idempotency.Key) -> AgentState:
    """Start an agent, and what its account needs; lifts the halt that its own emergency stop left."""
    agent = asked.agent_of(parts, me, body.agent_id)
    account = asked.account_of(parts, me, agent.config.account_id)
    seen = parts.executions.see(ids.agent(me.user_id, agent.config.agent_id))
    if seen is not None and seen.is_running:
        # Before the halt is lifted: it may be the one of an emergency stop that is under way.
        raise _running()
    _lift_own_halt(parts, me, agent)
    parts.executions.ensure(starts.surroundings(account))
    if not parts.executions.start(starts.agent_of(agent.config, cycle=agent.cycle)):
        raise _running()
    parts.agents.activate(me.user_id, agent.config.agent_id, active=True)
    _note(parts, me, "agent.start", agent, body.reason)
    return _state(agent, status=AgentStatus.RUNNING, note="started")


@router.post("/stop", status_code=HTTPStatus.ACCEPTED)
def stop_agent(body: AgentAsked, parts: Ports, me: Me, _: idempotency.Key) -> AgentState:
    """Stop an agent: its working opening orders are cancelled, its positions stay protected by their intents."""
    return _tell(parts, me, body, "stop", AgentStatus.STOPPING)


@router.post("/pause", status_code=HTTPStatus.ACCEPTED)
def pause_agent(body: AgentAsked, parts: Ports, me: Me, _: idempotency.Key) -> AgentState:
    """Pause an agent: no further cycle; positions stay protected."""
    return _tell(parts, me, body, "pause", AgentStatus.PAUSED)


@router.post("/resume", status_code=HTTPStatus.ACCEPTED)
def resume_agent(body: AgentAsked, parts: Ports, me: Me, _: idempotency.Key) -> AgentState:
    """Let a paused or failed agent go on."""
    return _tell(parts, me, body, "resume", AgentStatus.RUNNING)


@router.post("/emergency-stop", status_code=HTTPStatus.ACCEPTED)
def emergency_stop(body: AgentAsked, parts: Ports, me: Me, _: idempotency.Key) -> Listed[AgentState]:
    """Stop at once, cancel every order and close every position of one agent, or of all of the caller's."""
    found = asked.agents_of(parts, me, body.agent_id)
    for agent in found:
        # The gate first: it closes even when Temporal is away, and the workflow's own halt finds it in force.
        flag = HaltFlag(scope=HaltScope.AGENT, key=agent.config.agent_id, reason=body.reason, by=me.name)
        parts.halts.commit(flag)
        _note(parts, me, "agent.emergency_stop", agent, body.reason)
    _stop_at_once(parts, found, Reason(text=body.reason, by=me.name))
    return Listed(items=[_state(agent, status=AgentStatus.STOPPING, note=body.reason) for agent in found])


@router.get("/status")
def show_status(parts: Ports, me: Me, agent_id: Annotated[Id | None, Query()] = None) -> AgentState:
    """Say how an agent stands, by its workflow, or by the database when that does not answer in two seconds."""
    agent = asked.agent_of(parts, me, agent_id)
    report = parts.executions.query(ids.agent(me.user_id, agent.config.agent_id), AgentReport)
    return _state(agent) if report is None else _reported(agent, report)


def _running() -> Refused:
    return Refused("agent_running", "The agent is running already, or still stopping.", action="Ask for its status.")


def _tell(parts: Parts, me: Caller, body: AgentAsked, signal: str, expected: AgentStatus) -> AgentState:
    agent = asked.agent_of(parts, me, body.agent_id)
    told = Reason(text=body.reason, by=me.name)
    if not parts.executions.signal(ids.agent(me.user_id, agent.config.agent_id), signal, told):
        parts.agents.activate(me.user_id, agent.config.agent_id, active=False)
        raise Refused("agent_not_running", "The agent is not running.", action="Start it first.")
    _note(parts, me, f"agent.{signal}", agent, body.reason)
    return _state(agent, status=expected, note=body.reason)


def _stop_at_once(parts: Parts, found: tuple[AgentRecord, ...], reason: Reason) -> None:
    """Tell every agent; one that does not run may still own positions and is started for nothing but the stop."""
    try:
        for agent in found:
            parts.executions.start(starts.stopping_agent_of(agent.config, reason, cycle=agent.cycle))
    except Retryable as error:
        raise Retryable(
            error.code,
            "Nothing opens any more, but the positions are not closed yet: Temporal did not answer.",
            action="Repeat the request, or close at the venue with `holdfast panic`.",
            retry_after=error.retry_after,
        ) from error


def _lift_own_halt(parts: Parts, me: Caller, agent: AgentRecord) -> None:
    """Release what an emergency stop of the user left; a halt by an administrator stays."""
    agent_id = agent.config.agent_id
    halts = parts.halts.in_force()
    mine = [halt for halt in halts if halt.flag.scope == HaltScope.AGENT and halt.flag.key == agent_id]
    if not mine:
        return
    if mine[0].flag.by.startswith(ADMIN_PREFIX):
        raise Refused("halted_by_admin", "An administrator has halted this agent.", action="Ask the operator.")
    parts.halts.release(HaltScope.AGENT, agent_id, me.name)
    release = Release(scope=HaltScope.AGENT, key=agent_id, by=me.name)
    parts.executions.start(starts.platform_told("release", release))
    _note(parts, me, "agent.release", agent, mine[0].flag.reason)


def _note(parts: Parts, me: Caller, action: str, agent: AgentRecord, reason: str) -> None:
    """Write the act to the audit log and to the log."""
    agent_id = agent.config.agent_id
    parts.audit.append(me.name, action, f"agent/{agent_id}", {"reason": reason, "key": me.key_id})
    structlog.get_logger("api.agent").info(action, agent_id=agent_id, user_id=me.user_id, reason=reason)


def _state(agent: AgentRecord, *, status: AgentStatus | None = None, note: str | None = None) -> AgentState:
    """Show what the database knows, or what an accepted signal leads to."""
    return AgentState(
        agent_id=agent.config.agent_id,
        name=agent.config.name,
        mode=agent.config.mode,
        status=status or agent.status,
        cycle=agent.cycle,
        open_intents=[],
        note=agent.status_reason if note is None else note,
        next_cycle_at=None,
        as_of=datetime.now(UTC) if status else agent.last_cycle_at or agent.created_at,
        source="signal" if status else "database",
    )


def _reported(agent: AgentRecord, report: AgentReport) -> AgentState:
    return AgentState(
        agent_id=agent.config.agent_id,
        name=agent.config.name,
        mode=agent.config.mode,
        status=report.status,
        cycle=report.cycle,
        open_intents=list(report.open_intents),
        note=report.note,
        next_cycle_at=report.next_cycle_at,
        as_of=datetime.now(UTC),
        source="workflow",
    )
