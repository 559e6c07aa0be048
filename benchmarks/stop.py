"""An emergency stop behind a queue of opens and slow decisions: how long until the first cancel, the first close, flat.

    python -m benchmarks.stop [--server dev|cluster] [--queued 5000] [--slow 200] [--stops 5] [--workers 1] [--own-closer]

Case 37 of the fault suite at full size. `--queued` market opens of as many slots are started and wait for their turn; `--slow`
agents decide on candles that the venue answers after `--slow-answer` seconds, so that every thread for decisions is taken.
Then agents that hold a position and have a limit order in the book are stopped at once, one after the other, by the API's own
call. `first_cancel_s` and `first_close_s` are the longest of the stops, from the call to the write-ahead of the request; `flat_s`
until the stop has proved that nothing is left, which takes two looks two seconds apart. `queued` is how many opens still waited
when the last of them was flat. `--own-closer` gives closes and halts a worker process of their own, as large deployments do.
"""

from __future__ import annotations

import argparse
import asyncio
import tempfile
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

import anyio.to_thread
from rich.progress import Progress
from sqlalchemy import func, select
from temporalio.client import Client

from api import starts
from api.deps import Parts, parts_over
from api.executions import Executions
from api.routes.agent import emergency_stop, show_status
from api.schemas.agents import AgentAsked
from benchmarks.conditions import conditions, options_of, progress
from benchmarks.fleet import LIMITS, Fleet, Recipe, workflow_id
from benchmarks.servers import temporal
from domain.agents import AgentConfig, AgentMode
from domain.intents import Intent, IntentPhase, IntentPolicy, OrderStyle
from domain.money import Price, Quantity
from storage.postgres.engine import transaction
from storage.postgres.tables import cancels, intents, orders
from storage.records import Caller, Scope
from tests.stack.full import FullStack, full_stack, start_intent

SIZES = {
    "BTC": "0.001",
    "ETH": "0.02",
    "SOL": "0.5",
    "XRP": "50",
    "DOGE": "500",
    "HYPE": "3",
    "BNB": "0.2",
    "AVAX": "4",
}
HELD, RESTING = "ETH", "BTC"
RESTING_PX = Price(Decimal(30_000))
"""Far below any market: the order stays in the book until it is cancelled."""
READS_WITHIN = 60.0
LOOK_EVERY = 0.1
STARTS_AT_ONCE = 20
APART = 3.0
NEVER = timedelta(hours=6)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stopped:
    """One stop, in seconds from the call."""

    answered: float
    cancelled: float
    closed: float
    flat: float


def main() -> None:
    """Measure and print; the last line is name=value pairs."""
    options = _options()
    with (
        tempfile.TemporaryDirectory() as folder,
        temporal(options.server, Path(folder)) as address,
        full_stack(
            Path(folder) / "stack",
            workers=0,
            temporal_address=address,
            deadline=8,
            lag=10,
            paper_options=("--coins", ",".join(SIZES)),
        ) as stack,
    ):
        found, left = asyncio.run(Measurement(stack, options).run())
    print(conditions(options.server))
    for each in found:
        print(
            f"stop      answered {each.answered:5.2f} s  first cancel {each.cancelled:5.2f} s  "
            f"first close {each.closed:5.2f} s  flat {each.flat:5.2f} s"
        )
    print(
        f"first_cancel_s={max(each.cancelled for each in found):.2f} first_close_s={max(each.closed for each in found):.2f} "
        f"flat_s={max(each.flat for each in found):.2f} queued={left}",
        flush=True,
    )


def _options() -> argparse.Namespace:
    parser = options_of("stop", __doc__)
    parser.add_argument("--queued", type=int, default=5000, help="opens that wait for their turn")
    parser.add_argument("--slow", type=int, default=200, help="agents whose decisions hang")
    parser.add_argument("--slow-answer", type=float, default=8.0, help="seconds until the venue answers with candles")
    parser.add_argument("--stops", type=int, default=5)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--own-closer", action="store_true", help="a worker process for closes and halts alone")
    return parser.parse_args()


