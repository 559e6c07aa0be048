"""Price-time matching, times in force, reduce-only orders."""

from decimal import Decimal

from paper.engine.orders import Status, Tif
from paper.engine.requests import Failed, Filled, Resting
from tests.unit.paper.builders import ALICE, BOB, NOW, Desk, limit, market

D = Decimal
CAROL = "0x" + "c" * 40


def test_a_market_order_fills_at_once_with_slippage_that_grows_with_its_size() -> None:
    small, large = (Desk() for _ in range(2))
    first = small.send(ALICE, market("buy", "0.1"))[0]
    second = large.send(ALICE, market("buy", "5"))[0]
    assert isinstance(first, Filled)
    assert isinstance(second, Filled)
    assert first.total_sz == D("0.1")
    assert D("100000") < first.average_px < second.average_px
    assert small.szi(ALICE) == D("0.1")


def test_a_taken_book_refills_with_time() -> None:
    desk = Desk()
    desk.venue.markets["BTC"].liquidity.impact = 0.0
    asks = desk.venue.markets["BTC"].liquidity.levels
    before = sum(level.sz for level in asks(is_bid=False, now_ms=NOW))
    desk.send(ALICE, market("buy", "5"))
    taken = sum(level.sz for level in asks(is_bid=False, now_ms=NOW))
    half = sum(level.sz for level in asks(is_bid=False, now_ms=NOW + 5_000))
    assert before - taken == 5
    assert taken + D("2.4") < half < before - D("2.4")
    assert before - D("0.1") < sum(level.sz for level in asks(is_bid=False, now_ms=NOW + 10_000)) <= before


def test_an_ioc_that_reaches_nothing_is_rejected_and_its_row_is_kept() -> None:
    desk = Desk()
    outcome = desk.send(ALICE, limit("buy", "90000", "0.1", tif=Tif.IOC))[0]
    assert outcome == Failed(text="Order could not immediately match against any resting orders. asset=0")
    rows = list(desk.venue.orders.values())
    assert [row.status for row in rows] == [Status.IOC_CANCEL_REJECTED]


def test_an_ioc_fills_what_is_within_its_limit_and_drops_the_rest() -> None:
    desk = Desk()
    desk.deposit(ALICE, "10000000")
    outcome = desk.send(ALICE, limit("buy", "100030", "50", tif=Tif.IOC))[0]
    assert isinstance(outcome, Filled)
    assert D(0) < outcome.total_sz < 50
    assert desk.live(ALICE) == []
    assert desk.order(outcome).status is Status.CANCELED


def test_a_post_only_order_that_would_match_is_refused_with_the_best_prices() -> None:
    desk = Desk()
    outcome = desk.send(ALICE, limit("buy", "100100", "0.1", tif=Tif.ALO))[0]
    assert isinstance(outcome, Failed)
    assert outcome.text == "Post only order would have immediately matched, bbo was 99995@100005. asset=0"


def test_a_resting_limit_fills_at_its_own_price_when_the_market_crosses_it() -> None:
    desk = Desk()
    resting = desk.send(ALICE, limit("buy", "99000", "0.2"))[0]
    assert isinstance(resting, Resting)
    desk.move("BTC", "99500")
    assert desk.szi(ALICE) == 0
    desk.move("BTC", "98500")
    assert desk.szi(ALICE) == D("0.2")
    fill = desk.venue.books[ALICE].fills[-1]
    assert (fill.px, fill.crossed) == (D("99000"), False)
    assert fill.fee == D("0.2") * 99000 * D("0.00015")


def test_a_large_resting_order_fills_in_parts_as_the_book_refills() -> None:
    desk = Desk()
    desk.deposit(ALICE, "100000000")
    oid = desk.order(desk.send(ALICE, limit("buy", "99000", "100"))[0]).oid
    desk.move("BTC", "98990")
    first = desk.szi(ALICE)
    assert 0 < first < 100
    assert desk.venue.orders[oid].status is Status.OPEN
    assert desk.venue.orders[oid].sz == 100 - first
    desk.clock.now += 60_000
    desk.move("BTC", "98991")
    assert desk.szi(ALICE) > first


