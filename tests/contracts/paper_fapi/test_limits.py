"""Request weight of an address, order counts of an account, and what comes of ignoring them; on servers of their own."""

from collections.abc import Iterator

import pytest

from tests.contracts.paper_fapi.trader import SYMBOL, Trader, eventually, key_trader
from tests.contracts.paper_fapi.venues import calm, trader_of
from tests.contracts.rigs.server import PaperServer

WEIGHT = "X-MBX-USED-WEIGHT-1M"


@pytest.fixture(params=["binance", "aster"])
def limited(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Trader]:
    """A trader at a fresh venue that counts."""
    with PaperServer(tmp_path_factory.mktemp(request.param), request.param, limits="on") as server:
        calm(server)
        with trader_of(server, request.param) as made:
            yield made


def is_binance(trader: Trader) -> bool:
    return trader.version == "v1"


def test_the_headers_count_weight_by_address_and_orders_by_account(limited: Trader):
    assert limited.public("time").headers[WEIGHT] == "1"
    assert limited.public("depth", symbol=SYMBOL, limit=1000).headers[WEIGHT] == "21"
    placed = limited.order()
    # A new order weighs nothing at Binance and one at AsterDEX.
    weight = 21 if is_binance(limited) else 22
    assert placed.headers[WEIGHT] == str(weight)
    assert placed.headers["X-MBX-ORDER-COUNT-1M"] == "1"
    assert placed.headers.get("X-MBX-ORDER-COUNT-10S") == ("1" if is_binance(limited) else None)
    assert limited.order().headers["X-MBX-ORDER-COUNT-1M"] == "2"
    read = limited.get("openOrders")
    assert read.headers[WEIGHT] == str(int(weight) + (0 if is_binance(limited) else 1) + 40)
    assert "X-MBX-ORDER-COUNT-1M" not in read.headers


def test_a_rejected_order_is_counted_and_may_lack_the_header(limited: Trader):
    refused = limited.order(price="97000.05")
    assert refused.code == -4014
    assert "X-MBX-ORDER-COUNT-1M" not in refused.headers
    assert limited.order().headers["X-MBX-ORDER-COUNT-1M"] == "2"


def test_an_address_that_asks_too_much_is_stopped_and_one_that_goes_on_is_banned(limited: Trader):
    answers = [limited.public("depth", symbol=SYMBOL, limit=1000) for _ in range(121)]
    assert [answer.status for answer in answers[:120]] == 120 * [200]
    stopped = answers[-1]
    assert stopped.refusal[:2] == (429, -1003)
    assert "2400 requests per minute" in stopped.body["msg"]
    assert 1 <= int(stopped.headers["Retry-After"]) <= 60
    # The order is not executed either, and it says so.
    assert limited.order(newClientOrderId="stopped").status in ({200} if is_binance(limited) else {429})
    for _ in range(30):
        last = limited.public("depth", symbol=SYMBOL, limit=1000)
    assert last.refusal[:2] == (418, -1003)
    assert "banned until" in last.body["msg"]
    assert int(last.headers["Retry-After"]) >= 100
    assert limited.public("time").status == 418
    assert limited.order().status == 418


@pytest.mark.slow
def test_an_account_that_orders_too_fast_is_stopped_with_a_code_of_its_own(limited: Trader):
    most = 300 if is_binance(limited) else 1200
    rows = [limited.order(price="97000.05") for _ in range(most + 1)]
    assert {row.code for row in rows[:most]} == {-4014}
    stopped = rows[-1]
    assert stopped.refusal[:2] == (429, -1015)
    assert (
        stopped.body["msg"]
        == f"Too many new orders; current limit is {most} orders per {'10S' if most == 300 else '1M'}."
    )
    assert 1 <= int(stopped.headers["Retry-After"]) <= 60
    assert limited.get("openOrders", symbol=SYMBOL).ok == []


def test_one_user_is_held_to_the_orders_left_for_some_seconds_while_limits_are_off(server: PaperServer, trader: Trader):
    other = key_trader(server)
    server.post("requests", user=trader.name, left=1, interval="1M", seconds=2)
    assert trader.order(price="97000").ok
    stopped = trader.order(price="97000")
    assert stopped.refusal[:2] == (429, -1015)
    assert int(stopped.headers["Retry-After"]) <= 2
    assert other.order(price="97000").ok
    other.close()
    assert eventually(lambda: trader.order(price="97000").status == 200)
    server.post("requests", user=trader.name, left=0, interval="1M")
    assert trader.order(price="97000").code == -1015
    server.post("requests", user=trader.name)
    assert trader.order(price="97000").ok


@pytest.mark.parametrize("wrong", [{"left": -1}, {"left": "many"}, {"interval": "1H"}, {"seconds": 0}, {"seconds": 61}])
def test_a_wrong_count_of_orders_is_told(server: PaperServer, trader: Trader, wrong: dict[str, object]):
    with pytest.raises(AssertionError, match=next(iter(wrong))):
        server.post("requests", **{"user": trader.name, "left": 0, **wrong})
    assert trader.order(price="97000").ok
