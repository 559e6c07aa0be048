"""An engine on a fresh migrated database, and builders of rows."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import psycopg
import pytest
from sqlalchemy import Engine, insert

from domain.accounts import AccountRef, HeldPosition, Portfolio
from domain.agents import AgentConfig
from domain.intents import Intent, IntentKind
from domain.money import Money, Price, Quantity
from domain.orders import OrderKey, Side
from runtime.postgres import Postgres
from storage.postgres import tables
from storage.postgres.accounts import PostgresAccounts
from storage.postgres.engine import dump, engine, transaction
from storage.postgres.users import PostgresUsers
from storage.records import User

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


@pytest.fixture(scope="session")
def shared_database(postgres: Postgres, migrated_template: str) -> Iterator[str]:
    """One migrated database for all tests of storage: a copy for each would cost a minute."""
    yield postgres.create_database("storage", template=migrated_template)
    postgres.drop_database("storage")


@pytest.fixture
def database(shared_database: str) -> str:
    """The URL of the shared database, emptied."""
    names = ", ".join(table.name for table in tables.metadata.sorted_tables if table is not tables.schema_revisions)
    with psycopg.connect(shared_database) as connection:
        # As a replica the guards sleep, which forbid to empty fills and the audit log.
        connection.execute("set local session_replication_role = replica")
        connection.execute(f"truncate {names} restart identity")
    return shared_database


@pytest.fixture
def db(database: str) -> Iterator[Engine]:
    """An engine on this test's own database."""
    made = engine(database, pool_size=4, max_overflow=4)
    yield made
    made.dispose()


@pytest.fixture
def alice(db: Engine) -> User:
    """A user."""
    return PostgresUsers(db).add("alice")


@pytest.fixture
def bob(db: Engine) -> User:
    """Another user."""
    return PostgresUsers(db).add("bob")


@pytest.fixture
def account(db: Engine, alice: User) -> AccountRef:
    """An account of alice's."""
    return PostgresAccounts(db).add(alice.user_id, venue="hyperliquid", network="paper", address="0xA1").ref


@pytest.fixture
def account_of_bob(db: Engine, bob: User) -> AccountRef:
    """An account of bob's."""
    return PostgresAccounts(db).add(bob.user_id, venue="hyperliquid", network="paper", address="0xB0B").ref


def config_of(account: AccountRef, **changes: Any) -> AgentConfig:
    """An agent on an account."""
    values: dict[str, Any] = {"agent_id": "agent-1", "adviser": "trend", "coins": ("BTC", "ETH")} | changes
    return AgentConfig(user_id=account.user_id, account_id=account.account_id, venue=account.venue, **values)


def portfolio_of(account: AccountRef, *, at: datetime = NOW, equity: str = "1000", size: str = "0") -> Portfolio:
    """A portfolio with at most one BTC position."""
    held = HeldPosition(
        coin="BTC", size=Quantity(Decimal(size)), entry_px=Price(Decimal(100)), mark_px=Price(Decimal(101))
    )
    return Portfolio(
        account_id=account.account_id,
        as_of=at,
        equity=Money(Decimal(equity)),
        available=Money(Decimal(equity)),
        positions=(held,) if held.size else (),
    )


def intent_of(account: AccountRef, intent_id: str = "intent-1", **changes: Any) -> Intent:
    """An intent on an account."""
    values: dict[str, Any] = {"coin": "BTC", "kind": IntentKind.OPEN, "side": Side.BUY, "decided_at": NOW} | changes
    return Intent(
        intent_id=intent_id,
        user_id=account.user_id,
        account_id=account.account_id,
        venue=account.venue,
        size=Quantity(Decimal(1)),
        **values,
    )


def put_intent(db: Engine, intent: Intent, **columns: Any) -> Intent:
    """Insert the row of an intent."""
    values = {
        "id": intent.intent_id,
        "user_id": intent.user_id,
        "account_id": intent.account_id,
        "agent_id": intent.agent_id,
        "instrument": intent.coin,
        "side": intent.side,
        "kind": intent.kind,
        "policy": dump(intent),
        "phase": "CREATED",
        "decided_at": intent.decided_at,
    }
    with transaction(db) as connection:
        connection.execute(insert(tables.intents).values(**(values | columns)))
    return intent


def put_order(db: Engine, intent: Intent, step: str = "open", **columns: Any) -> OrderKey:
    """Insert a journal row of an intent."""
    key = OrderKey(intent_id=intent.intent_id, step=step)
    values = {
        "intent_id": key.intent_id,
        "leg": key.leg,
        "step": step,
        "client_id": key.client_id,
        "user_id": intent.user_id,
        "account_id": intent.account_id,
        "instrument": intent.coin,
        "state": "APPROVED",
        "opening": True,
        "side": intent.side,
        "size": Decimal(1),
        "limit_px": Decimal(100),
        "tif": "ioc",
        "reduce_only": False,
        "approved": {},
        "not_after": NOW + timedelta(seconds=30),
        "decided_at": NOW,
    }
    with transaction(db) as connection:
        connection.execute(insert(tables.orders).values(**(values | columns)))
    return key


def put_fill(db: Engine, account: AccountRef, trade_id: str, **columns: Any) -> None:
    """Insert a fill."""
    values = {
        "account_id": account.account_id,
        "time": NOW,
        "coin": "BTC",
        "trade_id": trade_id,
        "user_id": account.user_id,
        "oid": "7",
        "side": "buy",
        "px": Decimal(100),
        "size": Decimal(1),
        "fee": Decimal("0.1"),
        "closed_pnl": Decimal(0),
        "start_position": Decimal(0),
        "is_taker": True,
        "is_liquidation": False,
    }
    with transaction(db) as connection:
        connection.execute(insert(tables.fills).values(**(values | columns)))


def numbers(*values: Any) -> list[Decimal]:
    """Compare amounts of different kinds by value."""
    return [Decimal(value) for value in values]


def in_parallel(*calls: Callable[[], Any]) -> list[Any]:
    """Run calls at once, each in a thread of its own; an exception is an answer."""
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(len(calls)) as pool:
        futures = [pool.submit(call) for call in calls]
        return [future.exception() or future.result() for future in futures]