def test_users_trade_with_each_other_in_price_time_order() -> None:
    desk = Desk()
    desk.deposit(CAROL, "100000")
    late = desk.order(desk.send(BOB, limit("sell", "100002", "0.1"))[0])
    better = desk.order(desk.send(CAROL, limit("sell", "100001", "0.1"))[0])
    later = desk.order(desk.send(CAROL, limit("sell", "100002", "0.1"))[0])
    outcome = desk.send(ALICE, limit("buy", "100002", "0.25", tif=Tif.IOC))[0]
    assert isinstance(outcome, Filled)
    assert outcome.total_sz == D("0.25")
    assert (better.status, late.status) == (Status.FILLED, Status.FILLED)
    assert later.sz == D("0.05")
    tids = {user: [fill.tid for fill in desk.venue.books[user].fills] for user in (ALICE, BOB, CAROL)}
    assert set(tids[BOB]) | set(tids[CAROL]) == set(tids[ALICE])


def test_a_self_match_cancels_the_resting_order_without_a_fill() -> None:
    desk = Desk()
    resting = desk.order(desk.send(ALICE, limit("sell", "100001", "0.1"))[0])
    desk.send(ALICE, limit("buy", "100001", "0.1"))
    assert resting.status is Status.SELF_TRADE_CANCELED
    assert resting.filled_sz == 0


def test_an_oversized_reduce_only_order_shrinks_to_the_position() -> None:
    desk = Desk()
    desk.send(ALICE, market("buy", "0.1"))
    outcome = desk.send(ALICE, market("sell", "0.5", reduce_only=True))[0]
    assert isinstance(outcome, Filled)
    assert outcome.total_sz == D("0.1")
    assert desk.order(outcome).orig_sz == D("0.5")
    assert desk.szi(ALICE) == 0


def test_a_reduce_only_order_without_a_position_or_on_the_wrong_side_is_refused() -> None:
    desk = Desk()
    text = "Reduce only order would increase position. asset=0"
    assert desk.send(ALICE, market("sell", "0.1", reduce_only=True)) == [Failed(text=text)]
    desk.send(ALICE, market("buy", "0.1"))
    assert desk.send(ALICE, market("buy", "0.1", reduce_only=True)) == [Failed(text=text)]


def test_a_resting_reduce_only_order_shrinks_with_the_position_and_goes_when_it_is_flat() -> None:
    desk = Desk()
    desk.send(ALICE, market("buy", "0.3"))
    resting = desk.order(desk.send(ALICE, limit("sell", "110000", "0.3", reduce_only=True))[0])
    desk.send(ALICE, market("sell", "0.2"))
    assert (resting.sz, resting.orig_sz) == (D("0.1"), D("0.3"))
    desk.send(ALICE, market("sell", "0.1"))
    assert resting.status is Status.REDUCE_ONLY_CANCELED


def test_the_older_of_two_reduce_only_orders_that_exceed_the_position_goes() -> None:
    desk = Desk()
    desk.send(ALICE, market("buy", "0.3"))
    older = desk.order(desk.send(ALICE, limit("sell", "110000", "0.2", reduce_only=True))[0])
    newer = desk.order(desk.send(ALICE, limit("sell", "111000", "0.2", reduce_only=True))[0])
    assert older.status is Status.REDUCE_ONLY_CANCELED
    assert newer.status is Status.OPEN


def test_a_flip_closes_and_opens_at_the_fill_price() -> None:
    desk = Desk()
    desk.send(ALICE, market("buy", "0.1"))
    desk.send(ALICE, market("sell", "0.3"))
    position = desk.venue.accounts[ALICE].positions["BTC"]
    assert position.szi == D("-0.2")
    assert position.entry_px == desk.venue.books[ALICE].fills[-1].px
    assert desk.venue.books[ALICE].fills[-1].direction == "Long > Short"


