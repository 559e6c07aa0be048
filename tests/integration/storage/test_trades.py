"""Lists of trading and its figures: each user's own, page by page."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import Engine, insert

from domain.accounts import AccountRef
from domain.errors import Refused
from domain.intents import Intent, IntentPolicy, OrderStyle, Protection
from domain.money import Money, Price
from storage.postgres import tables
from storage.postgres.engine import transaction
from storage.postgres.portfolios import PostgresPortfolios
from storage.postgres.reconciliation import PostgresReconciliations
from storage.postgres.trades import PostgresTradeBook
from storage.records import Transfer
from storage.tradebook import Filter
from tests.integration.storage.conftest import NOW, intent_of, numbers, portfolio_of, put_fill, put_intent, put_order

START = datetime(2026, 1, 1, tzinfo=UTC)


def all_pages(read, *args, **named):
    """Collect a list page by page."""
    items, cursor = [], ""
    while True:
        page = read(*args, cursor=cursor, limit=2, **named)
        items.extend(page.items)
        cursor = page.next_cursor
        if not cursor:
            return items


def intents_of(db: Engine, account: AccountRef, count: int) -> list[Intent]:
    return [
        put_intent(
            db,
            intent_of(account, f"i{n}", agent_id=f"agent-{n % 2}", coin="BTC" if n < 3 else "ETH"),
            created_at=NOW + timedelta(seconds=n // 2),
            phase="CLOSED" if n == 0 else "WORKING",
        )
        for n in range(count)
    ]


def test_intents_come_newest_first_even_when_made_in_the_same_instant(db: Engine, account: AccountRef):
    made = intents_of(db, account, 5)
    listed = all_pages(PostgresTradeBook(db).intents, account.user_id)
    assert [record.intent for record in listed] == made[::-1]


def test_a_new_row_does_not_shift_the_pages(db: Engine, account: AccountRef):
    intents_of(db, account, 4)
    book = PostgresTradeBook(db)
    first = book.intents(account.user_id, limit=2)
    put_intent(db, intent_of(account, "newest"), created_at=NOW + timedelta(hours=1))
    second = book.intents(account.user_id, limit=2, cursor=first.next_cursor)
    assert [record.intent.intent_id for record in second.items] == ["i1", "i0"]


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        (Filter(coin="ETH"), ["i4", "i3"]),
        (Filter(agent_id="agent-1"), ["i3", "i1"]),
        (Filter(phase="CLOSED"), ["i0"]),
        (Filter(is_live=False), ["i0"]),
        (Filter(is_live=True, coin="BTC"), ["i2", "i1"]),
        (Filter(intent_id="i3"), ["i3"]),
        (Filter(since=NOW + timedelta(seconds=2)), ["i4"]),
        (Filter(account_id="other"), []),
    ],
)
def test_a_filter_narrows_the_list(db: Engine, account: AccountRef, where: Filter, expected: list[str]):
    intents_of(db, account, 5)
    listed = all_pages(PostgresTradeBook(db).intents, account.user_id, where)
    assert [record.intent.intent_id for record in listed] == expected


def test_nobody_sees_the_rows_of_another_user(db: Engine, account: AccountRef, account_of_bob: AccountRef):
    (intent,) = intents_of(db, account, 1)
    put_order(db, intent)
    put_fill(db, account, "1", intent_id=intent.intent_id)
    book, bob = PostgresTradeBook(db), account_of_bob.user_id
    assert book.intent(account.user_id, "i0") is not None
    assert book.intent(bob, "i0") is None
    for read in (book.intents, book.orders, book.fills, book.trades):
        assert len(read(account.user_id).items) == 1
        assert read(bob).items == ()
        assert read(bob, Filter(account_id=account.account_id)).items == ()
    assert book.performance(bob).turnover == 0
    assert book.figures(user_id=bob).intents == 0


def test_a_foreign_cursor_is_refused(db: Engine, account: AccountRef):
    for cursor in ("nonsense", "W10"):
        with pytest.raises(Refused) as caught:
            PostgresTradeBook(db).intents(account.user_id, cursor=cursor)
        assert caught.value.code == "bad_cursor"


def test_an_unknown_order_shows_its_clock_and_its_looks(db: Engine, account: AccountRef):
    looks = [{"text": "not found", "counts": True}]
    intent = put_intent(db, intent_of(account, agent_id="agent-1"))
    put_order(db, intent, state="UNKNOWN", unknown_since=NOW, looks=looks)
    put_order(db, intent, "protect.sl", state="DONE", trigger={"px": "95.5", "kind": "sl", "whole_position": True})
    book = PostgresTradeBook(db)
    (found,) = book.orders(account.user_id, Filter(is_live=True, agent_id="agent-1")).items
    assert (found.state, found.unknown_since, found.looks) == ("UNKNOWN", NOW, tuple(looks))
    (stop,) = book.orders(account.user_id, Filter(phase="DONE")).items
    assert stop.trigger_px == Decimal("95.5")


def test_fills_of_one_order_are_one_trade(db: Engine, account: AccountRef):
    put_intent(db, intent_of(account, agent_id="agent-1"))
    for n, px in enumerate((100, 200)):
        put_fill(db, account, str(n), px=Decimal(px), intent_id="intent-1", step="open", oid="5")
    put_fill(db, account, "9", time=NOW + timedelta(seconds=1), oid="6", side="sell", closed_pnl=Decimal(3))
    book = PostgresTradeBook(db)
    by_hand, ours = all_pages(book.trades, account.user_id)
    assert (ours.size, ours.price, ours.fills, ours.agent_id, ours.step) == (2, 150, 2, "agent-1", "open")
    assert (by_hand.intent_id, by_hand.agent_id, by_hand.realised_pnl) == ("", "", 3)
    assert len(all_pages(book.fills, account.user_id)) == 3
    assert book.fills(account.user_id, Filter(agent_id="agent-1")).items[0].step == "open"
    assert len(book.trades(account.user_id, Filter(agent_id="agent-1", coin="BTC")).items) == 1


def test_performance_is_fills_funding_and_a_curve_without_deposits(db: Engine, account: AccountRef):
    portfolios = PostgresPortfolios(db)
    for minute, equity in enumerate(["1000", "1100", "990", "1540"]):
        portfolios.save(account, portfolio_of(account, at=NOW + timedelta(minutes=minute), equity=equity))
    moved = [("deposit", "500", 150), ("funding", "-1", 10)]
    PostgresReconciliations(db).record_transfers(
        tuple(
            Transfer(
                account_id=account.account_id, time=NOW + timedelta(seconds=s), kind=kind, amount=Money(Decimal(amount))
            )
            for kind, amount, s in moved
        )
    )
    put_fill(db, account, "1", px=Decimal(50), size=Decimal(2), closed_pnl=Decimal(41), fee=Decimal(1))
    for n, pnl in enumerate((30, 15, -5)):
        put_intent(db, intent_of(account, f"i{n}"), realised_pnl=Decimal(pnl), finished_at=NOW)
    found = PostgresTradeBook(db).performance(account.user_id, account_id=account.account_id)
    assert numbers(found.trades, found.wins, found.losses, found.profit_factor) == [3, 2, 1, 9]
    assert numbers(found.realised_pnl, found.fees, found.funding, found.net_pnl) == [41, 1, -1, 39]
    assert numbers(found.turnover, found.equity, found.start_equity) == [100, 1540, 1000]
    assert found.max_drawdown == Decimal(110) / Decimal(1100)
    assert found.by_coin == {"BTC": 40}


def test_no_trades_have_no_rate(db: Engine, account: AccountRef):
    found = PostgresTradeBook(db).performance(account.user_id)
    assert numbers(found.trades, found.max_drawdown) == [0, 0]
    assert (found.win_rate, found.profit_factor) == (None, None)


def test_figures_count_what_was_done_and_how_fast(db: Engine, account: AccountRef):
    protection = Protection(stop_px=Price(Decimal(90)))
    limit = IntentPolicy(style=OrderStyle.LIMIT, limit_px=Price(Decimal(90)))
    for n, seconds in enumerate((1, 2, 3)):
        filled = NOW + timedelta(seconds=seconds)
        intent = put_intent(
            db,
            intent_of(account, f"i{n}", protection=protection),
            phase="PROTECTED",
            first_fill_at=filled,
            protected_at=filled + timedelta(seconds=seconds / 2),
        )
        put_order(db, intent, state="DONE")
    put_intent(db, intent_of(account, "resting", policy=limit), first_fill_at=NOW + timedelta(hours=1))
    put_intent(db, intent_of(account, "refused", coin="ETH"), phase="REFUSED")
    put_order(db, intent_of(account, "waiting"), state="UNKNOWN")
    with transaction(db) as connection:
        unexplained: dict[str, Any] = {"coin": "BTC", "kind": "unexplained", "account_id": account.account_id}
        rows = [{**unexplained, "amount": -3, "counted_at": NOW}, {**unexplained, "amount": 9, "counted_at": None}]
        connection.execute(insert(tables.differences), rows)
    found = PostgresTradeBook(db).figures()
    assert (found.intents, found.orders, found.filled, found.protected) == (5, 4, 4, 3)
    assert (found.refused, found.failed, found.unknown, found.cycles) == (1, 0, 1, 0)
    assert found.fill_p50 == pytest.approx(2)
    assert found.fill_p95 == pytest.approx(2.9)
    assert found.unprotected_max == pytest.approx(1.5)
    assert found.unexplained == 3
    assert found.by_coin == {"BTC": 4, "ETH": 1}
    assert PostgresTradeBook(db).figures(since=datetime.now(UTC) + timedelta(days=1)).intents == 0


def test_a_deployment_without_trades_has_no_latency(db: Engine):
    found = PostgresTradeBook(db).figures(since=START)
    assert (found.fill_p50, found.fill_p95, found.unprotected_max, found.intents) == (None, None, None, 0)
