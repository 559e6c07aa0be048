"""Halts, emergency stop and the watchdog, on a real Postgres and a paper exchange."""

from __future__ import annotations

import asyncio
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from activities import giving_way
from domain.accounts import AccountRef
from domain.approvals import ApprovalRequest
from domain.halts import AgentCall, EmergencyStop, HaltFlag, HaltScope, WatchRequest
from domain.intents import IntentPolicy, OrderStyle
from domain.money import Price
from domain.orders import OrderState
from storage.postgres.halts import PostgresHalts
from storage.postgres.settings import PostgresUserSettings
from tests.integration.fleet_desk import FleetDesk
from tests.workflows.fakes import START
from wiring.halts_heard import heeding_halts


def test_a_halt_is_closed_once_and_drained_by_the_venues_clock(fleet: FleetDesk) -> None:
    account = fleet.bench.account("jens")
    order = fleet.lose_answer(account, "drop", max_age=timedelta(seconds=4))
    row = fleet.bench.row(order.key.client_id)
    flag = HaltFlag(reason="drill", by="tester")
    closed_at = fleet.run("commit_halt", flag)
    assert fleet.run("commit_halt", flag) == closed_at
    drained_at = fleet.run("drain", flag)
    assert drained_at > row.expires_at
    assert fleet.run("drain", flag) == drained_at


def test_a_drain_that_its_release_has_overtaken_puts_no_halt_back(fleet: FleetDesk) -> None:
    flag = HaltFlag(reason="drill", by="tester")
    fleet.run("commit_halt", flag)
    fleet.run("release_halt", flag)
    assert fleet.run("drain", flag) is None
    assert PostgresHalts(fleet.bench.engine).in_force() == ()


def test_the_watchdog_names_the_halts_that_nobody_drains(fleet: FleetDesk) -> None:
    forgotten, fresh = HaltFlag(reason="fire", by="me"), HaltFlag(scope=HaltScope.USER, key="user-1")
    for flag in (forgotten, fresh, HaltFlag(scope=HaltScope.VENUE, key="hyperliquid")):
        fleet.run("commit_halt", flag)
    with fleet.bench.engine.begin() as connection:
        connection.exec_driver_sql("update halts set at = now() - interval '1 minute' where scope <> 'user'")
    fleet.run("drain", HaltFlag(scope=HaltScope.VENUE, key="hyperliquid"))
    assert fleet.run("watch").undrained == (forgotten,)


def test_resting_opening_orders_are_cancelled_by_their_owners_or_by_us(fleet: FleetDesk) -> None:
    account = fleet.bench.account("karl")
    mark = fleet.bench.venues.of("hyperliquid", "paper").market.mark("ETH").mark_px
    low = Price((mark * Decimal("0.9")).quantize(Decimal(1)))
    order = fleet.bench.approved(fleet.bench.limit_wish(account, "low", low))
    assert fleet.bench.orders.place_order(order).state is OrderState.WORKING
    flag = HaltFlag(scope=HaltScope.USER, key=account.user_id)
    assert fleet.run("cancel_resting", flag) == 1
    assert fleet.workflows.cancelled == [order.key.intent_id]
    assert fleet.bench.row(order.key.client_id).state == "DONE"
    assert fleet.run("cancel_resting", flag) == 0


@pytest.mark.parametrize(
    ("scope", "reached"), [("platform", 2), ("venue", 2), ("user", 1), ("agent", 1), ("nowhere", 0)]
)
def test_agents_inside_the_scope_are_told_to_hold(fleet: FleetDesk, scope: str, reached: int) -> None:
    first, second = fleet.bench.account("lena"), fleet.bench.account("mona")
    config = fleet.agent(first)
    fleet.agent(second)
    keys = {"venue": "hyperliquid", "user": first.user_id, "agent": config.agent_id}
    flag = HaltFlag(scope=scope, key=keys.get(scope, ""), reason="drill")
    assert fleet.run("tell_of_halt", flag) == reached
    assert fleet.run("tell_of_release", flag) == reached
    assert fleet.workflows.called.count((config.agent_id, "hold")) == min(reached, 1)
    told = fleet.rows("select kind from events where user_id = :u and kind in ('halt', 'release')", u=first.user_id)
    assert len(told) == (0 if scope == "agent" else 2)


def test_a_broadcast_reaches_the_agents_of_a_user(fleet: FleetDesk) -> None:
    first, second = fleet.bench.account("nils"), fleet.bench.account("otto")
    config = fleet.agent(first)
    fleet.agent(second)
    assert fleet.run("call_agents", AgentCall(signal="pause", user_id=first.user_id)) == 1
    assert fleet.run("call_agents", AgentCall(signal="pause")) == 2
    assert fleet.workflows.called.count((config.agent_id, "pause")) == 2
    assert fleet.run("release_halt", HaltFlag()) is False


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