def test_the_order_row_keeps_its_size_while_open_and_shows_zero_when_filled() -> None:
    desk = Desk()
    desk.deposit(ALICE, "100000000")
    order = desk.order(desk.send(ALICE, limit("buy", "99000", "100"))[0])
    desk.move("BTC", "98990")
    shown, present = order.status_event(), order.last_event()
    assert shown is not None
    assert present is not None
    assert shown.sz == 100
    assert present.sz == order.sz < 100


def test_small_orders_are_refused_unless_they_close_the_whole_position() -> None:
    desk = Desk()
    refusal = [Failed(text="Order must have minimum value of $10. asset=0")]
    assert desk.send(ALICE, limit("buy", "99000", "0.0001")) == refusal
    desk.send(ALICE, market("buy", "0.0002"))
    desk.set_mark("BTC", "40000")
    assert desk.send(ALICE, limit("sell", "38000", "0.0001", tif=Tif.IOC, reduce_only=True)) == refusal
    assert isinstance(desk.send(ALICE, limit("sell", "38000", "0.0002", tif=Tif.IOC, reduce_only=True))[0], Filled)


def test_bad_prices_and_sizes_are_refused_without_a_row() -> None:
    desk = Desk()
    texts = [
        outcome.text
        for outcome in desk.send(
            ALICE,
            limit("buy", "99000.5", "0.1"),
            limit("buy", "99000", "0.000001"),
            limit("buy", "99000", "0"),
            limit("buy", "0", "1"),
        )
        if isinstance(outcome, Failed)
    ]
    assert texts == [
        "Price must be divisible by tick size. asset=0",
        "Order has invalid size. asset=0",
        "Order has zero size. asset=0",
        "Order has invalid price. asset=0",
    ]
    assert desk.venue.orders == {}


def test_a_price_far_from_the_mark_and_too_little_margin_are_refused() -> None:
    desk = Desk()
    far, poor = desk.send(ALICE, limit("buy", "10000", "0.1"), limit("buy", "99000", "50"))
    assert far == Failed(text="Order price cannot be more than 80% away from the reference price asset=0")
    assert poor == Failed(text="Insufficient margin to place order. asset=0")


def test_resting_orders_hold_margin_so_that_their_sum_cannot_exceed_the_account() -> None:
    desk = Desk()
    assert isinstance(desk.send(ALICE, limit("buy", "99000", "12"))[0], Resting)
    assert desk.send(ALICE, limit("buy", "99000", "12")) == [Failed(text="Insufficient margin to place order. asset=0")]


def test_switches_stop_trading_and_allow_only_post_only_orders() -> None:
    desk = Desk()
    desk.venue.settings.change({"post_only_phase": True})
    assert "Only post-only" in str(desk.send(ALICE, limit("buy", "99000", "0.1"))[0])
    assert isinstance(desk.send(ALICE, limit("buy", "99000", "0.1", tif=Tif.ALO))[0], Resting)
    desk.venue.settings.change({"trading_halted": True})
    assert desk.send(ALICE, market("buy", "0.1")) == [Failed(text="Trading is halted asset=0")]


def test_an_own_order_that_better_prices_shield_is_not_cancelled() -> None:
    desk = Desk()
    own = desk.order(desk.send(ALICE, limit("buy", "96000", "0.1"))[0])
    desk.send(ALICE, market("sell", "0.1"))
    assert own.status is Status.OPEN


def test_all_fills_of_one_block_have_one_time() -> None:
    desk = Desk()
    desk.venue.begin_block()
    desk.send(ALICE, market("buy", "3"))
    desk.clock.now += 5
    desk.send(ALICE, market("buy", "3"))
    assert {fill.time for fill in desk.venue.books[ALICE].fills} == {NOW}
    desk.venue.drain()
    assert desk.venue.now() == NOW + 5
