"""Every activity of a worker, wired: what stands on the fence, on the books and on the venues."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Engine

from activities.accounts import AccountActivities, AccountParts
from activities.approvals import Approving
from activities.criteria import CriteriaActivities
from activities.decisions import CycleParts, DecisionActivities
from activities.draining import Draining
from activities.emergency import EmergencyActivities, EmergencyParts
from activities.notifications import NotificationActivities
from activities.orders import OrderActivities
from activities.overfilling import Overfilling
from activities.ownership import OwnershipActivities
from activities.platform import PlatformActivities, PlatformParts
from activities.ports import Metrics, Streams
from activities.positions import PositionActivities
from activities.reconciling import Reconciler
from activities.request_reserve import RequestReserve
from activities.risk import Breakers
from activities.sightings import SightingParts, Sightings, SyncCost
from activities.streams import StreamActivities, StreamParts
from activities.watchdog import Watchdog
from advisors.registry import built_in
from domain.accounts import AccountRef
from domain.intents import Intent
from domain.supervision import ShardRun
from domain.watch import CloseOrder, CloseReport
from storage.postgres.agents import PostgresAgents
from storage.postgres.approvals import PostgresApprovals
from storage.postgres.audit import PostgresAudit
from storage.postgres.decisions import PostgresDiary
from storage.postgres.epochs import PostgresEpochs
from storage.postgres.events import PostgresEvents
from storage.postgres.halts import PostgresHalts
from storage.postgres.limited import PostgresRequestCounts
from storage.postgres.overfills import PostgresOverfills
from storage.postgres.reconciliation import PostgresReconciliations
from storage.postgres.risk import PostgresRiskBook
from storage.postgres.settings import PostgresUserSettings
from storage.postgres.supervision import PostgresSupervision
from wiring.fence import Books, Fence, Ground, books_of, fence_of
from wiring.venues import ASTER, BINANCE

Defined = Callable[..., Any]

# The clock, account and positions; with the lists of all orders (40, of conditional ones as many again at Binance), some coins'
# trades, and the income once a minute.
SYNC_COSTS = {BINANCE: SyncCost(summary=11, full=130, budget=1000), ASTER: SyncCost(summary=11, full=90, budget=1000)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Wired:
    """Activities by how they run: in threads, or in the event loop."""

    blocking: tuple[Defined, ...]
    streams: tuple[Defined, ...]


class Closer:
    """Implements `activities.ports.Closer` by the activities that owners use, and by supervision for orphans."""

    def __init__(self, positions: PositionActivities, fence: Fence) -> None:
        self._positions = positions
        self._closing = fence.closing
        self._supervision = fence.supervision

    def cancel_opening(self, intent: Intent) -> None:
        """Ask for the end of an intent's opening orders."""
        self._closing.cancel_opening(intent)

    def close_position(self, order: CloseOrder) -> CloseReport:
        """Take one step of a close."""
        return self._positions.close_position(order)

    def protect_orphan(self, account: AccountRef, coin: str) -> bool:
        """Protect a position without a live owner."""
        return self._supervision.protect_orphan(account, coin)


