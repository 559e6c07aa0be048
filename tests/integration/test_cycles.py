"""Cycles of agents, on a real Postgres and a paper exchange."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

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
from runtime.secrets import KeyRing
from storage.postgres.halts import PostgresHalts
from storage.postgres.risk import PostgresRiskBook
from tests.integration.fleet_desk import FleetDesk, ages
from tests.stack.paper import Paper
from tests.stack.trading import bench


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


def test_a_cycle_opens_by_conviction_under_an_id_that_a_crash_cannot_change(desk: FleetDesk) -> None:
    config = desk.agent(desk.bench.account("anna"))
    desk.script.wants(Action.OPEN_SHORT, conviction=Decimal("0.4"), stop_px=Price(Decimal(99_999)))
    outcome = desk.cycle(config, 1)
    (intent,) = outcome.intents
    assert intent.intent_id == agent_intent_id(config.agent_id, 1, "ETH", Side.SELL)
    assert (intent.conviction, intent.kind, intent.size) == (Decimal("0.4"), IntentKind.OPEN, None)
    assert intent.protection.stop_px == Decimal(99_999)
    assert desk.cycle(config, 1).intents == outcome.intents
    assert len(desk.script.shown) == 1
    situation = desk.rows("select situation from decisions")[0].situation
    assert len(situation["views"][0]["candles"]["candles"]) == 20


def test_a_workflow_that_is_behind_the_database_gets_the_next_number(desk: FleetDesk) -> None:
    config = desk.agent(desk.bench.account("bert"))
    assert [desk.cycle(config, number).cycle for number in (1, 2, 3)] == [1, 2, 3]
    assert desk.cycle(config, 1).cycle == 4
    assert desk.cycle(config, 9).cycle == 9


def test_simulate_records_what_it_would_do_and_returns_nothing_to_start(desk: FleetDesk) -> None:
    config = desk.agent(desk.bench.account("cora"), mode=AgentMode.SIMULATE)
    desk.script.wants(Action.OPEN_LONG)
    assert desk.cycle(config, 1).intents == ()
    assert desk.cycle(config, 1).intents == ()
    assert desk.rows("select outcome from decisions")[0].outcome["intents"]


def test_a_halt_holds_opens_and_lets_closes_pass(desk: FleetDesk) -> None:
    account = desk.bench.account("dora")
    config = desk.agent(account, coins=("ETH", "BTC"))
    desk.hold_position(account, config)
    PostgresHalts(desk.bench.engine).commit(HaltFlag(scope="agent", key=config.agent_id, reason="drill"))
    desk.script.wants(Action.OPEN_LONG, coin="BTC")
    held = desk.cycle(config, 2)
    desk.script.wants(Action.CLOSE)
    closing = desk.cycle(config, 3)
    assert held.intents == ()
    assert "drill" in held.held
    assert [intent.kind for intent in closing.intents] == [IntentKind.CLOSE]


def test_a_breaker_in_force_holds_opens(desk: FleetDesk) -> None:
    account = desk.bench.account("emil")
    config = desk.agent(account)
    breaker = Breaker(code="daily_drawdown", reason="lost 6 %", tripped_at=desk.owner("run_cycle")._parts.now())
    PostgresRiskBook(desk.bench.engine).trip(account.account_id, breaker)
    desk.script.wants(Action.OPEN_LONG)
    assert desk.cycle(config, 1).held == "circuit breaker: lost 6 %"


def test_a_flip_closes_first_and_opens_in_a_later_cycle(desk: FleetDesk) -> None:
    account = desk.bench.account("fred")
    config = desk.agent(account)
    owner = desk.hold_position(account, config)
    desk.script.wants(Action.OPEN_SHORT)
    (intent,) = desk.cycle(config, 2).intents
    assert (intent.kind, intent.side) == (IntentKind.CLOSE, Side.SELL)
    assert desk.bench.books.intents.owner(account.account_id, "ETH") == owner


@pytest.mark.parametrize("action", [Action.OPEN_LONG, Action.HOLD])
def test_what_is_held_already_is_not_opened_again(desk: FleetDesk, action: Action) -> None:
    account = desk.bench.account("gerd")
    config = desk.agent(account)
    desk.hold_position(account, config)
    desk.script.wants(action)
    assert desk.cycle(config, 2).intents == ()


def test_a_position_by_hand_is_neither_closed_nor_added_to(desk: FleetDesk) -> None:
    account = desk.bench.account("hugo")
    config = desk.agent(account)
    desk.bench.paper.post("trade", user=account.address, coin="ETH", side="buy", sz="0.5")
    desk.bench.fence.sync.sync(account)
    notes = []
    for number, action in enumerate((Action.CLOSE, Action.OPEN_LONG), start=1):
        desk.script.wants(action)
        outcome = desk.cycle(config, number)
        assert outcome.intents == ()
        notes.append(outcome.note)
    assert "not ours" in notes[0]
    assert "without an owner" in notes[1]


def test_a_coin_that_was_not_shown_cannot_be_traded(desk: FleetDesk) -> None:
    config = desk.agent(desk.bench.account("ida"))
    desk.script.wants(Action.OPEN_LONG, coin="SOL")
    outcome = desk.cycle(config, 1)
    assert outcome.intents == ()
    assert "not among the coins" in outcome.note


def test_a_coin_without_usable_candles_is_skipped_and_named(desk: FleetDesk) -> None:
    config = desk.agent(desk.bench.account("jens"), coins=("ETH", "NOSUCHCOIN"))
    outcome = desk.cycle(config, 1)
    assert [view.coin for view in desk.script.shown[0].views] == ["ETH"]
    assert "NOSUCHCOIN skipped (unknown_coin)" in outcome.note


def test_data_that_the_adviser_refuses_skips_the_cycle(desk: FleetDesk) -> None:
    config = desk.agent(desk.bench.account("karl"))
    desk.script.bug = Refused("candles_gap", "There is a gap.")
    assert "candles_gap" in desk.cycle(config, 1).note


def test_a_bug_of_the_adviser_is_final_and_stores_nothing(desk: FleetDesk) -> None:
    config = desk.agent(desk.bench.account("lena"))
    desk.script.bug = KeyError("px")
    with pytest.raises(ApplicationError) as failure:
        desk.cycle(config, 1)
    assert (failure.value.type, failure.value.non_retryable) == ("adviser_failed", True)
    assert desk.rows("select * from decisions") == []


def test_an_old_portfolio_is_read_anew_and_a_fresh_one_is_not(desk: FleetDesk) -> None:
    account = desk.bench.account("mona")
    config = desk.agent(account)
    desk.cycle(config, 1)
    query = "select synced_at from portfolios"
    first = desk.rows(query)[0].synced_at
    desk.cycle(config, 2)
    assert desk.rows(query)[0].synced_at == first
    ages(desk, account, timedelta(minutes=2))
    desk.cycle(config, 3)
    assert desk.rows(query)[0].synced_at > first


def test_finished_intents_are_named_so_that_the_agent_forgets_them(desk: FleetDesk) -> None:
    account = desk.bench.account("nils")
    config = desk.agent(account)
    owner = desk.hold_position(account, config)
    assert desk.cycle(config, 2, owner, "never-registered").finished_intents == ()
    view = desk.bench.books.intents.view(owner)
    assert view is not None
    desk.bench.books.intents.finish(view.intent, IntentPhase.CLOSED, code="test", reason="")
    assert desk.cycle(config, 3, owner, "never-registered").finished_intents == (owner,)


def test_a_status_is_shown_and_the_end_makes_the_agent_inactive(desk: FleetDesk) -> None:
    config = desk.agent(desk.bench.account("otto"))
    shown = AgentShown(agent_id=config.agent_id, user_id=config.user_id, status=AgentStatus.STOPPED, is_over=True)
    desk.run("show_agent", shown)
    row = desk.rows("select status, active from agents")[0]
    assert (row.status, row.active) == ("stopped", False)
