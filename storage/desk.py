"""The approval desk: one transaction under the account's lock, in which an opening order is weighed and reserved."""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from domain.accounts import AccountRef, Portfolio
from domain.days import Breaker, DayRecord
from domain.intents import Intent, IntentPhase
from domain.orders import ApprovedOrder, OrderKey
from domain.risk import ReservedExposure, RiskDecision


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """The newest synced portfolio, the halt in force, whether anybody could sign, whether the venue takes few requests only, and
    how many more it lets the account send (None where it does not count them).

    `at` is the database's time, by which `synced_at` counts as well: a worker whose clock is wrong would take an old state for a
    new one, or a young decision for one that is too late.
    """

    at: datetime
    portfolio: Portfolio | None
    synced_at: datetime | None
    halted_by: str
    has_signer: bool
    is_limited: bool
    requests_left: int | None = None


class ApprovalDesk(Protocol):
    """One approval transaction under the account's lock; commit on leaving, roll back on an exception."""

    def register(self, intent: Intent) -> bool:
        """Insert the intent row; False when it was there (the stored intent wins)."""

    def enter(self, intent: Intent) -> str:
        """Insert the intent row and take its slot; returns the slot's owner, '' when the intent was there."""

    def approved_order(self, key: OrderKey) -> ApprovedOrder | None:
        """The order of a step as an earlier attempt had it approved."""

    def forbid(self, intent_id: str) -> None:
        """Let no further opening step of an intent be approved."""

    def over(self, intent_id: str) -> tuple[str, str] | None:
        """Why no further opening step may be approved, as code and words; None when one may."""

    def take_slot(self, coin: str, intent_id: str) -> str:
        """Own the slot (account, coin) or return the owner's intent id."""

    def standing(self, intent: Intent) -> Standing:
        """Read what speaks for and against opening. The gate asks for halts again after the write-ahead."""

    def reserved(self) -> tuple[ReservedExposure, ...]:
        """Live opening rows of the account."""

    def figures(self, zone: str, now: datetime) -> tuple[DayRecord, Breaker | None]:
        """Figures of the trading day, and the breaker that lasts longest of those that were not reset."""

    def reserve(self, order: ApprovedOrder, decision: RiskDecision) -> None:
        """Insert the row as APPROVED, the reservation, with the decision, and show it."""

    def note_risk(self, intent: Intent, step: str, decision: RiskDecision) -> None:
        """Store a risk decision with its numbers."""

    def note_phase(self, intent_id: str, phase: IntentPhase, *, code: str = "", reason: str = "") -> None:
        """Show a phase."""

    def free_slot(self, coin: str, intent_id: str) -> None:
        """Give the slot back after a refusal."""


class Approvals(Protocol):
    """Opens approval desks."""

    def desk(self, account: AccountRef) -> AbstractContextManager[ApprovalDesk]:
        """Lock the account's row and open a desk."""
