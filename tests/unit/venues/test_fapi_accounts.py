"""Reads of accounts: the clock first, pages to the end, coins that may have fills, and both lists of open orders."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from domain.errors import Retryable
from tests.unit.venues.build_fapi import API_KEY, BINANCE_ACCOUNT, Asked, Said, Stub, algo_row, by_path, row, scripted
from venues.binance.config import BinanceConfig
from venues.binance.venue import BinanceVenue, connect
from venues.fapi import accounts as module
from venues.fapi.limits import RequestBudget
from venues.fapi.traded import ACTIVE, OVERLAP, SCAN_EVERY, TradedCoins
from venues.fapi.wire import to_millis

TOTALS = {"totalMarginBalance": "1000.5", "availableBalance": "900", "totalInitialMargin": "100"}
LONG_AGO = timedelta(days=20)


def now() -> datetime:
    return datetime.now(UTC)


def held(coin: str, size: str = "0.01") -> dict[str, Any]:
    return {
        "symbol": f"{coin}USDT",
        "positionAmt": size,
        "entryPrice": "60000",
        "markPrice": "59000",
        "unRealizedProfit": "-10",
        "liquidationPrice": "30000",
        "leverage": "10",
        "marginType": "cross",
    }


def trade(number: int, at: datetime, coin: str = "BTC") -> dict[str, Any]:
    return {
        "symbol": f"{coin}USDT",
        "id": number,
        "orderId": 77,
        "side": "BUY",
        "price": "60000",
        "qty": "0.001",
        "realizedPnl": "0",
        "commission": "0.02",
        "commissionAsset": "USDT",
        "time": to_millis(at),
        "maker": False,
    }


def paid(number: int, at: datetime, kind: str = "COMMISSION", coin: str = "BTC") -> dict[str, Any]:
    return {
        "symbol": f"{coin}USDT" if coin else "",
        "incomeType": kind,
        "income": "-1",
        "asset": "USDT",
        "time": to_millis(at),
        "tranId": number,
        "tradeId": str(number),
    }


@contextmanager
def venue_of(**answers: Any) -> Iterator[tuple[BinanceVenue, Stub]]:
    """A venue that is flat and empty but for the answers given."""
    empty: dict[str, Any] = {
        "account": TOTALS,
        "positionRisk": [],
        "openOrders": [],
        "openAlgoOrders": [],
        "income": [],
        "userTrades": [],
        "leverageBracket": [{"symbol": "BTCUSDT", "brackets": [{"initialLeverage": 50}, {"initialLeverage": 125}]}],
    }
    with scripted(by_path(empty | answers)) as stub:
        venue = connect(BinanceConfig(url=stub.url), lambda _: API_KEY, RequestBudget(1_000_000, timedelta(0)))
        try:
            yield venue, stub
        finally:
            venue.close()


def test_the_clock_is_read_before_everything_else_and_is_the_portfolios_instant():
    with venue_of(positionRisk=[held("BTC"), held("ETH", "0")], openOrders=[row()]) as (venue, stub):
        found = venue.accounts.portfolio(BINANCE_ACCOUNT)
        assert stub.paths()[0] == "GET /fapi/v1/time"
        assert abs(found.as_of - now()) < timedelta(seconds=5)
        assert ([one.coin for one in found.positions], found.equity) == (["BTC"], Decimal("1000.5"))
        assert [one.oid for one in found.orders] == ["77"]


def test_conditional_orders_are_read_before_the_others_so_that_one_that_fires_is_never_missed():
    with venue_of(openOrders=[row()], openAlgoOrders=[algo_row()]) as (venue, stub):
        assert [one.oid for one in venue.accounts.open_orders(BINANCE_ACCOUNT)] == ["algo-9", "77"]
        lists = [path for path in stub.paths() if path.endswith("Orders")]
        assert lists == ["GET /fapi/v1/openAlgoOrders", "GET /fapi/v1/openOrders"]


@pytest.mark.parametrize("name", ["account", "positionRisk", "openOrders", "openAlgoOrders"])
@pytest.mark.parametrize("body", [{}, [1], [{"symbol": "BTCUSDT"}], "text"])
def test_a_list_of_an_unknown_shape_is_no_empty_list(name: str, body: Any):
    with venue_of(**{name: body}) as (venue, _):
        with pytest.raises(Retryable) as caught:
            venue.accounts.portfolio(BINANCE_ACCOUNT)
        assert caught.value.code == "garbled_answer"


def test_fills_are_read_by_windows_of_a_week_and_pages_to_the_end(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(module, "PAGE", 3)
    start = now() - LONG_AGO
    trades = [trade(number, start + timedelta(hours=5 * number)) for number in range(1, 90)]

    def page(asked: Asked) -> list[dict[str, Any]]:
        form, limit = asked.form, int(asked.form["limit"])
        if "fromId" in form:
            assert not {"startTime", "endTime"} & form.keys(), "The venue refuses the two together."
            return [one for one in trades if one["id"] >= int(form["fromId"])][:limit]
        first = int(form["startTime"])
        last = int(form.get("endTime") or first + 7 * 86_400_000)
        assert last - first <= 7 * 86_400_000, "The venue refuses more than a week."
        return [one for one in trades if first <= one["time"] <= last][:limit]

    with venue_of(income=[paid(1, start)], userTrades=page) as (venue, _):
        found = venue.accounts.fills_since(BINANCE_ACCOUNT, start)
        assert [int(fill.trade_id) for fill in found] == list(range(1, 90))
        assert venue.accounts.fills_since(BINANCE_ACCOUNT, start, coin="BTC") == found
        assert [fill.time for fill in found] == sorted(fill.time for fill in found)


def test_fills_before_the_instant_are_left_out_and_the_one_at_it_is_in():
    start = now() - timedelta(hours=1)
    start -= timedelta(microseconds=start.microsecond % 1000)
    trades = [trade(1, start - timedelta(seconds=1)), trade(2, start), trade(3, start + timedelta(seconds=1))]
    with venue_of(income=[paid(1, start)], userTrades=trades) as (venue, _):
        assert [fill.trade_id for fill in venue.accounts.fills_since(BINANCE_ACCOUNT, start)] == ["2", "3"]


def test_a_start_beyond_what_the_venue_keeps_is_asked_for_as_far_as_it_goes():
    with venue_of(income=[paid(1, now())], userTrades=[]) as (venue, stub):
        venue.accounts.fills_since(BINANCE_ACCOUNT, now() - timedelta(days=2000))
        starts = {
            name: [int(one.form["startTime"]) for one in stub.asked if one.path.endswith(name)]
            for name in ("income", "userTrades")
        }
        assert now() - datetime.fromtimestamp(min(starts["income"]) / 1000, UTC) < timedelta(days=90)
        assert now() - datetime.fromtimestamp(min(starts["userTrades"]) / 1000, UTC) < timedelta(days=180)


def test_the_coins_with_fills_are_those_of_positions_orders_income_and_signed_orders():
    def trades(asked: Asked) -> list[dict[str, Any]]:
        return [trade(1, now(), asked.form["symbol"].removesuffix("USDT"))]

    with venue_of(
        positionRisk=[held("ETH")],
        openOrders=[row(symbol="SOLUSDT")],
        income=[paid(1, now(), coin="XRP"), paid(2, now(), "TRANSFER", "")],
        userTrades=trades,
    ) as (venue, _):
        venue.accounts.portfolio(BINANCE_ACCOUNT)
        found = venue.accounts.fills_since(BINANCE_ACCOUNT, now() - timedelta(minutes=1))
        assert {fill.coin for fill in found} == {"ETH", "SOL", "XRP"}


def test_income_is_paged_by_time_and_rows_that_come_twice_count_once(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(module, "PAGE", 4)
    start = now() - timedelta(days=1)
    rows = [paid(number, start + timedelta(minutes=number // 3), "FUNDING_FEE") for number in range(20)]

    def page(asked: Asked) -> list[dict[str, Any]]:
        return [one for one in rows if one["time"] >= int(asked.form["startTime"])][: int(asked.form["limit"])]

    with venue_of(income=page) as (venue, _):
        found = venue.accounts.transfers_since(BINANCE_ACCOUNT, start)
        assert sorted(int(one.reference) for one in found) == list(range(20))
        assert {one.kind for one in found} == {"funding"}


def test_income_that_never_ends_is_said_and_not_cut(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(module, "PAGE", 1)

    def page(asked: Asked) -> list[dict[str, Any]]:
        return [paid(int(asked.form["startTime"]), now(), "TRANSFER", "") | {"time": int(asked.form["startTime"])}]

    with venue_of(income=page) as (venue, _):
        with pytest.raises(Retryable) as caught:
            venue.accounts.transfers_since(BINANCE_ACCOUNT, now())
        assert caught.value.code == "too_many_rows"


def test_the_highest_leverage_of_the_brackets_reaches_the_instruments_and_its_loss_stops_nothing():
    symbol = {
        "symbol": "BTCUSDT",
        "contractType": "PERPETUAL",
        "quoteAsset": "USDT",
        "status": "TRADING",
        "filters": [
            {"filterType": "PRICE_FILTER", "tickSize": "0.1"},
            {"filterType": "LOT_SIZE", "stepSize": "0.001"},
        ],
    }
    with venue_of(exchangeInfo={"symbols": [symbol]}) as (venue, _):
        assert venue.market.instrument("BTC").max_leverage == 20
        venue.accounts.portfolio(BINANCE_ACCOUNT)
        assert venue.market.instrument("BTC").max_leverage == 125
    with venue_of(leverageBracket=Said(status=500, body=b"")) as (venue, _):
        assert venue.accounts.portfolio(BINANCE_ACCOUNT).is_flat


class Clock:
    """A clock that tests move."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_coins_are_scanned_once_a_minute_and_from_before_the_last_scan():
    clock, since = Clock(), now() - timedelta(hours=1)
    traded = TradedCoins(clock)
    assert traded.scan_from(BINANCE_ACCOUNT, since) == since
    scanned = now()
    traded.scanned(BINANCE_ACCOUNT, ["BTC"], since, scanned)
    assert traded.scan_from(BINANCE_ACCOUNT, since) is None
    assert traded.scan_from(BINANCE_ACCOUNT, since - timedelta(days=1)) == since - timedelta(days=1)
    clock.now += SCAN_EVERY
    again = traded.scan_from(BINANCE_ACCOUNT, scanned)
    assert again == scanned - OVERLAP


