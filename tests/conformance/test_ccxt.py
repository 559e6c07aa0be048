"""ccxt trades against the paper servers as it would against the venues: place, query, cancel, positions."""

from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from typing import Any

import ccxt
import pytest

from tests.conformance import ccxt_clients
from tests.contracts.rigs.base import Rig
from tests.contracts.rigs.desk import Desk
from tests.contracts.rigs.known import PAPER_RIGS
from tests.contracts.rigs.server import PaperServer

CLIENTS = {"hyperliquid": ccxt_clients.hyperliquid, "binance": ccxt_clients.binance, "aster": ccxt_clients.aster}
SYMBOLS = {"hyperliquid": "BTC/USDC:USDC", "binance": "BTC/USDT:USDT", "aster": "BTC/USDT:USDT"}
SIZE = 0.01


class Trader:
    """A client and the desk whose account it trades."""

    def __init__(self, desk: Desk, name: str) -> None:
        self.desk = desk
        self.client = CLIENTS[name](desk)
        self.client.load_markets()
        self.symbol = SYMBOLS[name]

    def price(self, factor: str) -> float:
        """A price of the desk as ccxt writes it."""
        return float(self.desk.price(factor))

    def rest(self, factor: str = "0.97", **params: Any) -> Any:
        """Place a buy that rests."""
        name = ("0x" if self.client.id == "hyperliquid" else "") + self.desk.name()
        params = {"clientOrderId": name} | params
        return self.client.create_order(self.symbol, "limit", "buy", SIZE, self.price(factor), params) | {"name": name}

    def buy(self) -> Any:
        """Buy at the market."""
        return self.client.create_order(self.symbol, "market", "buy", SIZE, self.price("1"))

    def stop(self, factor: str) -> Any:
        """Wait with a market order that sells when the price falls so far."""
        params = {"stopLossPrice": self.price(factor), "reduceOnly": trader_bool(self.client)}
        # Hyperliquid wants the worst price of a market order, the others would refuse one.
        worst = self.price(factor) if self.client.id == "hyperliquid" else None
        return self.client.create_order(self.symbol, "market", "sell", SIZE, worst, params)


