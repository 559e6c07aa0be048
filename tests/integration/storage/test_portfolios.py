"""Cycles, the portfolio read model, the trading day and the breaker."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from sqlalchemy import Engine, insert, select, text, update

from domain.accounts import AccountRef
from domain.agents import AgentStatus
from domain.cycles import AgentShown, CycleOutcome, Decision
from domain.days import Breaker, DayRecord
from domain.decisions import Action, Advice, Proposal, Situation
from domain.money import Money
from storage.postgres import tables
from storage.postgres.agents import PostgresAgents
from storage.postgres.decisions import PostgresDiary
from storage.postgres.engine import transaction
from storage.postgres.portfolios import PostgresPortfolios
from storage.postgres.reconciliation import PostgresReconciliations
from storage.postgres.risk import PostgresRiskBook, read_breaker
from storage.records import Transfer
from tests.integration.storage.conftest import (
    NOW,
    config_of,
    intent_of,
    numbers,
    portfolio_of,
    put_fill,
    put_intent,
    put_order,
)

MIDNIGHT = datetime(2026, 3, 1, tzinfo=UTC)


def decision_of(account: AccountRef, cycle: int, note: str = "held") -> Decision:
    return Decision(
        decision_id=f"decision-{cycle}-{note}",
        user_id=account.user_id,
        agent_id="agent-1",
        cycle=cycle,
        adviser="trend",
        at=NOW + timedelta(minutes=cycle),
        situation=Situation(agent_id="agent-1", cycle=cycle, views=(), portfolio=portfolio_of(account, size="1")),
        advice=Advice(adviser="trend", proposals=(Proposal(coin="BTC", action=Action.HOLD, reason="flat"),)),
        outcome=CycleOutcome(decision_id="d", cycle=cycle, note=note, intents=(intent_of(account),)),
    )


def day(db: Engine, account: AccountRef, *, zone: str = "UTC", now: datetime = NOW) -> DayRecord:
    return PostgresRiskBook(db).figures(account.account_id, zone, now)[0]


def test_the_first_record_of_a_cycle_wins(db: Engine, account: AccountRef):
    PostgresAgents(db).add(config_of(account))
    diary = PostgresDiary(db)
    first = decision_of(account, 1, "first")
    assert diary.record(first) == first.outcome
    assert diary.record(decision_of(account, 1, "second")) == first.outcome
    assert diary.outcome("agent-1", 1) == first.outcome
    assert diary.outcome("agent-1", 2) is None


def test_the_cycle_of_an_agent_never_goes_back(db: Engine, account: AccountRef):
    PostgresAgents(db).add(config_of(account))
    diary = PostgresDiary(db)
    diary.record(decision_of(account, 7))
    diary.record(decision_of(account, 3))
    assert diary.last_cycle("agent-1") == 7
    assert diary.last_cycle("nobody") == 0


def test_a_decision_can_be_opened_again_by_its_user_only(db: Engine, account: AccountRef, account_of_bob: AccountRef):
    diary = PostgresDiary(db)
    made = [decision_of(account, n) for n in (1, 2, 3)]
    for decision in made:
        diary.record(decision)
    assert diary.decision(account.user_id, made[0].decision_id) == made[0]
    assert diary.decision(account_of_bob.user_id, made[0].decision_id) is None
    page = diary.decisions(account.user_id, agent_id="agent-1", limit=2)
    rest = diary.decisions(account.user_id, agent_id="agent-1", limit=2, cursor=page.next_cursor)
    assert [decision.cycle for decision in page.items + rest.items] == [3, 2, 1]
    assert diary.decisions(account_of_bob.user_id).items == ()


def test_an_agent_that_is_over_is_not_started_again(db: Engine, account: AccountRef):
    agents = PostgresAgents(db)
    agents.add(config_of(account))
    agents.activate(account.user_id, "agent-1", active=True)
    shown = AgentShown(agent_id="agent-1", user_id=account.user_id, status=AgentStatus.STOPPED, is_over=True)
    PostgresDiary(db).show_agent(shown)
    assert agents.active() == ()


def test_an_older_portfolio_never_replaces_a_newer_one(db: Engine, account: AccountRef):
    book = PostgresPortfolios(db)
    newer = portfolio_of(account, at=NOW + timedelta(seconds=5), size="2")
    book.save(account, newer)
    book.save(account, portfolio_of(account))
    found = book.newest(account.account_id)
    assert found is not None
    assert found.portfolio == newer
    (listed,) = book.of_user(account.user_id)
    assert (listed.portfolio, listed.synced_at) == (found.portfolio, found.synced_at)
    assert timedelta() <= found.age <= listed.age < timedelta(minutes=1)
    assert book.of_user("somebody else") == ()


def test_the_equity_curve_has_a_point_a_minute(db: Engine, account: AccountRef):
    book = PostgresPortfolios(db)
    for seconds in (0, 30, 59, 60, 90, 121):
        book.save(account, portfolio_of(account, at=NOW + timedelta(seconds=seconds), equity=str(seconds)))
    curve = book.equity(account.user_id, account.account_id, since=NOW)
    assert [int(point.equity) for point in curve] == [0, 60, 121]
    assert book.equity("somebody else", account.account_id, since=NOW) == ()


def test_exposure_is_remembered(db: Engine, account: AccountRef):
    book = PostgresPortfolios(db)

    def exposed_at() -> object:
        with transaction(db) as connection:
            return connection.scalar(select(tables.accounts.c.exposed_at))

    book.save(account, portfolio_of(account))
    assert exposed_at() is None
    book.save(account, portfolio_of(account, at=NOW + timedelta(seconds=1), size="1"))
    assert exposed_at() is not None


def test_the_day_begins_with_the_equity_nearest_to_midnight(db: Engine, account: AccountRef):
    book = PostgresPortfolios(db)
    book.save(account, portfolio_of(account, at=MIDNIGHT - timedelta(days=3), equity="500"))
    book.save(account, portfolio_of(account, at=MIDNIGHT + timedelta(hours=1), equity="900"))
    book.save(account, portfolio_of(account, at=NOW, equity="950"))
    assert day(db, account).start_equity == 900


def test_the_first_reading_fixes_the_start_of_the_day(db: Engine, account: AccountRef):
    book = PostgresPortfolios(db)
    book.save(account, portfolio_of(account, at=NOW, equity="950"))
    assert day(db, account).start_equity == 950
    with transaction(db) as connection:
        point = {"account_id": account.account_id, "time": MIDNIGHT, "equity": Decimal(1)}
        connection.execute(insert(tables.equity_points).values(**point))
    assert day(db, account).start_equity == 950


def test_two_zones_have_days_of_their_own(db: Engine, account: AccountRef):
    book = PostgresPortfolios(db)
    book.save(account, portfolio_of(account, at=MIDNIGHT, equity="100"))
    book.save(account, portfolio_of(account, at=MIDNIGHT + timedelta(hours=8), equity="200"))
    assert day(db, account).start_equity == 100
    assert day(db, account, zone="America/Los_Angeles").start_equity == 200


def test_an_account_that_was_never_synced_has_no_start_and_keeps_none(db: Engine, account: AccountRef):
    assert day(db, account).start_equity == 0
    PostgresPortfolios(db).save(account, portfolio_of(account, equity="10"))
    assert day(db, account).start_equity == 10


def test_transfers_count_from_the_moment_the_start_was_seen(db: Engine, account: AccountRef):
    PostgresPortfolios(db).save(account, portfolio_of(account, at=MIDNIGHT - timedelta(seconds=60)))
    moves = [(-90, "deposit", 7), (-30, "deposit", 100), (10, "withdrawal", -30), (20, "funding", -5)]
    transfers = tuple(
        Transfer(
            account_id=account.account_id,
            time=MIDNIGHT + timedelta(seconds=s),
            kind=kind,
            amount=Money(Decimal(amount)),
        )
        for s, kind, amount in moves
    )
    assert PostgresReconciliations(db).record_transfers(transfers) == 4
    assert PostgresReconciliations(db).record_transfers(transfers) == 0
    assert day(db, account).net_transfers == 70


def test_fees_turnover_and_results_are_of_today(db: Engine, account: AccountRef):
    put_fill(db, account, "1", time=MIDNIGHT - timedelta(seconds=1), fee=Decimal(50))
    put_fill(db, account, "2", time=MIDNIGHT, px=Decimal(10), size=Decimal(3), closed_pnl=Decimal(4))
    put_fill(db, account, "3", time=NOW, px=Decimal(20), size=Decimal(1), closed_pnl=Decimal(-1))
    found = day(db, account)
    assert numbers(found.fees, found.turnover, found.realised_pnl) == numbers("0.2", 50, 3)


def test_only_opening_orders_that_were_sent_count_for_the_rate(db: Engine, account: AccountRef):
    intent = intent_of(account)
    recent = datetime.now(UTC) - timedelta(minutes=59)
    put_order(db, intent, "open", sent_at=recent)
    put_order(db, intent, "open.2", sent_at=recent - timedelta(minutes=2))
    put_order(db, intent, "open.3")
    put_order(db, intent, "close", sent_at=recent, opening=False, reduce_only=True)
    assert day(db, account).orders_last_hour == 1


def losing_streak(db: Engine, account: AccountRef, results: list[int]) -> None:
    start = datetime.now(UTC) - timedelta(hours=1)
    for n, result in enumerate(results):
        finished = start + timedelta(minutes=n)
        put_intent(db, intent_of(account, f"i{n}"), realised_pnl=Decimal(result), finished_at=finished)


@pytest.mark.parametrize(
    ("results", "streak"), [([], 0), ([-1, 5, -1, -1], 2), ([-1, -1, 0], 0), ([-1] * 7, 7), ([3], 0)]
)
def test_the_loss_streak_counts_back_from_the_newest_trade(
    db: Engine, account: AccountRef, results: list[int], streak: int
):
    losing_streak(db, account, results)
    assert day(db, account).loss_streak == streak


def test_a_reset_breaker_starts_a_new_streak(db: Engine, account: AccountRef):
    losing_streak(db, account, [-1, -1, -1])
    book = PostgresRiskBook(db)
    book.trip(account.account_id, Breaker(code="loss_streak", reason="3 losses", tripped_at=NOW))
    assert day(db, account).loss_streak == 3
    book.reset(account.account_id, "alice")
    assert day(db, account).loss_streak == 0


def test_a_breaker_trips_once_and_is_reset_by_a_person(db: Engine, account: AccountRef):
    book = PostgresRiskBook(db)
    breaker = Breaker(code="daily_loss", reason="5 % lost", tripped_at=NOW)
    assert book.trip(account.account_id, breaker, {"loss": "50"})
    assert not book.trip(account.account_id, replace(breaker, tripped_at=NOW + timedelta(seconds=1)))
    assert book.breaker(account.account_id) == breaker
    assert book.reset(account.account_id, "alice") == 1
    assert book.breaker(account.account_id) is None
    assert book.trip(account.account_id, breaker)


def test_the_breaker_that_lasts_longest_is_the_one_in_force(db: Engine, account: AccountRef):
    book = PostgresRiskBook(db)
    for_ever = Breaker(code="daily_loss", reason="lost", tripped_at=NOW)
    book.trip(account.account_id, for_ever)
    book.trip(
        account.account_id, Breaker(code="loss_streak", reason="x", tripped_at=NOW, until=NOW + timedelta(hours=1))
    )
    with transaction(db) as connection:
        assert read_breaker(connection, account.account_id) == for_ever


def test_a_breaker_that_has_ended_may_trip_again(db: Engine, account: AccountRef):
    book = PostgresRiskBook(db)
    breaker = Breaker(code="loss_streak", reason="x", tripped_at=NOW, until=NOW + timedelta(hours=1))
    assert book.trip(account.account_id, breaker)
    later = NOW + timedelta(hours=2)
    assert book.trip(account.account_id, replace(breaker, tripped_at=later, until=later + timedelta(hours=1)))


def test_risk_decisions_are_listed_for_their_user(db: Engine, account: AccountRef):
    row = {
        "user_id": account.user_id,
        "account_id": account.account_id,
        "intent_id": "i",
        "step": "open",
        "allowed": False,
        "code": "max_position",
        "message": "too large",
        "numbers": {"limit": "1"},
    }
    with transaction(db) as connection:
        connection.execute(insert(tables.risk_decisions), [row, {**row, "allowed": True}])
    book = PostgresRiskBook(db)
    found = book.decisions(account.user_id, intent_id="i")
    assert [decision.allowed for decision in found.items] == [True, False]
    assert found.items[0].numbers == {"limit": "1"}
    assert book.decisions("somebody else").items == ()


def test_a_cool_down_that_is_over_starts_a_new_streak(db: Engine, account: AccountRef):
    losing_streak(db, account, [-1, -1, -1])
    PostgresRiskBook(db).trip(account.account_id, Breaker(code="loss_streak", reason="x", tripped_at=NOW, until=NOW))
    with transaction(db) as connection:
        connection.execute(update(tables.breakers).values(until=text("now() - interval '1 second'")))
    assert day(db, account).loss_streak == 0
