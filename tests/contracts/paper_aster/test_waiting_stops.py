"""What becomes of waiting stops: fired, trailing, over a restart; and keys of the older kind (reference 2.1 and 2.2)."""

import pytest

from tests.contracts.paper_fapi.trader import Trader, eventually
from tests.contracts.paper_fapi.venues import trader_of
from tests.contracts.rigs.server import PaperServer


def _gone(trader: Trader, order: int) -> bool:
    return order not in trader.open_ids()


def test_a_fired_stop_keeps_its_id_and_is_told_as_expired_then_new_then_traded(trader: Trader) -> None:
    assert trader.market().status == 200
    with trader.events() as events:
        placed = trader.stop(quantity="0.010", workingType="MARK_PRICE").ok["orderId"]
        trader.server.move("BTC", 94000)
        assert events.next("ORDER_TRADE_UPDATE", i=placed, x="EXPIRED")["o"]["o"] == "STOP_MARKET"
        born = events.next("ORDER_TRADE_UPDATE", i=placed, x="NEW")["o"]
        assert (born["o"], born["ot"]) == ("MARKET", "STOP_MARKET")
        assert events.next("ORDER_TRADE_UPDATE", i=placed, x="TRADE")["o"]["X"] == "FILLED"
    assert trader.amount() == 0


def test_a_stop_for_the_whole_position_closes_what_there_is_then(trader: Trader) -> None:
    assert trader.market(quantity="0.010").status == 200
    placed = trader.stop(quantity=None, closePosition="true").ok["orderId"]
    assert trader.market(quantity="0.020").status == 200
    trader.server.move("BTC", 94000)
    eventually(lambda: _gone(trader, placed))
    assert trader.amount() == 0


def test_several_stops_for_the_whole_position_may_wait(trader: Trader) -> None:
    for price in ("95000.00", "94000.00"):
        assert trader.stop(quantity=None, closePosition="true", stopPrice=price).status == 200


def test_a_trailing_stop_follows_the_price(trader: Trader) -> None:
    assert trader.market().status == 200
    kind = {"type": "TRAILING_STOP_MARKET", "stopPrice": None, "callbackRate": "1", "quantity": "0.010"}
    placed = trader.stop(**kind).ok["orderId"]
    trader.server.move("BTC", 104000)
    trader.server.move("BTC", 103500)
    assert placed in trader.open_ids()
    trader.server.move("BTC", 102900)
    eventually(lambda: _gone(trader, placed))


def test_a_waiting_stop_survives_a_restart_and_fires(trader: Trader, server: PaperServer) -> None:
    assert trader.market().status == 200
    placed = trader.stop(quantity=None, closePosition="true").ok["orderId"]
    server.restart()
    assert trader.open_ids() == [placed]
    server.move("BTC", 94000)
    eventually(lambda: trader.amount() == 0)


@pytest.mark.parametrize("version", ["v1", "v3"])
def test_keys_of_the_older_kind_trade_on_the_older_paths_alone(server: PaperServer, version: str) -> None:
    with trader_of(server, "aster_v1") as older:
        older.version = version
        assert older.order().status == (200 if version == "v1" else 400)
