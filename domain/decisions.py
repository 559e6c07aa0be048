"""What an adviser is shown, and what it may propose. Sizes are computed by code, never by an adviser."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from domain.accounts import Portfolio
from domain.candles import CandleSeries
from domain.money import Price


class Action(StrEnum):
    """What an adviser wants for one coin."""

    OPEN_LONG = "open_long"
    OPEN_SHORT = "open_short"
    CLOSE = "close"
    HOLD = "hold"


@dataclass(frozen=True, slots=True, kw_only=True)
class MarketView:
    """One coin as it stood when the decision was made. `funding_rate` is hourly."""

    coin: str
    as_of: datetime
    mark_px: Price
    mid_px: Price
    funding_rate: Decimal
    candles: CandleSeries


@dataclass(frozen=True, slots=True, kw_only=True)
class Situation:
    """All an adviser may look at; the same value gives the same advice."""

    agent_id: str
    cycle: int
    views: tuple[MarketView, ...]
    portfolio: Portfolio
    settings: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """One wish of an adviser. `conviction` in (0, 1] scales the size that the risk profile allows."""

    coin: str
    action: Action
    reason: str
    conviction: Decimal = Decimal(1)
    stop_px: Price | None = None
    take_profit_px: Price | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Advice:
    """The answer of an adviser: proposals (a missing coin means hold) and the numbers that it used."""

    adviser: str
    proposals: tuple[Proposal, ...] = ()
    numbers: dict[str, str] = field(default_factory=dict)
    note: str = ""
