"""Intents: one wish to open or to close, and the table of what may follow what."""

from __future__ import annotations

import hashlib
import uuid
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum

from domain.errors import Refused
from domain.limits import RiskLimits
from domain.money import Money, Price, Quantity, require_finite
from domain.orders import Side, TimeInForce

_INTENT_NAMESPACE = uuid.UUID("6f1d6d1e-4c1b-5f0e-9a53-6d3d2a9b7c11")


class IntentKind(StrEnum):
    """Open owns the position until it is flat; close is a request to the owner."""

    OPEN = "open"
    CLOSE = "close"


class OrderStyle(StrEnum):
    """How the order is priced: market (an IOC limit at the slippage bound) or at a limit."""

    MARKET = "market"
    LIMIT = "limit"


class IntentPhase(StrEnum):
    """What a user sees of an intent."""

    CREATED = "CREATED"
    WAITING = "WAITING"
    APPROVED = "APPROVED"
    SENDING = "SENDING"
    UNKNOWN = "UNKNOWN"
    WORKING = "WORKING"
    FILLED = "FILLED"
    PROTECTED = "PROTECTED"
    CLOSED = "CLOSED"
    CANCELLED = "CANCELLED"
    REFUSED = "REFUSED"
    EXPIRED = "EXPIRED"
    FAILED = "FAILED"


TERMINAL_PHASES = frozenset(
    {IntentPhase.CLOSED, IntentPhase.CANCELLED, IntentPhase.REFUSED, IntentPhase.EXPIRED, IntentPhase.FAILED}
)

_P = IntentPhase
INTENT_TRANSITIONS: dict[IntentPhase, frozenset[IntentPhase]] = {
    _P.CREATED: frozenset({_P.WAITING, _P.APPROVED, _P.REFUSED, _P.CANCELLED, _P.EXPIRED, _P.FAILED, _P.CLOSED}),
    _P.WAITING: frozenset({_P.APPROVED, _P.REFUSED, _P.CANCELLED, _P.EXPIRED, _P.FAILED}),
    # SENDING is passed inside the activity, so the workflow may see its outcome directly.
    _P.APPROVED: frozenset(
        {_P.SENDING, _P.UNKNOWN, _P.WORKING, _P.FILLED, _P.REFUSED, _P.CANCELLED, _P.EXPIRED, _P.FAILED, _P.CLOSED}
    ),
    _P.SENDING: frozenset({_P.UNKNOWN, _P.WORKING, _P.FILLED, _P.REFUSED, _P.CANCELLED, _P.EXPIRED, _P.FAILED}),
    # Proved absent, a new step may be approved while the decision is young enough.
    _P.UNKNOWN: frozenset({_P.APPROVED, _P.WORKING, _P.FILLED, _P.REFUSED, _P.CANCELLED, _P.EXPIRED, _P.FAILED}),
    # An order whose limit is amended ends without a fill and is approved anew.
    _P.WORKING: frozenset({_P.APPROVED, _P.FILLED, _P.REFUSED, _P.CANCELLED, _P.EXPIRED, _P.FAILED, _P.CLOSED}),
    _P.FILLED: frozenset({_P.PROTECTED, _P.CLOSED, _P.FAILED}),
    # A fired stop with a remainder goes back to FILLED until it is protected again.
    _P.PROTECTED: frozenset({_P.FILLED, _P.CLOSED, _P.FAILED}),
    _P.CLOSED: frozenset(),
    _P.CANCELLED: frozenset(),
    _P.REFUSED: frozenset(),
    _P.EXPIRED: frozenset(),
    _P.FAILED: frozenset(),
}


def require_transition(now: IntentPhase, then: IntentPhase) -> IntentPhase:
    """Return `then` when it may follow `now`; staying is always allowed."""
    if then is now or then in INTENT_TRANSITIONS[now]:
        return then
    raise Refused("phase_transition", f"An intent cannot go from {now} to {then}.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Criteria:
    """What must hold before an intent is approved; None means no condition. `max_funding` is an hourly rate."""

    mark_above: Price | None = None
    mark_below: Price | None = None
    max_funding: Decimal | None = None

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to wait for."""
        return self.mark_above is None and self.mark_below is None and self.max_funding is None


@dataclass(frozen=True, slots=True, kw_only=True)
class Protection:
    """Stop and take-profit prices of the whole position; None means that none is wanted."""

    stop_px: Price | None = None
    take_profit_px: Price | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class IntentPolicy:
    """How an intent is carried out.

    `work_for` is how long a resting limit order works before it is cancelled (None: until cancelled); `wait_until` ends the wait
    for criteria; `max_age` bounds the time between decision and admission; `resends` is how often an order that provably never
    ran may be placed again inside `max_age`.
    """

    style: OrderStyle = OrderStyle.MARKET
    limit_px: Price | None = None
    tif: TimeInForce = TimeInForce.GTC
    criteria: Criteria = field(default_factory=Criteria)
    wait_until: datetime | None = None
    check_every: timedelta = timedelta(seconds=60)
    work_for: timedelta | None = None
    max_age: timedelta = timedelta(seconds=30)
    resends: int = 1

    def __post_init__(self) -> None:
        if self.style is OrderStyle.LIMIT and self.limit_px is None:
            raise Refused("limit_price_missing", "A limit order needs a limit price.", action="Send limit_px.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Intent:
    """One wish to open or close a position, immutable from its start.

    Exactly one of `size` (base units), `notional` (quote) and `conviction` (fraction of what the limits allow) gives the size of
    an open; a close without size closes the whole position. `limits` are the ones in force when it was made.
    """

    intent_id: str
    user_id: str
    account_id: str
    venue: str
    coin: str
    kind: IntentKind
    side: Side
    decided_at: datetime
    agent_id: str = ""
    cycle: int = 0
    size: Quantity | None = None
    notional: Money | None = None
    conviction: Decimal | None = None
    policy: IntentPolicy = field(default_factory=IntentPolicy)
    protection: Protection = field(default_factory=Protection)
    limits: RiskLimits = field(default_factory=RiskLimits)
    reason: str = ""
    strategy: str = ""
    trace_id: str = ""

    def __post_init__(self) -> None:
        require_finite(size=self.size, notional=self.notional, conviction=self.conviction)


def agent_intent_id(agent_id: str, cycle: int, coin: str, side: Side, kind: IntentKind = IntentKind.OPEN) -> str:
    """Name an intent of an agent: the same after a crash, a retry and a reset."""
    text = "\x1f".join(("agent", agent_id, str(cycle), coin, side, kind))
    return str(uuid.UUID(bytes=hashlib.sha256(text.encode()).digest()[:16], version=5))


def api_intent_id(user_id: str, idempotency_key: str) -> str:
    """Name an intent of the API by the user and the idempotency key."""
    return str(uuid.uuid5(_INTENT_NAMESPACE, f"{user_id}\x1f{idempotency_key}"))


@dataclass(frozen=True, slots=True, kw_only=True)
class IntentReport:
    """What an intent tells its agent when it reaches a phase that matters (FILLED, PROTECTED or terminal)."""

    intent_id: str
    coin: str
    phase: IntentPhase
    code: str = ""
    reason: str = ""
    realised_pnl: Money | None = None
