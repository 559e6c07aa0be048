"""Every activity of a worker, wired as a worker wires it, in this process; executions are remembered, not run."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import text
from temporalio.testing import ActivityEnvironment

from activities.ports import OwnerState
from advisors.base import Advisor
from advisors.registry import Registry
from domain.accounts import AccountRef
from domain.agents import AgentConfig, AgentMode
from domain.cycles import CycleOutcome, CycleRequest
from domain.decisions import Action, Advice, Proposal, Situation
from domain.orders import ApprovedOrder, OrderState
from storage.postgres.agents import PostgresAgents
from storage.postgres.engine import transaction
from tests.stack.trading import LOOSE, Bench, Silence
from venues.base import StreamEvent
from wiring.activities import Assembly
from wiring.fence import Ground

DEPLOYMENT = "test"


@dataclass
class Workflows:
    """Executions that remember what they were told; `alive` names the intents that run."""

    alive: set[str] = field(default_factory=set)
    cancelled: list[str] = field(default_factory=list)
    closed: list[str] = field(default_factory=list)
    filled: list[str] = field(default_factory=list)
    woken: list[tuple[str, str]] = field(default_factory=list)
    called: list[tuple[str, str]] = field(default_factory=list)
    shards: list[tuple[str, str, str, int]] = field(default_factory=list)
    on_cancel: Callable[[str], None] = lambda _: None

    def owners(self, intent_ids: tuple[str, ...]) -> dict[str, OwnerState]:
        """Describe."""
        return {name: OwnerState(intent_id=name, is_running=name in self.alive) for name in intent_ids}

    def cancel_intents(self, intent_ids: tuple[str, ...]) -> int:
        """Cancel."""
        self.cancelled += intent_ids
        for name in intent_ids:
            self.on_cancel(name)
        return len(self.alive & set(intent_ids))

    def close_intents(self, intent_ids: tuple[str, ...], *, reason: str) -> int:
        """Close."""
        self.closed += intent_ids
        return len(self.alive & set(intent_ids))

    def ensure_shards(self, shards: tuple[tuple[str, str, str, int], ...]) -> tuple[str, ...]:
        """Start what does not run."""
        new = [shard for shard in shards if shard not in self.shards]
        self.shards += new
        return tuple(str(shard) for shard in new)

    def fills_recorded(self, intent_id: str, trade_ids: tuple[str, ...]) -> bool:
        """Tell of fills."""
        self.filled.append(intent_id)
        return intent_id in self.alive

    def call_agents(self, agents: tuple[tuple[str, str], ...], *, signal: str, reason: str, by: str) -> int:
        """Send a signal."""
        self.called += [(agent, signal) for _, agent in agents]
        return len(agents)

    def wake_account(self, account: AccountRef, *, reason: str, coin: str = "") -> None:
        """Wake."""
        self.woken.append((account.account_id, reason))


@dataclass
class Tape:
    """User streams that yield what is put on them."""

    said: list[StreamEvent] = field(default_factory=list)
    pause: float = 0.0
    before: Callable[[StreamEvent], None] = lambda _: None

    def of(self, venue: str, network: str) -> Tape:
        """The stream of a venue."""
        return self

    async def events(self, addresses: tuple[str, ...]) -> AsyncIterator[StreamEvent]:
        """Yield what was said, after the accounts were looked at once."""
        await asyncio.sleep(1)
        for event in self.said:
            await asyncio.to_thread(self.before, event)
            yield event
            await asyncio.sleep(self.pause)


class Counts:
    """Metrics that add up."""

    def __init__(self) -> None:
        self.counted: dict[str, float] = {}

    def count(self, name: str, amount: float = 1, **labels: str) -> None:
        """Count."""
        self.counted[name] = self.counted.get(name, 0) + amount

    def observe(self, name: str, seconds: float, **labels: str) -> None:
        """Observe."""

    def gauge(self, name: str, value: float, **labels: str) -> None:
        """Set."""


@dataclass
class Script:
    """An adviser that says what it is told to say."""

    name: str = "script"
    candles_needed: int = 20
    proposals: list[Proposal] = field(default_factory=list)
    bug: Exception | None = None
    shown: list[Situation] = field(default_factory=list)

    def wants(self, action: Action, coin: str = "ETH", **more: Any) -> None:
        """Propose one thing from now on."""
        self.proposals = [Proposal(coin=coin, action=action, reason="script", **more)]

    def advise(self, situation: Situation) -> Advice:
        """Say it."""
        self.shown.append(situation)
        if self.bug is not None:
            raise self.bug
        return Advice(adviser=self.name, proposals=tuple(self.proposals))


class FleetDesk:
    """A bench with every activity round it."""

    def __init__(self, bench: Bench) -> None:
        self.bench = bench
        self.workflows = Workflows()
        self.tape = Tape()
        self.metrics = Counts()
        self.notifier = Silence()
        self.script = Script()
        ground = Ground(
            settings=bench.settings,
            engine=bench.engine,
            keys=bench.ring,
            venues=bench.venues,
            executions=self.workflows,
            notifier=self.notifier,
            reached=lambda _place, _client_id: None,
        )
        wired = Assembly(ground, self.tape, self.metrics, DEPLOYMENT).wired()
        self._activities: dict[str, Any] = {each.__name__: each for each in (*wired.blocking, *wired.streams)}
        self.advise_with(self.script)

    def advise_with(self, *advisors: Advisor) -> None:
        """Use these advisers."""
        owner = self.owner("run_cycle")
        owner._parts = replace(owner._parts, advisers=Registry(advisors))

    def owner(self, name: str) -> Any:
        """The object that an activity belongs to."""
        return self._activities[name].__self__

    def run(self, name: str, *arguments: Any) -> Any:
        """Run an activity in an activity's environment."""
        return ActivityEnvironment().run(self._activities[name], *arguments)

    def agent(self, account: AccountRef, **changes: Any) -> AgentConfig:
        """Add an active agent that does what the script says."""
        config = AgentConfig(
            agent_id=f"agent-of-{account.account_id}",
            user_id=account.user_id,
            account_id=account.account_id,
            venue=account.venue,
            adviser="script",
            coins=("ETH",),
            mode=AgentMode.LIVE,
            limits=LOOSE,
        )
        config = replace(config, **changes)
        agents = PostgresAgents(self.bench.engine)
        agents.add(config)
        agents.activate(config.user_id, config.agent_id, active=True)
        return config

    def cycle(self, config: AgentConfig, number: int, *open_intents: str) -> CycleOutcome:
        """Run one cycle."""
        request = CycleRequest(config=config, cycle=number, started_at=datetime.now(UTC), open_intents=open_intents)
        outcome: CycleOutcome = self.run("run_cycle", request)
        return outcome

    def hold_position(
        self, account: AccountRef, config: AgentConfig, number: int = 1, *, is_synced: bool = True, **more: Any
    ) -> str:
        """Let the agent open a position, as its intent's workflow would; returns the owner."""
        self.script.wants(Action.OPEN_LONG, conviction=Decimal("0.05"), **more)
        (intent,) = self.cycle(config, number).intents
        order = self.bench.approved(intent)
        self.bench.orders.place_order(order)
        if is_synced:
            self.bench.fence.sync.sync(account)
        self.workflows.alive.add(intent.intent_id)
        return intent.intent_id

    def lose_answer(self, account: AccountRef, fault: str, **more: Any) -> ApprovedOrder:
        """Place an order whose answer is lost; the leverage stands already, so that the fault meets the order itself."""
        order = self.bench.approved(self.bench.wish(account, "lost"), **more)
        self.bench.books.journal.note_leverage(
            account.account_id, "ETH", leverage=order.leverage, is_cross=not order.instrument.only_isolated
        )
        self.bench.paper.fault("exchange", fault, count=1, type="order")
        self.bench.paper.fault("info", "http_500", rate=1.0, type="orderStatus")
        ack = self.bench.orders.place_order(order)
        assert ack.state is OrderState.UNKNOWN, ack
        self.bench.paper.clear_faults()
        return order

    def rows(self, query: str, **values: object) -> list[Any]:
        """Read rows."""
        with transaction(self.bench.engine) as connection:
            return list(connection.execute(text(query), values))

    def told(self, kind: str) -> list[str]:
        """Titles of the notices of a kind."""
        return [notice.title for notice in self.notifier.notices if notice.kind == kind]


def ages(desk: FleetDesk, account: AccountRef, by: timedelta) -> None:
    """Make a synced portfolio look old."""
    seconds = by.total_seconds()
    query = text("update portfolios set synced_at = synced_at - make_interval(secs => :s) where account_id = :a")
    with transaction(desk.bench.engine) as connection:
        connection.execute(query, {"s": seconds, "a": account.account_id})
