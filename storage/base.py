"""What is kept besides the fence's journal, as Protocols; every method is one short transaction.

Lists take the id of the user whose rows they show. Methods without a user id are for supervision by the platform itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Protocol

from domain.accounts import AccountRef, Portfolio
from domain.agents import AgentConfig, AgentStatus
from domain.cycles import AgentShown, CycleOutcome, Decision
from domain.days import Breaker, DayRecord
from domain.halts import HaltFlag
from domain.intents import IntentPhase
from storage.records import (
    AccountRecord,
    AgentRecord,
    Difference,
    Epoch,
    EquityPoint,
    Event,
    ExposedPosition,
    FoundDifference,
    HaltRecord,
    InFlight,
    Ledger,
    LiveRow,
    Page,
    RestingOpening,
    StoredRiskDecision,
    SyncedPortfolio,
    Transfer,
)


class Accounts(Protocol):
    """Venue accounts."""

    def add(
        self, user_id: str, *, venue: str, network: str, address: str, name: str = "", egress: str = "default"
    ) -> AccountRecord:
        """Add an account; raises Refused(account_exists) when any user has it."""

    def account(self, user_id: str, account_id: str) -> AccountRecord | None:
        """Read an account of a user."""

    def accounts(self, user_id: str) -> tuple[AccountRecord, ...]:
        """List a user's accounts, oldest first."""

    def update(
        self,
        user_id: str,
        account_id: str,
        *,
        name: str | None = None,
        manual_trades: str | None = None,
        active: bool | None = None,
    ) -> AccountRecord:
        """Change an account; raises Refused(account_unknown), and Refused(account_in_use) while it trades."""

    def ref(self, account_id: str) -> AccountRef:
        """Read which account it is; raises Refused(account_unknown)."""

    def active(self, venue: str = "", network: str = "") -> tuple[AccountRecord, ...]:
        """List every account that is kept in sync."""

    def shard(self, venue: str, network: str, egress: str, shard: int) -> tuple[AccountRecord, ...]:
        """List the accounts that one StreamShardWorkflow keeps."""

    def shards(self) -> tuple[tuple[str, str, str, int], ...]:
        """List (venue, network, egress, shard) of every stream that has to run."""


class Agents(Protocol):
    """Agent configurations."""

    def add(self, config: AgentConfig) -> AgentRecord:
        """Add an agent; raises Refused(account_unknown) for an account of somebody else."""

    def update(self, config: AgentConfig) -> AgentRecord:
        """Replace a configuration; user, account and venue cannot change."""

    def agent(self, user_id: str, agent_id: str) -> AgentRecord | None:
        """Read an agent of a user."""

    def agents(self, user_id: str) -> tuple[AgentRecord, ...]:
        """List a user's agents, oldest first."""

    def delete(self, user_id: str, agent_id: str) -> bool:
        """Delete an agent; raises Refused(agent_running) while it is active."""

    def activate(self, user_id: str, agent_id: str, *, active: bool) -> bool:
        """Say whether an agent is started with the platform."""

    def show(self, agent_id: str, status: AgentStatus, *, reason: str = "") -> None:
        """Show a status."""

    def active(
        self, *, user_id: str = "", agent_id: str = "", after: str = "", limit: int = 200
    ) -> tuple[AgentRecord, ...]:
        """List active agents (of a user, one of them, or all) in the order of their ids, in pages after an id."""


class Diary(Protocol):
    """Agents' cycles and decisions."""

    def last_cycle(self, agent_id: str) -> int:
        """The highest cycle number of an agent, 0 before the first."""

    def outcome(self, agent_id: str, cycle: int) -> CycleOutcome | None:
        """What a cycle came to, None when it was not stored."""

    def record(self, decision: Decision) -> CycleOutcome:
        """Store a decision and show the agent as running; the stored one wins when there is one."""

    def show_agent(self, shown: AgentShown) -> None:
        """Show an agent's status; `is_over` makes it inactive."""

    def decision(self, user_id: str, decision_id: str) -> Decision | None:
        """Read a decision of a user."""

    def decisions(self, user_id: str, *, agent_id: str = "", cursor: str = "", limit: int = 50) -> Page[Decision]:
        """List decisions, newest first."""


class Portfolios(Protocol):
    """The portfolio read model."""

    def newest(self, account_id: str) -> SyncedPortfolio | None:
        """The last synced portfolio."""

    def save(self, account: AccountRef, portfolio: Portfolio) -> None:
        """Write the read model and a point of the equity curve; never replaces a newer one."""

    def of_user(self, user_id: str) -> tuple[SyncedPortfolio, ...]:
        """The portfolios of all accounts of a user."""

    def equity(self, user_id: str, account_id: str, *, since: datetime, limit: int = 5000) -> tuple[EquityPoint, ...]:
        """The equity curve of an account, oldest first."""


