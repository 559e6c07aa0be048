"""Events, the audit log, idempotency and settings."""

import asyncio
import threading
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Engine, insert, text, update

from domain.errors import Refused, Retryable
from storage.postgres import tables
from storage.postgres.audit import PostgresAudit, append_audit
from storage.postgres.engine import transaction
from storage.postgres.events import PostgresEvents, emit, listen
from storage.postgres.idempotency import PostgresIdempotency
from storage.postgres.settings import PostgresUserSettings
from storage.records import User
from tests.integration.storage.conftest import in_parallel

LATER = datetime(2100, 1, 1, tzinfo=UTC)


def test_events_are_read_again_by_id(db: Engine):
    events = PostgresEvents(db)
    ids = [events.append("u", "fill", {"n": str(n)}) for n in range(3)]
    events.append("v", "fill", {})
    found = events.since("u", ids[0])
    assert [(event.id, event.body) for event in found] == [(ids[1], {"n": "1"}), (ids[2], {"n": "2"})]
    assert events.newest("u") == ids[2]
    assert events.newest("nobody") == 0


def test_a_reader_never_passes_an_event_that_is_not_committed_yet(db: Engine):
    events = PostgresEvents(db)
    answered = threading.Event()

    def append_second() -> None:
        events.append("u", "second", {})
        answered.set()

    with transaction(db) as connection:
        emit(connection, "u", "first", {})
        other = threading.Thread(target=append_second)
        other.start()
        # Were the second one visible now, a reader would go on after it and never see the first.
        assert not answered.wait(0.3)
        assert events.since("u", 0) == ()
        events.append("v", "other", {})
    other.join()
    assert [event.kind for event in events.since("u", 0)] == ["first", "second"]


def test_everybody_hears_a_broadcast(db: Engine, alice: User, bob: User):
    events = PostgresEvents(db)
    assert events.broadcast("halt", {"scope": "platform"}) == 2
    assert [events.since(user.user_id, 0)[0].kind for user in (alice, bob)] == ["halt", "halt"]


def test_old_events_are_forgotten(db: Engine):
    events = PostgresEvents(db)
    events.append("u", "fill", {})
    assert events.prune(datetime(2020, 1, 1, tzinfo=UTC)) == 0
    assert events.prune(LATER) == 1


async def test_a_listener_is_woken_by_commits_only(db: Engine, database: str):
    woken = listen(database)
    assert await anext(woken) == ""

    def abandoned() -> None:
        with transaction(db) as connection:
            emit(connection, "nobody", "lost", {})
            raise Refused("no", "No.")

    with pytest.raises(Refused):
        await asyncio.to_thread(abandoned)
    await asyncio.to_thread(PostgresEvents(db).append, "u", "fill", {})
    assert await asyncio.wait_for(anext(woken), 10) == "u"
    await woken.aclose()  # type: ignore[attr-defined]


async def test_a_listener_that_loses_its_connection_says_so(db: Engine, database: str):
    woken = listen(database)
    await anext(woken)
    with transaction(db) as connection:
        connection.execute(text("select pg_terminate_backend(pid) from pg_stat_activity where query like 'listen%'"))
    with pytest.raises(Retryable):
        await asyncio.wait_for(anext(woken), 10)


def test_the_audit_log_is_a_chain_even_when_written_by_many(db: Engine):
    audit = PostgresAudit(db)
    in_parallel(*(lambda n=n: audit.append("ann", "halt", f"object {n}", {"n": str(n)}) for n in range(6)))
    assert audit.verify().entries == 6
    assert audit.verify().broken_at == 0
    assert len({entry.hash for entry in audit.entries().items}) == 6
    assert [entry.object for entry in audit.entries(object_="object 3").items] == ["object 3"]


