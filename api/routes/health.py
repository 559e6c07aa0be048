"""Health, status, usage and who calls."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from functools import cache
from importlib.metadata import version

from fastapi import APIRouter
from fastapi.responses import Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from sqlalchemy import text

from api import halting
from api.auth import Me
from api.deps import Parts, Ports
from api.schemas.platform import CallerView, HealthView, StatusView, UsageView, halt_of
from domain.errors import HoldfastError, Retryable
from domain.halts import HaltScope
from storage.postgres.engine import transaction
from storage.records import Caller, HaltRecord
from storage.tradebook import Filter

router = APIRouter(tags=["health"])

OK = "ok"
AWAY = "unavailable"
_LIVE_SHOWN = 500


@router.get("/api/health")
def show_health(parts: Ports) -> HealthView:
    """Say whether the parts answer; always 200 while the API itself does."""
    found = {"database": _database(parts), "temporal": OK if parts.executions.answers() else AWAY}
    healthy = all(state == OK for state in found.values())
    return HealthView(
        status=OK if healthy else "degraded",
        trading_halted=_is_halted(parts, found),
        parts=found,
        version=_version(),
    )


@router.get("/api/health/live")
def show_live() -> dict[str, str]:
    """Say that the process serves requests."""
    return {"status": OK}


@router.get("/api/health/ready")
def show_ready(parts: Ports) -> HealthView:
    """Answer 200 when requests can be served, else 503 with the part that is missing."""
    health = show_health(parts)
    missing = [name for name, state in health.parts.items() if state != OK]
    if missing:
        raise Retryable("not_ready", f"Not ready: no {' and no '.join(missing)}.", action="Start it, or wait.")
    return health


@router.get("/api/status", tags=["status"])
def show_status(parts: Ports, me: Me) -> StatusView:
    """Show the platform as the calling user sees it."""
    now = datetime.now(UTC)
    agents = parts.agents.agents(me.user_id)
    own = {agent.config.agent_id for agent in agents}
    halts = halting.shown(parts, parts.halts.in_force())
    live = Filter(is_live=True)
    orders = parts.trades.orders(me.user_id, live, limit=_LIVE_SHOWN).items
    return StatusView(
        trading_halted=halts.trading_halted,
        halts=[halt_of(halt) for halt in parts.halts.in_force() if _concerns(halt, me, own)],
        agents=dict(Counter(agent.status.value for agent in agents)),
        intents_live=len(parts.trades.intents(me.user_id, live, limit=_LIVE_SHOWN).items),
        orders_unknown=sum(order.state == "UNKNOWN" for order in orders),
        trades_hour=parts.trades.performance(me.user_id, since=now - timedelta(hours=1)).trades,
        trades_day=parts.trades.performance(me.user_id, since=now - timedelta(days=1)).trades,
        as_of=now,
    )


@router.get("/api/usage", tags=["status"])
def show_usage(parts: Ports, me: Me) -> UsageView:
    """Count what the calling user did in the last 24 hours."""
    since = datetime.now(UTC) - timedelta(days=1)
    figures = parts.trades.figures(user_id=me.user_id, since=since)
    counted = {name: getattr(figures, name) for name in UsageView.model_fields if name != "since"}
    return UsageView(since=since, **counted)


@router.get("/api/auth/me", tags=["status"])
def show_me(me: Me) -> CallerView:
    """Say who calls."""
    return CallerView(user_id=me.user_id, name=me.name, is_admin=me.is_admin, scopes=list(me.scopes))


@router.get("/metrics", include_in_schema=False)
def show_metrics(_: Me) -> Response:
    """Show this process's metrics to Prometheus; any key may read them."""
    return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)


def _database(parts: Parts) -> str:
    try:
        with transaction(parts.engine) as connection:
            connection.execute(text("select 1"))
    except HoldfastError:
        return AWAY
    return OK


def _is_halted(parts: Parts, found: dict[str, str]) -> bool:
    """Nothing opens while the flags cannot be read, so that counts as halted."""
    return found["database"] != OK or halting.in_force(parts).trading_halted


def _concerns(halt: HaltRecord, me: Caller, own: set[str]) -> bool:
    match halt.flag.scope:
        case HaltScope.USER:
            return halt.flag.key == me.user_id
        case HaltScope.AGENT:
            return halt.flag.key in own
        case _:
            return True


@cache
def _version() -> str:
    return version("holdfast")
