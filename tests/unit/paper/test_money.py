"""Properties over random trading: money is conserved, positions are the sum of fills, priority holds, a restart keeps all."""

from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from paper.engine.accounts import LeverageChoice
from paper.engine.funding import pay_funding
from paper.engine.liquidation import liquidate_all
from paper.engine.matching import settle
from paper.engine.orders import Status
from paper.engine.requests import Grouping, Resting
from paper.hyperliquid.node import Node
from paper.hyperliquid.opening import Options, open_node
from tests.unit.paper.builders import ALICE, BOB, Desk, limit, market, trigger

D = Decimal
USERS = (ALICE, BOB)
step = st.one_of(
    st.tuples(
        st.just("limit"),
        st.sampled_from(USERS),
        st.sampled_from(["buy", "sell"]),
        st.integers(-40, 40),
        st.integers(1, 300),
    ),
    st.tuples(
        st.just("market"), st.sampled_from(USERS), st.sampled_from(["buy", "sell"]), st.booleans(), st.integers(1, 300)
    ),
    st.tuples(st.just("stop"), st.sampled_from(USERS), st.sampled_from(["sl", "tp"]), st.integers(1, 40), st.just(0)),
    st.tuples(st.just("move"), st.just(ALICE), st.just(""), st.integers(-60, 60), st.integers(0, 20)),
    st.tuples(st.just("funding"), st.just(ALICE), st.just(""), st.integers(-50, 50), st.just(0)),
)


def act(desk: Desk, number: int, what: tuple[str, str, str, int, int]) -> None:
    kind, user, side, offset, size = what
    mark, sz = desk.venue.mark("BTC"), str(D(size) / 100)
    match kind:
        case "limit":
            desk.send(user, limit(side, str(mark + offset * 50), sz))
        case "market":
            desk.send(user, market(side, sz, reduce_only=bool(offset)))
        case "stop":
            is_long = desk.szi(user) > 0
            below = is_long == (side == "sl")
            px = str(mark + (-50 if below else 50) * offset)
            desk.send(user, trigger("sell" if is_long else "buy", side, px, "0"), grouping=Grouping.POSITION_TPSL)
        case "move":
            desk.clock.now += size * 1000
            desk.move("BTC", str(min(max(mark + offset * 40, D(97_000)), D(103_000))))
            liquidate_all(desk.venue)
            settle(desk.venue)
        case _:
            pay_funding(desk.venue, number, {"BTC": D(offset) / 10_000, "ETH": D(0)})


def simulated_equity(desk: Desk) -> Decimal:
    """What the simulated makers and the liquidator have made, from the fills alone."""
    cash, position = D(0), D(0)
    for user in USERS:
        for fill in desk.venue.books[user].fills:
            signed = fill.sz if fill.is_buy else -fill.sz
            cash += signed * fill.px
            position -= signed
    return cash + position * desk.venue.mark("BTC")


@settings(max_examples=120, deadline=None)
@given(st.lists(step, min_size=1, max_size=40), st.booleans())
def test_no_money_appears_or_disappears_and_positions_are_the_sum_of_fills(
    steps: list[tuple[str, str, str, int, int]], isolated: bool
) -> None:
    desk = Desk()
    desk.venue.accounts[BOB].leverage["BTC"] = LeverageChoice(is_cross=not isolated, value=10)
    for number, what in enumerate(steps):
        act(desk, number, what)
    venue = desk.venue
    # Average entry prices are rounded to 28 digits.
    assert abs(desk.total() - venue.deposited) < D("1e-12")
    funding = sum((row.usdc for user in USERS for row in venue.books[user].fundings), D(0))
    for user in USERS:
        signed = (fill.sz if fill.is_buy else -fill.sz for fill in venue.books[user].fills)
        assert sum(signed, D(0)) == desk.szi(user)
    equity = D(0)
    for user in USERS:
        account = venue.accounts[user]
        equity += account.cash + sum(p.collateral + p.unrealized(venue.mark("BTC")) for p in account.positions.values())
    confiscated = any(row.delta["type"] == "liquidation" for user in USERS for row in venue.books[user].ledger)
    if not confiscated:
        assert abs(equity + venue.fee_income + simulated_equity(desk) - funding - venue.deposited) < D("1e-12")


