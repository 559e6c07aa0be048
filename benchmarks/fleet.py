"""Agents by the hundred: rows, workflows and how far they have come."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import timedelta
from decimal import Decimal

from sqlalchemy import func, select
from temporalio.client import Client

from api import starts
from domain.accounts import AccountRef
from domain.agents import AgentConfig, AgentMode
from domain.limits import MODERATE, RiskLimits
from storage.postgres.agents import PostgresAgents
from storage.postgres.engine import transaction
from storage.postgres.tables import agents
from tests.stack.full import FullStack
from workflows import ids

LIMITS = replace(
    MODERATE,
    max_open_positions=100,
    max_orders_per_hour=100_000,
    max_total_exposure=Decimal(10),
    daily_fees=Decimal(1),
    daily_loss=Decimal(1),
    daily_turnover=Decimal(100_000),
    loss_streak=100_000,
)
"""What is measured is the machinery: no limit may stand in its way."""
_AT_ONCE = 20
_LOOK_EVERY = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """How the agents of a fleet are made."""

    cycle: timedelta
    mode: AgentMode
    settings: tuple[tuple[str, str], ...] = ()
    limits: RiskLimits = LIMITS
    more_coins: tuple[str, ...] = ()


class Fleet:
    """Agents on the accounts of a stack."""

    def __init__(self, stack: FullStack) -> None:
        self._stack = stack
        self._book = PostgresAgents(stack.bench.engine)

    def accounts(self, count: int, usdc: str = "1000000") -> list[AccountRef]:
        """Make funded accounts, each with its own user and agent wallet."""
        return [self._stack.bench.account(f"user-{uuid.uuid4()}", usdc=usdc) for _ in range(count)]

    def add(self, places: Iterable[tuple[AccountRef, str]], recipe: Recipe) -> list[AgentConfig]:
        """Store an agent for each (account, coin)."""
        made = [_config(account, coin, recipe) for account, coin in places]
        for config in made:
            self._book.add(config)
            self._book.activate(config.user_id, config.agent_id, active=True)
        return made

    async def start(
        self,
        client: Client,
        configs: list[AgentConfig],
        told: Callable[[int], None],
        *,
        every: float = 0.0,
        phases: int = 1,
    ) -> None:
        """Start agents as the API does; `every` seconds apart, so that their cycles spread.

        With `phases` their cycle numbers start at different values, so that not all of them open in the same minutes.
        """
        turn = asyncio.Semaphore(_AT_ONCE)

        async def one(number: int, config: AgentConfig) -> None:
            await asyncio.sleep(number * every)
            async with turn:
                wanted = starts.agent_of(config, cycle=number % phases)
                await client.start_workflow(wanted.kind, wanted.argument, id=wanted.id, **wanted.keywords)
            told(1)

        await asyncio.gather(*(one(number, config) for number, config in enumerate(configs)))

    async def wait_for_cycle(
        self, configs: list[AgentConfig], cycle: int, told: Callable[[int], None], *, within: float
    ) -> None:
        """Wait until every agent has stored this cycle; raises when that takes longer than `within` seconds."""
        wanted = [config.agent_id for config in configs]
        done, deadline = 0, time.monotonic() + within
        while done < len(wanted):
            now = await asyncio.to_thread(self._that_far, wanted, cycle)
            told(now - done)
            done = now
            if done < len(wanted) and time.monotonic() > deadline:
                raise RuntimeError(f"{done} of {len(wanted)} agents did cycle {cycle} within {within:.0f} s.")
            await asyncio.sleep(_LOOK_EVERY)

    def _that_far(self, wanted: list[str], cycle: int) -> int:
        query = select(func.count()).where(agents.c.id.in_(wanted), agents.c.cycle >= cycle)
        with transaction(self._stack.bench.engine) as connection:
            return int(connection.execute(query).scalar_one())

    def cycles(self) -> int:
        """How many cycles all agents have done together."""
        with transaction(self._stack.bench.engine) as connection:
            return int(connection.execute(select(func.coalesce(func.sum(agents.c.cycle), 0))).scalar_one())


def workflow_id(config: AgentConfig) -> str:
    """The workflow of an agent."""
    return ids.agent(config.user_id, config.agent_id)


def _config(account: AccountRef, coin: str, recipe: Recipe) -> AgentConfig:
    return AgentConfig(
        agent_id=str(uuid.uuid4()),
        user_id=account.user_id,
        account_id=account.account_id,
        venue=account.venue,
        adviser="trend",
        coins=(coin, *recipe.more_coins),
        mode=recipe.mode,
        cycle_every=recipe.cycle,
        limits=recipe.limits,
        settings=dict(recipe.settings),
        name=f"bench {coin}",
    )
