"""Reconciliation and shards, on a real Postgres and a paper exchange."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text
from temporalio.exceptions import ApplicationError
from temporalio.testing import ActivityEnvironment

from domain.accounts import AccountRef
from domain.days import Breaker
from domain.limits import MODERATE
from domain.supervision import BreakerReset, ReconcileOutcome, ReconcileRequest, ShardReport, ShardRun
from domain.watch import ProtectRequest
from runtime.secrets import KeyRing
from storage.postgres.accounts import PostgresAccounts
from storage.postgres.engine import transaction
from storage.postgres.risk import PostgresRiskBook
from tests.integration.fleet_desk import FleetDesk
from tests.stack.paper import Paper
from tests.stack.trading import bench
from tests.workflows.fakes import START
from venues.base import StreamEvent


@pytest.fixture(scope="module")
def paper(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Paper]:
    with Paper(tmp_path_factory.mktemp("paper")) as started:
        yield started


@pytest.fixture
def desk(paper: Paper, database: str, tmp_path: Path, keys: KeyRing) -> Iterator[FleetDesk]:
    made = bench(paper, database, tmp_path, keys)
    yield FleetDesk(made)
    paper.clear_faults()
    made.close()


def reconcile(desk: FleetDesk, account: AccountRef, after: ReconcileOutcome | None = None) -> ReconcileOutcome:
    request = ReconcileRequest(account=account)
    if after is not None:
        request = replace(request, opening_cash=after.opening_cash, read_to=after.at, flagged_to=after.flagged_to)
    outcome: ReconcileOutcome = desk.run("reconcile", request)
    return outcome


def test_an_account_that_traded_reconciles_to_nothing_unexplained(desk: FleetDesk) -> None:
    account = desk.bench.account("anna")
    config = desk.agent(account)
    first = reconcile(desk, account)
    desk.hold_position(account, config)
    desk.bench.paper.post("deposit", user=account.address, usdc="250")
    second = reconcile(desk, account, first)
    assert (first.is_quiet, first.unexplained, first.opening_cash) == (True, Decimal(0), "0")
    assert (second.is_quiet, second.unexplained, second.look_again) == (False, Decimal(0), None)
    assert desk.rows("select amount from transfers where kind = 'deposit' order by time desc")[0].amount == 250


def test_a_trade_by_hand_is_named_on_the_second_look(desk: FleetDesk) -> None:
    account = desk.bench.account("bert")
    desk.agent(account)
    first = reconcile(desk, account)
    desk.bench.paper.post("trade", user=account.address, coin="ETH", side="buy", sz="0.5")
    second = reconcile(desk, account, first)
    assert second.look_again is not None
    assert second.flagged == ()
    outcomes = [second]
    deadline = time.monotonic() + 60
    while not outcomes[-1].flagged:
        assert time.monotonic() < deadline
        time.sleep(1)
        outcomes.append(reconcile(desk, account, outcomes[-1]))
    assert "buy 0.5 ETH" in outcomes[-1].flagged[0]
    assert outcomes[-1].unexplained == 0
    after = reconcile(desk, account, outcomes[-1])
    assert (after.flagged, after.look_again) == ((), None)


def test_a_position_from_before_the_account_was_added_is_taken_over(desk: FleetDesk) -> None:
    account = desk.bench.account("olga")
    desk.bench.paper.post("trade", user=account.address, coin="ETH", side="buy", sz="0.5")
    time.sleep(2)  # the account is added after the trade and its fill, by the database's clock as well
    with transaction(desk.bench.engine) as connection:
        # Fills are read from five minutes before the cursor on, so this one is as good as years old.
        change = (
            "update accounts set created_at = now(), fills_cursor = now() + interval '5 minutes' where id = :account"
        )
        connection.execute(text(change), {"account": account.account_id})
    desk.agent(account)
    outcomes = [reconcile(desk, account)]
    deadline = time.monotonic() + 60
    while outcomes[-1].look_again is not None or len(outcomes) < 2:
        assert time.monotonic() < deadline
        time.sleep(1)
        outcomes.append(reconcile(desk, account, outcomes[-1]))
    desk.bench.paper.post("trade", user=account.address, coin="ETH", side="sell", sz="0.2")
    later = reconcile(desk, account, outcomes[-1])
    assert [outcome.unexplained for outcome in (*outcomes, later)] == [Decimal(0)] * (len(outcomes) + 1)
    taken = desk.rows("select coin, amount from differences where repair = 'taken over'")
    assert [(row.coin, row.amount) for row in taken] == [("ETH", Decimal("0.5"))]


def test_a_fill_from_just_before_the_account_was_added_is_not_paid_for_twice(desk: FleetDesk) -> None:
    account = desk.bench.account("otto")
    desk.bench.paper.post("trade", user=account.address, coin="ETH", side="buy", sz="0.5")
    desk.agent(account)
    outcomes = [reconcile(desk, account)]
    outcomes.append(reconcile(desk, account, outcomes[-1]))
    assert [outcome.unexplained for outcome in outcomes] == [Decimal(0), Decimal(0)]
    assert not desk.rows("select * from differences where kind = 'unexplained'")


def test_a_fill_that_the_stream_missed_is_recorded_and_bound(desk: FleetDesk) -> None:
    account = desk.bench.account("cora")
    config = desk.agent(account)
    owner = desk.hold_position(account, config, is_synced=False)
    outcome = reconcile(desk, account)
    assert any(repair.startswith("recorded buy") for repair in outcome.repairs)
    assert desk.bench.books.intents.fills(owner)


def test_a_row_that_no_running_intent_waits_for_is_settled(desk: FleetDesk) -> None:
    account = desk.bench.account("dora")
    desk.agent(account)
    order = desk.lose_answer(account, "execute_then_drop")
    outcome = reconcile(desk, account)
    assert f"settled {order.key}" in outcome.repairs
    row = desk.bench.row(order.key.client_id)
    assert row.state == "DONE"


def test_a_slot_whose_owner_has_ended_is_freed_when_the_account_is_flat(desk: FleetDesk) -> None:
    account = desk.bench.account("emil")
    config = desk.agent(account)
    owner = desk.hold_position(account, config)
    size = desk.bench.fence.sync.sync(account).position("ETH")
    assert size is not None
    desk.bench.paper.post("trade", user=account.address, coin="ETH", side="sell", sz=str(size.size))
    alive = reconcile(desk, account)
    desk.workflows.alive.clear()
    gone = reconcile(desk, account, alive)
    assert not any(repair.startswith("ended") for repair in alive.repairs)
    assert f"ended {owner}" in gone.repairs
    assert desk.bench.books.intents.owner(account.account_id, "ETH") == ""
    view = desk.bench.books.intents.view(owner)
    assert view is not None
    assert view.phase == "CLOSED"


def test_a_days_loss_trips_the_breaker_once_and_a_reset_lifts_it(desk: FleetDesk) -> None:
    account = desk.bench.account("fred")
    config = desk.agent(account, limits=replace(MODERATE, daily_loss=Decimal("0.0000001")))
    first = reconcile(desk, account)
    desk.hold_position(account, config)
    tripped = reconcile(desk, account, first)
    again = reconcile(desk, account, tripped)
    desk.run("reset_breaker", BreakerReset(account=account, by="operator"))
    assert (first.breaker, first.is_tripped) == ("", False)
    assert tripped.is_tripped
    assert "loss" in tripped.breaker
    assert (again.is_tripped, bool(again.breaker)) == (False, True)
    assert PostgresRiskBook(desk.bench.engine).breaker(account.account_id) is None
    assert desk.rows("select action from audit_log")[0].action == "breaker.reset"


def run_shard(desk: FleetDesk, seconds: float = 2.0) -> ShardReport:
    run = ShardRun(
        venue="hyperliquid",
        network="paper",
        sync_every=timedelta(seconds=0.5),
        run_for=timedelta(seconds=seconds),
    )
    shards = PostgresAccounts(desk.bench.engine).shards()
    assert shards == (("hyperliquid", "paper", "default", 0),)
    activity: Any = desk.owner("run_shard").run_shard
    report: ShardReport = asyncio.run(ActivityEnvironment().run(activity, run))
    return report


def test_a_shard_syncs_its_accounts_and_wakes_for_exposure_and_fills(desk: FleetDesk) -> None:
    account = desk.bench.account("gerd")
    config = desk.agent(account)
    idle = run_shard(desk)
    assert (idle.accounts, idle.wakes) == (1, 0)
    assert idle.syncs >= 2
    owner = desk.hold_position(account, config, is_synced=False)
    busy = run_shard(desk)
    assert busy.fills >= 1
    assert desk.workflows.filled == []
    assert desk.workflows.woken[0][0] == account.account_id
    assert {"fill", "exposed"} <= set(desk.workflows.woken[0][1].split(", "))
    # The answer to its own order told the owner of that fill; of somebody else's on its coin it has to be told.
    desk.bench.paper.post("trade", user=account.address, coin="ETH", side="buy", sz="0.5")
    run_shard(desk)
    assert desk.workflows.filled == [owner]


def test_a_stream_event_makes_a_shard_look_soon(desk: FleetDesk) -> None:
    account = desk.bench.account("hugo")
    desk.tape.said = [StreamEvent(address=account.address, kind="fill"), StreamEvent(address="0xelse", kind="fill")]
    run_shard(desk)
    assert desk.metrics.counted.get("stream_wakes") == 1


def test_the_owner_is_told_to_look_when_somebody_has_cancelled_its_stop(desk: FleetDesk) -> None:
    """Its own next look at a quiet position is minutes away."""
    account = desk.bench.account("kurt")
    wish = desk.bench.wish(account, "one", protection=desk.bench.stop_at("ETH", "0.9"))
    desk.bench.orders.place_order(desk.bench.approved(wish))
    protect = ProtectRequest(intent=wish, protection=wish.protection)
    assert desk.bench.positions.protect_position(protect).is_protected
    run_shard(desk)
    desk.workflows.filled.clear()
    run_shard(desk)
    assert desk.workflows.filled == []
    stop = next(row for row in desk.bench.admitted(account) if row["status"] == "open")
    desk.bench.paper.post("cancel", oid=stop["oid"])
    run_shard(desk)
    assert set(desk.workflows.filled) == {wish.intent_id}


def test_a_shard_goes_on_when_the_venue_is_away(desk: FleetDesk) -> None:
    desk.bench.account("ida")
    desk.bench.paper.fault("info", "http_500", rate=1.0)
    run_shard(desk, seconds=1.5)
    assert desk.metrics.counted["sync_failures"] >= 1
    desk.bench.paper.clear_faults()
    assert run_shard(desk).syncs >= 1


def test_a_fill_that_the_stream_told_of_is_read_although_the_address_is_refused_other_reads(desk: FleetDesk) -> None:
    account = desk.bench.account("jana")
    config = desk.agent(account)
    desk.hold_position(account, config, is_synced=False)
    desk.tape.said = [StreamEvent(address=account.address, kind="fill")]
    desk.bench.paper.fault("info", "http_429", rate=1.0, type="clearinghouseState")
    report = run_shard(desk, seconds=4)
    assert report.fills >= 1
    assert desk.metrics.counted["sync_failures"] >= 1


def test_a_breaker_is_not_tripped_twice(desk: FleetDesk) -> None:
    account = desk.bench.account("yves")
    desk.agent(account)
    book = PostgresRiskBook(desk.bench.engine)
    breaker = Breaker(code="loss_streak", reason="six", tripped_at=START)
    assert book.trip(account.account_id, breaker)
    assert not book.trip(account.account_id, breaker)
    assert reconcile(desk, account).breaker == "six"


def test_an_unknown_account_is_refused_for_good(desk: FleetDesk) -> None:
    account = replace(desk.bench.account("zoe"), account_id="nobody")
    with pytest.raises(ApplicationError) as failure:
        reconcile(desk, account)
    assert failure.value.non_retryable