def test_an_emergency_stop_closes_what_a_dead_owner_left_and_frees_its_slot(fleet: FleetDesk) -> None:
    account = fleet.bench.account("paul")
    config = fleet.agent(account)
    owner = fleet.hold_position(account, config)
    fleet.workflows.alive.clear()
    outcome = fleet.run("emergency_stop", an_emergency(account, config.agent_id))
    assert outcome.closed_coins == ("ETH",)
    assert fleet.bench.fence.sync.sync(account).is_flat
    assert fleet.workflows.closed == [owner]
    assert fleet.bench.books.intents.owner(account.account_id, "ETH") == ""
    halted = PostgresHalts(fleet.bench.engine).halted_by(agent_id=config.agent_id)
    assert halted is not None
    assert halted.drained_at is not None
    assert [row.action for row in fleet.rows("select action from audit_log")] == ["agent.emergency_stop"]


def test_positions_by_hand_are_closed_only_where_the_user_wants_that(fleet: FleetDesk) -> None:
    account = fleet.bench.account("rosa")
    config = fleet.agent(account)
    fleet.bench.paper.post("trade", user=account.address, coin="ETH", side="buy", sz="0.5")
    fleet.run("emergency_stop", an_emergency(account, config.agent_id))
    assert fleet.bench.fence.sync.sync(account).position("ETH") is not None
    PostgresUserSettings(fleet.bench.engine).put(account.user_id, {"close_manual_positions": True})
    outcome = fleet.run("emergency_stop", an_emergency(account, config.agent_id))
    assert outcome.closed_coins == ("ETH",)
    assert fleet.bench.fence.sync.sync(account).position("ETH") is None


def test_a_coin_whose_close_takes_long_does_not_hold_the_next_one_up(fleet: FleetDesk) -> None:
    account = fleet.bench.account("tina")
    config = fleet.agent(account)
    PostgresUserSettings(fleet.bench.engine).put(account.user_id, {"close_manual_positions": True})
    for coin in ("ETH", "BTC"):
        fleet.bench.paper.post("trade", user=account.address, coin=coin, side="buy", sz="0.01")
    for kind in ("order", "noop"):
        fleet.bench.paper.fault("exchange", "drop", type=kind, count=1)
    outcome = fleet.run("emergency_stop", replace(an_emergency(account, config.agent_id), coins=("ETH", "BTC")))
    assert outcome.closed_coins == ("ETH", "BTC")
    sent = fleet.rows("select instrument from orders where sent_at is not null order by sent_at")
    assert [row.instrument for row in sent] == ["ETH", "BTC", "ETH"]


def test_every_cancel_leaves_before_the_first_close(fleet: FleetDesk) -> None:
    """A close looks at the account first, and meanwhile what rests may fill."""
    account = fleet.bench.account("ugo")
    config = fleet.agent(account)
    fleet.hold_position(account, config)
    far = IntentPolicy(style=OrderStyle.LIMIT, limit_px=Price(Decimal(30_000)))
    resting = fleet.bench.wish(account, "far", coin="BTC", agent_id=config.agent_id, policy=far)
    assert fleet.bench.orders.place_order(fleet.bench.approved(resting)).state is OrderState.WORKING
    fleet.run("emergency_stop", replace(an_emergency(account, config.agent_id), coins=("ETH", "BTC")))
    (cancel,) = fleet.rows("select c.sent_at from cancels c join orders o using (client_id) where o.opening")
    (close,) = fleet.rows("select sent_at from orders where step like 'close.%'")
    assert cancel.sent_at < close.sent_at


