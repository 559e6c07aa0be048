"""What the owner of a position asks about it, and the answers."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from domain.intents import Intent, Protection
from domain.money import Price, Quantity
from domain.orders import OrderAck


@dataclass(frozen=True, slots=True, kw_only=True)
class ReviewRequest:
    """Look at everything that belongs to an open intent."""

    intent: Intent
    protection: Protection


@dataclass(frozen=True, slots=True, kw_only=True)
class PositionReview:
    """How an intent stands at the venue. Sizes in base units; `opening` is its newest opening order.

    `is_flat` is proved, not merely seen: what was opened has been closed by journaled fills, or two looks apart show nothing.
    `missing` names the protection (sl, tp) that is wanted and does not work; `dropped` that one of ours was cancelled by others;
    `is_protected` says that there is a position and all that is wanted for it works.
    """

    opening: OrderAck | None = None
    position_size: Quantity = Quantity(Decimal(0))
    filled_size: Quantity = Quantity(Decimal(0))
    average_px: Price | None = None
    is_flat: bool = False
    missing: tuple[str, ...] = ()
    dropped: tuple[str, ...] = ()
    closed_by: str = ""
    is_protected: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ProtectRequest:
    """Bring the protection of a position to what is wanted."""

    intent: Intent
    protection: Protection


@dataclass(frozen=True, slots=True, kw_only=True)
class ProtectionReport:
    """How protection stands. `close_now` means that the mark has passed the stop: the position must be closed at market."""

    is_protected: bool = False
    close_now: bool = False
    is_flat: bool = False
    note: str = ""
    protected_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CloseOrder:
    """Close the whole position of a slot; `owner_id` names the intent whose steps are used."""

    intent: Intent
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CloseReport:
    """How a close ended: flat, with nothing of ours working any more."""

    is_flat: bool
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class FinishRequest:
    """End an intent: free what it holds and show its terminal phase."""

    intent: Intent
    phase: str
    code: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ownership:
    """Who owns the slot that a close intent is about; `is_mine` after adoption of a slot without an owner."""

    owner: str = ""
    is_mine: bool = False
    is_flat: bool = False
    code: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CriteriaWatch:
    """Wait until the criteria of an intent hold."""

    intent: Intent


@dataclass(frozen=True, slots=True, kw_only=True)
class DroppedProtection:
    """Protection of ours that others cancelled more than once."""

    intent: Intent
    kinds: tuple[str, ...]
