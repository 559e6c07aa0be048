"""Properties of the paper venues under random trading, on Hyperliquid's rules and on the fapi dialect.

No money appears or disappears, positions are the sum of fills, reduce-only orders never open, better prices and earlier orders
trade first, and a venue that is stopped at any moment goes on as if it had not been.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from paper.engine.accounts import Fill
from paper.engine.orders import Status
from tests.property.paper_traders import (
    ALICE,
    DEPOSIT,
    USERS,
    BinanceTrader,
    HyperliquidTrader,
    Step,
    Trader,
    is_reducing,
)

D = Decimal
TINY = D("1e-9")
users = st.sampled_from(USERS)
orders = st.builds(
    Step,
    kind=st.sampled_from(["limit", "market"]),
    user=users,
    is_buy=st.booleans(),
    offset=st.integers(-40, 40),
    size=st.integers(1, 400),
    is_reducing=st.booleans(),
)
stops = st.builds(Step, kind=st.just("stop"), user=users, is_buy=st.booleans(), offset=st.integers(-40, 40))
others = st.builds(
    Step, kind=st.sampled_from(["cancel", "fund", "move", "move"]), user=users, offset=st.integers(-60, 60)
)
# Queues of several orders at one price, whose order a restart must keep.
queued = st.one_of(
    st.builds(
        Step, kind=st.just("limit"), user=users, is_buy=st.just(True), offset=st.just(-20), size=st.integers(1, 50)
    ),
    st.builds(
        Step, kind=st.just("limit"), user=users, is_buy=st.just(False), offset=st.just(20), size=st.integers(1, 50)
    ),
)
steps = st.lists(st.one_of(orders, orders, stops, others), min_size=1, max_size=30)
# Long positions with reduce-only sells above the market, of which others take the place before the market gets there.
some = st.integers(1, 200)
closing_steps = st.lists(
    st.one_of(
        st.builds(Step, kind=st.just("market"), user=users, is_buy=st.just(True), size=some),
        st.builds(
            Step,
            kind=st.just("limit"),
            user=users,
            is_buy=st.just(False),
            offset=st.just(20),
            size=some,
            is_reducing=st.just(True),
        ),
        st.builds(Step, kind=st.just("market"), user=users, is_buy=st.just(False), size=some),
        st.builds(Step, kind=st.just("move"), offset=st.sampled_from([-15, 15, 30])),
    ),
    min_size=6,
    max_size=30,
)
long_steps = st.lists(st.one_of(orders, queued, queued, stops, others), min_size=8, max_size=30)
MAKERS: list[Callable[[Path | None], Trader]] = [
    lambda path: HyperliquidTrader(path=path),
    lambda path: HyperliquidTrader(path=path, is_isolated=True),
    lambda path: BinanceTrader(path=path),
    lambda path: BinanceTrader(path=path, is_hedged=True),
]
venues = pytest.mark.parametrize("make", MAKERS, ids=["hyperliquid", "isolated", "binance", "hedged"])


def signed(fill: Fill) -> Decimal:
    return fill.sz if fill.is_buy else -fill.sz


def was_taken_over(trader: Trader, user: str) -> bool:
    """Tell whether the venue took a position with all that was left to the account."""
    return any(
        fill.liquidation is not None and fill.liquidation.method == "backstop" for fill in trader.books(user).fills
    )


@venues
@settings(max_examples=40, deadline=None)
@given(steps=steps)
def test_no_money_appears_or_disappears(make: Callable[[Path | None], Trader], steps: list[Step]) -> None:
    trader = make(None)
    for step in steps:
        trader.act(step)
        # Average entry prices are rounded to 28 digits.
        assert abs(trader.total() - trader.venue.deposited) < TINY
    trader.node.store.close()


@venues
@settings(max_examples=40, deadline=None)
@given(steps=steps)
def test_an_account_is_worth_its_deposit_its_trades_its_fees_and_its_funding(
    make: Callable[[Path | None], Trader], steps: list[Step]
) -> None:
    trader = make(None)
    for step in steps:
        trader.act(step)
    for user in USERS:
        account, books = trader.account(user), trader.books(user)
        if was_taken_over(trader, user):
            continue
        worth = account.cash + sum(p.collateral + p.unrealized(trader.mark) for p in account.positions.values())
        traded = sum((signed(fill) * (trader.mark - fill.px) - fill.fee for fill in books.fills), D(0))
        funded = sum((row.usdc for row in books.fundings), D(0))
        assert abs(worth - (DEPOSIT + traded + funded)) < TINY
    trader.node.store.close()


@venues
@settings(max_examples=40, deadline=None)
@given(steps=steps)
def test_positions_are_the_sum_of_fills_and_orders_of_theirs(
    make: Callable[[Path | None], Trader], steps: list[Step]
) -> None:
    trader = make(None)
    for step in steps:
        trader.act(step)
    for user in USERS:
        account, books = trader.account(user), trader.books(user)
        sums: dict[str, Decimal] = {}
        for fill in books.fills:
            assert fill.start_position == sums.get(fill.coin, D(0))
            sums[fill.coin] = sums.get(fill.coin, D(0)) + signed(fill)
        assert {coin: szi for coin, szi in sums.items() if szi} == {p.coin: p.szi for p in account.positions.values()}
    for order in trader.venue.orders.values():
        filled = sum((fill.sz for fill in trader.books(order.user).fills if fill.oid == order.oid), D(0))
        assert order.filled_sz == filled
        assert order.status is not Status.FILLED or order.sz == 0
    trader.node.store.close()


@venues
@settings(max_examples=40, deadline=None)
@given(steps=st.one_of(steps, closing_steps, closing_steps))
def test_an_order_that_can_only_reduce_never_opens(make: Callable[[Path | None], Trader], steps: list[Step]) -> None:
    trader = make(None)
    for step in steps:
        trader.act(step)
    for user in USERS:
        for fill in trader.books(user).fills:
            order = trader.venue.orders.get(fill.oid)
            if order is not None and is_reducing(trader, order):
                assert fill.start_position * signed(fill) < 0
                assert fill.sz <= abs(fill.start_position)
    trader.node.store.close()


@venues
@settings(max_examples=40, deadline=None)
@given(
    makers=st.lists(st.tuples(users, st.integers(1, 6), st.integers(1, 40)), min_size=2, max_size=10),
    taken=st.integers(1, 200),
)
def test_better_prices_trade_first_and_at_one_price_the_earlier_order(
    make: Callable[[Path | None], Trader], makers: list[tuple[str, int, int]], taken: int
) -> None:
    trader = make(None)
    # Nobody else is there: the simulated makers stand aside.
    trader.venue.markets["BTC"].liquidity.rescale(D("1e-9"))
    queue = []
    for place, (user, offset, size) in enumerate(makers):
        trader.act(Step("limit", user=user, is_buy=False, offset=offset, size=size))
        queue.append((offset, place, trader.books(user).all_oids[-1]))
    taker = "0x" + "c" * 40
    third_man(trader, taker)
    trader.act(Step("limit", user=taker, is_buy=True, offset=6, size=taken))
    filled = sorted(
        ((fill.tid, fill.oid) for user in USERS for fill in trader.books(user).fills if fill.tid),
        key=lambda row: row[0],
    )
    expected = [oid for _, _, oid in sorted(queue)]
    in_turn = [fill.oid for fill in trader.books(taker).fills]
    assert len(in_turn) >= 1
    bought = {fill.tid: number for number, fill in enumerate(trader.books(taker).fills)}
    order_of_fills = [oid for tid, oid in sorted(filled, key=lambda row: bought[row[0]])]
    assert order_of_fills == expected[: len(order_of_fills)]
    assert len([oid for oid in expected if trader.venue.orders[oid].filled_sz > 0 and trader.venue.orders[oid].sz]) <= 1
    trader.node.store.close()


def third_man(trader: Trader, name: str) -> None:
    trader.venue.open_account(name).cash += 10 * DEPOSIT
    trader.venue.deposited += 10 * DEPOSIT
    if isinstance(trader, BinanceTrader):
        user = trader.node.users.by_name[ALICE]
        trader.node.users.by_name[name] = user.__class__(
            name=name, api_key=name, secret=name, created_ms=0, is_hedged=user.is_hedged
        )


@venues
@settings(max_examples=12, deadline=None)
@given(steps=long_steps, stops_at=st.sets(st.integers(1, 20), min_size=1, max_size=4), crash=orders)
def test_a_venue_that_is_stopped_at_any_moment_goes_on_as_if_it_had_not_been(
    tmp_path_factory: pytest.TempPathFactory,
    make: Callable[[Path | None], Trader],
    steps: list[Step],
    stops_at: set[int],
    crash: Step,
) -> None:
    steady = make(None)
    stopped = make(tmp_path_factory.mktemp("state") / "venue.sqlite")
    for number, step in enumerate(steps):
        if number in stops_at:
            for trader in (steady, stopped):
                trader.rest_for_an_hour()
            stopped.restart()
            stopped.crash(crash)
        assert stopped.act(step) == steady.act(step)
    assert stopped.everything() == steady.everything()
    stopped.restart()
    assert stopped.everything() == steady.everything()
    for trader in (steady, stopped):
        trader.node.store.close()
