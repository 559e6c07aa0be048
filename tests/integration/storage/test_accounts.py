"""Accounts and agents."""

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import Engine

from domain.accounts import AccountRef
from domain.agents import AgentMode, AgentStatus
from domain.errors import Refused
from domain.limits import AGGRESSIVE
from storage.postgres.accounts import PostgresAccounts
from storage.postgres.agents import PostgresAgents
from storage.postgres.portfolios import PostgresPortfolios
from storage.records import User
from tests.integration.storage.conftest import (
    config_of,
    in_parallel,
    intent_of,
    portfolio_of,
    put_order,
)

PAPER = {"venue": "hyperliquid", "network": "paper"}


def code_of(call, *args, **named) -> str:
    with pytest.raises(Refused) as caught:
        call(*args, **named)
    return caught.value.code


def test_an_account_belongs_to_one_user_whatever_the_spelling(db: Engine, account: AccountRef, bob: User):
    book = PostgresAccounts(db)
    assert account.address == "0xa1"
    assert code_of(book.add, bob.user_id, **PAPER, address="0XA1 ") == "account_exists"
    assert book.add(bob.user_id, venue="hyperliquid", network="testnet", address="0xA1").ref.user_id == bob.user_id


def test_an_address_of_another_chain_keeps_its_case(db: Engine, alice: User):
    assert PostgresAccounts(db).add(alice.user_id, venue="asgard", network="paper", address="AbC").ref.address == "AbC"


def test_two_connections_at_once_make_one_account(db: Engine, alice: User, bob: User):
    book = PostgresAccounts(db)
    answers = in_parallel(
        lambda: book.add(alice.user_id, **PAPER, address="0x77"), lambda: book.add(bob.user_id, **PAPER, address="0x77")
    )
    assert sorted(isinstance(answer, Refused) for answer in answers) == [False, True]


def test_accounts_fill_one_shard_after_the_other(db: Engine, alice: User):
    book = PostgresAccounts(db, per_shard=2)
    shards = [book.add(alice.user_id, **PAPER, address=f"0x{n}").shard for n in range(5)]
    assert shards == [0, 0, 1, 1, 2]
    assert book.add(alice.user_id, **PAPER, address="0x9", egress="second").shard == 0
    assert book.shards() == tuple(
        ("hyperliquid", "paper", e, n) for e, n in [("default", 0), ("default", 1), ("default", 2), ("second", 0)]
    )
    assert [found.ref.address for found in book.shard("hyperliquid", "paper", "default", 1)] == ["0x2", "0x3"]


def test_a_place_that_became_free_is_given_again(db: Engine, alice: User):
    book = PostgresAccounts(db, per_shard=1)
    first = book.add(alice.user_id, **PAPER, address="0x1")
    book.add(alice.user_id, **PAPER, address="0x2")
    book.update(alice.user_id, first.ref.account_id, active=False)
    assert book.add(alice.user_id, **PAPER, address="0x3").shard == 0
    assert {found.ref.address for found in book.active("hyperliquid", "paper")} == {"0x2", "0x3"}


def test_another_users_account_cannot_be_seen_or_changed(db: Engine, account: AccountRef, bob: User):
    book = PostgresAccounts(db)
    assert book.account(bob.user_id, account.account_id) is None
    assert book.accounts(bob.user_id) == ()
    assert code_of(book.update, bob.user_id, account.account_id, name="mine") == "account_unknown"


def test_an_account_that_may_still_trade_stays_active(db: Engine, account: AccountRef):
    book = PostgresAccounts(db)

    def leave() -> object:
        return book.update(account.user_id, account.account_id, active=False)

    put_order(db, intent_of(account), state="WORKING")
    assert code_of(leave) == "account_in_use"


def test_an_account_with_an_active_agent_stays_active(db: Engine, account: AccountRef):
    PostgresAgents(db).add(config_of(account))
    PostgresAgents(db).activate(account.user_id, "agent-1", active=True)
    assert code_of(PostgresAccounts(db).update, account.user_id, account.account_id, active=False) == "account_in_use"


def test_an_account_with_a_position_stays_active(db: Engine, account: AccountRef):
    PostgresPortfolios(db).save(account, portfolio_of(account, size="1"))
    assert code_of(PostgresAccounts(db).update, account.user_id, account.account_id, active=False) == "account_in_use"


def test_an_account_is_changed(db: Engine, account: AccountRef):
    changed = PostgresAccounts(db).update(account.user_id, account.account_id, name="main", manual_trades="adopt")
    assert (changed.name, changed.manual_trades, changed.active) == ("main", "adopt", True)
    assert (
        code_of(PostgresAccounts(db).update, account.user_id, account.account_id, manual_trades="x")
        == "bad_manual_trades"
    )


def test_an_agent_comes_back_as_it_was_configured(db: Engine, account: AccountRef):
    config = config_of(
        account,
        mode=AgentMode.LIVE,
        cycle_every=timedelta(milliseconds=2500),
        limits=AGGRESSIVE,
        settings={"fast": "12"},
        name="trender",
    )
    record = PostgresAgents(db).add(config)
    assert record.config == config
    assert (record.active, record.status, record.cycle) == (False, AgentStatus.STOPPED, 0)
    assert PostgresAgents(db).agent(account.user_id, "agent-1") == record


def test_an_agent_needs_an_account_of_its_own_user(db: Engine, account: AccountRef, bob: User):
    foreign = replace(config_of(account), user_id=bob.user_id)
    assert code_of(PostgresAgents(db).add, foreign) == "account_unknown"
    assert code_of(PostgresAgents(db).add, replace(config_of(account), venue="binance")) == "account_unknown"


def test_an_agent_cannot_be_moved_to_another_account(db: Engine, account: AccountRef):
    agents = PostgresAgents(db)
    agents.add(config_of(account))
    second = PostgresAccounts(db).add(account.user_id, **PAPER, address="0x2").ref
    assert code_of(agents.update, config_of(second)) == "agent_unknown"
    assert agents.update(config_of(account, coins=("SOL",))).config.coins == ("SOL",)


def test_a_running_agent_cannot_be_deleted(db: Engine, account: AccountRef, bob: User):
    agents = PostgresAgents(db)
    agents.add(config_of(account))
    agents.activate(account.user_id, "agent-1", active=True)
    assert code_of(agents.delete, account.user_id, "agent-1") == "agent_running"
    agents.activate(account.user_id, "agent-1", active=False)
    assert not agents.delete(bob.user_id, "agent-1")
    assert agents.delete(account.user_id, "agent-1")


def test_active_agents_come_in_pages_over_all_users(db: Engine, account: AccountRef, account_of_bob: AccountRef):
    agents = PostgresAgents(db)
    for n, owner in enumerate([account, account_of_bob, account]):
        agents.add(config_of(owner, agent_id=f"agent-{n}"))
        agents.activate(owner.user_id, f"agent-{n}", active=n != 2)
    first = agents.active(limit=1)
    second = agents.active(limit=5, after=first[0].config.agent_id)
    assert [record.config.agent_id for record in first + second] == ["agent-0", "agent-1"]
    assert [record.config.agent_id for record in agents.active(user_id=account.user_id)] == ["agent-0"]


def test_a_shown_status_keeps_its_reason(db: Engine, account: AccountRef):
    agents = PostgresAgents(db)
    agents.add(config_of(account))
    agents.show("agent-1", AgentStatus.FAILED, reason="adviser raised")
    (record,) = agents.agents(account.user_id)
    assert (record.status, record.status_reason) == (AgentStatus.FAILED, "adviser raised")
