"""Cycles of agents, on a real Postgres and a paper exchange."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest
from temporalio.exceptions import ApplicationError

from domain.agents import AgentMode, AgentStatus
from domain.cycles import AgentShown
from domain.days import Breaker
from domain.decisions import Action
from domain.errors import Refused
from domain.halts import HaltFlag
from domain.intents import IntentKind, IntentPhase, agent_intent_id
from domain.money import Price
from domain.orders import Side
from storage.postgres.halts import PostgresHalts
from storage.postgres.risk import PostgresRiskBook
from tests.integration.fleet_desk import FleetDesk, ages


def test_a_cycle_opens_by_conviction_under_an_id_that_a_crash_cannot_change(fleet: FleetDesk) -> None:
    config = fleet.agent(fleet.bench.account("anna"))
    fleet.script.wants(Action.OPEN_SHORT, conviction=Decimal("0.4"), stop_px=Price(Decimal(99_999)))
    outcome = fleet.cycle(config, 1)
    (intent,) = outcome.intents
    assert intent.intent_id == agent_intent_id(config.agent_id, 1, "ETH", Side.SELL)
    assert (intent.conviction, intent.kind, intent.size) == (Decimal("0.4"), IntentKind.OPEN, None)
    assert intent.protection.stop_px == Decimal(99_999)
    assert fleet.cycle(config, 1).intents == outcome.intents
    assert len(fleet.script.shown) == 1
    situation = fleet.rows("select situation from decisions")[0].situation
    assert len(situation["views"][0]["candles"]["candles"]) == 20


def test_a_workflow_that_is_behind_the_database_gets_the_next_number(fleet: FleetDesk) -> None:
    config = fleet.agent(fleet.bench.account("bert"))
    assert [fleet.cycle(config, number).cycle for number in (1, 2, 3)] == [1, 2, 3]
    assert fleet.cycle(config, 1).cycle == 4
    assert fleet.cycle(config, 9).cycle == 9


def test_simulate_records_what_it_would_do_and_returns_nothing_to_start(fleet: FleetDesk) -> None:
    config = fleet.agent(fleet.bench.account("cora"), mode=AgentMode.SIMULATE)
    fleet.script.wants(Action.OPEN_LONG)
    assert fleet.cycle(config, 1).intents == ()
    assert fleet.cycle(config, 1).intents == ()
    assert fleet.rows("select outcome from decisions")[0].outcome["intents"]


def test_a_halt_holds_opens_and_lets_closes_pass(fleet: FleetDesk) -> None:
    account = fleet.bench.account("dora")
    config = fleet.agent(account, coins=("ETH", "BTC"))
    fleet.hold_position(account, config)
    PostgresHalts(fleet.bench.engine).commit(HaltFlag(scope="agent", key=config.agent_id, reason="drill"))
    fleet.script.wants(Action.OPEN_LONG, coin="BTC")
    held = fleet.cycle(config, 2)
    fleet.script.wants(Action.CLOSE)
    closing = fleet.cycle(config, 3)
    assert held.intents == ()
    assert "drill" in held.held
    assert [intent.kind for intent in closing.intents] == [IntentKind.CLOSE]


def test_a_breaker_in_force_holds_opens(fleet: FleetDesk) -> None:
    account = fleet.bench.account("emil")
    config = fleet.agent(account)
    breaker = Breaker(code="daily_drawdown", reason="lost 6 %", tripped_at=fleet.owner("run_cycle")._parts.now())
    PostgresRiskBook(fleet.bench.engine).trip(account.account_id, breaker)
    fleet.script.wants(Action.OPEN_LONG)
    assert fleet.cycle(config, 1).held == "circuit breaker: lost 6 %"


def test_a_flip_closes_first_and_opens_in_a_later_cycle(fleet: FleetDesk) -> None:
    account = fleet.bench.account("fred")
    config = fleet.agent(account)
    owner = fleet.hold_position(account, config)
    fleet.script.wants(Action.OPEN_SHORT)
    (intent,) = fleet.cycle(config, 2).intents
    assert (intent.kind, intent.side) == (IntentKind.CLOSE, Side.SELL)
    assert fleet.bench.books.intents.owner(account.account_id, "ETH") == owner


@pytest.mark.parametrize("action", [Action.OPEN_LONG, Action.HOLD])
def test_what_is_held_already_is_not_opened_again(fleet: FleetDesk, action: Action) -> None:
    account = fleet.bench.account("gerd")
    config = fleet.agent(account)
    fleet.hold_position(account, config)
    fleet.script.wants(action)
    assert fleet.cycle(config, 2).intents == ()


def test_a_position_by_hand_is_neither_closed_nor_added_to(fleet: FleetDesk) -> None:
    account = fleet.bench.account("hugo")
    config = fleet.agent(account)
    fleet.bench.paper.post("trade", user=account.address, coin="ETH", side="buy", sz="0.5")
    fleet.bench.fence.sync.sync(account)
    notes = []
    for number, action in enumerate((Action.CLOSE, Action.OPEN_LONG), start=1):
        fleet.script.wants(action)
        outcome = fleet.cycle(config, number)
        assert outcome.intents == ()
        notes.append(outcome.note)
    assert "not ours" in notes[0]
    assert "without an owner" in notes[1]


def test_a_coin_that_was_not_shown_cannot_be_traded(fleet: FleetDesk) -> None:
    config = fleet.agent(fleet.bench.account("ida"))
    fleet.script.wants(Action.OPEN_LONG, coin="SOL")
    outcome = fleet.cycle(config, 1)
    assert outcome.intents == ()
    assert "not among the coins" in outcome.note


def test_a_coin_without_usable_candles_is_skipped_and_named(fleet: FleetDesk) -> None:
    config = fleet.agent(fleet.bench.account("jens"), coins=("ETH", "NOSUCHCOIN"))
    outcome = fleet.cycle(config, 1)
    assert [view.coin for view in fleet.script.shown[0].views] == ["ETH"]
    assert "NOSUCHCOIN skipped (unknown_coin)" in outcome.note


def test_data_that_the_adviser_refuses_skips_the_cycle(fleet: FleetDesk) -> None:
    config = fleet.agent(fleet.bench.account("karl"))
    fleet.script.bug = Refused("candles_gap", "There is a gap.")
    assert "candles_gap" in fleet.cycle(config, 1).note


def test_a_bug_of_the_adviser_is_final_and_stores_nothing(fleet: FleetDesk) -> None:
    config = fleet.agent(fleet.bench.account("lena"))
    fleet.script.bug = KeyError("px")
    with pytest.raises(ApplicationError) as failure:
        fleet.cycle(config, 1)
    assert (failure.value.type, failure.value.non_retryable) == ("adviser_failed", True)
    assert fleet.rows("select * from decisions") == []


def test_an_old_portfolio_is_read_anew_and_a_fresh_one_is_not(fleet: FleetDesk) -> None:
    account = fleet.bench.account("mona")
    config = fleet.agent(account)
    fleet.cycle(config, 1)
    query = "select synced_at from portfolios"
    first = fleet.rows(query)[0].synced_at
    fleet.cycle(config, 2)
    assert fleet.rows(query)[0].synced_at == first
    ages(fleet, account, timedelta(minutes=2))
    fleet.cycle(config, 3)
    assert fleet.rows(query)[0].synced_at > first


def test_finished_intents_are_named_so_that_the_agent_forgets_them(fleet: FleetDesk) -> None:
    account = fleet.bench.account("nils")
    config = fleet.agent(account)
    owner = fleet.hold_position(account, config)
    assert fleet.cycle(config, 2, owner, "never-registered").finished_intents == ()
    view = fleet.bench.books.intents.view(owner)
    assert view is not None
    fleet.bench.books.intents.finish(view.intent, IntentPhase.CLOSED, code="test", reason="")
    assert fleet.cycle(config, 3, owner, "never-registered").finished_intents == (owner,)


def test_a_status_is_shown_and_the_end_makes_the_agent_inactive(fleet: FleetDesk) -> None:
    config = fleet.agent(fleet.bench.account("otto"))
    shown = AgentShown(agent_id=config.agent_id, user_id=config.user_id, status=AgentStatus.STOPPED, is_over=True)
    fleet.run("show_agent", shown)
    row = fleet.rows("select status, active from agents")[0]
    assert (row.status, row.active) == ("stopped", False)
