"""What may be traded: `approve` and `approve_reducing` alone build an `ApprovedOrder`, and nothing else can be placed.

Pure functions over a portfolio; the limits stand in checks, the day and the breaker in days, sizes in sizing.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime

from domain.accounts import Portfolio
from domain.approvals import ApprovalRequest
from domain.checks import (
    ProposedTrade,
    ReservedExposure,
    RiskDecision,
    breaker_due,
    check_daily_drawdown,
    check_trade_allowed,
)
from domain.days import (
    Breaker,
    DayRecord,
    TradeResult,
    activate_circuit_breaker,
    day_start,
    forgive_losses,
    is_active,
    trading_day,
    update_after_trade,
)
from domain.errors import Refused
from domain.instruments import Instrument, Rounding, check_order, round_price
from domain.intents import Intent, IntentKind, OrderStyle
from domain.money import ZERO, Price, plain
from domain.orders import ApprovedOrder, OrderKey, OrderTerms, Side, TimeInForce
from domain.sizing import exposure_price, opening_limit, size_trade

__all__ = [
    "Breaker",
    "DayRecord",
    "ProposedTrade",
    "ReservedExposure",
    "RiskDecision",
    "TradeResult",
    "activate_circuit_breaker",
    "approve",
    "approve_reducing",
    "breaker_due",
    "check_daily_drawdown",
    "check_trade_allowed",
    "day_start",
    "forgive_losses",
    "is_active",
    "size_trade",
    "trading_day",
    "update_after_trade",
]


def approve(
    request: ApprovalRequest,
    *,
    instrument: Instrument,
    reference_px: Price,
    portfolio: Portfolio,
    reserved: Iterable[ReservedExposure],
    day: DayRecord,
    breaker: Breaker | None,
    now: datetime,
) -> tuple[ApprovedOrder, RiskDecision]:
    """Size, price and check an opening order; raise Refused with the code of the rule or limit that it breaks."""
    intent = request.intent
    _require_opening(request, instrument, now)
    terms = _opening_terms(intent, portfolio, instrument, reference_px)
    _require_venue_rules(terms, reference_px, instrument)
    _require_protection_sides(intent, terms.limit_px, reference_px)
    trade = ProposedTrade(
        coin=terms.coin,
        side=terms.side,
        size=terms.size,
        px=exposure_price(terms.side, terms.limit_px, reference_px),
        leverage=max(1, min(intent.limits.max_leverage, instrument.max_leverage)),
    )
    decision = check_trade_allowed(
        trade, portfolio, reserved=reserved, day=day, breaker=breaker, limits=intent.limits, now=now
    )
    if not decision.allowed:
        raise Refused(decision.code, decision.message, action=_action(decision.code), details=decision.numbers)
    order = ApprovedOrder(
        key=OrderKey(intent_id=intent.intent_id, step=request.step),
        user_id=intent.user_id,
        account_id=intent.account_id,
        instrument=instrument,
        terms=terms,
        decided_at=request.decided_at,
        not_after=request.not_after,
        reserved=trade.notional,
        leverage=trade.leverage,
        agent_id=intent.agent_id,
        trace_id=intent.trace_id,
    )
    return order, decision


def approve_reducing(
    *,
    key: OrderKey,
    user_id: str,
    account_id: str,
    instrument: Instrument,
    terms: OrderTerms,
    decided_at: datetime,
    not_after: datetime,
    agent_id: str = "",
    trace_id: str = "",
) -> ApprovedOrder:
    """Approve an order that can only reduce; its prices are put on the tick, since a stop must not fail for a digit."""
    if not terms.reduce_only:
        raise Refused("not_reduce_only", f"{key} would not be reduce-only.", action="Open through an intent.")
    whole = terms.trigger is not None and terms.trigger.whole_position
    if terms.size <= 0 and not whole:
        raise Refused("size_not_positive", f"{plain(terms.size)} is no size to close.", action="Read the position.")
    return ApprovedOrder(
        key=key,
        user_id=user_id,
        account_id=account_id,
        instrument=instrument,
        terms=_on_tick(terms, instrument),
        decided_at=decided_at,
        not_after=not_after,
        reserved=ZERO,
        agent_id=agent_id,
        trace_id=trace_id,
    )


def _require_opening(request: ApprovalRequest, instrument: Instrument, now: datetime) -> None:
    intent = request.intent
    if intent.kind is not IntentKind.OPEN:
        raise Refused("not_an_opening", f"Intent {intent.intent_id} closes.", action="Use a reduce-only order.")
    if (intent.coin, intent.venue) != (instrument.coin, instrument.venue):
        wanted = f"{intent.coin} on {intent.venue}"
        raise Refused("wrong_instrument", f"{wanted} was asked for, {instrument.coin} on {instrument.venue} was given.")
    if now >= request.not_after:
        raise Refused(
            "decision_too_old",
            f"The decision of {request.decided_at.isoformat()} was good until {request.not_after.isoformat()}.",
            action="Decide again.",
            details={"now": now.isoformat(), "not_after": request.not_after.isoformat()},
        )


def _opening_terms(intent: Intent, portfolio: Portfolio, instrument: Instrument, reference_px: Price) -> OrderTerms:
    return OrderTerms(
        coin=intent.coin,
        side=intent.side,
        size=size_trade(intent, portfolio, instrument, reference_px),
        limit_px=opening_limit(intent, instrument, reference_px),
        tif=TimeInForce.IOC if intent.policy.style is OrderStyle.MARKET else intent.policy.tif,
    )


def _require_venue_rules(terms: OrderTerms, reference_px: Price, instrument: Instrument) -> None:
    breaches = check_order(size=terms.size, limit_px=terms.limit_px, reference_px=reference_px, instrument=instrument)
    for breach in breaches:
        details = {
            "rule": breach.rule,
            "nearest": breach.nearest,
            "size": plain(terms.size),
            "limit_px": plain(terms.limit_px),
            "reference_px": plain(reference_px),
        }
        action = f"The nearest valid value is {breach.nearest}." if breach.nearest else "Choose another instrument."
        raise Refused(breach.rule, breach.message, action=action, details=details)


def _require_protection_sides(intent: Intent, limit_px: Price, reference_px: Price) -> None:
    # A limit beyond the market fills at the market, so the entry is the nearer one for the trader.
    entry = min(limit_px, reference_px) if intent.side is Side.BUY else max(limit_px, reference_px)
    is_buy = intent.side is Side.BUY
    stop_px, profit_px = intent.protection.stop_px, intent.protection.take_profit_px
    if stop_px is not None and not _is_beyond(stop_px, entry, is_below=is_buy):
        raise Refused(
            "stop_side",
            f"The stop {plain(stop_px)} is on the wrong side of the entry {plain(entry)}.",
            action=f"Choose a price {'below' if is_buy else 'above'} {plain(entry)}.",
            details={"stop_px": plain(stop_px), "entry_px": plain(entry)},
        )
    if profit_px is not None and not _is_beyond(profit_px, entry, is_below=not is_buy):
        raise Refused(
            "take_profit_side",
            f"The take profit {plain(profit_px)} is on the wrong side of the entry {plain(entry)}.",
            action=f"Choose a price {'above' if is_buy else 'below'} {plain(entry)}.",
            details={"take_profit_px": plain(profit_px), "entry_px": plain(entry)},
        )


def _is_beyond(px: Price, entry: Price, *, is_below: bool) -> bool:
    return px > 0 and (px < entry if is_below else px > entry)


def _on_tick(terms: OrderTerms, instrument: Instrument) -> OrderTerms:
    eager = terms.tif is TimeInForce.IOC or terms.trigger is not None
    # What has to fill is rounded towards filling, what rests towards waiting.
    rounding = Rounding.UP if (terms.side is Side.BUY) is eager else Rounding.DOWN
    trigger = terms.trigger and replace(terms.trigger, px=round_price(terms.trigger.px, instrument))
    return replace(terms, limit_px=round_price(terms.limit_px, instrument, rounding), trigger=trigger)


def _action(code: str) -> str:
    if code == "circuit_breaker":
        return "Look into the reason, then reset the breaker or wait for its end."
    if code == "insufficient_margin":
        return "Deposit, close something or trade less."
    return "Trade less, wait, or change the risk limits."