class Assembly:
    """Wires the activities of one process; each part is made once."""

    def __init__(self, ground: Ground, streams: Streams, metrics: Metrics, deployment_id: str) -> None:
        self._ground = ground
        self._streams = streams
        self._metrics = metrics
        self._deployment_id = deployment_id
        self._books: Books = books_of(ground)
        self._fence: Fence = fence_of(ground, self._books)
        engine: Engine = ground.engine
        self._halts = PostgresHalts(engine)
        self._agents = PostgresAgents(engine)
        self._audit = PostgresAudit(engine)
        self._reconciliations = PostgresReconciliations(engine)
        self._supervision = PostgresSupervision(engine)
        self._risk = PostgresRiskBook(engine)
        self._breakers = Breakers(risk_book=self._risk, agents=self._agents, now=ground.now)
        self._draining = Draining(halts=self._halts, venues=ground.venues)
        self._orders = self._order_activities()
        self._positions = self._position_activities()
        self._closer = Closer(self._positions, self._fence)

    def wired(self) -> Wired:
        """Return every activity."""
        blocking = (
            self._orders,
            self._positions,
            self._ownership(),
            CriteriaActivities(
                venues=self._ground.venues,
                networks=lambda venue: self._ground.settings.network_of(venue).value,
                intents=self._books.intents,
            ),
            self._decisions(),
            self._emergency(),
            self._accounts(),
            self._platform(),
            NotificationActivities(self._ground.notifier),
        )
        return Wired(
            blocking=tuple(defined for owner in blocking for defined in activities_of(owner)),
            streams=activities_of(self._stream_activities()),
        )

    def _order_activities(self) -> OrderActivities:
        return OrderActivities(
            giving_way=self._ground.giving_way,
            approving=self._approving(),
            submission=self._fence.submission,
            resolution=self._fence.resolution,
            cancellation=self._fence.cancellation,
            protecting=self._fence.protecting,
            journal=self._books.journal,
            intents=self._books.intents,
            notifier=self._ground.notifier,
            now=self._ground.now,
        )

    def _position_activities(self) -> PositionActivities:
        return PositionActivities(
            holdings=self._fence.holdings,
            protecting=self._fence.protecting,
            closing=self._fence.closing,
            intents=self._books.intents,
            sync=self._fence.sync,
        )

    def _ownership(self) -> OwnershipActivities:
        return OwnershipActivities(
            holdings=self._fence.holdings, intents=self._books.intents, notifier=self._ground.notifier
        )

    def _approving(self) -> Approving:
        return Approving(
            accounts=self._books.accounts,
            venues=self._ground.venues,
            approvals=PostgresApprovals(self._ground.engine),
            journal=self._books.journal,
            gate=self._books.gate,
            sync=self._fence.sync,
            max_age=self._ground.settings.portfolio_max_age,
        )

    def _decisions(self) -> DecisionActivities:
        return DecisionActivities(
            CycleParts(
                accounts=self._books.accounts,
                venues=self._ground.venues,
                advisers=built_in(),
                diary=PostgresDiary(self._ground.engine),
                portfolios=self._books.portfolios,
                risk=self._risk,
                intents=self._books.intents,
                supervision=self._supervision,
                gate=self._books.gate,
                sync=self._fence.sync,
                now=self._ground.now,
            )
        )

    def _emergency(self) -> EmergencyActivities:
        return EmergencyActivities(
            EmergencyParts(
                accounts=self._books.accounts,
                halts=self._halts,
                draining=self._draining,
                journal=self._books.journal,
                intents=self._books.intents,
                executions=self._ground.executions,
                closer=self._closer,
                sync=self._fence.sync,
                audit=self._audit,
                settings=PostgresUserSettings(self._ground.engine),
            )
        )

    def _accounts(self) -> AccountActivities:
        return AccountActivities(
            AccountParts(
                reconciler=Reconciler(
                    venues=self._ground.venues,
                    sync=self._fence.sync,
                    books=self._reconciliations,
                    fills=self._books.fills,
                    intents=self._books.intents,
                    executions=self._ground.executions,
                    settler=self._orders,
                    overfilling=Overfilling(
                        venues=self._ground.venues,
                        fills=self._books.fills,
                        overfills=PostgresOverfills(self._ground.engine),
                        books=self._reconciliations,
                        notifier=self._ground.notifier,
                        metrics=self._metrics,
                    ),
                    reserve=RequestReserve(
                        venues=self._ground.venues,
                        counts=PostgresRequestCounts(self._ground.engine),
                        notifier=self._ground.notifier,
                    ),
                ),
                breakers=self._breakers,
                audit=self._audit,
            )
        )

    def _platform(self) -> PlatformActivities:
        return PlatformActivities(
            PlatformParts(
                halts=self._halts,
                agents=self._agents,
                events=PostgresEvents(self._ground.engine),
                draining=self._draining,
                executions=self._ground.executions,
                settler=self._orders,
                notifier=self._ground.notifier,
                watchdog=self._watchdog(),
            )
        )

    def _watchdog(self) -> Watchdog:
        return Watchdog(
            halts=self._halts,
            epochs=PostgresEpochs(self._ground.engine),
            supervision=self._supervision,
            accounts=self._books.accounts,
            executions=self._ground.executions,
            closer=self._closer,
            settler=self._orders,
            notifier=self._ground.notifier,
            now=self._ground.now,
            deployment_id=self._deployment_id,
        )

    def _stream_activities(self) -> StreamActivities:
        return StreamActivities(
            StreamParts(
                accounts=self._books.accounts,
                streams=self._streams,
                sightings=self._sightings,
                metrics=self._metrics,
            )
        )

    def _sightings(self, run: ShardRun) -> Sightings:
        parts = SightingParts(
            venues=self._ground.venues,
            sync=self._fence.sync,
            portfolios=self._books.portfolios,
            journal=self._books.journal,
            books=self._reconciliations,
            breakers=self._breakers,
            executions=self._ground.executions,
            metrics=self._metrics,
            costs=SYNC_COSTS,
        )
        return Sightings(parts, run)


def activities_of(owner: object) -> tuple[Defined, ...]:
    """Find the methods of an object that are activities."""
    methods = (getattr(owner, name) for name in dir(owner) if not name.startswith("_"))
    return tuple(method for method in methods if hasattr(method, "__temporal_activity_definition"))