def test_a_coin_that_was_found_late_is_read_from_where_the_income_was_last_read():
    traded, since = TradedCoins(Clock()), now()
    before = since - timedelta(hours=2)
    traded.scanned(BINANCE_ACCOUNT, ["BTC"], before, since)
    assert traded.coins(BINANCE_ACCOUNT, "k", since) == {"BTC": before}
    traded.caught_up(BINANCE_ACCOUNT, {"BTC": before})
    assert traded.coins(BINANCE_ACCOUNT, "k", since) == {"BTC": since}


def test_a_coin_without_news_is_forgotten_and_one_of_a_signed_order_is_known_by_its_key():
    clock = Clock()
    traded = TradedCoins(clock)
    traded.touch(BINANCE_ACCOUNT, "BTC")
    traded.signed("key", "SOL")
    since = now()
    assert set(traded.coins(BINANCE_ACCOUNT, "key", since)) == {"BTC", "SOL"}
    assert set(traded.coins(BINANCE_ACCOUNT, "another", since)) == {"BTC"}
    clock.now += ACTIVE.total_seconds()
    assert traded.coins(BINANCE_ACCOUNT, "key", since) == {}


def closing(number: int, at: datetime, oid: int) -> dict[str, Any]:
    return trade(number, at) | {"side": "SELL", "realizedPnl": "-5", "orderId": oid}