@settings(max_examples=80, deadline=None)
@given(st.lists(step, min_size=1, max_size=40))
def test_orders_add_up_and_no_dead_order_is_open(steps: list[tuple[str, str, str, int, int]]) -> None:
    desk = Desk()
    for number, what in enumerate(steps):
        act(desk, number, what)
    for order in desk.venue.orders.values():
        filled = sum((f.sz for f in desk.venue.books[order.user].fills if f.oid == order.oid), D(0))
        assert order.filled_sz == filled
        assert order.filled_sz + order.sz <= order.orig_sz
        assert (order.status is Status.FILLED) <= (order.sz == 0)
        assert order.is_live == (order.oid in desk.venue.books[order.user].open_oids)
    for user in USERS:
        stops = [order for order in desk.live(user) if order.is_position_tpsl]
        assert not stops or desk.szi(user) != 0
        resting = [order for order in desk.live(user) if order.reduce_only and order.is_resting]
        assert all(order.sz <= abs(desk.szi(user)) for order in resting)


@settings(max_examples=80, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 5), st.integers(1, 20)), min_size=2, max_size=12), st.integers(1, 150))
def test_better_prices_fill_first_and_at_one_price_the_earlier_order(makers: list[tuple[int, int]], taken: int) -> None:
    desk = Desk()
    queue = []
    for place, (offset, size) in enumerate(makers):
        outcome = desk.send(BOB, limit("sell", str(100_001 + offset), str(D(size) / 100)))[0]
        assert isinstance(outcome, Resting)
        queue.append((offset, place, outcome.oid))
    desk.send(ALICE, limit("buy", "100006", str(D(taken) / 100)))
    filled = [fill.oid for fill in desk.venue.books[BOB].fills]
    expected = [oid for _, _, oid in sorted(queue)]
    assert filled == expected[: len(filled)]
    partly = [oid for _, _, oid in queue if desk.venue.orders[oid].is_live and desk.venue.orders[oid].filled_sz]
    assert len(partly) <= 1


@settings(max_examples=12, deadline=None)
@given(steps=st.lists(step, min_size=1, max_size=25))
def test_a_restart_keeps_everything(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[str, str, str, int, int]]
) -> None:
    path = tmp_path_factory.mktemp("state") / "venue.sqlite"
    node = opened(path)
    desk = desk_over(node)
    for number, what in enumerate(steps):
        act(desk, number, what)
        node.commit()
    before = everything(node)
    node.store.close()
    again = opened(path)
    assert everything(again) == before
    again.store.close()


def opened(path: Path) -> Node:
    return open_node(Options(coins=("BTC", "ETH"), state=path))


def desk_over(node: Node) -> Desk:
    desk = Desk()
    for user in USERS:
        account = node.venue.open_account(user)
        account.cash = D(100_000)
    node.venue.deposited = D(200_000)
    node.venue.changes.is_meta = True
    node.venue.clock = desk.clock
    desk.venue = node.venue
    desk.set_mark("BTC", "100000")
    desk.set_mark("ETH", "4000")
    node.commit()
    return desk


def everything(node: Node) -> tuple[object, ...]:
    venue = node.venue
    queues = {
        coin: [list(market.book.bids), list(market.book.asks), set(market.triggers)]
        for coin, market in venue.markets.items()
    }
    books = {
        user: (b.fills, b.fundings, b.ledger, sorted(b.open_oids), b.all_oids, b.by_cloid)
        for user, b in venue.books.items()
    }
    return (
        venue.accounts,
        venue.orders,
        books,
        queues,
        venue.next_oid,
        venue.fee_income,
        venue.counterparty,
        venue.deposited,
    )
