"""Halts, health, status and the caller over the wire."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from api.schemas.values import Answer, Body, Name, Number, Reason
from domain.halts import HaltScope
from storage.records import Event, HaltRecord, Scope, StoredRiskDecision


class HaltBody(Body):
    """What to halt; the whole platform by default. Resting opening orders are cancelled unless `keep_resting`."""

    scope: HaltScope = HaltScope.PLATFORM
    key: Name = ""
    reason: Reason = "by hand"
    keep_resting: bool = False


class ReleaseBody(Body):
    """Which halt to release."""

    scope: HaltScope = HaltScope.PLATFORM
    key: Name = ""


class HaltView(Answer):
    """A halt in force. CLOSED: the flag is committed. DRAINED: no opening order is admitted by the venue any more."""

    scope: str
    key: str
    reason: str
    by: str
    at: datetime
    closed: bool
    drained: bool
    drained_at: datetime | None


class HaltAnswer(HaltView):
    """A halt that was just made: `closed_ms` from request to commit; `is_told` that the PlatformWorkflow knows.

    `matches` is how many users, agents or venues are known by the key, None when that could not be found out; at 0 the halt is in
    force all the same, and `warning` says what to do.
    """

    closed_ms: Number
    is_told: bool
    matches: int | None
    warning: str


class HaltsView(Answer):
    """Halts in force; `by_setting` names TRADING_HALTED or the kill-switch file where they halt the platform."""

    trading_halted: bool
    by_setting: str
    halts: list[HaltView]
    as_of: datetime


class ReleaseAnswer(HaltsView):
    """What is left after a release."""

    released: bool


class HealthView(Answer):
    """Whether the API and the parts that it needs answer."""

    status: str
    trading_halted: bool
    parts: dict[str, str]
    version: str


class StatusView(Answer):
    """The platform as the calling user sees it."""

    trading_halted: bool
    halts: list[HaltView]
    agents: dict[str, int]
    intents_live: int
    orders_unknown: int
    trades_hour: int
    trades_day: int
    as_of: datetime


class UsageView(Answer):
    """What the calling user did in the last 24 hours; latencies in seconds from decision to first fill."""

    since: datetime
    cycles: int
    intents: int
    orders: int
    filled: int
    protected: int
    refused: int
    failed: int
    unknown: int
    fill_p50: float | None
    fill_p95: float | None
    unprotected_max: float | None
    unexplained: Number


class CallerView(Answer):
    """Who calls."""

    user_id: str
    name: str
    is_admin: bool
    scopes: list[Scope]


class SettingsBody(Body):
    """Settings of a user; what is left out stays."""

    risk_profile: Literal["conservative", "moderate", "aggressive"] = "moderate"
    close_manual_positions: bool = False


class SettingsView(Answer):
    """Settings of a user: `risk_profile` is for orders by hand, `close_manual_positions` for an emergency stop."""

    risk_profile: str = "moderate"
    close_manual_positions: bool = False


def halt_of(record: HaltRecord) -> HaltView:
    """Show a halt."""
    return HaltView(**halt_fields(record))


def halt_fields(record: HaltRecord) -> dict[str, object]:
    """The fields of a halt's view."""
    return {
        "scope": record.flag.scope,
        "key": record.flag.key,
        "reason": record.flag.reason,
        "by": record.flag.by,
        "at": record.at,
        "closed": True,
        "drained": record.drained_at is not None,
        "drained_at": record.drained_at,
    }


class EventView(Answer):
    """One entry of the caller's stream."""

    id: int
    kind: str
    at: datetime
    body: dict[str, str]


class RiskView(Answer):
    """A risk decision with the numbers that led to it."""

    id: int
    account_id: str
    intent_id: str
    step: str
    allowed: bool
    code: str
    message: str
    numbers: dict[str, str]
    at: datetime


def event_of(event: Event) -> EventView:
    """Show an event."""
    return EventView(id=event.id, kind=event.kind, at=event.at, body=event.body)


def risk_of(row: StoredRiskDecision) -> RiskView:
    """Show a risk decision."""
    return RiskView(**{name: getattr(row, name) for name in RiskView.model_fields})
