"""Reconciliation and shards, on a real Postgres and a paper exchange."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
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
from storage.postgres.accounts import PostgresAccounts
from storage.postgres.engine import transaction
from storage.postgres.risk import PostgresRiskBook
from tests.integration.fleet_desk import FleetDesk
from tests.workflows.fakes import START
from venues.base import StreamEvent


def reconcile(fleet: FleetDesk, account: AccountRef, after: ReconcileOutcome | None = None) -> ReconcileOutcome:
    request = ReconcileRequest(account=account)
    if after is not None:
        request = replace(request, opening_cash=after.opening_cash, read_to=after.at, flagged_to=after.flagged_to)
    outcome: ReconcileOutcome = fleet.run("reconcile", request)
    return outcome


def test_an_account_that_traded_reconciles_to_nothing_unexplained(fleet: FleetDesk) -> None:
    account = fleet.bench.account("anna")
    config = fleet.agent(account)
    first = reconcile(fleet, account)
    fleet.hold_position(account, config)
    fleet.bench.paper.post("deposit", user=account.address, usdc="250")
    second = reconcile(fleet, account, first)
    assert (first.is_quiet, first.unexplained, first.opening_cash) == (True, Decimal(0), "0")
    assert (second.is_quiet, second.unexplained, second.look_again) == (False, Decimal(0), None)
    assert fleet.rows("select amount from transfers where kind = 'deposit' order by time desc")[0].amount == 250


def test_a_trade_by_hand_is_named_on_the_second_look(fleet: FleetDesk) -> None:
    account = fleet.bench.account("bert")
    fleet.agent(account)
    first = reconcile(fleet, account)
    fleet.bench.paper.post("trade", user=account.address, coin="ETH", side="buy", sz="0.5")
    second = reconcile(fleet, account, first)
    assert second.look_again is not None
    assert second.flagged == ()
    outcomes = [second]
    deadline = time.monotonic() + 60
    while not outcomes[-1].flagged:
        assert time.monotonic() < deadline
        time.sleep(1)
        outcomes.append(reconcile(fleet, account, outcomes[-1]))
    assert "buy 0.5 ETH" in outcomes[-1].flagged[0]
    assert outcomes[-1].unexplained == 0
    after = reconcile(fleet, account, outcomes[-1])
    assert (after.flagged, after.look_again) == ((), None)


def test_a_position_from_before_the_account_was_added_is_taken_over(fleet: FleetDesk) -> None:
    account = fleet.bench.account("olga")
    fleet.bench.paper.post("trade", user=account.address, coin="ETH", side="buy", sz="0.5")
    time.sleep(2)  # the account is added after the trade and its fill, by the database's clock as well
    with transaction(fleet.bench.engine) as connection:
        # Fills are read from five minutes before the cursor on, so this one is as good as years old.
        change = (
            "update accounts set created_at = now(), fills_cursor = now() + interval '5 minutes' where id = :account"
        )
        connection.execute(text(change), {"account": account.account_id})
    fleet.agent(account)
    outcomes = [reconcile(fleet, account)]
    deadline = time.monotonic() + 60
    while outcomes[-1].look_again is not None or len(outcomes) < 2:
        assert time.monotonic() < deadline
        time.sleep(1)
        outcomes.append(reconcile(fleet, account, outcomes[-1]))
    fleet.bench.paper.post("trade", user=account.address, coin="ETH", side="sell", sz="0.2")
    later = reconcile(fleet, account, outcomes[-1])
    assert [outcome.unexplained for outcome in (*outcomes, later)] == [Decimal(0)] * (len(outcomes) + 1)
    taken = fleet.rows("select coin, amount from differences where repair = 'taken over'")
    assert [(row.coin, row.amount) for row in taken] == [("ETH", Decimal("0.5"))]


def test_a_fill_from_just_before_the_account_was_added_is_not_paid_for_twice(fleet: FleetDesk) -> None:
    account = fleet.bench.account("otto")
    fleet.bench.paper.post("trade", user=account.address, coin="ETH", side="buy", sz="0.5")
    fleet.agent(account)
    outcomes = [reconcile(fleet, account)]
    outcomes.append(reconcile(fleet, account, outcomes[-1]))
    assert [outcome.unexplained for outcome in outcomes] == [Decimal(0), Decimal(0)]
    assert not fleet.rows("select * from differences where kind = 'unexplained'")


def test_a_fill_that_the_stream_missed_is_recorded_and_bound(fleet: FleetDesk) -> None:
    account = fleet.bench.account("cora")
    config = fleet.agent(account)
    owner = fleet.hold_position(account, config, is_synced=False)
    outcome = reconcile(fleet, account)
    assert any(repair.startswith("recorded buy") for repair in outcome.repairs)
    assert fleet.bench.books.intents.fills(owner)


def test_a_row_that_no_running_intent_waits_for_is_settled(fleet: FleetDesk) -> None:
    account = fleet.bench.account("dora")
    fleet.agent(account)
    order = fleet.lose_answer(account, "execute_then_drop")
    outcome = reconcile(fleet, account)
    assert f"settled {order.key}" in outcome.repairs
    row = fleet.bench.row(order.key.client_id)
    assert row.state == "DONE"


def test_a_slot_whose_owner_has_ended_is_freed_when_the_account_is_flat(fleet: FleetDesk) -> None:
    account = fleet.bench.account("emil")
    config = fleet.agent(account)
    owner = fleet.hold_position(account, config)
    size = fleet.bench.fence.sync.sync(account).position("ETH")
    assert size is not None
    fleet.bench.paper.post("trade", user=account.address, coin="ETH", side="sell", sz=str(size.size))
    alive = reconcile(fleet, account)
    fleet.workflows.alive.clear()
    gone = reconcile(fleet, account, alive)
    assert not any(repair.startswith("ended") for repair in alive.repairs)
    assert f"ended {owner}" in gone.repairs
    assert fleet.bench.books.intents.owner(account.account_id, "ETH") == ""
    view = fleet.bench.books.intents.view(owner)
    assert view is not None
    assert view.phase == "CLOSED"


def test_a_days_loss_trips_the_breaker_once_and_a_reset_lifts_it(fleet: FleetDesk) -> None:
    account = fleet.bench.account("fred")
    config = fleet.agent(account, limits=replace(MODERATE, daily_loss=Decimal("0.0000001")))
    first = reconcile(fleet, account)
    fleet.hold_position(account, config)
    tripped = reconcile(fleet, account, first)
    again = reconcile(fleet, account, tripped)
    fleet.run("reset_breaker", BreakerReset(account=account, by="operator"))
    assert (first.breaker, first.is_tripped) == ("", False)
    assert tripped.is_tripped
    assert "loss" in tripped.breaker
    assert (again.is_tripped, bool(again.breaker)) == (False, True)
    assert PostgresRiskBook(fleet.bench.engine).breaker(account.account_id) is None
    assert fleet.rows("select action from audit_log")[0].action == "breaker.reset"


def run_shard(fleet: FleetDesk, seconds: float = 2.0, every: float = 0.5) -> ShardReport:
    run = ShardRun(
        venue="hyperliquid",
        network="paper",
        sync_every=timedelta(seconds=every),
        run_for=timedelta(seconds=seconds),
    )
    shards = PostgresAccounts(fleet.bench.engine).shards()
    assert shards == (("hyperliquid", "paper", "default", 0),)
    activity: Any = fleet.owner("run_shard").run_shard
    report: ShardReport = asyncio.run(ActivityEnvironment().run(activity, run))
    return report


def test_a_shard_syncs_its_accounts_and_wakes_for_exposure_and_fills(fleet: FleetDesk) -> None:
    account = fleet.bench.account("gerd")
    config = fleet.agent(account)
    idle = run_shard(fleet)
    assert (idle.accounts, idle.wakes) == (1, 0)
    assert idle.syncs >= 2
    owner = fleet.hold_position(account, config, is_synced=False)
    busy = run_shard(fleet)
    assert busy.fills >= 1
    assert fleet.workflows.filled == []
    assert fleet.workflows.woken[0][0] == account.account_id
    assert {"fill", "exposed"} <= set(fleet.workflows.woken[0][1].split(", "))
    # The answer to its own order told the owner of that fill; of somebody else's on its coin it has to be told.
    fleet.bench.paper.post("trade", user=account.address, coin="ETH", side="buy", sz="0.5")
    run_shard(fleet)
    assert fleet.workflows.filled == [owner]


def test_a_stream_event_makes_a_shard_look_soon(fleet: FleetDesk) -> None:
    account = fleet.bench.account("hugo")
    fleet.tape.said = [StreamEvent(address=account.address, kind="fill"), StreamEvent(address="0xelse", kind="fill")]
    run_shard(fleet)
    assert fleet.metrics.counted.get("stream_wakes") == 1


def test_a_shard_that_sleeps_looks_as_soon_as_its_stream_speaks(fleet: FleetDesk) -> None:
    account = fleet.bench.account("hugh")
    assert run_shard(fleet, every=60).syncs == 1
    fleet.tape.said = [StreamEvent(address=account.address, kind="order")]
    assert run_shard(fleet, every=60).syncs == 2


def test_fills_of_one_second_are_read_at_once_and_lead_to_one_look_and_one_word(fleet: FleetDesk) -> None:
    """Each word starts a reconciliation, and an account may trade ten coins in a second."""
    account = fleet.bench.account("hans")
    coins = ("ETH", "BTC", "SOL")
    seen: list[int] = []

    def trade(_: StreamEvent) -> None:
        seen.append(len(fleet.rows("select 1 from fills")))
        fleet.bench.paper.post("trade", user=account.address, coin=coins[len(seen) - 1], side="buy", sz="0.5")

    fleet.tape.before = trade
    fleet.tape.said = [StreamEvent(address=account.address, kind="fill")] * len(coins)
    fleet.tape.pause = 0.35
    report = run_shard(fleet, seconds=4, every=60)
    assert report.fills >= len(coins)
    assert seen[-1] >= 1
    assert report.syncs == 2
    told = [reason for _, reason in fleet.workflows.woken if "fill" in reason]
    assert len(told) == 1, fleet.workflows.woken


def test_the_owner_is_told_to_look_when_somebody_has_cancelled_its_stop(fleet: FleetDesk) -> None:
    """Its own next look at a quiet position is minutes away."""
    account = fleet.bench.account("kurt")
    wish = fleet.bench.wish(account, "one", protection=fleet.bench.stop_at("ETH", "0.9"))
    fleet.bench.orders.place_order(fleet.bench.approved(wish))
    protect = ProtectRequest(intent=wish, protection=wish.protection)
    assert fleet.bench.positions.protect_position(protect).is_protected
    run_shard(fleet)
    fleet.workflows.filled.clear()
    run_shard(fleet)
    assert fleet.workflows.filled == []
    stop = next(row for row in fleet.bench.admitted(account) if row["status"] == "open")
    fleet.bench.paper.post("cancel", oid=stop["oid"])
    run_shard(fleet)
    assert set(fleet.workflows.filled) == {wish.intent_id}


def test_a_shard_goes_on_when_the_venue_is_away(fleet: FleetDesk) -> None:
    fleet.bench.account("ida")
    fleet.bench.paper.fault("info", "http_500", rate=1.0)
    run_shard(fleet, seconds=1.5)
    assert fleet.metrics.counted["sync_failures"] >= 1
    fleet.bench.paper.clear_faults()
    assert run_shard(fleet).syncs >= 1


def test_a_fill_that_the_stream_told_of_is_read_although_the_address_is_refused_other_reads(fleet: FleetDesk) -> None:
    account = fleet.bench.account("jana")
    config = fleet.agent(account)
    fleet.hold_position(account, config, is_synced=False)
    fleet.tape.said = [StreamEvent(address=account.address, kind="fill")]
    fleet.bench.paper.fault("info", "http_429", rate=1.0, type="clearinghouseState")
    report = run_shard(fleet, seconds=4)
    assert report.fills >= 1
    assert fleet.metrics.counted["sync_failures"] >= 1


def test_a_fill_is_read_at_once_although_every_look_waits(fleet: FleetDesk) -> None:
    """Looks wait for the venue's limits, up to five seconds, and a few of them hold every place there is."""
    account = fleet.bench.account("jette")
    fleet.hold_position(account, fleet.agent(account), is_synced=False)
    fleet.tape.said = [StreamEvent(address=account.address, kind="fill")]
    fleet.bench.paper.fault("info", "delay", rate=1.0, type="clearinghouseState", seconds=4)
    assert run_shard(fleet, seconds=2.5).fills >= 1


def test_a_breaker_is_not_tripped_twice(fleet: FleetDesk) -> None:
    account = fleet.bench.account("yves")
    fleet.agent(account)
    book = PostgresRiskBook(fleet.bench.engine)
    breaker = Breaker(code="loss_streak", reason="six", tripped_at=START)
    assert book.trip(account.account_id, breaker)
    assert not book.trip(account.account_id, breaker)
    assert reconcile(fleet, account).breaker == "six"


def test_an_unknown_account_is_refused_for_good(fleet: FleetDesk) -> None:
    account = replace(fleet.bench.account("zoe"), account_id="nobody")
    with pytest.raises(ApplicationError) as failure:
        reconcile(fleet, account)
    assert failure.value.non_retryable
