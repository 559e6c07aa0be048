"""The user stream wakes up for fills and orders, and says after every gap that there was one."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from datetime import timedelta
from typing import cast

import pytest

from domain.errors import Refused
from domain.orders import TimeInForce
from tests.contracts.hyperliquid.trader import Trader
from venues.base import StreamEvent
from venues.hyperliquid.stream import HyperliquidStream, Pace

QUICK = Pace(
    ping_after=timedelta(milliseconds=200),
    silence=timedelta(seconds=1),
    subscribe_within=timedelta(seconds=3),
    shortest=timedelta(milliseconds=50),
    longest=timedelta(milliseconds=200),
)
WAIT = 20


def stream(trader: Trader, *others: Trader) -> AsyncGenerator[StreamEvent, None]:
    addresses = tuple(one.master.address for one in (trader, *others))
    return cast("AsyncGenerator[StreamEvent, None]", HyperliquidStream(trader.venue.config, QUICK).events(addresses))


async def until(events: AsyncGenerator[StreamEvent, None], kind: str, address: str | None = None) -> StreamEvent:
    """Return the next event of a kind."""
    async with asyncio.timeout(WAIT):
        async for event in events:
            if event.kind == kind and address in {None, event.address}:
                return event
    raise AssertionError("The stream ended.")


async def test_a_subscription_starts_with_a_resync_of_its_address(trader: Trader):
    async with aclosing(stream(trader)) as events:
        assert await until(events, "resync") == StreamEvent(address=trader.master.address, kind="resync")


async def test_a_fill_wakes_with_its_order(trader: Trader):
    name = trader.name()
    async with aclosing(stream(trader)) as events:
        await until(events, "resync")
        answer = await asyncio.to_thread(trader.place, trader.terms(), name)
        fill = await until(events, "fill")
    assert (fill.address, fill.coin, fill.client_id, fill.oid) == (trader.master.address, "BTC", name, answer.oid)


async def test_an_order_that_rests_wakes_with_its_client_id(trader: Trader):
    name = trader.name()
    async with aclosing(stream(trader)) as events:
        await until(events, "resync")
        await asyncio.to_thread(trader.place, trader.terms(factor="0.8", tif=TimeInForce.GTC), name)
        order = await until(events, "order")
    assert (order.address, order.client_id) == (trader.master.address, name)


async def test_fills_of_several_users_on_one_connection_are_told_apart(trader: Trader):
    with Trader.funded(trader.server) as other:
        async with aclosing(stream(trader, other)) as events:
            resynced = {(await until(events, "resync")).address for _ in range(2)}
            await asyncio.to_thread(other.place, other.terms())
            fill = await until(events, "fill")
    assert resynced == {trader.master.address, other.master.address}
    assert fill.address == other.master.address


async def test_old_fills_do_not_wake(trader: Trader):
    await asyncio.to_thread(trader.place, trader.terms())
    name = trader.name()
    async with aclosing(stream(trader)) as events:
        await until(events, "resync")
        await asyncio.to_thread(trader.place, trader.terms(), name)
        fill = await until(events, "fill")
    assert fill.client_id == name


async def test_a_lost_connection_comes_back_with_a_resync_and_wakes_again(trader: Trader):
    async with aclosing(stream(trader)) as events:
        await until(events, "resync")
        await asyncio.to_thread(trader.server.fault, "ws_close", on="ws")
        await asyncio.to_thread(trader.place, trader.terms())
        await until(events, "resync")
        name = trader.name()
        await asyncio.to_thread(trader.place, trader.terms(), name)
        while (await until(events, "fill")).client_id != name:
            pass


async def test_a_server_that_says_nothing_any_more_is_left_and_comes_back_with_a_resync(trader: Trader):
    async with aclosing(stream(trader)) as events:
        await until(events, "resync")
        waiting = asyncio.ensure_future(until(events, "resync"))
        with trader.server.stopped():
            # Longer than the silence that the stream bears, and than the time it takes to give a connection up.
            await asyncio.sleep(QUICK.silence.total_seconds() * 2)
        assert (await waiting).address == trader.master.address


@pytest.mark.parametrize("fault", ["ws_duplicate", "ws_late", "ws_reorder"])
async def test_doubled_late_and_swapped_messages_still_wake(trader: Trader, fault: str):
    name = trader.name()
    async with aclosing(stream(trader)) as events:
        await until(events, "resync")
        await asyncio.to_thread(trader.server.fault, fault, on="ws", seconds=0.3, count=None)
        await asyncio.to_thread(trader.place, trader.terms(), name)
        assert (await until(events, "fill")).client_id == name


async def test_more_users_than_a_connection_takes_are_refused(trader: Trader):
    addresses = tuple(f"0x{number:040x}" for number in range(11))
    with pytest.raises(Refused):
        await anext(HyperliquidStream(trader.venue.config, QUICK).events(addresses))
