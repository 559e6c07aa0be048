"""Halts and epochs."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Engine, insert, update

from domain.accounts import AccountRef
from domain.errors import Refused
from domain.halts import HaltFlag
from domain.orders import OrderState
from storage.postgres import tables
from storage.postgres.accounts import PostgresAccounts
from storage.postgres.engine import transaction
from storage.postgres.epochs import PostgresEpochs
from storage.postgres.halts import PostgresHalts
from tests.integration.storage.conftest import in_parallel, intent_of, put_intent, put_order

DEADLINE = datetime(2026, 3, 1, 12, 0, 8, tzinfo=UTC)


def test_a_halt_is_committed_once_however_often_it_is_asked_for(db: Engine):
    book = PostgresHalts(db)
    first = book.commit(HaltFlag(reason="storm", by="ann"))
    assert book.commit(HaltFlag(reason="again", by="ben")) == first
    assert book.in_force() == (first,)
    assert book.release("platform", "", "ann")
    assert not book.release("platform", "", "ann")
    assert book.in_force() == ()
    assert book.commit(HaltFlag()).id > first.id


def test_a_halt_from_two_sides_at_once_is_one_halt(db: Engine):
    answers = in_parallel(*(lambda: PostgresHalts(db).commit(HaltFlag()).id for _ in range(4)))
    assert len(set(answers)) == 1
    assert isinstance(answers[0], int)


@pytest.mark.parametrize(
    ("scope", "key", "halted"),
    [
        ("platform", "", True),
        ("venue", "hyperliquid", True),
        ("venue", "binance", False),
        ("user", "u", True),
        ("user", "v", False),
        ("agent", "a", True),
        ("agent", "b", False),
    ],
)
def test_a_halt_covers_what_is_in_its_scope(db: Engine, scope: str, key: str, halted: bool):
    book = PostgresHalts(db)
    book.commit(HaltFlag(scope=scope, key=key))
    assert (book.halted_by(venue="hyperliquid", user_id="u", agent_id="a") is not None) is halted


def test_the_widest_halt_is_named(db: Engine):
    book = PostgresHalts(db)
    for flag in (HaltFlag(scope="agent", key="a"), HaltFlag(), HaltFlag(scope="user", key="u")):
        book.commit(flag)
    found = book.halted_by(venue="hyperliquid", user_id="u", agent_id="a")
    assert found is not None
    assert found.flag.scope == "platform"


@pytest.mark.parametrize("flag", [HaltFlag(scope="moon"), HaltFlag(key="x"), HaltFlag(scope="user")])
def test_a_halt_that_names_nothing_is_refused(db: Engine, flag: HaltFlag):
    with pytest.raises(Refused) as caught:
        PostgresHalts(db).commit(flag)
    assert caught.value.code == "bad_scope"


def test_drained_is_said_once(db: Engine):
    book = PostgresHalts(db)
    halt = book.commit(HaltFlag())
    at = book.mark_drained(halt.id)
    assert book.mark_drained(halt.id) == at
    assert book.in_force()[0].drained_at == at


def test_only_opening_rows_that_may_still_be_admitted_keep_a_halt_from_draining(db: Engine, account: AccountRef):
    intent = put_intent(db, intent_of(account, agent_id="agent-1"))
    for n, state in enumerate(OrderState):
        put_order(db, intent, f"open.{n}", state=state, expires_at=DEADLINE + timedelta(seconds=n))
    put_order(db, intent, "close", state="SENDING", opening=False, reduce_only=True, expires_at=DEADLINE)
    (found,) = PostgresHalts(db).in_flight("platform", "")
    assert (found.account, found.rows) == (account, 2)
    assert found.last_deadline == DEADLINE + timedelta(seconds=list(OrderState).index(OrderState.UNKNOWN))


@pytest.mark.parametrize(
    ("scope", "key", "rows"),
    [
        ("platform", "", 2),
        ("venue", "hyperliquid", 2),
        ("venue", "binance", 0),
        ("user", "{alice}", 1),
        ("agent", "agent-1", 1),
        ("agent", "agent-9", 0),
        ("moon", "", 0),
    ],
)
def test_a_drain_looks_inside_its_scope(
    db: Engine, account: AccountRef, account_of_bob: AccountRef, scope: str, key: str, rows: int
):
    for owner, agent in ((account, "agent-1"), (account_of_bob, "agent-2")):
        intent = put_intent(db, intent_of(owner, f"intent of {agent}", agent_id=agent))
        put_order(db, intent, "open", state="SENDING", expires_at=DEADLINE)
        put_order(db, intent, "open.2", state="WORKING", oid="9")
    key = key.format(alice=account.user_id)
    assert sum(found.rows for found in PostgresHalts(db).in_flight(scope, key)) == rows
    assert len(PostgresHalts(db).resting(scope, key)) == rows


def test_resting_orders_are_named_so_that_they_can_be_cancelled(db: Engine, account: AccountRef):
    key = put_order(db, put_intent(db, intent_of(account)), state="WORKING", oid="77")
    (found,) = PostgresHalts(db).resting("user", account.user_id)
    assert (found.account, found.key, found.coin, found.oid) == (account, key, "BTC", "77")


def test_the_first_start_is_trusted_but_not_open(db: Engine):
    epoch = PostgresEpochs(db).register("here")
    assert epoch.confirmed_by == "first start"
    assert not epoch.is_open
    assert PostgresEpochs(db).note_asserted(epoch.epoch)
    current = PostgresEpochs(db).current()
    assert current is not None
    assert current.is_open


def test_a_registered_epoch_stays_as_it_is(db: Engine):
    epochs = PostgresEpochs(db)
    first = epochs.register("here")
    epochs.note_asserted(first.epoch)
    assert epochs.register("here").is_open


def test_an_unregistered_epoch_is_none(db: Engine):
    assert PostgresEpochs(db).current() is None
    assert not PostgresEpochs(db).note_asserted("1/1/then")


def earlier_life(db: Engine, **changes: object) -> None:
    """Pretend that the epoch that was registered belongs to an earlier life of the database."""
    values = {"epoch": "earlier", "seen_at": datetime(2020, 1, 1, tzinfo=UTC)} | changes
    with transaction(db) as connection:
        connection.execute(update(tables.epochs).values(**values))


def test_a_restart_of_the_same_deployment_is_trusted(db: Engine):
    epochs = PostgresEpochs(db)
    epochs.register("here")
    earlier_life(db)
    again = epochs.register("here")
    assert again.confirmed_by == "same deployment"
    assert again.asserted_at is None


def test_a_clone_waits_for_a_person(db: Engine):
    epochs = PostgresEpochs(db)
    epochs.register("here")
    earlier_life(db)
    clone = epochs.register("elsewhere")
    assert clone.confirmed_by == ""
    epochs.note_asserted(clone.epoch)
    assert not epochs.register("elsewhere").is_open
    assert epochs.confirm("elsewhere", "ann").is_open


def test_contents_in_another_cluster_wait_for_a_person(db: Engine):
    epochs = PostgresEpochs(db)
    epochs.register("here")
    earlier_life(db, system_identifier="0815")
    assert epochs.register("here").confirmed_by == ""


def test_an_unconfirmed_life_does_not_confirm_the_next(db: Engine):
    epochs = PostgresEpochs(db)
    epochs.register("here")
    earlier_life(db, confirmed_by=None)
    assert epochs.register("here").confirmed_by == ""


def test_a_second_deployment_on_the_same_database_closes_it(db: Engine):
    epochs = PostgresEpochs(db)
    epochs.note_asserted(epochs.register("here").epoch)
    assert not epochs.register("elsewhere").is_open


def test_a_halt_of_another_venue_leaves_an_account_alone(db: Engine, account: AccountRef):
    other = PostgresAccounts(db).add(account.user_id, venue="binance", network="paper", address="0xA1").ref
    put_order(db, put_intent(db, intent_of(other)), state="UNKNOWN", expires_at=DEADLINE)
    assert PostgresHalts(db).in_flight("venue", "hyperliquid") == ()
    with transaction(db) as connection:
        connection.execute(insert(tables.halts).values(scope="venue", key="binance", reason="x", by="y"))
    assert PostgresHalts(db).halted_by(venue="hyperliquid") is None
