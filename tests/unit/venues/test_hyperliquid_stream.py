"""The user stream against a scripted server: what it reads, what it skips, and when it leaves."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing, asynccontextmanager
from datetime import timedelta
from typing import Any, cast

import pytest
from websockets.asyncio.server import ServerConnection, serve

from tests.unit.venues.build import CLIENT_ID, MASTER
from venues.base import StreamEvent
from venues.hyperliquid.config import HyperliquidConfig
from venues.hyperliquid.stream import HyperliquidStream, Pace, read_events

OTHER = "0x" + "cd" * 20
QUICK = Pace(
    ping_after=timedelta(milliseconds=50),
    silence=timedelta(milliseconds=300),
    subscribe_within=timedelta(milliseconds=300),
    shortest=timedelta(milliseconds=10),
    longest=timedelta(milliseconds=20),
)


def read(message: Any, *addresses: str) -> list[StreamEvent]:
    text = message if isinstance(message, str) else json.dumps(message)
    return list(read_events(text, addresses or (MASTER,)))


def fills(**changed: Any) -> dict[str, Any]:
    row = {"coin": "BTC", "oid": 5, "tid": 9, "cloid": "0x" + CLIENT_ID}
    return {"channel": "userFills", "data": {"user": MASTER.upper().replace("X", "x"), "fills": [row | changed]}}


def updates() -> dict[str, Any]:
    order = {"coin": "BTC", "oid": 5, "cloid": "0x" + CLIENT_ID}
    return {"channel": "orderUpdates", "data": [{"order": order, "status": "canceled"}]}


def test_a_fill_names_its_user_whatever_the_case_of_the_address():
    assert read(fills()) == [StreamEvent(address=MASTER, kind="fill", coin="BTC", client_id=CLIENT_ID, oid="5")]


def test_a_liquidation_of_the_user_is_told_from_one_that_it_only_traded_with():
    assert [event.kind for event in read(fills(liquidation={"liquidatedUser": MASTER}))] == ["liquidation"]
    assert [event.kind for event in read(fills(liquidation={"liquidatedUser": OTHER}))] == ["fill"]


def test_the_snapshot_is_no_news():
    message = fills()
    message["data"]["isSnapshot"] = True
    assert read(message) == []


def test_an_order_update_has_an_address_where_the_connection_has_one_user():
    event = StreamEvent(address=MASTER, kind="order", coin="BTC", client_id=CLIENT_ID, oid="5")
    assert read(updates()) == [event]


def test_an_order_update_of_several_users_is_told_by_its_client_id_or_dropped():
    (event,) = read(updates(), MASTER, OTHER)
    assert (event.address, event.client_id) == ("", CLIENT_ID)
    message = updates()
    del message["data"][0]["order"]["cloid"]
    assert read(message, MASTER, OTHER) == []


@pytest.mark.parametrize(
    "message",
    [
        "Websocket connection established.",
        "",
        "[]",
        "null",
        {"channel": "pong"},
        {"channel": "error", "data": "Already subscribed: {}"},
        {"channel": "userFills", "data": None},
        {"channel": "userFills", "data": {"user": OTHER, "fills": [{"coin": "BTC", "oid": 1}]}},
        {"channel": "orderUpdates", "data": [{}]},
        {"channel": "somethingNew", "data": {}},
    ],
)
def test_what_is_unknown_or_garbled_is_skipped(message: Any):
    assert read(message) == []


def test_the_pause_doubles_up_to_its_longest_and_keeps_below_thirty_connections_a_minute():
    pace = Pace()
    pauses = [pace.pause(failures) for failures in range(12)]
    assert min(pauses) >= 2
    assert max(pauses) <= 45
    assert pauses[3] > pauses[0]
    assert pace.pause(100_000) <= 45


class Script:
    """A server that does what a test says with each message; it counts connections and pings."""

    def __init__(self, reply: Callable[[dict[str, Any]], list[str]]) -> None:
        self.reply = reply
        self.connections = 0
        self.pings = 0
        self.asked: list[dict[str, Any]] = []

    async def serve(self, socket: ServerConnection) -> None:
        self.connections += 1
        await socket.send("Websocket connection established.")
        async for text in socket:
            message = json.loads(text)
            self.pings += message["method"] == "ping"
            self.asked.append(message)
            for answer in self.reply(message):
                await socket.send(answer)


@asynccontextmanager
async def events_of(script: Script, *addresses: str) -> AsyncIterator[AsyncIterator[StreamEvent]]:
    async with serve(script.serve, "127.0.0.1", 0) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        stream = HyperliquidStream(HyperliquidConfig(url=f"http://127.0.0.1:{port}"), QUICK)
        async with aclosing(cast("Any", stream.events(addresses or (MASTER,)))) as events:
            yield events


def confirm(message: dict[str, Any]) -> list[str]:
    """Confirm every subscription and answer pings, as the venue does."""
    if message["method"] == "ping":
        return [json.dumps({"channel": "pong"})]
    return [json.dumps({"channel": "subscriptionResponse", "data": message})]


async def next_event(events: AsyncIterator[StreamEvent]) -> StreamEvent:
    async with asyncio.timeout(10):
        return await anext(events)


async def test_each_address_is_subscribed_and_resynced_once():
    script = Script(confirm)
    async with events_of(script, MASTER, OTHER) as events:
        found = [await next_event(events) for _ in range(2)]
    assert found == [StreamEvent(address=MASTER, kind="resync"), StreamEvent(address=OTHER, kind="resync")]
    assert [(one["subscription"]["type"], one["subscription"]["user"]) for one in script.asked[:4]] == [
        ("userFills", MASTER),
        ("orderUpdates", MASTER),
        ("userFills", OTHER),
        ("orderUpdates", OTHER),
    ]


async def test_a_quiet_account_is_pinged_and_kept():
    script = Script(confirm)
    async with events_of(script) as events:
        await next_event(events)
        with pytest.raises(TimeoutError):
            # Three silences long: pongs alone keep the connection.
            async with asyncio.timeout(3 * QUICK.silence.total_seconds()):
                await anext(events)
    assert script.pings >= 3
    assert script.connections == 1


async def test_a_server_without_pongs_is_left_and_the_next_connection_resyncs():
    script = Script(lambda message: [] if message["method"] == "ping" else confirm(message))
    async with events_of(script) as events:
        first, second = await next_event(events), await next_event(events)
    assert first == second == StreamEvent(address=MASTER, kind="resync")
    assert script.connections == 2


async def test_a_refused_subscription_is_tried_again_on_a_new_connection():
    def refuse_at_first(message: dict[str, Any]) -> list[str]:
        if message["method"] == "subscribe" and script.connections == 1:
            return [json.dumps({"channel": "error", "data": "Cannot track more than 15 total users."})]
        return confirm(message)

    script = Script(refuse_at_first)
    async with events_of(script) as events:
        assert (await next_event(events)).kind == "resync"
    assert script.connections == 2


async def test_a_server_that_is_not_there_is_asked_until_it_is():
    stream = HyperliquidStream(HyperliquidConfig(url="http://127.0.0.1:9"), QUICK)
    events = cast("Any", stream.events((MASTER,)))
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(anext(events), 0.5)
