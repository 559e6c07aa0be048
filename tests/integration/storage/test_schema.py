"""The schema of a fresh database, its guard and its triggers."""

import itertools
import re
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Engine, delete, insert, text, update
from sqlalchemy.exc import IntegrityError

from domain.errors import Misconfigured
from domain.orders import ORDER_TRANSITIONS, OrderState
from runtime.postgres import Postgres
from storage.migrations.guards import guards
from storage.migrations.upgrade import revisions
from storage.postgres import tables
from storage.postgres.engine import engine, transaction
from storage.postgres.schema import check, migrate
from tests.integration.storage.conftest import in_parallel

NOW = datetime(2026, 1, 2, tzinfo=UTC)
ORDER = {
    "intent_id": "i",
    "leg": "main",
    "step": "open",
    "client_id": "c",
    "user_id": "u",
    "account_id": "a",
    "instrument": "BTC",
    "opening": True,
    "side": "buy",
    "size": Decimal(1),
    "limit_px": Decimal(1),
    "tif": "ioc",
    "reduce_only": False,
    "approved": {},
    "not_after": NOW,
    "decided_at": NOW,
}
FILL = {
    "account_id": "a",
    "time": NOW,
    "coin": "BTC",
    "trade_id": "1",
    "user_id": "u",
    "oid": "7",
    "side": "buy",
    "px": Decimal(2),
    "size": Decimal(3),
    "fee": Decimal("0.1"),
    "closed_pnl": Decimal(0),
    "start_position": Decimal(0),
    "is_taker": True,
    "is_liquidation": False,
}
AUDIT = {"actor": "x", "action": "y", "object": "z", "body": {}, "previous_hash": "", "hash": ""}


@pytest.fixture
def database(postgres: Postgres, migrated_template: str) -> Iterator[str]:
    """A database of this test's own: these tests change the schema itself."""
    name = f"schema_{uuid.uuid4().hex}"
    yield postgres.create_database(name, template=migrated_template)
    postgres.drop_database(name)


def test_the_migrations_make_exactly_the_tables_of_the_code(db: Engine):
    with transaction(db) as connection:
        context = MigrationContext.configure(connection, opts={"compare_server_default": True})
        assert compare_metadata(context, tables.metadata) == []
        view = connection.scalar(text("select pg_get_viewdef('trade_logs'::regclass)"))
        connection.execute(text(tables.TRADE_LOGS_VIEW.replace("create view", "create temporary view", 1)))
        assert connection.scalar(text("select pg_get_viewdef('pg_temp.trade_logs'::regclass)")) == view


def test_the_installed_guards_are_the_ones_of_the_domain(db: Engine):
    bodies = set(re.findall(r"create function (\w+)\(\).*?as \$\$(.*?)\$\$", guards(), re.DOTALL))
    with transaction(db) as connection:
        query = text("select proname, prosrc from pg_proc where proname like 'guard%'")
        assert {(row.proname, row.prosrc) for row in connection.execute(query)} == bodies
        triggers = set(connection.scalars(text("select tgname from pg_trigger where not tgisinternal")))
    assert triggers == set(re.findall(r"create trigger (\w+)", guards()))


def test_an_order_moves_along_the_transition_table_only(db: Engine):
    # One database for all pairs: a fresh one for each would cost ten seconds.
    refused = set()
    for before, after in itertools.permutations(OrderState, 2):
        step = f"{before}-{after}"
        with transaction(db) as connection:
            connection.execute(
                insert(tables.orders).values(**(ORDER | {"step": step, "client_id": step}), state=before)
            )
        try:
            with transaction(db) as connection:
                connection.execute(update(tables.orders).where(tables.orders.c.step == step).values(state=after))
        except IntegrityError:
            refused.add((before, after))
    allowed = {(before, after) for before, states in ORDER_TRANSITIONS.items() for after in states}
    assert refused == set(itertools.permutations(OrderState, 2)) - allowed


def test_an_order_may_be_touched_without_moving(db: Engine):
    with transaction(db) as connection:
        connection.execute(insert(tables.orders).values(**ORDER, state="DONE"))
        connection.execute(update(tables.orders).values(state="DONE", reason="looked again"))


