"""Limits of a stream's connection: how many streams, how many messages, how long (reference 2.4)."""

import json
import time

from websockets.exceptions import ConnectionClosed

from tests.contracts.paper_fapi.trader import Events, Trader

LIMIT = {"binance": 1024, "aster": 200}


def _is_ended(events: Events, seconds: float = 10) -> bool:
    """Read until the venue ends the connection, or the time is over."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            events.raw(seconds)
        except ConnectionClosed:
            return True
        except TimeoutError:
            return False
    return False


def _names(count: int) -> list[str]:
    return [f"none{number}@trade" for number in range(count)]


def test_a_connection_carries_as_many_streams_as_the_venue_allows(trader: Trader, venue: str) -> None:
    with trader.events("/ws") as events:
        assert events.send(method="SUBSCRIBE", params=_names(LIMIT[venue]), id=1)["result"] is None
        assert len(events.send(method="LIST_SUBSCRIPTIONS", id=2)["result"]) == LIMIT[venue]


def test_one_stream_too_many_ends_the_connection(trader: Trader, venue: str) -> None:
    with trader.events("/ws") as events:
        events._socket.send(json.dumps({"method": "SUBSCRIBE", "params": _names(LIMIT[venue] + 1), "id": 1}))
        assert _is_ended(events)


def test_more_than_ten_messages_a_second_end_the_connection(trader: Trader) -> None:
    with trader.events("/ws") as events:
        for number in range(11):
            events._socket.send(json.dumps({"method": "LIST_SUBSCRIPTIONS", "id": number}))
        assert _is_ended(events)


def test_a_connection_ends_after_its_day(trader: Trader) -> None:
    trader.server.post("settings", connection_s=1)
    try:
        with trader.events("/ws/btcusdt@bookTicker") as events:
            assert _is_ended(events)
    finally:
        trader.server.post("settings", connection_s=86_400)
