"""Cases about halts, stops and owners that are gone."""

from __future__ import annotations

import asyncio
import uuid
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import func, select
from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.workflowservice.v1 import ResetWorkflowExecutionRequest
from temporalio.client import WorkflowHandle
from temporalio.exceptions import WorkflowAlreadyStartedError

from api.starts import stopping_agent_of
from domain.agents import AgentConfig, AgentMode
from domain.halts import HaltFlag, HaltScope
from domain.intents import Intent, IntentPhase
from storage.postgres.agents import PostgresAgents
from storage.postgres.engine import transaction
from storage.postgres.halts import PostgresHalts
from storage.postgres.tables import halts, intents, orders
from tests.faults.patience import patiently
from tests.faults.run import SIZES, Run
from tests.stack.full import start_intent
from tests.stack.trading import LOOSE
from workflows import attributes, ids
from workflows.platform.messages import Halt
from workflows.trade_intent.messages import IntentStatus
from workflows.trade_intent.workflow import TradeIntentWorkflow
from workflows.user_agent.messages import Reason, UserAgentInput
from workflows.user_agent.workflow import UserAgentWorkflow

CROWD = 30
"""Accounts that make the backlog of case 37, three intents each."""


async def halt_user(run: Run) -> int:
    """Halt this run's user as the API does: commit the flag, then tell the platform. Returns the halt's id."""
    user = run.account.user_id
    flag = HaltFlag(scope=HaltScope.USER, key=user, reason="fault suite", by="suite")
    record = await asyncio.to_thread(PostgresHalts(run.stack.bench.engine).commit, flag)
    platform = run.arena.running_client.get_workflow_handle(ids.PLATFORM)
    signal = Halt(scope="user", key=user, reason="fault suite", by="suite")
    await patiently(lambda: platform.signal("halt", signal))
    return record.id


async def drained(run: Run, halt_id: int, seconds: float = 90.0) -> None:
    """Wait for DRAINED and remember when it was."""

    def at() -> datetime | None:
        with transaction(run.stack.bench.engine) as connection:
            found: datetime | None = connection.scalar(select(halts.c.drained_at).where(halts.c.id == halt_id))
        return found

    await run.until(lambda: at() is not None, seconds)
    run.drained_at = await asyncio.to_thread(at)


async def halt_at_any_time(run: Run) -> None:
    """Case 12: a halt falls among opens whose answers are lost or late."""
    wishes = []
    for coin in SIZES:
        wish = run.wish(coin=coin)
        if run.rng.random() < 0.6:
            run.aim(wish, run.rng.choice(("execute_then_drop", "drop", "duplicate_request", "http_500")))
        wishes.append(wish)
    starts = asyncio.gather(*(run.start(wish) for wish in wishes))
    await asyncio.sleep(run.rng.uniform(0, 0.5))
    halt_id = await halt_user(run)
    await starts
    await drained(run, halt_id)
    for wish in wishes:
        await run.reach(wish, IntentPhase.PROTECTED)


async def halt_against_a_stopped_sender(run: Run) -> None:
    """Case 17: a worker stands still after the gate; halt, DRAINED; it wakes before or after its deadline."""
    wish = run.wish()
    async with run.order_at("after_gate", "stop", wish) as told:
        await run.start(wish)
        pid = await run.stopped_pid(told)
        halt_id = await halt_user(run)
        if run.rng.random() < 0.4:
            await asyncio.sleep(run.rng.uniform(0, 1))
            run.go_on(pid)
            await drained(run, halt_id)
        else:
            await drained(run, halt_id)
            await asyncio.sleep(run.rng.uniform(0, 2))
            run.go_on(pid)
    await run.reach(wish, IntentPhase.PROTECTED)


async def terminated_owner(run: Run) -> None:
    """Case 26: the owner of an open position is terminated; the watchdog finds and protects it, a close takes it over."""
    wish = await run.start(run.wish())
    await run.opens(wish)
    await run.terminate(wish)
    await run.adopted(wish)


async def reset_and_started_twice(run: Run) -> None:
    """Case 26: an intent is started twice under one id, and reset to its beginning while its position is open."""
    wish = await run.start(run.wish())
    await run.opens(wish)
    client = run.arena.running_client
    try:
        await patiently(lambda: start_intent(client, wish))
        run.notes.append("a second start of the same intent was accepted")
    except WorkflowAlreadyStartedError:
        pass
    reset = ResetWorkflowExecutionRequest(
        namespace=client.namespace,
        workflow_execution=WorkflowExecution(workflow_id=ids.intent(wish.intent_id)),
        reason="case 26",
        workflow_task_finish_event_id=4,
        request_id=str(uuid.uuid4()),
    )
    await patiently(lambda: client.workflow_service.reset_workflow_execution(reset))
    handle = client.get_workflow_handle(ids.intent(wish.intent_id))
    async with asyncio.timeout(60):
        while (await _status(handle)).phase is not IntentPhase.PROTECTED:
            await asyncio.sleep(0.2)


async def _status(handle: WorkflowHandle[Any, Any]) -> IntentStatus:
    return await patiently(lambda: handle.query(TradeIntentWorkflow.status, rpc_timeout=timedelta(seconds=10)))


def new_agent(run: Run, cycle_every: timedelta = timedelta(seconds=1)) -> AgentConfig:
    """Describe an agent that opens at once and holds for long."""
    return AgentConfig(
        agent_id=str(uuid.UUID(int=run.rng.getrandbits(128))),
        user_id=run.account.user_id,
        account_id=run.account.account_id,
        venue=run.account.venue,
        adviser="trend",
        coins=("ETH",),
        mode=AgentMode.LIVE,
        cycle_every=cycle_every,
        limits=LOOSE,
        settings={"eager": "true", "hold_cycles": "400", "stop_atr": "6", "profit_atr": "8", "conviction": "0.2"},
    )


