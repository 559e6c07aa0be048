"""One worker process serves accounts on three venues: real Temporal, real Postgres, three paper exchanges."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Callable, Iterator
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import text
from temporalio.client import Client

from domain.accounts import AccountRef
from domain.intents import Intent, Protection, api_intent_id
from domain.money import Quantity
from storage.postgres.engine import transaction
from tests.integration.test_fleet import an_agent
from tests.integration.test_fleet import start as start_agent
from tests.stack.full import FullStack, full_stack, start_intent
from workflows import ids
from workflows.account.messages import AccountInput, AccountStatus, Wake
from workflows.account.workflow import AccountWorkflow
from workflows.trade_intent.messages import CloseRequest
from workflows.user_agent.messages import Reason

pytestmark = [pytest.mark.slow, pytest.mark.real, pytest.mark.timeout(300)]

KEYED = ("binance", "aster")
VENUES = ("hyperliquid", *KEYED)


HOURS = ("--speed", "1800")
"""Half an hour of the market in a second: Hyperliquid pays funding each hour, the others every eight."""


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FullStack]:
    """One stack for all tests of the module."""
    with full_stack(tmp_path_factory.mktemp("three"), durable=False, venues=KEYED, SYNC_SECONDS="3") as running:
        yield running


@pytest.fixture(scope="module")
def fast(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FullStack]:
    """A stack whose market hurries."""
    folder = tmp_path_factory.mktemp("fast")
    with full_stack(folder, durable=False, venues=KEYED, paper_options=HOURS, SYNC_SECONDS="3") as running:
        yield running


@pytest.fixture
async def client(stack: FullStack) -> Client:
    """A client as the worker's."""
    return await stack.client()


def rows(stack: FullStack, query: str, **values: object) -> list[Any]:
    """Read rows."""
    with transaction(stack.bench.engine) as connection:
        return list(connection.execute(text(query), values))


async def until(holds: Callable[[], Any], seconds: float = 60.0) -> Any:
    """Wait with a deadline."""
    async with asyncio.timeout(seconds):
        while not (found := await asyncio.to_thread(holds)):
            await asyncio.sleep(0.2)
        return found


def wish_on(stack: FullStack, account: AccountRef) -> Intent:
    """An intent to buy some SOL with a stop far away."""
    return stack.bench.wish(
        account,
        "unused",
        intent_id=api_intent_id(account.user_id, str(uuid.uuid4())),
        coin="SOL",
        size=Quantity(Decimal(2)),
        protection=stack.bench.stop_at("SOL", "0.8", account.venue),
    )


async def reach(stack: FullStack, wish: Intent, phase: str) -> None:
    """Wait for a phase; fail at another end."""
    ends = {"REFUSED", "FAILED", "EXPIRED", "CANCELLED", "CLOSED", phase}
    query = "select phase, reason_code, reason from intents where id = :id"

    def end() -> Any:
        found = rows(stack, query, id=wish.intent_id)
        return found[0] if found and found[0].phase in ends else None

    row = await until(end)
    assert row.phase == phase, row


async def reconcile(stack: FullStack, client: Client, account: AccountRef) -> AccountStatus:
    """Have an account reconciled now, as its rounds do, and return what was found."""
    before = (await asyncio.to_thread(stack.bench.fence.sync.sync, account)).as_of
    handle = await client.start_workflow(
        AccountWorkflow.run,
        AccountInput(account=account),
        id=ids.account(account.account_id),
        task_queue=ids.QUEUE_WORKFLOW,
        start_signal="wake",
        start_signal_args=[Wake(reason="test")],
    )
    async with asyncio.timeout(60):
        while True:
            status = await handle.query(AccountWorkflow.status)
            if status.reconciled_at is not None and status.reconciled_at > before:
                return status
            await asyncio.sleep(0.3)


@pytest.mark.parametrize("venue", VENUES)
async def test_an_intent_is_filled_protected_closed_and_explained(stack: FullStack, client: Client, venue: str) -> None:
    """Nothing is left at the venue and nothing unexplained in the books."""
    name = f"user-{uuid.uuid4().hex[:8]}"
    account = await asyncio.to_thread(lambda: stack.bench.account(name, venue=venue))
    wish = await asyncio.to_thread(wish_on, stack, account)

    await start_intent(client, wish)
    await reach(stack, wish, "PROTECTED")
    await client.get_workflow_handle(ids.intent(wish.intent_id)).signal("close", CloseRequest(reason="test"))
    await reach(stack, wish, "CLOSED")
    status = await reconcile(stack, client, account)

    opened = rows(stack, "select * from orders where intent_id = :id and opening", id=wish.intent_id)
    counted = "select * from differences where account_id = :id and counted_at is not null"
    assert [row.filled_size for row in opened] == [2]
    assert status.unexplained == "0"
    assert rows(stack, counted, id=account.account_id) == []
    assert (await asyncio.to_thread(stack.bench.fence.sync.sync, account)).is_flat


@pytest.mark.parametrize("venue", VENUES)
async def test_deposits_fees_and_funding_are_explained(fast: FullStack, venue: str) -> None:
    """Equity is opening cash, transfers, results, fees and funding: USDT at the one kind of venue, USDC at the other."""
    bench = fast.bench
    client = await fast.client()
    account = await asyncio.to_thread(lambda: bench.account(f"user-{uuid.uuid4().hex[:8]}", venue=venue))
    wish = replace(await asyncio.to_thread(wish_on, fast, account), protection=Protection())
    await start_intent(client, wish)
    await reach(fast, wish, "FILLED")
    paper, owner = bench.papers[venue], bench.owners.get(account.address, account.address)
    await asyncio.to_thread(lambda: paper.post("deposit", user=owner, amount="321", usdc="321"))

    status = await reconcile(fast, client, account)
    moved = "select kind, amount from transfers where account_id = :id"

    async def has_all() -> bool:
        nonlocal status
        status = await reconcile(fast, client, account)
        kinds = {row.kind: row.amount for row in rows(fast, moved, id=account.account_id)}
        return kinds.get("deposit") == 321 and kinds.get("funding", 0) != 0

    async with asyncio.timeout(90):
        while not await has_all():
            await asyncio.sleep(0.5)
    assert status.unexplained == "0"
    await client.get_workflow_handle(ids.intent(wish.intent_id)).signal("close", CloseRequest(reason="test"))
    await reach(fast, wish, "CLOSED")
    status = await reconcile(fast, client, account)
    counted = "select * from differences where account_id = :id and counted_at is not null and kind = 'unexplained'"
    assert (status.unexplained, rows(fast, counted, id=account.account_id)) == ("0", [])


@pytest.mark.parametrize("venue", VENUES)
async def test_an_agent_trades_and_its_emergency_stop_leaves_the_account_flat(
    stack: FullStack, client: Client, venue: str
) -> None:
    """The same workflow, adviser and limits at each venue."""
    account = await asyncio.to_thread(lambda: stack.bench.account(f"user-{uuid.uuid4().hex[:8]}", venue=venue))
    config = an_agent(account)
    handle = await start_agent(stack, client, config)
    phases = "select phase from intents where agent_id = :id"
    await until(lambda: "PROTECTED" in {row.phase for row in rows(stack, phases, id=config.agent_id)})
    await handle.signal("emergency_stop", Reason(text="fire", by="tester"))
    await asyncio.wait_for(handle.result(), 120)

    portfolio = await asyncio.to_thread(stack.bench.fence.sync.sync, account)
    assert (portfolio.is_flat, portfolio.orders) == (True, ())
    assert (await reconcile(stack, client, account)).unexplained == "0"
