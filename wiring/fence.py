"""The fenced submission and what stands on it, over Postgres and the venues of this process."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from sqlalchemy import Engine

from activities.cancellation import Cancellation
from activities.clock import VenueClock
from activities.closing import Closing
from activities.giving_way import GivingWay
from activities.holdings import Holdings
from activities.keys import KeyRing as SigningKeys
from activities.ports import Executions, Notifier
from activities.protection import Protecting
from activities.reducing import Reducing
from activities.resolution import Resolution
from activities.submission import FailPoint, Submission
from activities.supervision import Supervision
from activities.syncing import AccountSync
from runtime.secrets import KeyRing, Vault
from runtime.settings import Settings
from storage.postgres.accounts import PostgresAccounts
from storage.postgres.claims import Claims
from storage.postgres.fills import PostgresFills
from storage.postgres.gate import PostgresGate
from storage.postgres.intents import PostgresIntents
from storage.postgres.journal import PostgresJournal
from storage.postgres.keys import PostgresSignerBook
from storage.postgres.portfolios import PostgresPortfolios
from venues.base import VenueDirectory
from wiring.venues import ASTER, BINANCE, HYPERLIQUID


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """What a worker stands on."""

    settings: Settings
    engine: Engine
    keys: KeyRing
    venues: VenueDirectory
    executions: Executions
    notifier: Notifier
    reached: FailPoint
    giving_way: GivingWay = field(default_factory=GivingWay)

    def now(self) -> datetime:
        """Wall time, shifted by the test setting."""
        return datetime.now(UTC) + self.settings.clock_offset


@dataclass(frozen=True, slots=True, kw_only=True)
class Books:
    """The rows that the fence reads and writes."""

    accounts: PostgresAccounts
    journal: PostgresJournal
    intents: PostgresIntents
    fills: PostgresFills
    portfolios: PostgresPortfolios
    gate: PostgresGate


@dataclass(frozen=True, slots=True, kw_only=True)
class Fence:
    """The parts that send, look up, cancel, close and protect: one of each, for every venue."""

    clock: VenueClock
    resolution: Resolution
    submission: Submission
    cancellation: Cancellation
    holdings: Holdings
    reducing: Reducing
    closing: Closing
    protecting: Protecting
    supervision: Supervision
    sync: AccountSync


def books_of(ground: Ground) -> Books:
    """Open the books."""
    settings, engine = ground.settings, ground.engine
    return Books(
        accounts=PostgresAccounts(engine),
        journal=PostgresJournal(engine, Claims(epoch_waits(settings))),
        intents=PostgresIntents(engine),
        fills=PostgresFills(engine),
        portfolios=PostgresPortfolios(engine),
        gate=PostgresGate(engine, settings.halt_file),
    )


def epoch_waits(settings: Settings) -> dict[str, timedelta]:
    """Return, by venue, how long after a start of the database what was sent before it may still show up."""
    return {
        HYPERLIQUID: settings.order_deadline + settings.lookup_lag,
        BINANCE: settings.order_deadline + timedelta(seconds=settings.binance_lookup_lag_seconds),
        ASTER: timedelta(seconds=settings.aster_deadline_seconds + settings.aster_lookup_lag_seconds),
    }


def fence_of(ground: Ground, books: Books) -> Fence:
    """Wire the fence."""
    venues, journal = ground.venues, books.journal
    clock, keys = VenueClock(), _keys(ground)
    resolution = Resolution(
        venues=venues, journal=journal, fills=books.fills, keys=keys, clock=clock, reached=ground.reached
    )
    cancellation = Cancellation(venues=venues, journal=journal, keys=keys, clock=clock, resolution=resolution)
    submission = _submission(ground, books, keys, clock, resolution)
    holdings = Holdings(
        accounts=books.accounts,
        venues=venues,
        journal=journal,
        fills=books.fills,
        resolution=resolution,
    )
    reducing = Reducing(submission=submission, resolution=resolution, journal=journal, clock=clock)
    closing = Closing(holdings=holdings, reducing=reducing, cancellation=cancellation, notifier=ground.notifier)
    protecting = Protecting(
        holdings=holdings,
        reducing=reducing,
        cancellation=cancellation,
        intents=books.intents,
        notifier=ground.notifier,
    )
    return Fence(
        clock=clock,
        resolution=resolution,
        submission=submission,
        cancellation=cancellation,
        holdings=holdings,
        reducing=reducing,
        closing=closing,
        protecting=protecting,
        supervision=Supervision(
            holdings=holdings,
            intents=books.intents,
            closing=closing,
            protecting=protecting,
            venues=venues,
            now=ground.now,
        ),
        sync=AccountSync(
            venues=venues,
            portfolios=books.portfolios,
            fills=books.fills,
            intents=books.intents,
            executions=ground.executions,
            guard=protecting,
        ),
    )


def _keys(ground: Ground) -> SigningKeys:
    sealer = Vault(ground.keys)
    return SigningKeys(PostgresSignerBook(ground.engine, sealer), sealer)


def _submission(
    ground: Ground, books: Books, keys: SigningKeys, clock: VenueClock, resolution: Resolution
) -> Submission:
    return Submission(
        venues=ground.venues,
        journal=books.journal,
        gate=books.gate,
        keys=keys,
        clock=clock,
        resolution=resolution,
        reached=ground.reached,
    )