async def agent_rolls(run: Run) -> None:
    """Case 26: an agent that continues as new after each cycle keeps its open intent, and can still close it."""
    config = new_agent(run)
    agents = PostgresAgents(run.stack.bench.engine)
    await asyncio.to_thread(agents.add, config)
    await asyncio.to_thread(agents.activate, config.user_id, config.agent_id, active=True)
    client = run.arena.running_client
    handle = await client.start_workflow(
        UserAgentWorkflow.run,
        UserAgentInput(config=config, max_rounds=1),
        id=ids.agent(config.user_id, config.agent_id),
        task_queue=ids.QUEUE_WORKFLOW,
        search_attributes=attributes.of(user=config.user_id, agent=config.agent_id, phase="running"),
    )
    try:
        await run.until(lambda: intents_of(run, config.agent_id, IntentPhase.PROTECTED), 60)
        await _rolls(run, config)
    finally:
        ending = run.rng.choice(("stop", "emergency_stop"))
        current = client.get_workflow_handle(handle.id)
        await patiently(lambda: current.signal(ending))
        await asyncio.wait_for(current.result(), 120)
        run.wishes += intents_of(run, config.agent_id)


async def _rolls(run: Run, config: AgentConfig) -> None:
    """Wait for three more runs; in each the open intent is still known."""
    owner = intents_of(run, config.agent_id, IntentPhase.PROTECTED)[0].intent_id
    handle = run.arena.running_client.get_workflow_handle(ids.agent(config.user_id, config.agent_id))
    seen: set[str] = set()
    async with asyncio.timeout(60):
        while len(seen) < 4:
            seen.add((await patiently(handle.describe)).run_id)
            report = await patiently(lambda: handle.query(UserAgentWorkflow.status))
            if owner not in report.open_intents:
                run.notes.append(f"the agent forgot {owner} when it rolled: {report.open_intents}")
                return
            await asyncio.sleep(0.2)


def intents_of(run: Run, agent_id: str, *phases: IntentPhase) -> list[Intent]:
    """The intents of an agent, those in some phases or all."""
    query = select(intents.c.id).where(intents.c.agent_id == agent_id)
    if phases:
        query = query.where(intents.c.phase.in_([phase.value for phase in phases]))
    with transaction(run.stack.bench.engine) as connection:
        found = list(connection.scalars(query))
    views = [run.stack.bench.books.intents.view(name) for name in found]
    return [view.intent for view in views if view is not None]


async def emergency_with_a_stopped_open(run: Run) -> None:
    """Case 28: everything is to be closed while an open stands still after the gate."""
    held = await run.start(run.wish(coin="BTC"))
    await run.opens(held)
    wish = run.wish(coin="ETH")
    async with run.order_at("after_gate", "stop", wish) as told:
        await run.start(wish)
        pid = await run.stopped_pid(told)
        halt_id = await halt_user(run)
        for each in (held, wish):
            await run.signal(each, "close")
        await drained(run, halt_id)
        await asyncio.sleep(run.rng.uniform(0, 2))
        run.go_on(pid)
    await run.reach(held, IntentPhase.CLOSED)
    await run.reach(wish, IntentPhase.CLOSED)


async def stop_behind_a_backlog(run: Run) -> None:
    """Case 37: a close, or the emergency stop of an agent, does not wait behind a queue full of opens."""
    config = replace(new_agent(run), coins=("BTC",))
    await asyncio.to_thread(PostgresAgents(run.stack.bench.engine).add, config)
    held = await run.start(run.wish(coin="BTC", agent_id=config.agent_id))
    await run.opens(held)
    run.crowd = [await run.arena.account(run.site.venue) for _ in range(CROWD)]
    backlog = [
        run.wish(coin=coin, account_id=account.account_id, user_id=account.user_id)
        for account in run.crowd
        for coin in SIZES
    ]
    starts = asyncio.gather(*(run.start(wish) for wish in backlog))
    await asyncio.sleep(0.1)
    is_emergency = run.rng.random() < 0.5
    if is_emergency:
        await patiently(lambda: _stop_at_once(run, config))
    else:
        await run.signal(held, "close")
    await run.until(lambda: _is_closing(run, held.intent_id), 30)
    # How long that takes is the machine's business; how many opens were let past is ours.
    passed = await asyncio.to_thread(_sent, run, backlog)
    if passed > len(backlog) // 3:
        run.notes.append(f"the first close waited for {passed} of {len(backlog)} opens of a backlog")
    await starts
    if is_emergency:
        agent = run.arena.running_client.get_workflow_handle(ids.agent(config.user_id, config.agent_id))
        await asyncio.wait_for(agent.result(), 120)


async def _stop_at_once(run: Run, config: AgentConfig) -> None:
    """Stop an agent as the API does; it does not run, so that it is started for nothing but the stop."""
    wanted = stopping_agent_of(config, Reason(text="fault suite", by="suite"))
    await run.arena.running_client.start_workflow(wanted.kind, wanted.argument, id=wanted.id, **wanted.keywords)


def _sent(run: Run, wishes: list[Intent]) -> int:
    """How many opens of a backlog were sent so far."""
    named = orders.c.intent_id.in_([wish.intent_id for wish in wishes])
    query = select(func.count()).select_from(orders).where(named, orders.c.opening, orders.c.sent_at.is_not(None))
    with transaction(run.stack.bench.engine) as connection:
        return connection.scalar(query) or 0


def _is_closing(run: Run, intent_id: str) -> bool:
    rows = run.stack.bench.books.journal.orders_of(intent_id)
    return any(row.key.step == "close.1" and row.sent_at is not None for row in rows)