@pytest.mark.parametrize("change", [{"actor": "eve"}, {"body": {"n": "9"}}, {"at": LATER}, {"previous_hash": "x"}])
def test_a_changed_entry_breaks_the_chain(db: Engine, change: dict[str, object]):
    audit = PostgresAudit(db)
    entries = [audit.append("ann", "halt", "platform", {"n": str(n)}) for n in range(3)]
    with transaction(db) as connection:
        connection.execute(text("set local session_replication_role = replica"))
        connection.execute(update(tables.audit_log).where(tables.audit_log.c.id == entries[1].id).values(**change))
    assert audit.verify().broken_at == entries[1].id


def test_a_removed_entry_breaks_the_chain(db: Engine):
    audit = PostgresAudit(db)
    entries = [audit.append("ann", "halt", "platform") for _ in range(3)]
    with transaction(db) as connection:
        connection.execute(text("set local session_replication_role = replica"))
        connection.execute(text(f"delete from audit_log where id = {entries[0].id}"))
    assert audit.verify().broken_at == entries[1].id


def test_an_act_that_is_rolled_back_leaves_no_gap(db: Engine):
    def abandoned() -> None:
        with transaction(db) as connection:
            append_audit(connection, "ann", "halt", "platform")
            raise Refused("no", "No.")

    with pytest.raises(Refused):
        abandoned()
    PostgresAudit(db).append("ann", "release", "platform")
    assert PostgresAudit(db).verify().entries == 1


def code_of(call) -> str:
    with pytest.raises(Refused) as caught:
        call()
    return caught.value.code


def test_a_repeated_request_gets_the_first_answer(db: Engine):
    book = PostgresIdempotency(db)
    assert book.claim("u", "k", "hash") is None
    book.finish("u", "k", 201, {"id": "7"})
    stored = book.claim("u", "k", "hash")
    assert stored is not None
    assert (stored.status, stored.body) == (201, {"id": "7"})
    assert book.claim("v", "k", "other") is None


def test_a_key_belongs_to_one_request(db: Engine):
    book = PostgresIdempotency(db)
    book.claim("u", "k", "hash")
    assert code_of(lambda: book.claim("u", "k", "other")) == "idempotency_mismatch"


def test_of_two_requests_at_once_one_is_carried_out(db: Engine):
    book = PostgresIdempotency(db)
    answers = in_parallel(*(lambda: book.claim("u", "k", "hash") for _ in range(3)))
    assert [answer for answer in answers if answer is None] == [None]
    assert {answer.code for answer in answers if answer is not None} == {"idempotency_in_progress"}


def test_a_request_whose_process_died_can_be_taken_over_once(db: Engine):
    book = PostgresIdempotency(db)
    book.claim("u", "k", "hash")
    with transaction(db) as connection:
        past = tables.idempotency.c.created_at - timedelta(minutes=5)
        connection.execute(update(tables.idempotency).values(created_at=past))
    assert book.claim("u", "k", "hash") is None
    assert code_of(lambda: book.claim("u", "k", "hash")) == "idempotency_in_progress"


def test_a_request_without_effect_can_be_tried_again(db: Engine):
    book = PostgresIdempotency(db)
    book.claim("u", "k", "hash")
    book.abandon("u", "k")
    assert book.claim("u", "k", "hash") is None
    book.finish("u", "k", 200, None)
    book.abandon("u", "k")
    assert book.claim("u", "k", "hash") is not None
    assert book.prune(LATER) == 1


def test_settings_are_each_users_own(db: Engine, alice: User, bob: User):
    settings = PostgresUserSettings(db)
    settings.put(alice.user_id, {"theme": "dark", "rows": 50})
    settings.put(alice.user_id, {"theme": "light", "columns": ["a", "b"]})
    settings.put(bob.user_id, {})
    assert settings.read(alice.user_id) == {"columns": ["a", "b"], "rows": 50, "theme": "light"}
    assert settings.read(bob.user_id) == {}
    assert settings.delete(alice.user_id, "rows") == 1
    assert settings.delete(alice.user_id) == 2


def test_a_disabled_user_hears_no_broadcast(db: Engine, alice: User):
    with transaction(db) as connection:
        connection.execute(insert(tables.users).values(id="gone", name="gone", disabled_at=LATER))
    assert PostgresEvents(db).broadcast("halt", {}) == 1