def test_a_fill_can_be_bound_and_nothing_else(db: Engine):
    with transaction(db) as connection:
        connection.execute(insert(tables.fills).values(**FILL))
        connection.execute(update(tables.fills).values(intent_id="i", step="open", client_id="c"))
    for statement in (
        update(tables.fills).values(size=Decimal(4)),
        update(tables.fills).values(trade_id="2"),
        delete(tables.fills),
        text("truncate fills"),
    ):
        with pytest.raises(IntegrityError, match="never changed"), transaction(db) as connection:
            connection.execute(statement)


def test_the_audit_log_is_append_only(db: Engine):
    with transaction(db) as connection:
        connection.execute(insert(tables.audit_log).values(**AUDIT))
    for statement in (
        update(tables.audit_log).values(actor="me"),
        delete(tables.audit_log),
        text("truncate audit_log"),
    ):
        with pytest.raises(IntegrityError, match="append-only"), transaction(db) as connection:
            connection.execute(statement)


def test_a_fresh_database_is_made_and_a_second_time_is_nothing(empty_database: str):
    assert migrate(empty_database) == revisions()[-1]
    assert migrate(empty_database) == revisions()[-1]


def test_two_processes_that_migrate_at_once_get_on(empty_database: str):
    answers = in_parallel(*(lambda: migrate(empty_database) for _ in range(3)))
    assert answers == [revisions()[-1]] * 3


def test_an_empty_database_is_named_as_such(empty_database: str):
    made = engine(empty_database)
    with pytest.raises(Misconfigured) as caught:
        check(made)
    assert caught.value.code == "schema_missing"
    made.dispose()


def test_a_current_schema_passes_the_check(db: Engine):
    assert check(db) == revisions()[-1]


def test_a_schema_newer_than_the_code_is_refused(db: Engine, database: str):
    with transaction(db) as connection:
        connection.execute(insert(tables.schema_revisions).values(revision="9999"))
        connection.execute(text("update alembic_version set version_num = '9999'"))
    for step in (lambda: check(db), lambda: migrate(database)):
        with pytest.raises(Misconfigured) as caught:
            step()
        assert caught.value.code == "schema_new"


def test_a_schema_of_another_branch_is_refused(db: Engine):
    with transaction(db) as connection:
        newest = tables.schema_revisions.c.revision == revisions()[-1]
        connection.execute(update(tables.schema_revisions).where(newest).values(revision="0001x"))
    with pytest.raises(Misconfigured) as caught:
        check(db)
    assert caught.value.code == "schema_differs"


def test_a_database_of_the_first_revision_is_refused_and_comes_up_to_date_with_what_it_holds(empty_database: str):
    migrate(empty_database, "0001")
    made = engine(empty_database)
    with transaction(made) as connection:
        connection.execute(insert(tables.orders).values(**ORDER, state="REFUSED", code="address_budget"))
    with pytest.raises(Misconfigured) as caught:
        check(made)
    assert caught.value.code == "schema_old"
    assert migrate(empty_database) == check(made) == revisions()[-1]
    with transaction(made) as connection:
        assert connection.scalar(text("select code from orders")) == "address_budget"
    with pytest.raises(Misconfigured) as caught:
        migrate(empty_database, "0001")
    assert caught.value.code == "schema_backward"
    made.dispose()


def test_an_unknown_revision_is_refused(database: str):
    with pytest.raises(Misconfigured) as caught:
        migrate(database, "0815")
    assert caught.value.code == "revision_unknown"


def test_the_trade_log_has_one_row_a_fill_group(db: Engine):
    rows = [{**FILL, "trade_id": str(n), "size": Decimal(n), "px": Decimal(n)} for n in (1, 3)]
    with transaction(db) as connection:
        connection.execute(insert(tables.fills), rows)
        (row,) = connection.execute(text("select * from trade_logs")).all()
    assert (row.size, row.price, row.fills) == (Decimal(4), Decimal("2.5"), 2)
