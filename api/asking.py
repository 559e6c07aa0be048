"""Intents by hand, from a request to a workflow and back to a view."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import structlog

from api import asked, starts
from api.deps import Parts
from api.schemas.agents import duration_of
from api.schemas.intents import CriteriaBody, IntentBody, IntentView, view_of, with_status
from domain.errors import Refused
from domain.intents import (
    TERMINAL_PHASES,
    Criteria,
    Intent,
    IntentKind,
    IntentPhase,
    IntentPolicy,
    IntentReport,
    Protection,
    api_intent_id,
)
from domain.limits import PROFILES, RiskLimits, RiskProfile
from domain.money import ZERO, Money, Price, Quantity
from domain.orders import Side
from storage.records import AccountRecord, AgentRecord, Caller
from storage.tradebook import Filter, IntentRecord
from workflows import ids
from workflows.trade_intent.messages import IntentStatus

STRATEGY = "manual"
_ORDERS_SHOWN = 100


def start(parts: Parts, me: Caller, body: IntentBody, key: str, trace_id: str) -> IntentView:
    """Start an intent; one that was started before by the same key is shown as it stands."""
    agent = asked.own_agent(parts, me, body.agent_id) if body.agent_id is not None else None
    account = asked.account_of(parts, me, agent.config.account_id if agent is not None else body.account_id)
    intent = _intent(parts, me, body, account, agent)
    intent = replace(intent, intent_id=api_intent_id(me.user_id, key), trace_id=trace_id)
    parts.executions.ensure(starts.surroundings(account))
    is_new = parts.executions.start(starts.intent_of(intent))
    structlog.get_logger("api.intent").info(
        "intent started" if is_new else "intent known",
        intent_id=intent.intent_id,
        user_id=me.user_id,
        account_id=intent.account_id,
        coin=intent.coin,
        side=intent.side,
        kind=intent.kind,
    )
    return _begun(intent) if is_new else show(parts, me, intent.intent_id)


def show(parts: Parts, me: Caller, intent_id: str) -> IntentView:
    """Show an intent: its row, and while it lives what its workflow says."""
    record = parts.trades.intent(me.user_id, intent_id)
    if record is None:
        return _not_stored_yet(parts, me, intent_id)
    orders = parts.trades.orders(me.user_id, Filter(intent_id=intent_id), limit=_ORDERS_SHOWN).items
    view = view_of(record, orders=orders)
    if record.phase in TERMINAL_PHASES:
        return view
    status = parts.executions.query(ids.intent(intent_id), IntentStatus)
    return view if status is None else laid_over(view, status)


def tell(parts: Parts, me: Caller, intent_id: str, signal: str, message: object | None = None) -> IntentView:
    """Signal an intent that has not ended."""
    view = show(parts, me, intent_id)
    if view.phase in TERMINAL_PHASES or not parts.executions.signal(ids.intent(intent_id), signal, message):
        raise Refused("intent_over", f"The intent has ended as {view.phase}.", action="Start a new one.")
    parts.audit.append(me.name, f"intent.{signal}", f"intent/{intent_id}", {"key": me.key_id})
    return view


def laid_over(view: IntentView, status: IntentStatus) -> IntentView:
    """Put the workflow's answer over the row's."""
    return with_status(view, status, datetime.now(UTC))


def _intent(parts: Parts, me: Caller, body: IntentBody, account: AccountRecord, agent: AgentRecord | None) -> Intent:
    return Intent(
        intent_id="",
        user_id=me.user_id,
        account_id=account.ref.account_id,
        venue=account.ref.venue,
        agent_id=agent.config.agent_id if agent is not None else "",
        coin=body.coin,
        kind=body.kind,
        side=body.side or _closing_side(parts, me, account, body.coin),
        decided_at=datetime.now(UTC),
        size=None if body.size is None else Quantity(body.size),
        notional=None if body.notional is None else Money(body.notional),
        policy=_policy(body),
        protection=Protection(stop_px=_price(body.stop_px), take_profit_px=_price(body.take_profit_px)),
        limits=_bounded(agent.config.limits if agent is not None else _own_limits(parts, me), body.max_slippage),
        reason=body.reason or "by hand",
        strategy=STRATEGY,
    )


def _policy(body: IntentBody) -> IntentPolicy:
    return IntentPolicy(
        style=body.style,
        limit_px=_price(body.limit_px),
        tif=body.tif,
        criteria=_criteria(body.criteria),
        wait_until=None if body.wait_seconds is None else datetime.now(UTC) + _duration(body.wait_seconds),
        check_every=_duration(_check_seconds(body)),
        work_for=None if body.work_seconds is None else _duration(body.work_seconds),
        max_age=_duration(body.max_age_seconds),
    )


def _check_seconds(body: IntentBody) -> Decimal:
    """Look at least ten times: the server ends a wait at once when the next look would come after its end."""
    if body.wait_seconds is None:
        return body.check_seconds
    return min(body.check_seconds, max(body.wait_seconds / 10, Decimal(1)))


def _criteria(body: CriteriaBody) -> Criteria:
    return Criteria(
        mark_above=_price(body.mark_above), mark_below=_price(body.mark_below), max_funding=body.max_funding
    )


def _own_limits(parts: Parts, me: Caller) -> RiskLimits:
    """The limits of a user's orders by hand: the profile of the user's setting."""
    chosen = str(parts.user_settings.read(me.user_id).get("risk_profile", RiskProfile.MODERATE))
    return PROFILES.get(RiskProfile(chosen), RiskLimits())


def _bounded(limits: RiskLimits, max_slippage: Decimal | None) -> RiskLimits:
    """Tighten the bound of a market order; an intent never widens what its limits allow."""
    return limits if max_slippage is None else replace(limits, max_slippage=min(max_slippage, limits.max_slippage))


def _closing_side(parts: Parts, me: Caller, account: AccountRecord, coin: str) -> Side:
    """Find the side that closes: against the position last synced, else against the newest intent that may hold one."""
    account_id = account.ref.account_id
    synced = parts.portfolios.newest(account_id)
    held = synced.portfolio.position(coin) if synced is not None else None
    if held is not None:
        return held.side.opposite
    owner = _owner(parts, me, account_id, coin)
    if owner is None:
        raise Refused("no_position", f"There is no position in {coin} to close.", action="Look at GET /api/positions.")
    return owner.intent.side.opposite


def _owner(parts: Parts, me: Caller, account_id: str, coin: str) -> IntentRecord | None:
    where = Filter(account_id=account_id, coin=coin, is_live=True)
    found = parts.trades.intents(me.user_id, where).items
    return next((record for record in found if record.intent.kind is IntentKind.OPEN), None)


def _begun(intent: Intent) -> IntentView:
    """Show an intent that no activity has stored yet."""
    return IntentView(
        id=intent.intent_id,
        user_id=intent.user_id,
        account_id=intent.account_id,
        agent_id=intent.agent_id,
        coin=intent.coin,
        side=intent.side,
        kind=intent.kind,
        size=intent.size,
        notional=intent.notional,
        phase=IntentPhase.CREATED,
        stop_px=intent.protection.stop_px,
        take_profit_px=intent.protection.take_profit_px,
        trace_id=intent.trace_id,
        decided_at=intent.decided_at,
        reason=intent.reason,
        as_of=intent.decided_at,
        source="request",
    )


def _not_stored_yet(parts: Parts, me: Caller, intent_id: str) -> IntentView:
    """Show an intent that has a workflow and no row: it was just started, or waits for its criteria."""
    seen = parts.executions.see(ids.intent(intent_id))
    if seen is None or seen.user_id != me.user_id:
        raise Refused("intent_unknown", "There is no such intent.", action="List them with GET /api/intents.")
    view = IntentView(
        id=intent_id,
        user_id=me.user_id,
        coin=seen.instrument,
        phase=IntentPhase.CREATED,
        as_of=datetime.now(UTC),
        source="workflow",
    )
    if not seen.is_running:
        return _ended(parts, view)
    status = parts.executions.query(ids.intent(intent_id), IntentStatus)
    return view if status is None else laid_over(view, status)


def _ended(parts: Parts, view: IntentView) -> IntentView:
    """Show how an intent without a row ended: it never reached the journal, so its workflow alone knows."""
    report = parts.executions.result(ids.intent(view.id), IntentReport)
    if report is None:
        return view.model_copy(update={"phase": IntentPhase.FAILED})
    return view.model_copy(update={"phase": report.phase, "code": report.code, "reason": report.reason})


def _price(value: Decimal | None) -> Price | None:
    return None if value is None else Price(value)


def _duration(seconds: Decimal) -> timedelta:
    return duration_of(max(seconds, ZERO))
