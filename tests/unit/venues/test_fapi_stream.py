"""User streams: what wakes whom, and that a dead key or connection is never waited on."""

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager
from datetime import timedelta
from typing import Any, cast

import pytest
from websockets.asyncio.server import ServerConnection, serve

from domain.errors import Refused
from tests.unit.venues.build_fapi import API_KEY, Asked, Said, Stub, by_path, scripted
from venues.base import StreamEvent
from venues.binance.config import BinanceConfig
from venues.binance.venue import connect
from venues.fapi.limits import RequestBudget
from venues.fapi.stream import MOST_ADDRESSES, Pace, is_expired, read_events

ADDRESS = "binance:SgsR"
QUICK = Pace(
    silence=timedelta(milliseconds=200),
    ping=timedelta(seconds=5),
    shortest=timedelta(milliseconds=20),
    longest=timedelta(milliseconds=50),
)


def order(**changed: Any) -> str:
    plain = {"s": "BTCUSDT", "c": "abc", "i": 77, "x": "NEW", "X": "NEW", "o": "LIMIT"}
    return json.dumps({"e": "ORDER_TRADE_UPDATE", "E": 1, "T": 1, "o": plain | changed})


def events(text: str) -> list[StreamEvent]:
    return list(read_events(text, ADDRESS))


@pytest.mark.parametrize(
    ("changed", "kind"),
    [
        ({}, "order"),
        ({"x": "CANCELED"}, "order"),
        ({"x": "EXPIRED"}, "order"),
        ({"x": "TRADE"}, "fill"),
        ({"x": "CALCULATED"}, "liquidation"),
        ({"x": "TRADE", "c": "autoclose-1"}, "liquidation"),
        ({"x": "TRADE", "c": "adl_autoclose"}, "liquidation"),
        ({"x": "TRADE", "c": "settlement_autoclose-1"}, "liquidation"),
    ],
)
def test_an_orders_event_wakes_by_what_happened_to_it(changed: dict[str, Any], kind: str):
    (found,) = events(order(**changed))
    assert (found.kind, found.coin, found.oid, found.address) == (kind, "BTC", "77", ADDRESS)


def test_an_event_in_the_envelope_of_combined_streams_is_the_same():
    assert events(json.dumps({"stream": "x", "data": json.loads(order())})) == events(order())


def test_a_conditional_orders_event_has_the_number_of_the_algo_service():
    text = json.dumps({"e": "ALGO_UPDATE", "o": {"aid": 9, "caid": "abc", "s": "BTCUSDT", "X": "TRIGGERED"}})
    assert events(text) == [StreamEvent(address=ADDRESS, kind="order", coin="BTC", client_id="abc", oid="algo-9")]


@pytest.mark.parametrize("reason", ["FUNDING_FEE", "DEPOSIT", "WITHDRAW", "ADJUSTMENT", "INSURANCE_CLEAR"])
def test_money_that_moves_without_an_order_is_worth_a_look(reason: str):
    text = json.dumps({"e": "ACCOUNT_UPDATE", "a": {"m": reason, "B": [], "P": []}})
    assert events(text) == [StreamEvent(address=ADDRESS, kind="resync")]
    assert events(text.replace(reason, "ORDER")) == []


@pytest.mark.parametrize("name", ["MARGIN_CALL", "ACCOUNT_CONFIG_UPDATE"])
def test_warnings_and_changed_modes_are_worth_a_look(name: str):
    assert events(json.dumps({"e": name})) == [StreamEvent(address=ADDRESS, kind="resync")]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "pong",
        "[]",
        "null",
        "5",
        "{}",
        '{"e":"ORDER_TRADE_UPDATE"}',
        '{"e":"ORDER_TRADE_UPDATE","o":{}}',
        '{"e":"NEW_ONE"}',
    ],
)
def test_what_is_garbled_or_new_wakes_nobody_and_breaks_nothing(text: str):
    assert events(text) == []


def test_the_end_of_a_listen_key_is_seen():
    assert is_expired('{"e":"listenKeyExpired","E":1,"listenKey":"x"}')
    assert not is_expired(order())


def test_pauses_double_up_to_their_limit():
    pace = Pace()
    assert [1 <= pace.pause(0) <= 1.5, 2 <= pace.pause(1) <= 3, 60 <= pace.pause(50) <= 90] == [True] * 3


async def test_more_addresses_than_a_reader_follows_are_refused():
    venue = connect(BinanceConfig(), lambda _: API_KEY)
    try:
        with pytest.raises(Refused):
            await anext(aiter(venue.stream_of(lambda _: API_KEY).events(("a",) * (MOST_ADDRESSES + 1))))
    finally:
        venue.close()


class Feed:
    """A stream server: each connection says what is scripted for it and then stays silent."""

    def __init__(self, *lines: list[str]) -> None:
        self.lines = list(lines)
        self.keys: list[str] = []

    async def __call__(self, socket: ServerConnection) -> None:
        assert socket.request is not None
        self.keys.append(socket.request.path.rsplit("/", 1)[1])
        for line in self.lines.pop(0) if self.lines else []:
            await socket.send(line)
        await socket.wait_closed()


