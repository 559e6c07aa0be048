"""Cases about clocks that are wrong: ours against the venue's, and one worker's against all others."""

from __future__ import annotations

import asyncio
import signal
import time
from datetime import timedelta

from sqlalchemy import func, select

from domain.intents import Intent, IntentPhase
from storage.postgres.engine import transaction
from storage.postgres.tables import orders
from tests.faults.run import SIZES, Run
from tests.stack.full import WorkerProcess
from wiring.venues import ASTER

ROWS_AT_MOST = 12
"""More rows of one intent than this are a storm of refusals."""


async def venue_clock_off(run: Run) -> None:
    """Case 7: every clock of ours is half a minute beside the venue's, from the beginning or from the middle on."""
    offset = run.rng.choice((-30_000, -5_000, 5_000, 30_000))
    if run.account.venue == ASTER:
        # It admits nonces of its last and next ten seconds and there is no other clock on the wire: farther off nothing is taken.
        offset = max(-5_000, min(offset, 5_000))
    run.undo.append(lambda: run.paper.post("settings", clock_offset_ms=0))
    held = run.wish(coin="BTC")
    if run.rng.random() < 0.5:
        await run.start(held)
        await run.opens(held)
        await _shift(run, offset)
    else:
        await _shift(run, offset)
        await run.start(held)
        await _opens_by(run, held, offset)
    await run.signal(held, "close")
    await run.reach(held, IntentPhase.CLOSED)
    later = await run.start(run.wish(coin="ETH"))
    await _opens_by(run, later, offset)
    for wish in run.wishes:
        rows = await asyncio.to_thread(_rows, run, wish.intent_id)
        run.notes.extend([f"{rows} rows for one intent {offset} ms beside"] if rows > ROWS_AT_MOST else [])


async def wire_held(run: Run) -> None:
    """Case 7: the wire holds requests beyond their deadlines, and the venue says so: a new step opens, stops and closes it.

    AsterDEX has no deadlines for what a wallet signs: what was held runs there.
    """
    held = run.wish()
    steps = run.rng.sample(("open", "protect.sl.1", "close.1"), 2)
    for step in steps:
        run.aim(held, "delay", step=step, seconds=run.rng.uniform(2.2, 2.8))
    await run.start(held)
    await run.opens(held)
    await run.signal(held, "close")
    await run.reach(held, IntentPhase.CLOSED)


async def _opens_by(run: Run, wish: Intent, offset_ms: int) -> None:
    """Insist on an open, but where the venue is ahead by all the time that a decision has: there it is too old at once."""
    if offset_ms >= wish.policy.max_age.total_seconds() * 1000:
        await run.reach(wish, IntentPhase.PROTECTED)
    else:
        await run.opens(wish)


async def _shift(run: Run, offset_ms: int) -> None:
    await asyncio.to_thread(lambda: run.paper.post("settings", clock_offset_ms=offset_ms))
    run.skew = (time.time() * 1000, offset_ms)


def _rows(run: Run, intent_id: str) -> int:
    with transaction(run.stack.bench.engine) as connection:
        return connection.scalar(select(func.count()).where(orders.c.intent_id == intent_id)) or 0


async def worker_clock_off(run: Run) -> None:
    """Case 25: one worker's clock is days ahead or behind, then right again; opens, stops and closes must work."""
    worker = run.rng.choice(run.stack.workers)
    # Hyperliquid takes nonces from two days ago to one day ahead: a day off would be no fault at all.
    days = int(timedelta(days=3).total_seconds() * 1000)
    run.undo.append(lambda: worker.environment.pop("HOLDFAST_CLOCK_OFFSET_MS", None))
    early = await run.start(run.wish(coin="BTC"))
    await run.opens(early)
    await restarted(run, worker, HOLDFAST_CLOCK_OFFSET_MS=str(run.rng.choice((-days, days))))
    # Whoever has polled longest is given the next task: without this, the right one would do all the work.
    for other in run.stack.workers:
        if other is not worker:
            await restarted(run, other)
    during = [await run.start(run.wish(coin=coin)) for coin in SIZES if coin != "BTC"]
    for wish in during:
        await run.opens(wish)
    await run.signal(early, "close")
    await run.reach(early, IntentPhase.CLOSED)
    await restarted(run, worker, HOLDFAST_CLOCK_OFFSET_MS="0")
    await run.signal(during[0], "close")
    await run.reach(during[0], IntentPhase.CLOSED)
    after = await run.start(run.wish(coin="BTC"))
    await run.opens(after)


async def restarted(run: Run, worker: WorkerProcess, **environment: str) -> None:
    """Kill a worker and wait until the keeper of the stack has brought it back with other settings."""
    size = await asyncio.to_thread(lambda: worker.log.stat().st_size)
    worker.environment |= environment
    worker.signal(signal.SIGKILL)
    await run.until(lambda: b"serving" in worker.log.read_bytes()[size:], 90)