class Measurement:
    """One run."""

    def __init__(self, stack: FullStack, options: argparse.Namespace) -> None:
        self._stack = stack
        self._options = options
        self._fleet = Fleet(stack)

    async def run(self) -> tuple[list[Stopped], int]:
        """Hold positions, fill the queue, then stop one agent after the other."""
        client = await self._stack.client()
        with progress() as bar:
            holders = await asyncio.to_thread(self._holders)
            crowd = await asyncio.to_thread(self._crowd, bar)
            self._add_workers()
            for config in holders:
                await self._take(client, config)
            await self._slow(client, bar)
            await self._fill_queue(client, crowd, bar)
            # An API that has just been started connects to the database and loads modules; one that runs does not.
            await anyio.to_thread.run_sync(partial(show_status, *self._api(holders[0]), holders[0].agent_id))
            task = bar.add_task("stops", total=len(holders))
            found = []
            for config in holders:
                found.append(await self._stop(client, config))
                bar.advance(task)
                await asyncio.sleep(APART)
            left = await asyncio.to_thread(self._waiting, crowd)
        return found, left

    def _add_workers(self) -> None:
        for _ in range(self._options.workers):
            self._stack.add_worker("workflow,open,read,stream" if self._options.own_closer else "all")
        if self._options.own_closer:
            self._stack.add_worker("close")

    def _holders(self) -> list[AgentConfig]:
        accounts = self._fleet.accounts(self._options.stops)
        recipe = Recipe(cycle=NEVER, mode=AgentMode.LIVE, more_coins=(RESTING,))
        return self._fleet.add([(account, HELD) for account in accounts], recipe)

    async def _take(self, client: Client, config: AgentConfig) -> None:
        """Give an agent a position and an order in the book."""
        wanted = starts.agent_of(config)
        await client.start_workflow(wanted.kind, wanted.argument, id=wanted.id, **wanted.keywords)
        rests = IntentPolicy(style=OrderStyle.LIMIT, limit_px=RESTING_PX)
        wishes = [self._wish(config, HELD), self._wish(config, RESTING, policy=rests, size=Quantity(Decimal("0.1")))]
        for wish in wishes:
            await start_intent(client, wish)
        await self._stand(wishes, {IntentPhase.FILLED, IntentPhase.WORKING})

    def _wish(self, config: AgentConfig, coin: str, **changes: Any) -> Intent:
        account = self._stack.bench.accounts.ref(config.account_id)
        given = {"size": Quantity(Decimal(SIZES[coin])), "agent_id": config.agent_id, "limits": LIMITS} | changes
        return self._stack.bench.wish(account, str(uuid.uuid4()), coin=coin, **given)

    async def _stand(self, wishes: list[Intent], phases: set[str]) -> None:
        """Wait until intents have come as far as these phases."""
        named = {wish.intent_id for wish in wishes}
        deadline = time.monotonic() + READS_WITHIN
        while {*map(str.strip, found := await asyncio.to_thread(self._stack.phases, named))} != phases:
            if time.monotonic() > deadline:
                raise RuntimeError(f"The stage was not set within {READS_WITHIN:.0f} s: {found}.")
            await asyncio.sleep(LOOK_EVERY)

    async def _slow(self, client: Client, bar: Progress) -> None:
        """Start agents that want to decide all the time, and have the venue answer them late."""
        options = self._options
        if not options.slow:
            return
        self._stack.paper.fault("info", "delay", type="candleSnapshot", seconds=options.slow_answer)
        accounts = await asyncio.to_thread(self._fleet.accounts, -(-options.slow // len(SIZES)))
        places = [(accounts[number // len(SIZES)], list(SIZES)[number % len(SIZES)]) for number in range(options.slow)]
        configs = self._fleet.add(places, Recipe(cycle=timedelta(seconds=1), mode=AgentMode.LIVE))
        task = bar.add_task("slow agents", total=len(configs))
        await self._fleet.start(client, configs, lambda more: bar.advance(task, more))

    def _crowd(self, bar: Progress) -> list[Intent]:
        """One slot for each open: an account has one of each coin."""
        count = self._options.queued
        task = bar.add_task("accounts", total=count)
        made: list[Intent] = []
        policy = IntentPolicy(max_age=NEVER)
        while len(made) < count:
            account = self._fleet.accounts(1)[0]
            for coin, size in list(SIZES.items())[: count - len(made)]:
                given = {"size": Quantity(Decimal(size)), "limits": LIMITS, "policy": policy}
                made.append(self._stack.bench.wish(account, str(uuid.uuid4()), coin=coin, **given))
                bar.advance(task)
        return made

    async def _fill_queue(self, client: Client, crowd: list[Intent], bar: Progress) -> None:
        task = bar.add_task("queue", total=len(crowd))
        waiting: Iterator[Intent] = iter(crowd)

        async def some() -> None:
            for wish in waiting:
                await start_intent(client, replace(wish, decided_at=datetime.now(UTC)))
                bar.advance(task)

        await asyncio.gather(*(some() for _ in range(STARTS_AT_ONCE)))

    def _api(self, config: AgentConfig) -> tuple[Parts, Caller]:
        """What the API's routes work with, and the caller whose agent it is."""
        bench = self._stack.bench
        parts = parts_over(self._stack.settings, bench.engine, Executions(self._stack.client), bench.ring, bench.venues)
        return parts, Caller(user_id=config.user_id, name="benchmark", key_id="", scopes=(Scope.TRADE,))

    async def _stop(self, client: Client, config: AgentConfig) -> Stopped:
        """Stop an agent as the API does, and read what was done of it when."""
        parts, me = self._api(config)
        asked = AgentAsked(agent_id=config.agent_id, reason="benchmark")
        begun = datetime.now(UTC)
        await anyio.to_thread.run_sync(partial(emergency_stop, asked, parts, me, ""))
        answered = datetime.now(UTC)
        await client.get_workflow_handle(workflow_id(config)).result()
        flat = datetime.now(UTC)
        cancelled, closed = await asyncio.to_thread(self._first, config, begun)
        moments = (answered, cancelled, closed, flat)
        seconds = [(at - begun).total_seconds() for at in moments]
        return Stopped(answered=seconds[0], cancelled=seconds[1], closed=seconds[2], flat=seconds[3])

    def _first(self, config: AgentConfig, since: datetime) -> tuple[datetime, datetime]:
        """The write-ahead of the first cancel of an opening order, and of the first close."""
        own = select(intents.c.id).where(intents.c.agent_id == config.agent_id)
        mine = orders.c.intent_id.in_(own)
        cancel = select(func.min(cancels.c.sent_at)).where(
            cancels.c.client_id == orders.c.client_id, mine, orders.c.opening, cancels.c.sent_at >= since
        )
        close = select(func.min(orders.c.sent_at)).where(mine, orders.c.step.startswith("close."))
        with transaction(self._stack.bench.engine) as connection:
            cancelled: datetime = connection.execute(cancel).scalar_one()
            closed: datetime = connection.execute(close).scalar_one()
        return cancelled, closed

    def _waiting(self, crowd: list[Intent]) -> int:
        named = [wish.account_id for wish in crowd]
        sent = select(func.count()).where(
            orders.c.account_id.in_(set(named)), orders.c.opening, orders.c.sent_at.is_not(None)
        )
        with transaction(self._stack.bench.engine) as connection:
            return len(crowd) - int(connection.execute(sent).scalar_one())


if __name__ == "__main__":
    main()