def test_opens_give_way_to_a_halt_that_another_process_commits(
    fleet: FleetDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Longer than a slow machine takes from one line to the next.
    monkeypatch.setattr(giving_way, "HOLD", timedelta(minutes=1))
    account = fleet.bench.account("vera")
    way = fleet.bench.giving_way

    async def committed_elsewhere() -> None:
        async with heeding_halts(fleet.bench.engine, way):
            flag = HaltFlag(scope=HaltScope.AGENT, key="somebody-else")
            deadline = time.monotonic() + 20
            while not way.is_held:
                await asyncio.to_thread(PostgresHalts(fleet.bench.engine).commit, flag)
                assert time.monotonic() < deadline
                await asyncio.sleep(0.02)

    asyncio.run(committed_elsewhere())
    now = datetime.now(UTC)
    wish = fleet.bench.wish(account, "waits")
    request = ApprovalRequest(intent=wish, step="open", decided_at=now, not_after=now + timedelta(seconds=30))
    with ThreadPoolExecutor() as pool:
        with way.opening():
            opening = pool.submit(fleet.bench.orders.open_order, request)
            deadline = time.monotonic() + 20
            while not way.waiting and not opening.done():
                assert time.monotonic() < deadline
                time.sleep(0.01)
            assert fleet.rows("select 1 from orders") == []
        ack = opening.result(timeout=20).ack
    assert ack is not None
    assert ack.state is OrderState.DONE


def test_a_gentle_stop_asks_the_intents_to_cancel(fleet: FleetDesk) -> None:
    account = fleet.bench.account("sara")
    config = fleet.agent(account)
    owner = fleet.hold_position(account, config)
    fleet.run("cancel_working", an_emergency(account, config.agent_id, open_intents=("waiting",)))
    assert fleet.workflows.cancelled == ["waiting", owner]


def test_a_drain_without_the_venues_clock_waits(fleet: FleetDesk) -> None:
    account = fleet.bench.account("xaver")
    fleet.lose_answer(account, "drop", max_age=timedelta(seconds=3))
    fleet.bench.paper.fault("info", "http_500", rate=1.0)
    flag = HaltFlag(scope=HaltScope.USER, key=account.user_id)
    fleet.run("commit_halt", flag)
    drained = threading.Event()

    def drain() -> None:
        fleet.run("drain", flag)
        drained.set()

    thread = threading.Thread(target=drain, daemon=True)
    thread.start()
    assert not drained.wait(6)
    fleet.bench.paper.clear_faults()
    assert drained.wait(20)
    thread.join(5)


def test_the_watchdog_protects_and_alarms_when_the_owner_does_not_run(fleet: FleetDesk) -> None:
    account = fleet.bench.account("tina")
    config = fleet.agent(account)
    fleet.hold_position(account, config)
    quiet = fleet.run("watch")
    assert (quiet.unowned, quiet.protected, fleet.told("unowned_position")) == ((), (), [])
    fleet.workflows.alive.clear()
    loud = fleet.run("watch")
    assert loud.protected == (f"ETH of {account.account_id}",)
    assert fleet.told("unowned_position") == ["ETH has a position without a live owner"]
    triggers = [order for order in fleet.bench.fence.sync.sync(account).orders if order.trigger is not None]
    assert len(triggers) == 1
    fleet.run("watch")
    triggers = [order for order in fleet.bench.fence.sync.sync(account).orders if order.trigger is not None]
    assert len(triggers) == 1


def test_an_owner_that_runs_but_is_silent_is_not_alive(fleet: FleetDesk) -> None:
    account = fleet.bench.account("udo")
    config = fleet.agent(account)
    fleet.hold_position(account, config)
    with fleet.bench.engine.begin() as connection:
        connection.exec_driver_sql("update intents set touched_at = now() - interval '11 minutes'")
        connection.exec_driver_sql("update slots set touched_at = now() - interval '11 minutes'")
    assert fleet.run("watch").unowned == (f"ETH of {account.account_id}",)


def test_a_position_by_hand_is_shown_and_left_alone(fleet: FleetDesk) -> None:
    account = fleet.bench.account("vera")
    fleet.bench.paper.post("trade", user=account.address, coin="ETH", side="buy", sz="0.5")
    fleet.bench.fence.sync.sync(account)
    outcome = fleet.run("watch")
    assert (outcome.protected, outcome.unowned) == ((), (f"ETH of {account.account_id}",))
    assert fleet.bench.fence.sync.sync(account).orders == ()


def test_the_watchdog_puts_back_the_halts_that_a_new_epoch_has_lost(fleet: FleetDesk) -> None:
    halts = PostgresHalts(fleet.bench.engine)
    flag = HaltFlag(reason="fire", by="me")
    known = fleet.run("assert_halts", WatchRequest(epoch="another", halts=(flag,)))
    assert [record.flag for record in halts.in_force()] == [flag]
    halts.release("platform", "", "me")
    fleet.run("assert_halts", WatchRequest(epoch=known, halts=(flag,)))
    assert halts.in_force() == ()


def test_the_watchdog_settles_stale_rows_and_starts_missing_shards(fleet: FleetDesk) -> None:
    account = fleet.bench.account("wim")
    order = fleet.lose_answer(account, "execute_then_drop")
    with fleet.bench.engine.begin() as connection:
        connection.exec_driver_sql("update intents set touched_at = now() - interval '2 minutes'")
        connection.exec_driver_sql(
            "update orders set approved_at = now() - interval '2 minutes', sent_at = now() - interval '2 minutes'"
        )
    outcome = fleet.run("watch")
    assert outcome.settled == (str(order.key),)
    assert len(outcome.restarted) == 1
    assert fleet.run("watch").restarted == ()
