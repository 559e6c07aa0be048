"""An order of which the network delivered two copies: Binance fills both, and that is found, told, kept in the report and closed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from domain.accounts import AccountRef
from domain.fills import Fill
from domain.intents import Intent
from domain.money import Quantity
from domain.watch import CloseOrder, ProtectRequest
from runtime.metrics import Metrics
from runtime.secrets import KeyRing
from storage.postgres.overfills import PostgresOverfills
from storage.postgres.reconciliation import PostgresReconciliations
from tests.integration.test_gone_owners import reconcile
from tests.integration.test_positions import retried
from tests.stack.paper import Paper
from tests.stack.trading import Bench, bench

KIND = "order_overfilled"


@pytest.fixture(scope="module")
def papers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Paper, Paper]]:
    """Hyperliquid, which every bench has, and Binance."""
    folder = tmp_path_factory.mktemp("papers")
    with Paper(folder / "hyperliquid") as one, Paper(folder / "binance", venue="binance") as other:
        yield one, other


@pytest.fixture
def desk(papers: tuple[Paper, Paper], database: str, tmp_path: Path, keys: KeyRing) -> Iterator[Bench]:
    """A bench over both."""
    made = bench(papers[0], database, tmp_path, keys, others=papers[1:])
    yield made
    papers[1].clear_faults()
    made.close()


def filled_twice(desk: Bench, name: str) -> tuple[AccountRef, Intent, str]:
    """Open at market, delivered twice by the network; returns the client id as well."""
    account = desk.account(name, venue="binance")
    wish = desk.wish(account, "one", protection=desk.stop_at("ETH", "0.9", "binance"))
    order = desk.approved(wish)
    desk.papers["binance"].fault("exchange", "duplicate_request", rate=1, count=1, type="order")
    ack = desk.orders.place_order(order)
    assert (ack.filled_size, len(desk.admitted(account))) == (Decimal("0.1"), 2)
    return account, wish, order.key.client_id


def shown(desk: Bench, account: AccountRef, *, open_only: bool = True) -> list[tuple[str, Decimal]]:
    found = PostgresReconciliations(desk.engine).differences(account.user_id, open_only=open_only)
    return [(each.coin, each.amount) for each in found if each.kind == KIND]


def count_of(registry: CollectorRegistry) -> float:
    return registry.get_sample_value("holdfast_orders_overfilled_total", {"venue": "binance"}) or 0.0


def test_an_order_that_filled_twice_is_told_once_counted_and_kept_in_the_report(desk: Bench) -> None:
    account, wish, client_id = filled_twice(desk, "anna")
    registry = CollectorRegistry()
    metrics = Metrics(registry)
    results = [reconcile(desk, account, wish.intent_id, metrics=metrics) for _ in range(3)]
    (notice,) = (notice for notice in desk.notifier.notices if notice.kind == KIND)
    assert (notice.severity.value, notice.user_id, notice.details) == (
        "alarm",
        account.user_id,
        {
            "account_id": account.account_id,
            "intent_id": wish.intent_id,
            "coin": "ETH",
            "client_id": client_id,
            "ordered": "0.1",
            "filled": "0.2",
        },
    )
    assert count_of(registry) == 1
    assert all(result.overfilled == (f"{client_id} buy 0.1 ETH, filled 0.2",) for result in results)
    assert shown(desk, account) == [("ETH", Decimal("0.1"))]
    # They are the order's, and nobody traded by hand.
    assert not any(result.flagged for result in results)
    assert desk.books.fills.unbound(account.account_id, datetime(2000, 1, 1, tzinfo=UTC)) == ()


def test_the_excess_is_under_the_stop_is_shown_as_the_intents_and_goes_with_the_close(desk: Bench) -> None:
    account, wish, _ = filled_twice(desk, "berta")
    reconcile(desk, account, wish.intent_id)
    view = desk.books.intents.view(wish.intent_id)
    assert view is not None
    assert view.filled_size == Decimal("0.2")
    held = desk.fence.sync.sync(account).position("ETH")
    assert held is not None
    assert held.size == Decimal("0.2")
    retried(lambda: desk.positions.protect_position(ProtectRequest(intent=wish, protection=wish.protection)))
    (stop,) = desk.fence.sync.sync(account).orders
    assert stop.trigger is not None
    assert stop.trigger.whole_position
    retried(lambda: desk.positions.close_position(CloseOrder(intent=wish)))
    assert desk.fence.sync.sync(account).is_flat


def test_a_trade_by_hand_beside_an_order_of_ours_is_no_copy_of_it(desk: Bench) -> None:
    account = desk.account("clara", venue="binance")
    wish = desk.wish(account, "one")
    desk.orders.place_order(desk.approved(wish))
    desk.papers["binance"].post("trade", user=desk.owners[account.address], coin="ETH", side="buy", sz="0.1")
    result = reconcile(desk, account, wish.intent_id)
    assert (result.overfilled, shown(desk, account)) == ((), [])
    assert [notice for notice in desk.notifier.notices if notice.kind == KIND] == []


def test_an_excess_of_one_lot_is_told_and_less_is_none(desk: Bench) -> None:
    """A venue's sizes come in lots: the copy of the smallest order is one, and what is less can only be a rounding."""
    account = desk.account("dora", venue="binance")
    wish = desk.wish(account, "one")
    order = desk.approved(wish)
    desk.orders.place_order(order)
    desk.fence.sync.sync(account)
    (known,) = desk.books.intents.fills(wish.intent_id)
    for size, is_told in (("0.0004", False), ("0.0006", True)):
        more = replace(known, trade_id=f"more-{size}", size=Quantity(Decimal(size)), client_id=order.key.client_id)
        record(desk, account, more)
        reconcile(desk, account, wish.intent_id)
        assert any(notice.kind == KIND for notice in desk.notifier.notices) is is_told, size


def test_what_ended_long_ago_is_looked_for_no_longer_and_stays_in_the_history(desk: Bench) -> None:
    account, wish, _ = filled_twice(desk, "emma")
    reconcile(desk, account, wish.intent_id)
    overfills = PostgresOverfills(desk.engine)
    later = datetime.now(UTC) + timedelta(hours=1)
    assert len(overfills.overfilled(account.account_id, later)) == 1
    retried(lambda: desk.positions.close_position(CloseOrder(intent=wish)))
    retried(lambda: reconcile(desk, account))
    assert overfills.overfilled(account.account_id, later) == ()
    assert shown(desk, account, open_only=False) == [("ETH", Decimal("0.1"))]


def record(desk: Bench, account: AccountRef, fill: Fill) -> None:
    assert desk.books.fills.record(account, (fill,)) == (fill,)
