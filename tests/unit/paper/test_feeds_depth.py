"""The simulated book: its curve, its refill, its impact, and that orders pay what it shows."""

from decimal import Decimal
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from paper.engine.depth import depth_of, ladder_of
from paper.engine.instruments import perp
from paper.engine.liquidity import Level, Liquidity
from paper.engine.requests import Filled
from paper.fapi.contracts import contract
from paper.fapi.venue import TickedLiquidity
from paper.feeds.bars import Ladder
from tests.unit.paper.builders import ALICE, NOW, Desk, limit

D = Decimal
COINS = ("BTC", "ETH", "SOL", "DOGE", "kPEPE", "UNKNOWN")


def book_of(coin: str = "BTC", mid: str = "97000", *, impact: float = 0.5) -> Liquidity:
    liquidity = Liquidity(perp=perp(coin, 0), impact=impact)
    liquidity.move(D(mid))
    return liquidity


def best(liquidity: Liquidity, *, is_bid: bool, at: int = NOW) -> Decimal:
    level = liquidity.first(is_bid=is_bid, now_ms=at)
    assert level is not None
    return level.px


@pytest.mark.parametrize("coin", COINS)
def test_a_curve_grows_without_a_jump_and_reached_by_undoes_it(coin: str) -> None:
    curve = depth_of(coin, 5_000)
    distances = [0.01 * 1.3**n for n in range(38)]
    held = [curve.behind(distance) for distance in distances]
    assert all(near < far for near, far in pairwise(held))
    edge = curve.behind(curve.reach_bp)
    assert curve.behind(curve.reach_bp * 1.0001) == pytest.approx(edge, rel=1e-3)
    for distance, usd in zip(distances, held, strict=True):
        assert curve.reached_by(curve.touch_usd + usd) == pytest.approx(distance, rel=1e-6)
    assert curve.reached_by(curve.touch_usd / 2) == 0


@pytest.mark.parametrize("coin", COINS)
def test_the_levels_of_a_side_hold_what_the_curve_says(coin: str) -> None:
    curve = depth_of(coin, 5_000)
    rows = ladder_of(curve, max(curve.spacing_bp, 0.1))
    assert sum(usd for _, usd in rows) == pytest.approx(curve.touch_usd + curve.behind(rows[-1][0]))
    assert all(usd > 0 for _, usd in rows)


@pytest.mark.parametrize(("coin", "mid"), [("BTC", "97000"), ("ETH", "3400"), ("SOL", "180"), ("DOGE", "0.21")])
def test_levels_are_on_ticks_apart_and_best_first(coin: str, mid: str) -> None:
    liquidity = book_of(coin, mid)
    bids, asks = (liquidity.levels(is_bid=side, now_ms=NOW) for side in (True, False))
    assert bids[0].px < D(mid) < asks[0].px
    assert all(near.px > far.px for near, far in pairwise(bids))
    assert all(near.px < far.px for near, far in pairwise(asks))
    assert all(level.px == liquidity.tick(level.px, is_bid=True) and level.sz > 0 for level in (*bids, *asks))


def test_the_fitted_book_of_btc_is_as_deep_as_the_recorded_one() -> None:
    asks = book_of("BTC", "66400").levels(is_bid=False, now_ms=NOW)
    within = sum(level.px * level.sz for level in asks if level.px <= asks[0].px + 7)
    # About one basis point: recorded medians are 0.92 million USD there.
    assert D(800_000) < within < D(1_100_000)


def test_contracts_of_other_venues_stand_on_their_own_ticks() -> None:
    terms = contract("BTC")
    liquidity = TickedLiquidity(perp=terms.perp(0), tick_size=terms.tick)
    liquidity.move(D("97000.3"))
    for level in (*liquidity.levels(is_bid=True, now_ms=NOW), *liquidity.levels(is_bid=False, now_ms=NOW)):
        assert level.px % terms.tick == 0


def test_the_book_leans_towards_what_was_bought_and_the_lean_halves() -> None:
    liquidity = book_of()
    calm = liquidity.lean_bp(NOW)
    liquidity.take(D(40), is_bid=False, now_ms=NOW)
    assert best(liquidity, is_bid=True) > D(97_000)
    leans = [liquidity.lean_bp(NOW + seconds * 1000) for seconds in (0, 30, 60, 3_600)]
    assert calm == 0
    assert leans[0] > leans[1] > leans[2] > 0 == leans[3]
    # 40 BTC are far beyond the touch, so halving the balance is a sure step down the curve.
    usd = 40 * 97_000
    assert leans[1] == pytest.approx(0.5 * liquidity.curve.reached_by(usd / 2))
    assert best(liquidity, is_bid=True, at=NOW + 3_600_000) < D(97_000)


