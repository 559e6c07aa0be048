"""Halts, emergency stop and the watchdog, on a real Postgres and a paper exchange."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from domain.accounts import AccountRef
from domain.halts import AgentCall, EmergencyStop, HaltFlag, HaltScope, WatchRequest
from domain.money import Price
from domain.orders import OrderState
from runtime.secrets import KeyRing
from storage.postgres.halts import PostgresHalts
from storage.postgres.settings import PostgresUserSettings
from tests.integration.fleet_desk import FleetDesk
from tests.stack.paper import Paper
from tests.stack.trading import bench
from tests.workflows.fakes import START


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


def test_a_halt_is_closed_once_and_drained_by_the_venues_clock(desk: FleetDesk) -> None:
    account = desk.bench.account("jens")
    order = desk.lose_answer(account, "drop", max_age=timedelta(seconds=4))
    row = desk.bench.row(order.key.client_id)
    flag = HaltFlag(reason="drill", by="tester")
    closed_at = desk.run("commit_halt", flag)
    assert desk.run("commit_halt", flag) == closed_at
    drained_at = desk.run("drain", flag)
    assert drained_at > row.expires_at
    assert desk.run("drain", flag) == drained_at


def test_a_drain_that_its_release_has_overtaken_puts_no_halt_back(desk: FleetDesk) -> None:
    flag = HaltFlag(reason="drill", by="tester")
    desk.run("commit_halt", flag)
    desk.run("release_halt", flag)
    assert desk.run("drain", flag) is None
    assert PostgresHalts(desk.bench.engine).in_force() == ()


def test_the_watchdog_names_the_halts_that_nobody_drains(desk: FleetDesk) -> None:
    forgotten, fresh = HaltFlag(reason="fire", by="me"), HaltFlag(scope=HaltScope.USER, key="user-1")
    for flag in (forgotten, fresh, HaltFlag(scope=HaltScope.VENUE, key="hyperliquid")):
        desk.run("commit_halt", flag)
    with desk.bench.engine.begin() as connection:
        connection.exec_driver_sql("update halts set at = now() - interval '1 minute' where scope <> 'user'")
    desk.run("drain", HaltFlag(scope=HaltScope.VENUE, key="hyperliquid"))
    assert desk.run("watch").undrained == (forgotten,)


def test_resting_opening_orders_are_cancelled_by_their_owners_or_by_us(desk: FleetDesk) -> None:
    account = desk.bench.account("karl")
    mark = desk.bench.venues.of("hyperliquid", "paper").market.mark("ETH").mark_px
    low = Price((mark * Decimal("0.9")).quantize(Decimal(1)))
    order = desk.bench.approved(desk.bench.limit_wish(account, "low", low))
    assert desk.bench.orders.place_order(order).state is OrderState.WORKING
    flag = HaltFlag(scope=HaltScope.USER, key=account.user_id)
    assert desk.run("cancel_resting", flag) == 1
    assert desk.workflows.cancelled == [order.key.intent_id]
    assert desk.bench.row(order.key.client_id).state == "DONE"
    assert desk.run("cancel_resting", flag) == 0


@pytest.mark.parametrize(
    ("scope", "reached"), [("platform", 2), ("venue", 2), ("user", 1), ("agent", 1), ("nowhere", 0)]
)
def test_agents_inside_the_scope_are_told_to_hold(desk: FleetDesk, scope: str, reached: int) -> None:
    first, second = desk.bench.account("lena"), desk.bench.account("mona")
    config = desk.agent(first)
    desk.agent(second)
    keys = {"venue": "hyperliquid", "user": first.user_id, "agent": config.agent_id}
    flag = HaltFlag(scope=scope, key=keys.get(scope, ""), reason="drill")
    assert desk.run("tell_of_halt", flag) == reached
    assert desk.run("tell_of_release", flag) == reached
    assert desk.workflows.called.count((config.agent_id, "hold")) == min(reached, 1)
    told = desk.rows("select kind from events where user_id = :u and kind in ('halt', 'release')", u=first.user_id)
    assert len(told) == (0 if scope == "agent" else 2)


def test_a_broadcast_reaches_the_agents_of_a_user(desk: FleetDesk) -> None:
    first, second = desk.bench.account("nils"), desk.bench.account("otto")
    config = desk.agent(first)
    desk.agent(second)
    assert desk.run("call_agents", AgentCall(signal="pause", user_id=first.user_id)) == 1
    assert desk.run("call_agents", AgentCall(signal="pause")) == 2
    assert desk.workflows.called.count((config.agent_id, "pause")) == 2
    assert desk.run("release_halt", HaltFlag()) is False


def an_emergency(account: AccountRef, agent_id: str, **more: Any) -> EmergencyStop:
    return EmergencyStop(
        user_id=account.user_id,
        agent_id=agent_id,
        account_id=account.account_id,
        coins=("ETH",),
        asked_at=START,
        reason="fire",
        **more,
    )


def test_an_emergency_stop_closes_what_a_dead_owner_left_and_frees_its_slot(desk: FleetDesk) -> None:
    account = desk.bench.account("paul")
    config = desk.agent(account)
    owner = desk.hold_position(account, config)
    desk.workflows.alive.clear()
    outcome = desk.run("emergency_stop", an_emergency(account, config.agent_id))
    assert outcome.closed_coins == ("ETH",)
    assert desk.bench.fence.sync.sync(account).is_flat
    assert desk.workflows.closed == [owner]
    assert desk.bench.books.intents.owner(account.account_id, "ETH") == ""
    halted = PostgresHalts(desk.bench.engine).halted_by(agent_id=config.agent_id)
    assert halted is not None
    assert halted.drained_at is not None
    assert [row.action for row in desk.rows("select action from audit_log")] == ["agent.emergency_stop"]


def test_positions_by_hand_are_closed_only_where_the_user_wants_that(desk: FleetDesk) -> None:
    account = desk.bench.account("rosa")
    config = desk.agent(account)
    desk.bench.paper.post("trade", user=account.address, coin="ETH", side="buy", sz="0.5")
    desk.run("emergency_stop", an_emergency(account, config.agent_id))
    assert desk.bench.fence.sync.sync(account).position("ETH") is not None
    PostgresUserSettings(desk.bench.engine).put(account.user_id, {"close_manual_positions": True})
    outcome = desk.run("emergency_stop", an_emergency(account, config.agent_id))
    assert outcome.closed_coins == ("ETH",)
    assert desk.bench.fence.sync.sync(account).position("ETH") is None


def test_a_gentle_stop_asks_the_intents_to_cancel(desk: FleetDesk) -> None:
    account = desk.bench.account("sara")
    config = desk.agent(account)
    owner = desk.hold_position(account, config)
    desk.run("cancel_working", an_emergency(account, config.agent_id, open_intents=("waiting",)))
    assert desk.workflows.cancelled == ["waiting", owner]


def test_a_drain_without_the_venues_clock_waits(desk: FleetDesk) -> None:
    account = desk.bench.account("xaver")
    desk.lose_answer(account, "drop", max_age=timedelta(seconds=3))
    desk.bench.paper.fault("info", "http_500", rate=1.0)
    flag = HaltFlag(scope=HaltScope.USER, key=account.user_id)
    desk.run("commit_halt", flag)
    drained = threading.Event()

    def drain() -> None:
        desk.run("drain", flag)
        drained.set()

    thread = threading.Thread(target=drain, daemon=True)
    thread.start()
    assert not drained.wait(6)
    desk.bench.paper.clear_faults()
    assert drained.wait(20)
    thread.join(5)


def test_the_watchdog_protects_and_alarms_when_the_owner_does_not_run(desk: FleetDesk) -> None:
    account = desk.bench.account("tina")
    config = desk.agent(account)
    desk.hold_position(account, config)
    quiet = desk.run("watch")
    assert (quiet.unowned, quiet.protected, desk.told("unowned_position")) == ((), (), [])
    desk.workflows.alive.clear()
    loud = desk.run("watch")
    assert loud.protected == (f"ETH of {account.account_id}",)
    assert desk.told("unowned_position") == ["ETH has a position without a live owner"]
    triggers = [order for order in desk.bench.fence.sync.sync(account).orders if order.trigger is not None]
    assert len(triggers) == 1
    desk.run("watch")
    triggers = [order for order in desk.bench.fence.sync.sync(account).orders if order.trigger is not None]
    assert len(triggers) == 1


def test_an_owner_that_runs_but_is_silent_is_not_alive(desk: FleetDesk) -> None:
    account = desk.bench.account("udo")
    config = desk.agent(account)
    desk.hold_position(account, config)
    with desk.bench.engine.begin() as connection:
        connection.exec_driver_sql("update intents set touched_at = now() - interval '11 minutes'")
        connection.exec_driver_sql("update slots set touched_at = now() - interval '11 minutes'")
    assert desk.run("watch").unowned == (f"ETH of {account.account_id}",)


def test_a_position_by_hand_is_shown_and_left_alone(desk: FleetDesk) -> None:
    account = desk.bench.account("vera")
    desk.bench.paper.post("trade", user=account.address, coin="ETH", side="buy", sz="0.5")
    desk.bench.fence.sync.sync(account)
    outcome = desk.run("watch")
    assert (outcome.protected, outcome.unowned) == ((), (f"ETH of {account.account_id}",))
    assert desk.bench.fence.sync.sync(account).orders == ()


def test_the_watchdog_puts_back_the_halts_that_a_new_epoch_has_lost(desk: FleetDesk) -> None:
    halts = PostgresHalts(desk.bench.engine)
    flag = HaltFlag(reason="fire", by="me")
    known = desk.run("assert_halts", WatchRequest(epoch="another", halts=(flag,)))
    assert [record.flag for record in halts.in_force()] == [flag]
    halts.release("platform", "", "me")
    desk.run("assert_halts", WatchRequest(epoch=known, halts=(flag,)))
    assert halts.in_force() == ()


def test_the_watchdog_settles_stale_rows_and_starts_missing_shards(desk: FleetDesk) -> None:
    account = desk.bench.account("wim")
    order = desk.lose_answer(account, "execute_then_drop")
    with desk.bench.engine.begin() as connection:
        connection.exec_driver_sql("update intents set touched_at = now() - interval '2 minutes'")
        connection.exec_driver_sql(
            "update orders set approved_at = now() - interval '2 minutes', sent_at = now() - interval '2 minutes'"
        )
    outcome = desk.run("watch")
    assert outcome.settled == (str(order.key),)
    assert len(outcome.restarted) == 1
    assert desk.run("watch").restarted == ()
