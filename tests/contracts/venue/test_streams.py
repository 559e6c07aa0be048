"""The user stream wakes up for fills and orders, and says after every gap that there was one."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing

import pytest

from tests.contracts.rigs.base import SILENCE
from tests.contracts.rigs.desk import Desk
from venues.base import StreamEvent

WAIT = 20


async def until(
    events: AsyncGenerator[StreamEvent, None], kind: str, address: str | None = None, client_id: str | None = None
) -> StreamEvent:
    """Return the next event of a kind."""
    async with asyncio.timeout(WAIT):
        async for event in events:
            if event.kind == kind and address in {None, event.address} and client_id in {None, event.client_id}:
                return event
    raise AssertionError("The stream ended.")


@pytest.mark.case(70)
async def test_a_subscription_starts_with_a_resync_of_its_address(desk: Desk):
    async with aclosing(desk.rig.stream(desk)) as events:
        assert await until(events, "resync") == StreamEvent(address=desk.account.address, kind="resync")


@pytest.mark.case(71)
async def test_a_fill_wakes_with_its_order(desk: Desk):
    name, terms = desk.name(), desk.terms()
    async with aclosing(desk.rig.stream(desk)) as events:
        await until(events, "resync")
        answer = await asyncio.to_thread(desk.place, terms, name)
        fill = await until(events, "fill")
    assert (fill.address, fill.coin, fill.client_id, fill.oid) == (desk.account.address, desk.coin, name, answer.oid)


@pytest.mark.case(72)
async def test_an_order_that_rests_wakes_with_its_client_id(desk: Desk):
    name, terms = desk.name(), desk.resting()
    async with aclosing(desk.rig.stream(desk)) as events:
        await until(events, "resync")
        await asyncio.to_thread(desk.place, terms, name)
        order = await until(events, "order")
    assert (order.address, order.client_id) == (desk.account.address, name)


@pytest.mark.case(73)
async def test_fills_of_several_users_are_told_apart(desk: Desk):
    with desk.rig.desk() as other:
        terms = other.terms()
        async with aclosing(desk.rig.stream(desk, other)) as events:
            resynced = {(await until(events, "resync")).address for _ in range(2)}
            await asyncio.to_thread(other.place, terms)
            fill = await until(events, "fill")
    assert resynced == {desk.account.address, other.account.address}
    assert fill.address == other.account.address


@pytest.mark.case(74)
async def test_fills_of_before_do_not_wake(desk: Desk):
    terms, name = desk.terms(), desk.name()
    await asyncio.to_thread(desk.place, terms)
    async with aclosing(desk.rig.stream(desk)) as events:
        await until(events, "resync")
        await asyncio.to_thread(desk.place, terms, name)
        fill = await until(events, "fill")
    assert fill.client_id == name


@pytest.mark.case(75)
async def test_a_lost_connection_comes_back_with_a_resync_and_what_was_missed_is_read(desk: Desk):
    terms, missed, name = desk.terms(), desk.name(), desk.name()
    async with aclosing(desk.rig.stream(desk)) as events:
        await until(events, "resync")
        await asyncio.to_thread(desk.rig.server.fault, "ws_close", on="ws")
        await asyncio.to_thread(desk.place, terms, missed)
        await until(events, "resync")
        fills = await asyncio.to_thread(desk.fills)
        assert missed in {fill.client_id for fill in fills} or missed in await asyncio.to_thread(_names, desk)
        await asyncio.to_thread(desk.place, terms, name)
        await until(events, "fill", client_id=name)


def _names(desk: Desk) -> set[str]:
    """The client ids behind the order ids of the fills: some venues' fills name the order id alone."""
    return {desk.rig.client_id_of(desk, fill.oid) for fill in desk.fills()}


@pytest.mark.case(76)
async def test_a_venue_that_says_nothing_any_more_is_left_and_comes_back_with_a_resync(desk: Desk):
    async with aclosing(desk.rig.stream(desk)) as events:
        await until(events, "resync")
        waiting = asyncio.ensure_future(until(events, "resync"))
        with desk.rig.server.stopped():
            # Longer than the silence that the stream bears, and than the time it takes to give a connection up.
            await asyncio.sleep(SILENCE.total_seconds() * 2)
        assert (await waiting).address == desk.account.address


@pytest.mark.case(77)
@pytest.mark.parametrize("fault", ["ws_duplicate", "ws_late", "ws_reorder"])
async def test_doubled_late_and_swapped_messages_still_wake(desk: Desk, fault: str):
    name, terms = desk.name(), desk.terms()
    async with aclosing(desk.rig.stream(desk)) as events:
        await until(events, "resync")
        await asyncio.to_thread(desk.rig.server.fault, fault, on="ws", seconds=0.3, count=None)
        await asyncio.to_thread(desk.place, terms, name)
        assert (await until(events, "fill", client_id=name)).coin == desk.coin


@pytest.mark.case(78)
async def test_a_stop_that_fires_wakes(desk: Desk):
    terms = desk.terms()
    await asyncio.to_thread(desk.accepted, terms)
    stop = await asyncio.to_thread(desk.trigger, "0.95")
    await asyncio.to_thread(desk.accepted, stop)
    through = await asyncio.to_thread(desk.price, "0.94")
    async with aclosing(desk.rig.stream(desk)) as events:
        await until(events, "resync")
        await asyncio.to_thread(desk.rig.server.move, desk.coin, through)
        fill = await until(events, "fill")
    assert (fill.address, fill.coin) == (desk.account.address, desk.coin)
    closing = (await asyncio.to_thread(desk.fills))[-1]
    assert closing.oid == fill.oid


@pytest.mark.case(79)
async def test_a_stream_whose_key_ends_comes_back_with_a_new_one(desk: Desk):
    terms, name = desk.terms(), desk.name()
    async with aclosing(desk.rig.stream(desk)) as events:
        await until(events, "resync")
        await asyncio.to_thread(desk.rig.end_stream_key, desk)
        # One may be of a silence that was over before the key ended.
        for _ in range(3):
            await until(events, "resync")
        await asyncio.to_thread(desk.place, terms, name)
        assert (await until(events, "fill")).client_id == name
