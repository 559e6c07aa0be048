"""A venue that is killed and started again with its state file: nothing that it answered for is lost."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.contracts.paper_fapi.trader import SYMBOL, Trader, eventually
from tests.contracts.paper_fapi.venues import calm, trader_of
from tests.contracts.rigs.server import PaperServer


@pytest.fixture(params=["binance", "aster"])
def owner(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Trader]:
    with PaperServer(tmp_path_factory.mktemp(request.param), request.param) as server:
        calm(server)
        with trader_of(server, request.param) as made:
            yield made


def told(trader: Trader) -> dict[str, Any]:
    """Everything that the user can ask about orders, positions and money, without marks and times."""
    reads = {
        "orders": trader.get("allOrders", symbol=SYMBOL).ok,
        "open": trader.get("openOrders").ok,
        "trades": trader.get("userTrades", symbol=SYMBOL).ok,
        "income": trader.get("income").ok,
        "amount": trader.amount(),
        "balance": trader.get("/fapi/v3/balance" if trader.version == "v3" else "/fapi/v2/balance").ok[0]["balance"],
        "leverage": trader.get("symbolConfig", symbol=SYMBOL).ok,
    }
    if trader.version == "v1":
        reads["algos"] = trader.get("openAlgoOrders").ok
    return reads


def test_orders_positions_money_and_keys_are_there_after_a_kill(owner: Trader):
    owner.post("leverage", symbol=SYMBOL, leverage=7).ok  # noqa: B018
    owner.market().ok, owner.order(newClientOrderId="kept").ok
    resting = owner.order(price="96000.00").ok["orderId"]
    owner.server.post("fill", oid=resting, sz="0.004")
    if owner.version == "v1":
        stop = {"algoType": "CONDITIONAL", "side": "SELL", "type": "STOP_MARKET", "quantity": "0.010"}
        owner.post("algoOrder", symbol=SYMBOL, triggerPrice="90000.00", **stop).ok  # noqa: B018
    else:
        owner.stop(stopPrice="90000.00").ok  # noqa: B018
    key, before = owner.listen_key(), told(owner)
    owner.server.restart()
    assert told(owner) == before
    assert owner.listen_key() == key
    assert owner.order(newClientOrderId="kept").code == -4116
    assert owner.server.get("health")["balanced"]


def test_what_waits_fires_and_what_runs_out_ends_after_a_kill(owner: Trader):
    owner.market().ok  # noqa: B018
    if owner.version == "v1":
        stop = {"algoType": "CONDITIONAL", "side": "SELL", "type": "STOP_MARKET", "closePosition": "true"}
        owner.post("algoOrder", symbol=SYMBOL, triggerPrice="95000.00", **stop).ok  # noqa: B018
    else:
        owner.stop(quantity=None, closePosition="true").ok  # noqa: B018
    owner.order(symbol="ETHUSDT", price="3900.00", quantity="0.1").ok  # noqa: B018
    owner.post("countdownCancelAll", symbol="ETHUSDT", countdownTime=1500).ok  # noqa: B018
    owner.server.restart()
    assert eventually(lambda: owner.get("openOrders", symbol="ETHUSDT").ok == [])
    owner.server.move("BTC", 94_900)
    assert eventually(lambda: owner.amount() == 0)


def test_a_nonce_stays_used_after_a_kill(owner: Trader):
    if owner.version == "v1":
        pytest.skip("requests of Binance carry a time and no nonce")
    form = owner.signed_form(owner.terms())
    assert owner.send("POST", "order", form).status == 200
    owner.server.restart()
    assert owner.send("POST", "order", form).refusal == (400, -4225, "Nonce Expired")
    assert len(owner.open_ids()) == 1
