"""What ends a resting order, or keeps an opening one out, when its turn comes."""

from __future__ import annotations

from decimal import Decimal

import pytest

from paper.engine.orders import Status
from paper.engine.requests import Failed, Grouping
from tests.unit.paper.builders import ALICE, BOB, Desk, limit, market, trigger

D = Decimal


@pytest.fixture
def desk() -> Desk:
    return Desk()


def poor(desk: Desk, user: str) -> None:
    """Take nearly all money away from an account, whatever it has resting."""
    account = desk.venue.accounts[user]
    desk.venue.deposited -= account.cash - D(10)
    account.cash = D(10)


@pytest.mark.parametrize("by_user", [True, False])
def test_a_resting_order_without_money_behind_it_is_cancelled_when_its_turn_comes(desk: Desk, by_user: bool) -> None:
    order = desk.order(desk.send(ALICE, limit("buy", "99999", "0.1"))[0])
    poor(desk, ALICE)
    if by_user:
        desk.send(BOB, limit("sell", "99999", "0.1"))
    else:
        desk.move("BTC", "98000")
    assert (order.status, desk.szi(ALICE)) == (Status.MARGIN_CANCELED, D(0))
    assert desk.live(ALICE) == []


def test_a_resting_order_that_reduces_needs_no_money(desk: Desk) -> None:
    desk.send(ALICE, market("buy", "0.1"))
    order = desk.order(desk.send(ALICE, limit("sell", "101000", "0.1"))[0])
    poor(desk, ALICE)
    desk.move("BTC", "101500")
    assert (order.status, desk.szi(ALICE)) == (Status.FILLED, D(0))


def test_children_of_a_parent_that_is_cancelled_before_its_first_fill_go(desk: Desk) -> None:
    rows = [limit("buy", "99000", "0.1"), trigger("sell", "sl", "95000", "0.1")]
    parent, child = (desk.order(item) for item in desk.send(ALICE, *rows, grouping=Grouping.NORMAL_TPSL))
    poor(desk, ALICE)
    desk.move("BTC", "98000")
    assert (parent.status, child.status) == (Status.MARGIN_CANCELED, Status.CANCELED)


def test_children_wake_when_the_money_ends_half_way(desk: Desk) -> None:
    rows = [limit("buy", "99999", "0.1"), trigger("sell", "sl", "95000", "0.05")]
    parent, child = (desk.order(item) for item in desk.send(ALICE, *rows, grouping=Grouping.NORMAL_TPSL))
    desk.send(BOB, limit("sell", "99999", "0.05"))
    assert child.is_waiting_for_parent
    desk.venue.accounts[ALICE].cash = D(10)
    desk.send(BOB, limit("sell", "99999", "0.05"))
    assert (parent.status, parent.filled_sz) == (Status.MARGIN_CANCELED, D("0.05"))
    assert (child.status, child.is_waiting_for_parent) == (Status.OPEN, False)


def test_children_go_with_a_parent_that_meets_its_own_user(desk: Desk) -> None:
    rows = [limit("buy", "99999", "0.1"), trigger("sell", "sl", "95000", "0.1")]
    parent, child = (desk.order(item) for item in desk.send(ALICE, *rows, grouping=Grouping.NORMAL_TPSL))
    desk.send(ALICE, limit("sell", "99999", "0.1"))
    assert (parent.status, child.status) == (Status.SELF_TRADE_CANCELED, Status.CANCELED)


def test_at_the_cap_a_resting_order_that_would_add_is_cancelled(desk: Desk) -> None:
    order = desk.order(desk.send(ALICE, limit("buy", "99000", "0.1"))[0])
    desk.send(BOB, market("buy", "0.1"))
    desk.venue.markets["BTC"].open_interest_cap = D(5_000)
    desk.move("BTC", "98900")
    assert (order.status, desk.szi(ALICE)) == (Status.OPEN_INTEREST_CAP_CANCELED, D(0))


def test_open_interest_may_not_grow_faster_than_it_is_allowed_to(desk: Desk) -> None:
    desk.venue.markets["BTC"].open_interest_growth = D(5_000)
    refused = desk.send(ALICE, limit("buy", "99000", "0.06"))[0]
    assert refused == Failed(text="Order would increase open interest too quickly asset=0")
    assert list(desk.venue.orders.values())[-1].status is Status.OPEN_INTEREST_INCREASE_REJECTED
    assert not isinstance(desk.send(ALICE, limit("buy", "99000", "0.05"))[0], Failed)
