"""The paper Binance and the paper AsterDEX answer as the real Binance did: the same fields, types, order and forms of numbers.

No answers of AsterDEX were recorded; its protocol is Binance's, so it is compared with the same ones.
"""

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

import pytest

from tests.conformance import recorded
from tests.conformance.explained import compare, judge
from tests.conformance.shape import Difference
from tests.contracts.paper_fapi.trader import SYMBOL, Trader
from tests.contracts.paper_fapi.venues import calm, trader_of
from tests.contracts.rigs.server import PaperServer

pytestmark = recorded.NEEDS_DATA
STREAMS = ("aggTrade", "trade", "bookTicker", "depth@100ms", "kline_1m", "markPrice@1s", "ticker")
PRIVATE = {
    "ACCOUNT_UPDATE": ("account_update",),
    "ORDER_TRADE_UPDATE": ("order_update_new", "order_update_trade", "order_update_trade_partial"),
    "TRADE_LITE": ("trade_lite",),
    "ALGO_UPDATE": ("algo_update_new", "algo_update_canceled"),
}
# The shapes of the second version; wallets have the third version of the paths alone, with the same shapes.
PATHS = {name: f"/fapi/v2/{name}" for name in ("account", "balance", "positionRisk")}
WALLET_PATHS = {"account": "accountWithJoinMargin", "balance": "balance", "positionRisk": "positionRisk"}


@dataclass
class Life:
    """A user who traded, rests and waits, and everything that the streams told meanwhile."""

    trader: Trader
    private: list[dict[str, Any]] = field(default_factory=list)
    public: dict[str, list[Any]] = field(default_factory=dict)

    def told(self, kind: str) -> list[Any]:
        """The events of a kind on the user's stream."""
        return [event for event in self.private if event["e"] == kind]


@pytest.fixture(scope="module", params=["binance", "aster"])
def life(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Life]:
    """A life at a venue that stands still round a price."""
    with ExitStack() as stack:
        server = stack.enter_context(PaperServer(tmp_path_factory.mktemp(request.param), request.param))
        trader = stack.enter_context(trader_of(calm(server), request.param))
        yield _lived(trader, is_binance=request.param == "binance")


def _lived(trader: Trader, *, is_binance: bool) -> Life:
    life = Life(trader)
    names = "/".join(f"{SYMBOL.lower()}@{name}" for name in STREAMS)
    with trader.events(f"/stream?streams={names}") as market, trader.events() as events:
        for quantity in ("0.010", "0.011", "0.0120"):
            trader.market(quantity=quantity).ok  # noqa: B018
        trader.market("SELL", "0.005", reduceOnly="true").ok  # noqa: B018
        trader.order().ok, trader.order(price="98000.10").ok
        trailing = {"type": "TRAILING_STOP_MARKET", "callbackRate": "5.0", "stopPrice": None}
        if is_binance:
            conditional = {"algoType": "CONDITIONAL", "symbol": SYMBOL, "side": "SELL", "quantity": "0.010"}
            made = trader.post("algoOrder", **conditional, type="STOP_MARKET", triggerPrice="95000.00").ok
            other = {"type": "TAKE_PROFIT", "triggerPrice": "120000.00", "price": "120000.00"}
            trader.post("algoOrder", **conditional, **other).ok  # noqa: B018
            trader.delete("algoOrder", algoId=made["algoId"]).ok  # noqa: B018
            events.next("ALGO_UPDATE", X="CANCELED")
        else:
            trader.stop().ok, trader.stop(**trailing).ok
            events.next("ORDER_TRADE_UPDATE", ot="TRAILING_STOP_MARKET")
        while set(life.public) < {f"{SYMBOL.lower()}@{name}" for name in STREAMS}:
            message = market.raw()
            life.public.setdefault(message["stream"], []).append(message["data"])
        life.private = events.seen
    return life


def nautilus(name: str) -> Any:
    return recorded.binance(name)


def cryptofeed(kind: str) -> list[Any]:
    """The recorded events of a kind of a combined stream."""
    return [row["data"] for row in recorded.binance_messages() if row["data"]["e"] == kind]


def _limits(trader: Trader) -> dict[str, Any]:
    """One of the orders that rest, as the sample is one."""
    row: dict[str, Any] = trader.get("openOrders", symbol=SYMBOL).ok[0]
    return row


def compared(life: Life, *, is_binance: bool) -> dict[str, list[Difference]]:
    trader, public = life.trader, life.public
    books = [body for address, body in recorded.binance_answers() if "/depth" in address]
    of_public = {
        "aggTrade": [nautilus("market_data_json_agg_trade_stream"), *cryptofeed("aggTrade")],
        "trade": [nautilus("market_data_json_trade_stream")],
        "bookTicker": [nautilus("market_data_json_book_ticker_stream"), *cryptofeed("bookTicker")],
        "depth@100ms": [nautilus("market_data_json_depth_update_stream"), *cryptofeed("depthUpdate")],
        "kline_1m": [nautilus(f"market_data_json_kline_stream_{end}") for end in ("open", "closed")]
        + cryptofeed("kline"),
        "markPrice@1s": [nautilus("market_data_json_mark_price_stream")],
        "ticker": [nautilus("market_data_json_ticker_stream")],
    }
    paths = PATHS if is_binance else WALLET_PATHS
    answers: dict[str, tuple[list[Any], list[Any]]] = {
        "depth": (books, [trader.public("depth", symbol=SYMBOL, limit=1000).ok]),
        "account": ([nautilus("http_json_account_info_v2")], [trader.get(paths["account"]).ok]),
        "balance": ([nautilus("http_json_balance")], [trader.get(paths["balance"]).ok]),
        "positionRisk": ([nautilus("http_json_position_risk")], [trader.get(paths["positionRisk"]).ok]),
        "order": ([nautilus("http_json_order_response")], [_limits(trader)]),
    }
    if is_binance:
        algos = trader.get("openAlgoOrders", symbol=SYMBOL).ok
        answers["openAlgoOrders"] = ([nautilus("http_json_open_algo_orders")], [algos])
    for name, rows in of_public.items():
        answers[f"ws {name}"] = (rows, public[f"{SYMBOL.lower()}@{name}"])
    for kind, names in PRIVATE.items():
        if is_binance or kind in {"ACCOUNT_UPDATE", "ORDER_TRADE_UPDATE"}:
            answers[f"ws {kind}"] = ([nautilus(f"user_data_json_{name}") for name in names], life.told(kind))
    return {kind: compare(real, ours) for kind, (real, ours) in answers.items()}


def test_every_difference_from_the_recorded_answers_is_explained(life: Life, request: pytest.FixtureRequest):
    name = str(request.node.callspec.params["life"])
    bare, idle = judge(name, compared(life, is_binance=name == "binance"))
    assert not bare, "\n".join(bare)
    assert idle == [], "These explain nothing any more."