class RiskBook(Protocol):
    """Trading days, breakers and risk decisions."""

    def figures(self, account_id: str, zone: str, now: datetime) -> tuple[DayRecord, Breaker | None]:
        """Read the figures of the trading day, and the breaker as `breaker` does, at once."""

    def breaker(self, account_id: str) -> Breaker | None:
        """Read the breaker that lasts longest of those that nobody has reset; it may have ended by itself."""

    def trip(self, account_id: str, breaker: Breaker, numbers: Mapping[str, str] | None = None) -> bool:
        """Store a tripped breaker; False when one with the same code is in force already."""

    def reset(self, account_id: str, by: str) -> int:
        """Reset every breaker of an account; returns how many there were."""

    def decisions(
        self, user_id: str, *, intent_id: str = "", cursor: str = "", limit: int = 50
    ) -> Page[StoredRiskDecision]:
        """List a user's risk decisions, newest first."""


class Halts(Protocol):
    """The halt book: committed here first, then PlatformWorkflow is told."""

    def commit(self, flag: HaltFlag) -> HaltRecord:
        """Commit a halt (CLOSED), or return the one that is in force."""

    def release(self, scope: str, key: str, by: str) -> bool:
        """Release a halt; False when there was none."""

    def in_force(self) -> tuple[HaltRecord, ...]:
        """List the halts in force, oldest first."""

    def halted_by(self, *, venue: str = "", user_id: str = "", agent_id: str = "") -> HaltRecord | None:
        """Find the widest halt in force that covers an order."""

    def mark_drained(self, halt_id: int) -> datetime:
        """Record DRAINED once; returns when."""

    def in_flight(self, scope: str, key: str) -> tuple[InFlight, ...]:
        """Opening rows in SENDING or UNKNOWN inside a scope, by account, with their last deadline."""

    def resting(self, scope: str, key: str) -> tuple[RestingOpening, ...]:
        """Working opening orders inside a scope."""


class Epochs(Protocol):
    """Lives of the database."""

    def register(self, deployment_id: str) -> Epoch:
        """Note the epoch that this database is in; a strange deployment waits for a person."""

    def current(self) -> Epoch | None:
        """The epoch that this database is in, None before it was registered."""

    def note_asserted(self, epoch: str) -> bool:
        """Say that the halts in force are back; False when the database is in another epoch."""

    def confirm(self, deployment_id: str, by: str) -> Epoch:
        """Let a restored or cloned database trade under a deployment id."""


class Events(Protocol):
    """What users see live; written with a notification, read again by id."""

    def append(self, user_id: str, kind: str, body: Mapping[str, str]) -> int:
        """Append an event and wake the listeners; returns its id."""

    def broadcast(self, kind: str, body: Mapping[str, str]) -> int:
        """Append an event for every user; returns how many."""

    def since(self, user_id: str, after: int, *, limit: int = 500) -> tuple[Event, ...]:
        """Events of a user after an id, oldest first."""

    def newest(self, user_id: str) -> int:
        """The id of a user's newest event, 0 without one."""

    def prune(self, before: datetime) -> int:
        """Delete old events; returns how many."""


class Reconciliations(Protocol):
    """What an account's journal says, and how it differs from the venue."""

    def ledger(self, account_id: str) -> Ledger:
        """Everything that has to be compared; raises Refused(account_unknown)."""

    def record_transfers(self, transfers: tuple[Transfer, ...]) -> int:
        """Insert transfers and funding once each; returns how many were new."""

    def observe(
        self,
        account_id: str,
        found: tuple[FoundDifference, ...],
        at: datetime,
        *,
        counts_after: timedelta = timedelta(seconds=10),
    ) -> tuple[Difference, ...]:
        """Note what a sync saw at a venue time and return what is open.

        A difference that was seen before, at least `counts_after` earlier, counts now; one that is gone before it counted is
        forgotten, one that counted is marked as gone.
        """

    def repair(self, difference_id: int, how: str) -> bool:
        """Mark a difference as repaired."""

    def differences(self, user_id: str, *, open_only: bool = True) -> tuple[Difference, ...]:
        """List a user's differences, newest first."""


class Supervision(Protocol):
    """What the platform's watchdog looks at, of all users."""

    def exposed(self) -> tuple[ExposedPosition, ...]:
        """Every position with the owner of its slot."""

    def stale_rows(self, older_than: timedelta) -> tuple[LiveRow, ...]:
        """Live rows whose intent shows no sign of life since then."""

    def phases(self, intent_ids: tuple[str, ...]) -> dict[str, IntentPhase]:
        """The phases of the intents that have a row."""
