"""What a TradeIntentWorkflow is started with, told and asked. Signals need no argument, so that they work by hand."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal

from domain.intents import Intent, IntentPhase, Protection
from domain.money import Price, Quantity


@dataclass(frozen=True, slots=True, kw_only=True)
class IntentProgress:
    """The state that survives continue-as-new."""

    phase: IntentPhase = IntentPhase.CREATED
    resends_used: int = 0
    filled_size: Quantity = Quantity(Decimal(0))
    average_px: Price | None = None
    close_requested: bool = False
    close_reason: str = ""
    cancel_requested: bool = False
    protection: Protection | None = None
    review_due: bool = False
    closers: tuple[str, ...] = ()
    reported: tuple[str, ...] = ()
    not_after: datetime | None = None
    amended_px: Price | None = None
    replaced: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class TradeIntentInput:
    """Start of a TradeIntentWorkflow. `review_every` bounds the time between two looks at an open position."""

    intent: Intent
    progress: IntentProgress = field(default_factory=IntentProgress)
    review_every: timedelta = timedelta(minutes=5)


@dataclass(frozen=True, slots=True, kw_only=True)
class CloseRequest:
    """Signal `close`: close the whole position. `closer` is the intent to report to, if any."""

    reason: str = "by hand"
    closer: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class FillRecorded:
    """Signal `fill_recorded`: fills of this intent were journaled; the intent looks."""

    trade_ids: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnerReport:
    """Signal `owner_reported`: the owner of a position tells a close intent how its request ended."""

    phase: IntentPhase
    code: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Amendment:
    """Update `amend`: new protection prices, or a new limit price of a working order (None: unchanged)."""

    stop_px: Price | None = None
    take_profit_px: Price | None = None
    limit_px: Price | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class IntentStatus:
    """Answer of query `status` and of update `amend`."""

    intent_id: str
    phase: IntentPhase
    code: str = ""
    reason: str = ""
    filled_size: Quantity = Quantity(Decimal(0))
    average_px: Price | None = None
    stop_px: Price | None = None
    take_profit_px: Price | None = None
    unknown_since: datetime | None = None
