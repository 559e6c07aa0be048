"""What activities need from outside that is neither a venue nor storage. Adapters live with the composition root.

All methods may be called from any thread and block until done; they raise Retryable when the other side is away.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from advisors.base import Advisor
from domain.accounts import AccountRef
from domain.intents import Intent
from domain.notices import Notice
from domain.orders import OrderAck, OrderKey
from domain.watch import CloseOrder, CloseReport
from venues.base import UserStream


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnerState:
    """How the execution of an intent stands; `problem` names what keeps it from progress, '' when nothing does."""

    intent_id: str
    is_running: bool
    problem: str = ""

    @property
    def is_alive(self) -> bool:
        """Running, and not failing its tasks."""
        return self.is_running and not self.problem


class Executions(Protocol):
    """Running workflows, told and asked by the ids of what they own."""

    def owners(self, intent_ids: tuple[str, ...]) -> dict[str, OwnerState]:
        """Describe the executions of intents; one that the server does not know is not running."""

    def cancel_intents(self, intent_ids: tuple[str, ...]) -> int:
        """Ask intents to cancel what still works; returns how many were reached. One that has ended is skipped."""

    def close_intents(self, intent_ids: tuple[str, ...], *, reason: str) -> int:
        """Ask the owners of positions to close them; returns how many were reached."""

    def ensure_shards(self, shards: tuple[tuple[str, str, str, int], ...]) -> tuple[str, ...]:
        """Start the StreamShardWorkflows (venue, network, egress, shard) that do not run; returns the ids of those started."""

    def fills_recorded(self, intent_id: str, trade_ids: tuple[str, ...]) -> bool:
        """Tell the owner of a slot that its fills were journaled; False when it has ended."""

    def call_agents(self, agents: tuple[tuple[str, str], ...], *, signal: str, reason: str, by: str) -> int:
        """Send one signal to agents, each (user, agent); returns how many were reached."""

    def wake_account(self, account: AccountRef, *, reason: str, coin: str = "") -> None:
        """Start the AccountWorkflow unless it runs, and wake it."""


class Notifier(Protocol):
    """Tells people. A failed channel never raises."""

    def tell(self, notice: Notice) -> None:
        """Hand a notice to every channel of its user."""


class Metrics(Protocol):
    """Counts and durations."""

    def count(self, name: str, amount: float = 1, **labels: str) -> None:
        """Add to a counter."""

    def observe(self, name: str, seconds: float, **labels: str) -> None:
        """Record a duration."""

    def gauge(self, name: str, value: float, **labels: str) -> None:
        """Set a gauge."""


class Clock(Protocol):
    """Wall time."""

    def __call__(self) -> datetime:
        """Return now, aware and in UTC."""


class Advisers(Protocol):
    """Finds advisers by name."""

    def named(self, name: str) -> Advisor:
        """Return an adviser; raises Misconfigured(adviser_unknown)."""


class Closer(Protocol):
    """Closes and protects from the venue's truth, whoever owns the position; failures come as Temporal's."""

    def cancel_opening(self, intent: Intent) -> None:
        """Ask for the end of an intent's opening orders, and do not wait for it."""

    def close_position(self, order: CloseOrder) -> CloseReport:
        """Take one step of a close; raises a retryable failure until flat is proved."""

    def protect_orphan(self, account: AccountRef, coin: str) -> bool:
        """Place a protective stop for a position without a live owner; False when it has one already."""


class Streams(Protocol):
    """The user streams of venues."""

    def of(self, venue: str, network: str) -> UserStream:
        """Return a stream of its own for one reader; raises Misconfigured(venue_unknown)."""


class Settler(Protocol):
    """Looks at rows of the journal that nobody waits for, and ends them."""

    def settle_row(self, key: OrderKey) -> OrderAck:
        """Look once."""

    def cancel_order(self, key: OrderKey) -> OrderAck:
        """Cancel once; raises Retryable while it has not ended."""
