"""Transactions against a real server: what is committed, and which error says who acts."""

import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import Engine, insert, text
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.exc import IntegrityError

from domain.errors import Misconfigured, Refused, Retryable
from runtime.postgres import Postgres
from storage.postgres.engine import alone, engine, transaction
from storage.postgres.tables import users


@pytest.fixture
def small(database: str) -> Iterator[Engine]:
    """An engine with a single connection and short patience."""
    made = engine(
        database,
        pool_size=1,
        max_overflow=0,
        pool_wait=timedelta(seconds=0.2),
        statement_timeout=timedelta(seconds=0.3),
        lock_timeout=timedelta(seconds=0.1),
    )
    yield made
    made.dispose()


def code_of(call: Callable[[], object]) -> str:
    with pytest.raises(Retryable) as caught:
        call()
    return caught.value.code


def execute(made: Engine, statement: str) -> object:
    with transaction(made) as connection:
        return connection.execute(text(statement)).scalar_one_or_none()


def execute_alone(made: Engine, statement: str) -> object:
    with alone(made) as connection:
        return connection.execute(text(statement)).scalar_one_or_none()


Execute = Callable[[Engine, str], object]
EITHER_WAY = pytest.mark.parametrize("execute", [execute, execute_alone])


def test_a_statement_alone_commits_at_once_and_leaves_its_connection_to_transactions(small: Engine, db: Engine):
    with alone(small) as connection:
        connection.execute(insert(users).values(id="1", name="ann"))
        assert execute(db, "select count(*) from users") == 1
    give_up(small)
    assert execute(small, "select count(*) from users") == 1


def give_up(made: Engine) -> None:
    def insert_and_refuse() -> None:
        with transaction(made) as connection:
            connection.execute(insert(users).values(id="2", name="bob"))
            raise Refused("no", "No.")

    with pytest.raises(Refused):
        insert_and_refuse()


def test_an_exception_rolls_back(db: Engine):
    give_up(db)
    assert execute(db, "select count(*) from users") == 0


def test_an_insert_says_whether_it_was_new(db: Engine):
    statement = upsert(users).values(id="1", name="ann").on_conflict_do_nothing()
    with transaction(db) as connection:
        assert [connection.execute(statement).rowcount for _ in range(2)] == [1, 0]


@EITHER_WAY
def test_an_exhausted_pool_says_so_and_recovers(small: Engine, execute: Execute):
    with transaction(small):
        assert code_of(lambda: execute(small, "select 1")) == "pool_exhausted"
    assert execute(small, "select 1") == 1


@EITHER_WAY
def test_a_slow_statement_is_cut_off(small: Engine, execute: Execute):
    assert code_of(lambda: execute(small, "select pg_sleep(5)")) == "database_slow"


def test_a_lock_that_is_not_free_is_not_waited_for_for_ever(small: Engine, db: Engine):
    with transaction(db) as connection:
        connection.execute(text("lock table users"))
        assert code_of(lambda: execute(small, "select count(*) from users")) == "database_busy"


def test_a_violated_constraint_stays_what_it_is(db: Engine):
    with transaction(db) as connection:
        connection.execute(insert(users).values(id="1", name="ann"))
    with pytest.raises(IntegrityError), transaction(db) as connection:
        connection.execute(insert(users).values(id="1", name="ann"))


@EITHER_WAY
def test_nothing_listening_is_unavailable(free_port: Callable[[], int], execute: Execute):
    made = engine(f"postgresql://me:secret@127.0.0.1:{free_port()}/none")
    assert code_of(lambda: execute(made, "select 1")) == "database_unavailable"


@pytest.mark.skipif(
    not hasattr(socket, "TCP_USER_TIMEOUT"), reason="This system has no time limit for what is not confirmed."
)
@pytest.mark.parametrize(("says", "expected"), [("", 20_000), ("?tcp_user_timeout=7000", 7_000)])
def test_a_server_that_is_cut_off_is_given_up_in_seconds_or_as_its_address_says(
    database: str, says: str, expected: int
):
    made = engine(database + says)
    with made.connect() as connection:
        raw = connection.connection.driver_connection
        assert raw is not None
        with socket.socket(fileno=os.dup(raw.fileno())) as line:
            assert line.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == expected
            assert line.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE) == 10
    made.dispose()


@EITHER_WAY
def test_a_restarted_server_costs_one_retry(tmp_path: Path, execute: Execute):
    with Postgres(tmp_path) as server:
        made = engine(server.url)
        assert execute(made, "select 1") == 1
        server.kill()
        assert code_of(lambda: execute(made, "select 1")) == "database_unavailable"
        server.start()
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            try:
                assert execute(made, "select 2") == 2
                break
            except Retryable:
                time.sleep(0.05)
        else:
            pytest.fail("the pool never recovered")
        made.dispose()


@EITHER_WAY
def test_a_commit_that_the_standby_did_not_confirm_counts_as_failed(tmp_path: Path, execute: Execute):
    with Postgres(tmp_path) as server:
        wait_for_a_standby_that_does_not_exist(server)
        made = engine(server.url, statement_timeout=timedelta(0))
        canceller = threading.Thread(target=cancel_the_waiting_commit, args=(server.url,))
        canceller.start()
        assert code_of(lambda: execute(made, "insert into t values (1) returning x")) == "commit_unconfirmed"
        canceller.join()
        made.dispose()


def wait_for_a_standby_that_does_not_exist(server: Postgres) -> None:
    with psycopg.connect(server.url, autocommit=True) as connection:
        connection.execute("create table t (x int)")
        connection.execute("alter system set synchronous_standby_names = 'nowhere'")
        connection.execute("select pg_reload_conf()")
        deadline = time.monotonic() + 10
        while connection.execute("show synchronous_standby_names").fetchone() != ("nowhere",):
            assert time.monotonic() < deadline
            time.sleep(0.02)


def cancel_the_waiting_commit(url: str) -> None:
    statement = "select pg_cancel_backend(pid) from pg_stat_activity where wait_event = 'SyncRep'"
    with psycopg.connect(url, autocommit=True) as connection:
        deadline = time.monotonic() + 20
        while connection.execute(statement).fetchone() is None and time.monotonic() < deadline:
            time.sleep(0.02)


@pytest.mark.parametrize("url", ["nonsense", "mysql://root@localhost/x"])
def test_an_address_that_is_no_postgres_is_refused_with_the_form(url: str):
    with pytest.raises(Misconfigured) as caught:
        engine(url)
    assert caught.value.code == "database_url"
    assert "postgresql://" in caught.value.action
