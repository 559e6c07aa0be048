"""Cases in which a server or a wire is gone."""

from __future__ import annotations

import asyncio
import os
import signal
import time

from domain.intents import Intent, IntentPhase
from tests.faults.proxy import Proxy
from tests.faults.run import SIZES, Run
from wiring.venues import ASTER


async def temporal_killed(run: Run) -> None:
    """Case 3: the Temporal server is killed with intents under way and comes back on its database."""
    wishes = [await run.start(run.wish(coin=coin)) for coin in SIZES]
    await asyncio.sleep(run.rng.uniform(0, 0.6))
    await asyncio.to_thread(run.arena.temporal.kill)
    await asyncio.sleep(run.rng.uniform(0.5, 3))
    await asyncio.to_thread(run.arena.temporal.start)
    for wish in wishes:
        await run.opens(wish)


async def temporal_stopped(run: Run) -> None:
    """Case 3: the Temporal server stands still for a while."""
    pid = run.arena.temporal.pid
    assert pid is not None
    wishes = [await run.start(run.wish(coin=coin)) for coin in SIZES]
    await asyncio.sleep(run.rng.uniform(0, 0.5))
    os.kill(pid, signal.SIGSTOP)
    await asyncio.sleep(run.rng.uniform(2, 8))
    os.kill(pid, signal.SIGCONT)
    for wish in wishes:
        await run.opens(wish)


async def partition_from_temporal(run: Run) -> None:
    """Case 5: one worker, or both, lose Temporal while they send."""
    proxies = run.rng.choice((run.arena.temporal_proxies[:1], run.arena.temporal_proxies))
    await _cut(run, proxies)


async def partition_from_venue(run: Run) -> None:
    """Case 5: one worker, or both, lose the venue while they send."""
    mine = run.arena.venue_proxies[run.site.venue]
    proxies = run.rng.choice((mine[:1], mine))
    # What got lost at AsterDEX is not sent again: no deadline of the venue's proves that it never runs.
    await _cut(run, proxies, insists=run.site.venue != ASTER)


async def _cut(run: Run, proxies: list[Proxy], *, insists: bool = True) -> None:
    wishes = [await run.start(run.wish(coin=coin)) for coin in SIZES]
    await asyncio.sleep(run.rng.uniform(0, 0.5))
    # Cut: both ends see a reset. Held: nobody is told, and what was sent arrives late.
    is_cut = run.rng.random() < 0.5
    since = time.time()
    for proxy in proxies:
        await asyncio.to_thread(proxy.cut if is_cut else proxy.hold)
    await asyncio.sleep(run.rng.uniform(1, 8))
    until = time.time()
    for proxy in proxies:
        proxy.heal()
    if proxies == run.arena.venue_proxies[run.site.venue]:
        # The paper venue tells the time of this machine. While one worker still has a wire, the bound counts.
        run.unreachable = ((since * 1000, until * 1000),)
    for wish in wishes:
        await (run.opens(wish) if insists else run.reach(wish, IntentPhase.PROTECTED))


async def venue_stands_still(run: Run) -> None:
    """Case 34: the venue stands still with an order on its way, then goes on; closes of the same account do not wait for it.

    It refuses everything meanwhile; or it holds what it is sent for longer than anybody waits for an answer; or the wire breaks
    while it holds the order, which it executes in time for its deadline, after the first looks have not found it.
    """
    held, earlier = [await run.start(run.wish(coin=coin)) for coin in ("BTC", "ETH")]
    await run.opens(held)
    # The first trade of a coin sets its leverage: that would be held, and no order.
    await run.opens(earlier)
    await run.signal(earlier, "close")
    await run.reach(earlier, IntentPhase.CLOSED)
    caught = run.wish(coin="ETH")
    await run.rng.choice((_refuses, _holds, _loses_the_wire))(run, held, caught)
    await run.reach(held, IntentPhase.CLOSED)
    await run.reach(caught, IntentPhase.PROTECTED)


async def _refuses(run: Run, held: Intent, caught: Intent) -> None:
    since = time.time()
    run.undo.append(lambda: run.paper.post("settings", halted=False))
    await asyncio.to_thread(lambda: run.paper.post("settings", halted=True))
    await _close_meanwhile(run, held, caught)
    await asyncio.to_thread(run.undo.pop())
    run.unreachable = ((since * 1000, time.time() * 1000),)


async def _holds(run: Run, held: Intent, caught: Intent) -> None:
    since, seconds = time.time(), run.rng.uniform(5, 9)
    still = run.paper.fault("exchange", "delay", seconds=seconds)
    run.undo.append(lambda: run.paper.lift(still))
    await _close_meanwhile(run, held, caught)
    await asyncio.to_thread(run.undo.pop())
    run.unreachable = ((since * 1000, (time.time() + seconds) * 1000),)


async def _close_meanwhile(run: Run, held: Intent, caught: Intent) -> None:
    await run.start(caught)
    await asyncio.sleep(run.rng.uniform(0, 2))
    await run.signal(held, "close")
    await asyncio.sleep(run.rng.uniform(1, 6))


async def _loses_the_wire(run: Run, held: Intent, caught: Intent) -> None:
    still = run.aim(caught, "delay", seconds=run.rng.uniform(1, 1.7))
    await run.start(caught)
    await run.until(lambda: run.paper.hits(still), 30)
    for proxy in run.arena.venue_proxies[run.site.venue]:
        await asyncio.to_thread(proxy.cut)
        proxy.heal()
    await run.signal(held, "close")