@pytest.fixture(scope="module", params=list(CLIENTS))
def rig(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    """A venue that stands still round a price."""
    with PaperServer(tmp_path_factory.mktemp(request.param), request.param) as server:
        yield PAPER_RIGS[request.param](server)


@pytest.fixture
def trader(rig: Rig) -> Iterator[Trader]:
    """A trader with money of its own."""
    rig.reset()
    with made(rig) as trader:
        yield trader


@contextmanager
def made(rig: Rig) -> Iterator[Trader]:
    with rig.desk() as desk:
        yield Trader(desk, rig.name)


def test_markets_have_the_steps_that_our_adapter_reads(trader: Trader):
    market, ours = trader.client.market(trader.symbol), trader.desk.instrument()
    assert market["active"]
    assert Decimal(str(market["precision"]["amount"])) == ours.lot


def test_a_limit_order_is_placed_found_listed_and_cancelled(trader: Trader):
    client, symbol = trader.client, trader.symbol
    placed = trader.rest()
    found = client.fetch_order(placed["id"], symbol)
    assert (found["status"], found["side"], found["amount"]) == ("open", "buy", SIZE)
    assert found["clientOrderId"] == placed["name"]
    assert [order["id"] for order in client.fetch_open_orders(symbol)] == [placed["id"]]
    client.cancel_order(placed["id"], symbol)
    assert client.fetch_open_orders(symbol) == []
    assert client.fetch_order(placed["id"], symbol)["status"] == "canceled"


def test_an_order_is_found_and_cancelled_by_its_client_id(trader: Trader):
    client, symbol = trader.client, trader.symbol
    placed = trader.rest()
    named = {"clientOrderId": placed["name"]}
    assert client.fetch_order(None, symbol, named)["id"] == placed["id"]
    client.cancel_order(None, symbol, named)
    assert client.fetch_open_orders(symbol) == []


def test_a_market_order_makes_a_position_and_a_reduce_only_order_closes_it(trader: Trader):
    client, symbol = trader.client, trader.symbol
    trader.buy()
    (position,) = client.fetch_positions([symbol])
    assert (position["side"], position["contracts"]) == ("long", SIZE)
    assert position["entryPrice"] == pytest.approx(trader.price("1"), rel=0.01)
    trades = client.fetch_my_trades(symbol)
    assert sum(trade["amount"] for trade in trades) == pytest.approx(SIZE)
    assert trader.desk.held() == Decimal("0.01")
    client.create_order(symbol, "market", "sell", SIZE, trader.price("1"), {"reduceOnly": trader_bool(client)})
    assert [row for row in client.fetch_positions([symbol]) if row["contracts"]] == []
    assert trader.desk.held() == 0


def trader_bool(client: Any) -> Any:
    """True, as each client has to be told it: ccxt's aster writes Python's own word for it."""
    return "true" if client.id == "aster" else True


def test_the_balance_is_the_accounts(trader: Trader):
    balance = trader.client.fetch_balance()
    assert balance["USDC" if trader.client.id == "hyperliquid" else "USDT"]["total"] == pytest.approx(10_000)


def test_what_the_venue_refuses_ccxt_calls_by_its_name(trader: Trader):
    with pytest.raises(ccxt.InsufficientFunds):
        trader.client.create_order(trader.symbol, "limit", "buy", 90, trader.price("0.97"))
    with pytest.raises(ccxt.OrderNotFound):
        trader.client.cancel_order("123456", trader.symbol)


def test_public_data_is_read(trader: Trader):
    client, symbol = trader.client, trader.symbol
    book = client.fetch_order_book(symbol, 5)
    assert book["bids"][0][0] < book["asks"][0][0]
    candles = client.fetch_ohlcv(symbol, "1h", limit=10)
    assert len(candles) >= 9
    assert all(low <= min(opened, closed) <= max(opened, closed) <= high for _, opened, high, low, closed, _ in candles)


def test_leverage_is_set(trader: Trader):
    trader.client.set_leverage(5, trader.symbol)
    assert trader.desk.venue.accounts.leverage(trader.desk.account, trader.desk.coin)[0] == 5


def test_a_stop_waits_is_listed_and_is_cancelled(trader: Trader):
    client, symbol = trader.client, trader.symbol
    trader.buy()
    stop = trader.stop("0.9")
    also = {"trigger": True}
    (found,) = client.fetch_open_orders(symbol, params=also)
    assert (found["id"], found["side"]) == (stop["id"], "sell")
    assert float(found["triggerPrice"]) == pytest.approx(trader.price("0.9"))
    assert client.fetch_order(stop["id"], symbol, also)["status"] == "open"
    client.cancel_order(stop["id"], symbol, also)
    assert client.fetch_open_orders(symbol, params=also) == []
    assert trader.desk.held() == Decimal("0.01")


def test_a_stop_that_is_reached_closes_the_position(trader: Trader):
    trader.buy()
    trader.stop("0.95")
    trader.desk.rig.server.move(trader.desk.coin, trader.desk.price("0.94"))
    trader.desk.rig.wait(lambda: trader.desk.held() == 0)
    assert [row for row in trader.client.fetch_positions([trader.symbol]) if row["contracts"]] == []
    bought, sold = trader.client.fetch_my_trades(trader.symbol)
    assert (bought["side"], sold["side"]) == ("buy", "sell")


def test_all_orders_are_cancelled_at_once(trader: Trader):
    client, symbol = trader.client, trader.symbol
    if client.id == "hyperliquid":
        pytest.skip("ccxt knows no request of Hyperliquid that cancels all orders")
    trader.rest("0.97"), trader.rest("0.98")
    client.cancel_all_orders(symbol)
    assert client.fetch_open_orders(symbol) == []