def test_a_recent_close_is_a_liquidation_when_its_order_is_the_venues_own_and_each_order_is_asked_for_once():
    names = {"1": "autoclose-17", "2": "0123", "3": "adl_autoclose"}
    asked: list[str] = []

    def order(request: Asked) -> Any:
        asked.append(request.form["orderId"])
        if request.form["orderId"] == "4":
            return Said(status=400, body={"code": -2013, "msg": "Order does not exist."})
        return {"clientOrderId": names[request.form["orderId"]]}

    at = now() - timedelta(minutes=1)
    trades = [trade(10, at), *[closing(number, at, number) for number in (1, 2, 3, 4)], closing(11, at, 1)]
    with venue_of(userTrades=trades, order=order) as (venue, _):
        for _ in range(2):
            found = venue.accounts.fills_since(BINANCE_ACCOUNT, at - timedelta(minutes=1), coin="BTC")
        marked = {fill.trade_id for fill in found if fill.is_liquidation}
        assert marked == {"1", "3", "11"}
        # What the lookup does not show yet is asked for again.
        assert sorted(asked) == ["1", "2", "3", "4", "4"]


def test_closes_of_long_ago_and_opening_fills_cost_no_request():
    at = now() - timedelta(days=2)
    with venue_of(userTrades=[closing(1, at, 1), trade(2, now())]) as (venue, stub):
        assert len(venue.accounts.fills_since(BINANCE_ACCOUNT, at - timedelta(days=1), coin="BTC")) == 2
        assert "GET /fapi/v1/order" not in stub.paths()


def test_fills_without_an_answer_about_their_order_are_asked_for_again_and_not_guessed():
    at = now() - timedelta(minutes=1)
    with (
        venue_of(userTrades=[closing(1, at, 1)], order=Said(status=500, body=b"")) as (venue, _),
        pytest.raises(Retryable),
    ):
        venue.accounts.fills_since(BINANCE_ACCOUNT, at - timedelta(minutes=1), coin="BTC")
