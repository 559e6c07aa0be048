"""Agents over the wire."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Annotated, Self

from pydantic import Field, model_validator

from api.schemas.values import Answer, Body, Coin, Id, Name, Number, Reason, Text
from domain.agents import AgentConfig, AgentMode, AgentStatus
from domain.cycles import Decision
from domain.limits import RiskProfile
from storage.postgres.engine import dump
from storage.records import AgentRecord

INTERVALS = "^(1m|3m|5m|15m|30m|1h|2h|4h|8h|12h|1d)$"
LONGEST_CYCLE = Decimal(86_400)
SHORTEST_CYCLE = Decimal(1)

Coins = Annotated[tuple[Coin, ...], Field(min_length=1, max_length=50)]
Interval = Annotated[str, Field(pattern=INTERVALS)]
CycleSeconds = Annotated[Number, Field(ge=SHORTEST_CYCLE, le=LONGEST_CYCLE)]
AdviserSettings = Annotated[dict[Name, Text], Field(max_length=50)]
Fraction = Annotated[Number, Field(gt=0, le=100)]
Count = Annotated[int, Field(ge=1, le=10_000, strict=True)]


class LimitsBody(Body):
    """Limits that differ from the profile's; see the risk reference."""

    max_position: Fraction | None = None
    max_asset_exposure: Fraction | None = None
    max_total_exposure: Fraction | None = None
    max_leverage: Annotated[int, Field(ge=1, le=100, strict=True)] | None = None
    risk_per_trade: Annotated[Number, Field(gt=0, le=1)] | None = None
    max_open_positions: Count | None = None
    max_orders_per_hour: Count | None = None
    daily_loss: Annotated[Number, Field(gt=0, le=1)] | None = None
    daily_fees: Annotated[Number, Field(gt=0, le=1)] | None = None
    daily_turnover: Annotated[Number, Field(gt=0, le=100_000)] | None = None
    loss_streak: Count | None = None
    cool_down_seconds: Annotated[Number, Field(gt=0, le=31_536_000)] | None = None
    allowed_coins: Annotated[tuple[Coin, ...], Field(max_length=200)] | None = None
    max_slippage: Annotated[Number, Field(gt=0, le=Decimal("0.5"))] | None = None
    day_zone: Annotated[str, Field(pattern=r"^[A-Za-z0-9_+\-/]{1,40}$")] | None = None


class AgentBody(Body):
    """A new agent. Mode live is a confirmed act."""

    account_id: Id | None = None
    name: Name = ""
    adviser: Name
    coins: Coins
    interval: Interval = "5m"
    cycle_seconds: CycleSeconds = Decimal(300)
    risk_profile: RiskProfile = RiskProfile.MODERATE
    limits: LimitsBody = LimitsBody()
    settings: AdviserSettings = Field(default_factory=dict)
    mode: AgentMode = AgentMode.SIMULATE
    confirm: bool = False


class AgentChange(Body):
    """Changes of an agent; what is left out stays."""

    name: Name | None = None
    adviser: Name | None = None
    coins: Coins | None = None
    interval: Interval | None = None
    cycle_seconds: CycleSeconds | None = None
    risk_profile: RiskProfile | None = None
    limits: LimitsBody | None = None
    settings: AdviserSettings | None = None
    mode: AgentMode | None = None
    confirm: bool = False

    @model_validator(mode="after")
    def _changes_something(self) -> Self:
        if not self.model_fields_set - {"confirm"}:
            raise ValueError("send at least one field to change")
        return self


class AgentAsked(Body):
    """Which agent is meant; may be left out where the user has one."""

    agent_id: Id | None = None
    reason: Reason = "by hand"


class AgentView(Answer):
    """An agent's configuration and how lists show it."""

    id: str
    user_id: str
    account_id: str
    venue: str
    name: str
    adviser: str
    settings: dict[str, str]
    risk_profile: str
    limits: dict[str, str | int | list[str] | None]
    coins: list[str]
    interval: str
    cycle_seconds: Number
    mode: AgentMode
    active: bool
    status: AgentStatus
    status_reason: str
    cycle: int
    last_cycle_at: datetime | None
    created_at: datetime


class AgentState(Answer):
    """How an agent stands. `source` is workflow, or database when the workflow did not answer in time."""

    agent_id: str
    name: str
    mode: AgentMode
    status: AgentStatus
    cycle: int
    open_intents: list[str]
    note: str
    next_cycle_at: datetime | None
    as_of: datetime
    source: str


class DecisionView(Answer):
    """A cycle's decision; the situation that the adviser was shown only in the view of one."""

    id: str
    agent_id: str
    cycle: int
    adviser: str
    at: datetime
    advice: dict[str, object]
    outcome: dict[str, object]
    trace_id: str


def view_of(agent: AgentRecord) -> AgentView:
    """Show an agent."""
    config = agent.config
    limits = {name: value for name, value in dump(config.limits).items() if name != "profile"}
    return AgentView(
        id=config.agent_id,
        user_id=config.user_id,
        account_id=config.account_id,
        venue=config.venue,
        name=config.name,
        adviser=config.adviser,
        settings=config.settings,
        risk_profile=config.limits.profile.value,
        limits=limits,
        coins=list(config.coins),
        interval=config.interval,
        cycle_seconds=seconds_of(config.cycle_every),
        mode=config.mode,
        active=agent.active,
        status=agent.status,
        status_reason=agent.status_reason,
        cycle=agent.cycle,
        last_cycle_at=agent.last_cycle_at,
        created_at=agent.created_at,
    )


def decision_of(decision: Decision) -> DecisionView:
    """Show a decision without the situation, which may be large."""
    raw = dump(decision)
    return DecisionView(
        id=decision.decision_id,
        agent_id=decision.agent_id,
        cycle=decision.cycle,
        adviser=decision.adviser,
        at=decision.at,
        advice=raw["advice"],
        outcome=raw["outcome"],
        trace_id=decision.trace_id,
    )


def seconds_of(duration: timedelta) -> Decimal:
    """Write a duration in seconds."""
    return Decimal(duration // timedelta(microseconds=1)) / 1_000_000


def duration_of(seconds: Decimal) -> timedelta:
    """Read a duration in seconds."""
    return timedelta(microseconds=int(seconds * 1_000_000))


def audited(config: AgentConfig) -> dict[str, str]:
    """Say what an audit entry keeps of a configuration."""
    return {
        "adviser": config.adviser,
        "coins": ",".join(config.coins),
        "mode": config.mode.value,
        "risk_profile": config.limits.profile.value,
    }
