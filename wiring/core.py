"""The fenced submission and everything round it, on Postgres and the venues of this process."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Engine

from activities.approvals import AccountBook, ApprovalActivities, PortfolioSync
from activities.cancellation import Cancellation
from activities.clock import VenueClock
from activities.holdings import Holdings
from activities.keys import KeyRing as SigningKeys
from activities.orders import OrderActivities
from activities.ownership import OwnershipActivities
from activities.positions import PositionActivities
from activities.reducing import Reducing
from activities.resolution import Resolution
from activities.submission import FailPoint, Submission, SubmissionPolicy
from runtime.secrets import KeyRing, Vault
from runtime.settings import Settings
from storage.postgres.approvals import PostgresApprovals
from storage.postgres.claims import Claims
from storage.postgres.fills import PostgresFills
from storage.postgres.gate import PostgresGate, PostgresVault
from storage.postgres.intents import PostgresIntents
from storage.postgres.journal import PostgresJournal
from venues.base import VenueDirectory

Defined = Callable[..., Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Core:
    """The parts that send, look up and cancel; `orders`, `positions`, `ownership` and `approvals` are activities."""

    venues: VenueDirectory
    journal: PostgresJournal
    intents: PostgresIntents
    fills: PostgresFills
    gate: PostgresGate
    clock: VenueClock
    resolution: Resolution
    cancellation: Cancellation
    orders: OrderActivities
    positions: PositionActivities
    ownership: OwnershipActivities
    approvals: ApprovalActivities


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """What the core stands on."""

    settings: Settings
    engine: Engine
    keys: KeyRing
    venues: VenueDirectory
    accounts: AccountBook
    sync: PortfolioSync
    reached: FailPoint

    def now(self) -> datetime:
        """Wall time, shifted by the test setting."""
        return datetime.now(UTC) + self.settings.clock_offset


def core_of(ground: Ground) -> Core:
    """Wire the core."""
    settings, engine, venues = ground.settings, ground.engine, ground.venues
    journal = PostgresJournal(engine, Claims(settings.order_deadline + settings.lookup_lag))
    fills, intents, clock = PostgresFills(engine), PostgresIntents(engine), VenueClock()
    gate = PostgresGate(engine, settings.halt_file)
    keys = SigningKeys(PostgresVault(engine), Vault(ground.keys))
    resolution = Resolution(
        venues=venues,
        journal=journal,
        fills=fills,
        keys=keys,
        clock=clock,
        lag=settings.lookup_lag,
        reached=ground.reached,
    )
    submission = Submission(
        venues=venues,
        journal=journal,
        gate=gate,
        keys=keys,
        clock=clock,
        resolution=resolution,
        policy=SubmissionPolicy(deadline=settings.order_deadline, reducing_deadline=settings.order_deadline),
        reached=ground.reached,
    )
    cancellation = Cancellation(venues=venues, journal=journal, keys=keys, clock=clock, resolution=resolution)
    holdings = Holdings(
        accounts=ground.accounts,
        venues=venues,
        journal=journal,
        fills=fills,
        clock=clock,
        resolution=resolution,
        lag=settings.lookup_lag,
    )
    positions = PositionActivities(
        holdings=holdings,
        reducing=Reducing(submission=submission, journal=journal, clock=clock),
        resolution=resolution,
        cancellation=cancellation,
        intents=intents,
        sync=ground.sync,
    )
    return Core(
        venues=venues,
        journal=journal,
        intents=intents,
        fills=fills,
        gate=gate,
        clock=clock,
        resolution=resolution,
        cancellation=cancellation,
        orders=OrderActivities(
            submission=submission, resolution=resolution, cancellation=cancellation, journal=journal, intents=intents
        ),
        positions=positions,
        ownership=OwnershipActivities(holdings=holdings, intents=intents, positions=positions),
        approvals=ApprovalActivities(
            accounts=ground.accounts,
            venues=venues,
            approvals=PostgresApprovals(engine),
            journal=journal,
            gate=gate,
            sync=ground.sync,
            max_age=settings.portfolio_max_age,
            now=ground.now,
        ),
    )
