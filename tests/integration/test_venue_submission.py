"""The fenced submission, protection and closes at Binance and AsterDEX: the same parts, other venues."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from decimal import Decimal
from pathlib import Path

import pytest
from temporalio.exceptions import ApplicationError

from domain.orders import OrderState
from domain.watch import CloseOrder, ProtectRequest
from runtime.secrets import KeyRing
from tests.stack.paper import Paper
from tests.stack.trading import Bench, bench

VENUES = ("binance", "aster")


@pytest.fixture(scope="module")
def papers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Paper, ...]]:
    """All three paper exchanges."""
    folder = tmp_path_factory.mktemp("papers")
    with ExitStack() as opened:
        names = ("hyperliquid", "binance", "aster")
        yield tuple(opened.enter_context(Paper(folder / name, venue=name)) for name in names)


@pytest.fixture
def desk(papers: tuple[Paper, ...], database: str, tmp_path: Path, keys: KeyRing) -> Iterator[Bench]:
    """A bench over all of them."""
    made = bench(papers[0], database, tmp_path, keys, others=papers[1:])
    yield made
    for paper in papers:
        paper.clear_faults()
    made.close()


def until(act: Callable[[], object], seconds: float = 30.0) -> object:
    """Repeat what says that it is not over yet, as the server repeats an activity."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            return act()
        except ApplicationError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.2)


@pytest.mark.parametrize("venue", VENUES)
def test_a_market_order_is_filled_and_its_fill_is_bound_by_its_order_id(desk: Bench, venue: str) -> None:
    account = desk.account("anna", venue=venue)
    order = desk.approved(desk.wish(account, "one"))
    ack = desk.orders.place_order(order)
    assert (ack.state, ack.filled_size) == (OrderState.DONE, Decimal("0.1")), ack
    desk.fence.sync.sync(account)
    fills = desk.books.intents.fills(order.key.intent_id)
    assert sum(fill.size for fill in fills) == Decimal("0.1")
    assert len(desk.admitted(account)) == 1


@pytest.mark.parametrize("venue", VENUES)
def test_a_position_is_protected_and_closed_to_flat(desk: Bench, venue: str) -> None:
    account = desk.account("berta", venue=venue)
    wish = desk.wish(account, "one", protection=desk.stop_at("ETH", "0.9", venue))
    desk.orders.place_order(desk.approved(wish))
    report = until(lambda: desk.positions.protect_position(ProtectRequest(intent=wish, protection=wish.protection)))
    assert getattr(report, "is_protected", False), report
    assert [order.trigger is not None for order in desk.fence.sync.sync(account).orders] == [True]
    until(lambda: desk.positions.close_position(CloseOrder(intent=wish)))
    assert desk.fence.sync.sync(account).is_flat
