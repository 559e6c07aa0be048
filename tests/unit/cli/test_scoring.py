"""A bot is judged by what the exchange has written down: doubled orders, positions nobody looks after, time without a stop."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from commands.scoring import Log, judge

START = 1_700_000_000_000
END = START + 60_000


def order(oid: int, **changed: Any) -> dict[str, Any]:
    row = {
        "time": START, "oid": oid, "cloid": None, "coin": "BTC", "side": "B", "limitPx": "100000.0", "origSz": "0.1",
        "filledSz": "0.1", "reduceOnly": False, "tif": "Ioc", "trigger": None, "isPositionTpsl": False,
        "status": "filled", "statusTime": START, "signer": "0xa", "nonce": oid, "isLiquidation": False,
        "isManual": False,
    }  # fmt: skip
    return row | changed


def stop(oid: int, since: int, **changed: Any) -> dict[str, Any]:
    trigger = {"px": "90000.0", "isMarket": True, "tpsl": "sl", "fired": False}
    row = {"side": "A", "reduceOnly": True, "trigger": trigger, "filledSz": "0.0", "status": "open", "time": since}
    return order(oid, **row | {"isPositionTpsl": True, "origSz": "0.0"} | changed)


def fill(at: int = START, **changed: Any) -> dict[str, Any]:
    row = {"coin": "BTC", "sz": "0.1", "side": "B", "time": at, "startPosition": "0.0", "dir": "Open Long"}
    return row | changed


def score(orders: list[dict[str, Any]], fills: list[dict[str, Any]], **more: Any) -> tuple[int, int, float]:
    found = judge(Log(orders=orders, fills=fills, now_ms=END, **more))
    assert len(found.words) == found.duplicates + found.lost
    return found.duplicates, found.lost, found.unprotected_max_s


def test_a_position_with_a_stop_in_time_is_clean() -> None:
    assert score([order(1), stop(2, START + 300)], [fill()]) == (0, 0, 0.3)


def test_two_effective_orders_of_one_name_are_one_too_many() -> None:
    twice = [order(1, cloid="0x01"), order(2, cloid="0x01", filledSz="0.0", status="open")]
    assert score(twice, [])[0] == 1
    assert score([twice[0], twice[1] | {"status": "canceled"}], [])[0] == 0


@pytest.mark.parametrize(
    ("changed", "duplicates"),
    [
        ({"cloid": "0x02", "limitPx": "100100.0"}, 1),
        ({"origSz": "0.2"}, 0),
        ({"side": "A"}, 0),
        ({"nonce": 1}, 0),
        ({"time": START + 11_000}, 0),
        ({"reduceOnly": True}, 0),
        ({"filledSz": "0.0", "status": "canceled"}, 0),
        ({"isManual": True}, 0),
    ],
)
def test_a_market_order_like_the_last_one_in_another_request_was_sent_again(
    changed: dict[str, Any], duplicates: int
) -> None:
    assert score([order(1, cloid="0x01"), order(2, **changed)], [])[0] == duplicates


def test_resting_orders_of_a_grid_are_no_copies_and_at_one_price_they_are() -> None:
    first = order(1, tif="Gtc", status="open", filledSz="0.0")
    assert score([first, first | {"oid": 2, "nonce": 2, "limitPx": "99000.0"}], [])[0] == 0
    again = [first, first | {"oid": 2, "nonce": 2}]
    assert score(again, [])[0] == 1
    assert score(again, [], window=timedelta())[0] == 0


def test_the_time_without_a_stop_goes_on_until_a_stop_covers_the_whole_position() -> None:
    part = stop(2, START, origSz="0.05", isPositionTpsl=False)
    rest = stop(3, START + 2_000, origSz="0.05", isPositionTpsl=False)
    assert score([order(1), part, rest], [fill()]) == (0, 0, 2.0)
    assert score([order(1), part], [fill()]) == (0, 1, 60.0)


def test_a_stop_that_was_cancelled_or_stands_on_the_wrong_side_protects_nothing() -> None:
    gone = stop(2, START, status="canceled", statusTime=START + 50_000)
    assert score([order(1), gone], [fill()]) == (0, 1, 10.0)
    assert score([order(1), stop(2, START, side="B")], [fill()]) == (0, 1, 60.0)


def test_a_closed_position_needs_no_stop() -> None:
    closed = fill(START + 4_000, side="A", startPosition="0.1", dir="Close Long")
    assert score([order(1)], [fill(), closed]) == (0, 0, 4.0)


def test_what_the_bot_believes_is_compared_where_it_is_told() -> None:
    orders, fills = [order(1), stop(2, START)], [fill()]
    assert score(orders, fills, holds={"BTC": Decimal("0.1")})[1] == 0
    assert score(orders, fills, holds={})[1] == 1
    assert score(orders, fills, holds={"BTC": Decimal("0.1"), "ETH": Decimal(1)})[1] == 1


def test_what_was_held_before_the_log_begins_counts() -> None:
    assert score([], [fill(startPosition="0.1")], holds={"BTC": Decimal("0.2")})[1] == 0
