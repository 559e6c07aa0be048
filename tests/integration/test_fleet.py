"""Agents, accounts, shards and the platform on real parts: Postgres, Temporal, a paper exchange and a worker process."""

from __future__ import annotations

import asyncio
import signal
import uuid
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import text
from temporalio.client import Client, WorkflowHandle

from domain.accounts import AccountRef
from domain.agents import AgentConfig, AgentMode, AgentStatus
from domain.halts import HaltFlag
from storage.postgres.agents import PostgresAgents
from storage.postgres.engine import transaction
from storage.postgres.halts import PostgresHalts
from tests.stack.full import FullStack, full_stack
from tests.stack.trading import LOOSE
from workflows import attributes, ids
from workflows.account.messages import AccountStatus
from workflows.account.workflow import AccountWorkflow
from workflows.platform.messages import Halt, Release
from workflows.user_agent.messages import AgentReport, Reason, UserAgentInput
from workflows.user_agent.workflow import UserAgentWorkflow

pytestmark = [pytest.mark.slow, pytest.mark.real, pytest.mark.timeout(300)]

EAGER = {"eager": "true", "hold_cycles": "400", "stop_atr": "6", "profit_atr": "8", "conviction": "0.2"}


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FullStack]:
    with full_stack(tmp_path_factory.mktemp("fleet"), durable=False, SYNC_SECONDS="3") as running:
        yield running


@pytest.fixture
async def client(stack: FullStack) -> Client:
    return await stack.client()


@pytest.fixture
def account(stack: FullStack) -> AccountRef:
    return stack.bench.account(f"user-{uuid.uuid4().hex[:8]}")


def an_agent(account: AccountRef, **changes: Any) -> AgentConfig:
    config = AgentConfig(
        agent_id=str(uuid.uuid4()),
        user_id=account.user_id,
        account_id=account.account_id,
        venue=account.venue,
        adviser="trend",
        coins=("ETH",),
        mode=AgentMode.LIVE,
        cycle_every=timedelta(seconds=2),
        limits=LOOSE,
        settings=EAGER,
    )
    return replace(config, **changes)


async def start(stack: FullStack, client: Client, config: AgentConfig) -> WorkflowHandle[Any, Any]:
    agents = PostgresAgents(stack.bench.engine)
    agents.add(config)
    agents.activate(config.user_id, config.agent_id, active=True)
    return await client.start_workflow(
        UserAgentWorkflow.run,
        UserAgentInput(config=config),
        id=ids.agent(config.user_id, config.agent_id),
        task_queue=ids.QUEUE_WORKFLOW,
        search_attributes=attributes.of(user=config.user_id, agent=config.agent_id, phase="running"),
    )


def rows(stack: FullStack, query: str, **values: object) -> list[Any]:
    with transaction(stack.bench.engine) as connection:
        return list(connection.execute(text(query), values))


async def until(condition: Callable[[], object], seconds: float = 60.0) -> None:
    async with asyncio.timeout(seconds):
        while not await asyncio.to_thread(condition):
            await asyncio.sleep(0.1)


async def until_held(handle: WorkflowHandle[Any, Any], *, held: bool) -> None:
    async with asyncio.timeout(30):
        while True:
            report: AgentReport = await handle.query(UserAgentWorkflow.status)
            if ("held" in report.note) is held:
                return
            await asyncio.sleep(0.1)


def phases(stack: FullStack, config: AgentConfig) -> list[str]:
    query = "select phase from intents where agent_id = :agent order by created_at"
    return [row.phase for row in rows(stack, query, agent=config.agent_id)]


def position(stack: FullStack, account: AccountRef) -> Any:
    reader = stack.bench.venues.of(account.venue, account.network).accounts
    return reader.portfolio(account).position("ETH")


async def protected(stack: FullStack, config: AgentConfig) -> str:
    """Wait until the agent has a protected position; return the owner's intent id."""
    await until(lambda: "PROTECTED" in phases(stack, config))
    query = "select id from intents where agent_id = :agent and phase = 'PROTECTED'"
    name: str = rows(stack, query, agent=config.agent_id)[0].id
    return name


async def test_an_agent_opens_a_protected_position_and_its_decisions_are_kept(
    stack: FullStack, client: Client, account: AccountRef
) -> None:
    config = an_agent(account)
    handle = await start(stack, client, config)
    await protected(stack, config)
    report: AgentReport = await handle.query(UserAgentWorkflow.status)
    await handle.signal("stop")
    await handle.result()
    decisions = rows(stack, "select * from decisions where agent_id = :agent order by cycle", agent=config.agent_id)
    shown = rows(stack, "select status, active from agents where id = :agent", agent=config.agent_id)[0]
    assert [row.cycle for row in decisions] == list(range(1, len(decisions) + 1))
    assert decisions[0].situation["views"][0]["coin"] == "ETH"
    assert decisions[0].outcome["intents"][0]["strategy"] == "trend"
    assert report.status is AgentStatus.RUNNING
    assert (shown.status, shown.active) == ("stopped", False)
    # A stop leaves the position to its owner, and its protection at the venue.
    assert position(stack, account) is not None
    assert phases(stack, config) == ["PROTECTED"]