@asynccontextmanager
async def following(
    feed: Feed, answers: dict[str, Any], pace: Pace = QUICK
) -> AsyncIterator[tuple[AsyncIterator[StreamEvent], Stub]]:
    """Follow one address at a scripted venue."""
    async with serve(feed, "127.0.0.1", 0) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        with scripted(by_path(answers)) as stub:
            config = BinanceConfig(url=stub.url, ws_url=f"ws://127.0.0.1:{port}")
            venue = connect(config, lambda _: API_KEY, RequestBudget(1_000_000))
            try:
                followed = cast(
                    "AsyncGenerator[StreamEvent, None]", venue.stream_of(lambda _: API_KEY, pace).events((ADDRESS,))
                )
                async with asyncio.timeout(10), aclosing(followed) as found:
                    yield found, stub
            finally:
                venue.close()


async def kinds(found: AsyncIterator[StreamEvent], count: int) -> list[str]:
    return [(await anext(found)).kind for _ in range(count)]


def rising(asked: Asked) -> Any:
    """A new key at each POST; anything else is a good answer."""
    rising.made += 1 if asked.method == "POST" else 0  # type: ignore[attr-defined]
    return {"listenKey": f"key{rising.made}"} if asked.method == "POST" else {}  # type: ignore[attr-defined]


@pytest.fixture(autouse=True)
def from_one() -> None:
    rising.made = 0  # type: ignore[attr-defined]


async def test_an_expired_key_is_replaced_by_a_new_one_with_a_resync():
    feed = Feed([order(x="TRADE"), '{"e":"listenKeyExpired"}'], [order()])
    async with following(feed, {"listenKey": rising}) as (found, _):
        assert await kinds(found, 4) == ["resync", "fill", "resync", "order"]
        assert feed.keys == ["key1", "key2"]


async def test_a_key_that_always_expires_at_once_is_not_asked_for_in_a_tight_loop():
    feed = Feed(*[['{"e":"listenKeyExpired"}']] * 100)
    pace = Pace(shortest=timedelta(milliseconds=200), longest=timedelta(milliseconds=200))
    async with following(feed, {"listenKey": rising}, pace) as (found, _):
        started = asyncio.get_running_loop().time()
        await kinds(found, 4)
        assert asyncio.get_running_loop().time() - started >= 0.6


async def test_silence_is_a_resync_once_the_venue_still_knows_the_key():
    async with following(Feed([]), {"listenKey": rising}) as (found, stub):
        assert await kinds(found, 3) == ["resync", "resync", "resync"]
        assert stub.paths().count("POST /fapi/v1/listenKey") == 1
        assert stub.paths().count("PUT /fapi/v1/listenKey") >= 2


async def test_a_key_that_died_without_a_word_is_replaced_after_a_silence():
    def dead_once(asked: Asked) -> Any:
        if asked.method == "PUT" and rising.made == 1:  # type: ignore[attr-defined]
            return Said(status=400, body={"code": -1125, "msg": "This listenKey does not exist."})
        return rising(asked)

    feed = Feed([], [order()])
    async with following(feed, {"listenKey": dead_once}) as (found, _):
        assert await kinds(found, 3) == ["resync", "resync", "order"]
        assert feed.keys == ["key1", "key2"]


async def test_a_key_that_cannot_be_kept_alive_is_replaced_with_its_connection():
    def lost(asked: Asked) -> Any:
        return Said(status=500, body=b"") if asked.method == "PUT" else rising(asked)

    pace = Pace(keep_alive=timedelta(milliseconds=100), shortest=timedelta(milliseconds=20))
    feed = Feed([], [])
    async with following(feed, {"listenKey": lost}, pace) as (found, _):
        assert await kinds(found, 2) == ["resync", "resync"]
        assert feed.keys == ["key1", "key2"]


async def test_a_connection_is_renewed_before_the_venue_ends_its_day():
    pace = Pace(connection=timedelta(milliseconds=100), shortest=timedelta(milliseconds=20))
    feed = Feed([], [])
    async with following(feed, {"listenKey": rising}, pace) as (found, _):
        assert await kinds(found, 3) == ["resync", "resync", "resync"]
        assert feed.keys[:2] == ["key1", "key2"]


async def test_a_venue_that_gives_no_key_is_asked_again_after_a_pause():
    answers = [Said(status=503, body=b""), {"nothing": 1}]

    def at_last(asked: Asked) -> Any:
        return answers.pop(0) if answers else rising(asked)

    async with following(Feed([order()]), {"listenKey": at_last}) as (found, stub):
        assert await kinds(found, 2) == ["resync", "order"]
        assert stub.paths().count("POST /fapi/v1/listenKey") == 3