def test_selling_leans_the_other_way_and_undoes_a_buy() -> None:
    liquidity = book_of()
    liquidity.take(D(40), is_bid=False, now_ms=NOW)
    liquidity.take(D(40), is_bid=True, now_ms=NOW)
    assert liquidity.lean_bp(NOW) == 0
    liquidity.take(D(40), is_bid=True, now_ms=NOW)
    assert liquidity.lean_bp(NOW) < 0


def test_without_impact_nothing_leans() -> None:
    liquidity = book_of(impact=0.0)
    liquidity.take(D(40), is_bid=False, now_ms=NOW)
    assert liquidity.lean_bp(NOW) == 0


def test_a_thinner_book_has_the_same_prices() -> None:
    liquidity = book_of(impact=0.0)
    liquidity.take(D(5), is_bid=False, now_ms=NOW)
    before = [level.px for level in liquidity.levels(is_bid=False, now_ms=NOW)]
    liquidity.rescale(D("0.01"))
    after = [level.px for level in liquidity.levels(is_bid=False, now_ms=NOW)]
    assert after == before
    liquidity.rescale(D(1))
    back = liquidity.levels(is_bid=False, now_ms=NOW)
    assert back[0].px == D("97001") < before[0]


def test_market_time_refills_the_book() -> None:
    slow, fast = book_of(impact=0.0), book_of(impact=0.0)
    fast.speed = 60.0
    for liquidity in (slow, fast):
        liquidity.take(D(40), is_bid=False, now_ms=NOW)
    assert best(slow, is_bid=False, at=NOW + 200) > best(fast, is_bid=False, at=NOW + 200) == D("97001")


def test_a_real_book_is_shown_as_it_is_and_goes_on_behind_its_last_level() -> None:
    liquidity = book_of()
    ladder = Ladder(((96_990.0, 2.0), (96_985.0, 3.0)), ((96_995.0, 1.5),))
    liquidity.show(ladder)
    bids = liquidity.levels(is_bid=True, now_ms=NOW)
    assert bids[:2] == [Level(px=D(96_990), sz=D(2)), Level(px=D(96_985), sz=D(3))]
    assert bids[2].px < D(96_985)
    liquidity.take(D(1), is_bid=False, now_ms=NOW)
    assert liquidity.first(is_bid=False, now_ms=NOW) == Level(px=D(96_995), sz=D("0.5"))
    liquidity.show(None)
    assert liquidity.first(is_bid=True, now_ms=NOW) != bids[0]


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.booleans(), st.integers(1, 4_000), st.integers(0, 20_000)), min_size=1, max_size=6),
    st.sampled_from(["BTC", "ETH"]),
)
def test_an_order_pays_exactly_what_the_book_shows(orders: list[tuple[bool, int, int]], coin: str) -> None:
    desk = Desk()
    desk.deposit(ALICE, "1000000000")
    market = desk.venue.markets[coin]
    for is_buy, hundredths, wait in orders:
        desk.clock.now += wait
        shown = market.depth(desk.venue.orders, desk.venue.now(), is_bid=not is_buy)
        left, paid = D(hundredths) / 100, D(0)
        for px, sz, _ in shown:
            part = min(left, sz)
            left, paid = left - part, paid + part * px
        worst = str(market.mid * (D("1.05") if is_buy else D("0.95")) // 1)
        outcome = desk.send(ALICE, limit("buy" if is_buy else "sell", worst, str(D(hundredths) / 100), coin=coin))[0]
        assert isinstance(outcome, Filled)
        assert left == 0
        assert outcome.average_px * outcome.total_sz == pytest.approx(paid, abs=D("1e-9"))


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(1, 3_000), min_size=1, max_size=8), st.integers(0, 5_000))
def test_nobody_earns_by_moving_the_book(parts: list[int], wait: int) -> None:
    desk = Desk()
    desk.deposit(ALICE, "1000000000")
    start = desk.venue.accounts[ALICE].cash
    for hundredths in parts:
        desk.send(ALICE, limit("buy", "105000", str(D(hundredths) / 100)))
        desk.clock.now += wait
    desk.send(ALICE, limit("sell", "95000", str(D(sum(parts)) / 100)))
    assert desk.szi(ALICE) == 0
    fees = desk.venue.fee_income
    # Even without the fees.
    assert desk.venue.accounts[ALICE].cash + fees < start


@pytest.mark.parametrize("is_bid", [True, False])
def test_trades_in_a_book_without_depth_do_not_carry_its_prices_to_zero(*, is_bid: bool) -> None:
    liquidity = book_of()
    liquidity.rescale(Decimal(0))
    liquidity.take(Decimal(5), is_bid=is_bid, now_ms=NOW)
    liquidity.rescale(Decimal(1))
    # Two percent is where the curve of the book ends.
    assert Decimal("0.97") < best(liquidity, is_bid=True) / Decimal(97_000) < Decimal("1.03")