async def test_an_agent_that_simulates_records_decisions_and_never_reaches_the_venue(
    stack: FullStack, client: Client, account: AccountRef
) -> None:
    config = an_agent(account, mode=AgentMode.SIMULATE)
    handle = await start(stack, client, config)
    query = "select outcome from decisions where agent_id = :agent"
    await until(lambda: len(rows(stack, query, agent=config.agent_id)) >= 2)
    await handle.terminate()
    assert rows(stack, query, agent=config.agent_id)[0].outcome["intents"]
    assert phases(stack, config) == []
    assert stack.bench.admitted(account) == []


async def test_an_emergency_stop_survives_a_killed_worker_and_leaves_the_account_flat(
    stack: FullStack, client: Client, account: AccountRef
) -> None:
    config = an_agent(account)
    handle = await start(stack, client, config)
    await protected(stack, config)
    await handle.signal("emergency_stop", Reason(text="fire", by="tester"))
    halted = "select drained_at from halts where scope = 'agent' and key = :agent"
    await until(lambda: rows(stack, halted, agent=config.agent_id))
    worker = stack.workers[0]
    worker.signal(signal.SIGKILL)
    await until(lambda: not worker.is_running)
    await asyncio.to_thread(worker.start)
    await asyncio.wait_for(handle.result(), 120)
    audit = rows(stack, "select * from audit_log where object = :agent", agent=config.agent_id)
    live = "select count(*) from orders where account_id = :account and state in ('APPROVED','SENDING','UNKNOWN','WORKING')"
    assert position(stack, account) is None
    assert rows(stack, live, account=account.account_id)[0][0] == 0
    assert [row.action for row in audit] == ["agent.emergency_stop"]
    assert rows(stack, halted, agent=config.agent_id)[0].drained_at is not None
    # The owner ends by itself, which may be after the agent: the dead worker may have had a task of its workflow.
    await until(lambda: not rows(stack, "select 1 from slots where account_id = :account", account=account.account_id))
    # What opens after the flag is refused, so nothing of this agent was admitted after its halt but closes.
    PostgresHalts(stack.bench.engine).release("agent", config.agent_id, "tester")


async def test_a_trade_by_hand_is_flagged_and_explained(stack: FullStack, client: Client, account: AccountRef) -> None:
    config = an_agent(account, coins=("BTC",))
    handle = await start(stack, client, config)
    await until(lambda: "PROTECTED" in phases(stack, config))
    stack.bench.paper.post("trade", user=account.address, coin="ETH", side="buy", sz="0.5")
    flagged = "select * from differences where account_id = :account and kind = 'manual_trade' and repair = 'flagged'"
    await until(lambda: rows(stack, flagged, account=account.account_id), seconds=120)
    supervision = client.get_workflow_handle(ids.account(account.account_id))
    status: AccountStatus = await supervision.query(AccountWorkflow.status)
    await handle.terminate()
    unexplained = (
        "select * from differences where account_id = :account and kind = 'unexplained' and counted_at is not null"
    )
    assert status.unexplained == "0"
    assert rows(stack, unexplained, account=account.account_id) == []


async def test_a_halt_drains_holds_agents_and_a_release_lets_them_go_on(
    stack: FullStack, client: Client, account: AccountRef
) -> None:
    config = an_agent(account, settings={**EAGER, "eager": "false"})
    handle = await start(stack, client, config)
    platform = client.get_workflow_handle(ids.PLATFORM)
    halt = Halt(scope="user", key=account.user_id, reason="drill", by="tester")
    await platform.signal("halt", halt)
    drained = "select * from halts where scope = 'user' and key = :user and drained_at is not null"
    await until(lambda: rows(stack, drained, user=account.user_id))

    await until_held(handle, held=True)
    await platform.signal("release", Release(scope="user", key=account.user_id, by="tester"))
    await until_held(handle, held=False)
    await handle.terminate()
    assert PostgresHalts(stack.bench.engine).halted_by(user_id=account.user_id) is None


async def test_a_position_whose_owner_was_terminated_is_found_and_alarmed(
    stack: FullStack, client: Client, account: AccountRef
) -> None:
    config = an_agent(account)
    handle = await start(stack, client, config)
    owner = await protected(stack, config)
    await handle.terminate()
    await client.get_workflow_handle(ids.intent(owner)).terminate("test")
    told = "select * from events where user_id = :user and kind = 'unowned_position'"
    shown = "select * from portfolios where account_id = :account and not is_flat"
    await until(lambda: rows(stack, shown, account=account.account_id))
    await client.get_workflow_handle(ids.PLATFORM).signal("watch_now")
    await until(lambda: rows(stack, told, user=account.user_id))
    held = position(stack, account)
    portfolio = stack.bench.venues.of(account.venue, account.network).accounts.portfolio(account)
    assert held is not None
    assert any(order.trigger is not None and order.coin == "ETH" for order in portfolio.orders)


async def test_halt_rows_in_the_book_are_told_apart_by_scope(stack: FullStack, account: AccountRef) -> None:
    halts = PostgresHalts(stack.bench.engine)
    record = halts.commit(HaltFlag(scope="user", key=account.user_id, reason="drill", by="tester"))
    assert halts.commit(HaltFlag(scope="user", key=account.user_id)).id == record.id
    assert halts.release("user", account.user_id, "tester")
    assert not halts.release("user", account.user_id, "tester")
