"""Cases in which a worker dies or stands still at a named place."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta

from domain.intents import IntentPhase
from tests.faults.run import Run

PLACES = (
    "after_read_row",
    "before_write_ahead",
    "after_write_ahead",
    "after_gate",
    "after_send",
    "after_record",
    "before_noop",
)


async def kill_at_a_place(run: Run) -> None:
    """Case 1: kill -9 at each place round the opening order."""
    # The last is the place before a no-op, which Hyperliquid alone has.
    place = run.rng.choice(PLACES if run.site.is_hyperliquid else PLACES[:-1])
    wish = run.wish()
    if place == "before_noop":
        run.aim(wish, "drop", step="open")
    async with run.order_at(place, "kill", wish) as told:
        await run.start(wish)
        await run.until(told.exists, 60)
    await run.reach(wish, IntentPhase.PROTECTED)


async def kill_while_protecting_or_closing(run: Run) -> None:
    """Case 1 on reducing orders: the stop and the close."""
    step = run.rng.choice(("protect.sl.1", "close.1"))
    place = run.rng.choice(("after_read_row", "after_write_ahead", "after_send", "after_record"))
    wish = run.wish()
    async with run.order_at(place, "kill", wish, step) as told:
        await run.start(wish)
        await run.reach(wish, IntentPhase.FILLED, IntentPhase.PROTECTED)
        if step == "close.1":
            await run.reach(wish, IntentPhase.PROTECTED)
            await run.signal(wish, "close")
        await run.until(told.exists, 60)
    await run.reach(wish, IntentPhase.PROTECTED, IntentPhase.CLOSED)


async def zombie_before_write_ahead(run: Run) -> None:
    """Case 16: a worker reads APPROVED, stands still past every time-out, and wakes."""
    wish = run.wish()
    wish = replace(wish, policy=replace(wish.policy, max_age=timedelta(seconds=run.rng.randint(4, 14))))
    run.wishes[-1] = wish
    place = run.rng.choice(("after_read_row", "before_write_ahead", "after_write_ahead", "after_gate"))
    async with run.order_at(place, "stop", wish) as told:
        await run.start(wish)
        pid = await run.stopped_pid(told)
        await asyncio.sleep(run.rng.uniform(3, 20))
        run.go_on(pid)
    await run.reach(wish, IntentPhase.PROTECTED)
