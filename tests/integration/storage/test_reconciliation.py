"""Ledgers, differences and supervision."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from sqlalchemy import Engine, insert, text

from domain.accounts import AccountRef
from domain.errors import Refused
from domain.intents import IntentPhase
from domain.money import Money
from domain.orders import OrderState
from storage.postgres import tables
from storage.postgres.engine import transaction
from storage.postgres.portfolios import PostgresPortfolios
from storage.postgres.reconciliation import PostgresReconciliations
from storage.postgres.supervision import PostgresSupervision
from storage.records import FoundDifference, Transfer
from tests.integration.storage.conftest import (
    NOW,
    intent_of,
    numbers,
    portfolio_of,
    put_fill,
    put_intent,
    put_order,
)

MANUAL = FoundDifference(coin="BTC", kind="manual_trade", amount=Decimal("0.5"))


def at(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


def test_a_ledger_adds_up_fills_transfers_and_funding(db: Engine, account: AccountRef):
    put_fill(db, account, "1", time=at(0), side="buy", size=Decimal(3))
    put_fill(
        db, account, "2", time=at(1), side="sell", size=Decimal(1), closed_pnl=Decimal(5), start_position=Decimal(3)
    )
    put_fill(db, account, "3", time=at(2), coin="ETH", side="sell", size=Decimal(2))
    book = PostgresReconciliations(db)
    moves = [("deposit", 100), ("withdrawal", -40), ("funding", -2)]
    book.record_transfers(
        tuple(
            Transfer(account_id=account.account_id, time=NOW, kind=kind, amount=Money(Decimal(amount)))
            for kind, amount in moves
        )
    )
    ledger = book.ledger(account.account_id)
    assert ledger.account == account
    assert [total.coin for total in ledger.totals] == ["BTC", "ETH"]
    assert [numbers(total.size, total.closed_pnl, total.fills) for total in ledger.totals] == [[2, 5, 2], [-2, 0, 1]]
    assert ledger.totals[0].fees == Decimal("0.2")
    assert numbers(ledger.transferred, ledger.funding) == [60, -2]


def test_a_position_from_before_the_account_was_added_is_part_of_the_sum(db: Engine, account: AccountRef):
    put_fill(db, account, "10", time=at(0), side="sell", size=Decimal(1), start_position=Decimal(3))
    put_fill(db, account, "9", time=at(0), side="buy", size=Decimal(3), start_position=Decimal(0))
    put_fill(db, account, "11", time=at(1), side="sell", size=Decimal(1), start_position=Decimal(2))
    (total,) = PostgresReconciliations(db).ledger(account.account_id).totals
    assert total.size == 1


def test_a_ledger_shows_what_may_still_trade(db: Engine, account: AccountRef):
    intent = intent_of(account)
    keys = {state: put_order(db, intent, f"open.{state}", state=state) for state in OrderState}
    PostgresPortfolios(db).save(account, portfolio_of(account))
    ledger = PostgresReconciliations(db).ledger(account.account_id)
    live = {keys[state] for state in (OrderState.APPROVED, OrderState.SENDING, OrderState.UNKNOWN, OrderState.WORKING)}
    assert {row.key for row in ledger.live} == live
    assert ledger.first_equity is not None
    assert ledger.first_equity.equity == 1000


def test_an_unknown_account_has_no_ledger(db: Engine):
    with pytest.raises(Refused) as caught:
        PostgresReconciliations(db).ledger("nobody")
    assert caught.value.code == "account_unknown"


def test_a_difference_counts_when_two_syncs_ten_seconds_apart_saw_it(db: Engine, account: AccountRef):
    book = PostgresReconciliations(db)
    seen = [book.observe(account.account_id, (MANUAL,), at(seconds))[0] for seconds in (0, 9.9, 10, 20)]
    assert [difference.counted_at for difference in seen] == [None, None, at(10), at(10)]
    assert {difference.id for difference in seen} == {seen[0].id}
    assert seen[0].first_seen_at == NOW


def test_a_passing_difference_is_forgotten(db: Engine, account: AccountRef):
    book = PostgresReconciliations(db)
    book.observe(account.account_id, (MANUAL,), at(0))
    assert book.observe(account.account_id, (), at(5)) == ()
    (again,) = book.observe(account.account_id, (MANUAL,), at(11))
    assert again.counted_at is None
    assert book.differences(account.user_id, open_only=False) == (again,)


def test_a_difference_that_counted_stays_in_the_history(db: Engine, account: AccountRef):
    book = PostgresReconciliations(db)
    book.observe(account.account_id, (MANUAL,), at(0))
    book.observe(account.account_id, (MANUAL,), at(10))
    assert book.observe(account.account_id, (), at(20)) == ()
    (kept,) = book.differences(account.user_id, open_only=False)
    assert (kept.repair, kept.repaired_at) == ("vanished", at(20))
    assert book.differences(account.user_id) == ()
    assert book.differences("somebody else", open_only=False) == ()


def test_a_repaired_difference_is_closed_once(db: Engine, account: AccountRef):
    book = PostgresReconciliations(db)
    (found,) = book.observe(account.account_id, (MANUAL,), at(0))
    assert book.repair(found.id, "adopted")
    assert not book.repair(found.id, "again")
    assert book.differences(account.user_id, open_only=False)[0].repair == "adopted"


def test_every_position_is_shown_with_its_owner(db: Engine, account: AccountRef, account_of_bob: AccountRef):
    portfolios = PostgresPortfolios(db)
    portfolios.save(account, portfolio_of(account, size="2"))
    portfolios.save(account_of_bob, portfolio_of(account_of_bob, size="-1"))
    put_intent(db, intent_of(account), phase="PROTECTED", touched_at=at(-60))
    with transaction(db) as connection:
        slot = {"account_id": account.account_id, "instrument": "BTC", "owner_intent": "intent-1"}
        connection.execute(insert(tables.slots).values(**slot))
    found = {exposed.account.account_id: exposed for exposed in PostgresSupervision(db).exposed()}
    owned, orphan = found[account.account_id], found[account_of_bob.account_id]
    assert (owned.owner_intent, owned.owner_phase) == ("intent-1", "PROTECTED")
    assert numbers(owned.size) == [2]
    # The slot was touched just now, the intent long ago: either is a sign of life.
    assert owned.owner_touched_at is not None
    assert owned.owner_touched_at > at(0)
    assert (orphan.owner_intent, orphan.owner_touched_at, orphan.side) == ("", None, "sell")


def test_a_slot_whose_intent_has_no_row_is_still_shown(db: Engine, account: AccountRef):
    PostgresPortfolios(db).save(account, portfolio_of(account, size="2"))
    with transaction(db) as connection:
        slot = {"account_id": account.account_id, "instrument": "BTC", "owner_intent": "lost"}
        connection.execute(insert(tables.slots).values(**slot))
    (found,) = PostgresSupervision(db).exposed()
    assert (found.owner_intent, found.owner_phase) == ("lost", "")


def test_a_live_row_is_stale_when_its_intent_is_silent(db: Engine, account: AccountRef):
    long_ago = datetime.now(UTC) - timedelta(hours=1)
    silent = put_intent(db, intent_of(account, "silent"), touched_at=long_ago)
    lively = put_intent(db, intent_of(account, "lively"))
    nobody = intent_of(account, "nobody")
    for intent in (silent, lively, nobody):
        put_order(db, intent, state="UNKNOWN", approved_at=long_ago, sent_at=long_ago)
    put_order(db, silent, "open.2", state="DONE", approved_at=long_ago)
    stale = PostgresSupervision(db).stale_rows(timedelta(minutes=10))
    assert {row.key.intent_id for row in stale} == {"silent", "nobody"}


def test_phases_are_read_in_bulk(db: Engine, account: AccountRef):
    put_intent(db, intent_of(account, "a"), phase="FILLED")
    put_intent(db, intent_of(account, "b"), phase="CLOSED")
    found = PostgresSupervision(db).phases(("a", "b", "c"))
    assert found == {"a": IntentPhase.FILLED, "b": IntentPhase.CLOSED}
    assert PostgresSupervision(db).phases(()) == {}


def test_the_ledger_is_read_at_one_instant(db: Engine, account: AccountRef):
    # The isolation level is the transaction's own and must not stick to the pooled connection.
    PostgresReconciliations(db).ledger(account.account_id)
    with transaction(db) as connection:
        assert connection.scalar(text("show transaction_isolation")) == "read committed"
        assert connection.scalar(text("show transaction_read_only")) == "off"
