"""Cases in which a person trades beside us, or the price gets there first."""

from __future__ import annotations

import asyncio
import time
from decimal import Decimal
from typing import Any

from sqlalchemy import select

from activities.refusals import LIMITED
from domain.intents import Intent, IntentPhase
from domain.orders import OrderState, Side
from storage.postgres.engine import transaction
from storage.postgres.tables import events
from tests.faults.races import fill, resting
from tests.faults.run import SIZES, Run
from tests.faults.sites import SLOT
from tests.faults.stops import drained, halt_user

JUMPING = "BNB"


async def trade(run: Run, coin: str, side: Side, size: Decimal, **more: Any) -> None:
    """Trade by hand for this run's user."""
    body = {"user": run.site.owner(run.account), "coin": coin, "side": side.value, "sz": str(size), **more}
    await asyncio.to_thread(lambda: run.paper.post("trade", **body))


async def move_price(run: Run, coin: str, fraction: str) -> None:
    """Jump the price of a coin to a fraction of its mark; it jumps back when the run is wound down."""
    mark = run.site.mark(coin)
    run.undo.append(lambda: run.put_back(coin, mark))
    px = (mark * Decimal(fraction)).quantize(Decimal("0.1"))
    await asyncio.to_thread(lambda: run.paper.post("price", coin=coin, px=str(px)))


def working_stops(run: Run, coin: str) -> list[int]:
    """The stops that work at the venue on a coin."""
    log = run.site.log(run.account)
    return [o["oid"] for o in log.admitted if o["coin"] == coin and o["trigger"] and o["status"] == "open"]


def held(run: Run, coin: str) -> Decimal:
    """What the venue says is held of a coin."""
    return run.site.log(run.account).positions.get(coin, Decimal(0))


def was_told(run: Run, kind: str) -> bool:
    """Whether this run's user was told of a matter."""
    query = select(events.c.id).where(events.c.user_id == run.account.user_id, events.c.kind == kind).limit(1)
    with transaction(run.stack.bench.engine) as connection:
        return connection.scalar(query) is not None


async def by_hand(run: Run) -> None:
    """Case 32: a person increases, cancels our stop, decreases, and then closes, flips or leaves the rest to us."""
    coin = run.rng.choice(sorted(SIZES))
    size, wish = SIZES[coin], await run.start(run.wish(coin=coin))
    await run.opens(wish)
    await trade(run, coin, Side.BUY, size)
    await asyncio.sleep(run.rng.uniform(0, 0.5))
    for oid in await asyncio.to_thread(working_stops, run, coin):
        await asyncio.to_thread(run.paper.post, "cancel", oid=oid)
    # A fill tells the owner that something happened; a lost stop is missed at the look that follows.
    await trade(run, coin, Side.SELL, size, reduce_only=True)
    await run.until(lambda: len(working_stops(run, coin)) == 1, 30)
    match run.rng.choice(("close", "flip", "leave")):
        case "close":
            await trade(run, coin, Side.SELL, size, reduce_only=True)
            await run.reach(wish, IntentPhase.CLOSED)
        case "flip":
            await trade(run, coin, Side.SELL, 2 * size)
        case _:
            pass


async def stop_beside_close(run: Run) -> None:
    """Case 29: the stop fires while the user's close is in flight, or during a halt; nothing flips, nothing sticks."""
    await run.alone_on(JUMPING)
    wish = run.wish(coin=JUMPING, protection=run.stop_at(JUMPING, "0.97"))
    await run.start(wish)
    await run.opens(wish)
    if run.rng.random() < 0.5:
        await drained(run, await halt_user(run))
    if run.rng.random() < 0.7:
        fault = run.rng.choice(("delay", "delay_answer", "execute_then_drop"))
        run.aim(wish, fault, step="close.1", seconds=run.rng.uniform(0.5, 2))
        await run.signal(wish, "close")
        await asyncio.sleep(run.rng.uniform(0, 0.6))
    await move_price(run, JUMPING, "0.96")
    await run.reach(wish, IntentPhase.CLOSED)
    if await asyncio.to_thread(held, run, JUMPING):
        run.notes.append("a stop and a close together did not end flat")


async def stop_too_late(run: Run) -> None:
    """Case 33: the mark passes the stop between fill and stop; or the fired stop meets a gap and fills in part."""
    await run.alone_on(JUMPING)
    wish = run.wish(coin=JUMPING, protection=run.stop_at(JUMPING, "0.97"))
    if run.rng.random() < 0.5:
        run.aim(wish, run.rng.choice(("delay", "drop")), step="protect.sl.1", seconds=run.rng.uniform(0.8, 1.5))
        await run.start(wish)
        await run.until(lambda: held(run, JUMPING) != 0, 60)
        await move_price(run, JUMPING, "0.96")
    else:
        await run.start(wish)
        await run.opens(wish)
        await _gap(run, wish)
    await run.reach(wish, IntentPhase.CLOSED)


async def key_revoked(run: Run) -> None:
    """Case 33: the key may trade no longer between fill and stop; the next one protects what was opened, and closes it."""
    wish = run.wish()
    run.aim(wish, run.rng.choice(("drop", "delay")), step="protect.sl.1", seconds=1.5)
    since = time.time()
    await run.start(wish)
    await run.until(lambda: held(run, wish.coin) != 0, 60)
    give = await asyncio.to_thread(run.site.revoke_key, run.account)
    run.undo.append(give)
    await asyncio.sleep(run.rng.uniform(0.5, 3))
    await asyncio.to_thread(run.undo.pop())
    # Nobody can protect what no key may trade. From here on the bound counts again.
    run.unreachable = ((since * 1000, time.time() * 1000),)
    await run.opens(wish)


async def requests_used_up(run: Run) -> None:
    """Case 33: the account's requests are used up between fill and stop; the first one that is taken again is the stop.

    An order that would open is asked for as well: it must not take that place, and nor must the search for a lost stop, which is a
    request of its own at Hyperliquid. Some of the runs close under the limit, too.
    """
    how = run.rng.choice(("delayed", "resting", "lost", "lost_and_free"))
    is_slot_free = how == "lost_and_free" and run.site.is_hyperliquid
    if how == "delayed":
        wish = run.wish()
        run.aim(wish, "delay", step="protect.sl.1", seconds=1.5)
        await run.start(wish)
        await run.until(lambda: held(run, wish.coin) != 0, 60)
        await _use_up(run, is_slot_free=False)
    else:
        wish, oid = await resting(run)
        if how != "resting":
            run.aim(wish, "drop", step="protect.sl.1")
        await _use_up(run, is_slot_free=is_slot_free)
        await fill(run, wish, oid, 1)
    if not is_slot_free:
        await run.start(run.wish(coin=run.rng.choice(sorted(SIZES.keys() - {wish.coin}))))
    await run.opens(wish)
    if await asyncio.to_thread(_was_refused, run, wish) and not await asyncio.to_thread(
        was_told, run, "requests_used_up"
    ):
        run.notes.append("nobody was told that the account's requests are used up")
    if run.rng.random() < 0.5:
        await run.signal(wish, "close")
        await run.reach(wish, IntentPhase.CLOSED)


async def _use_up(run: Run, *, is_slot_free: bool) -> None:
    """Use the requests of this run's account up; what the venue then takes nothing of, nobody could have sent."""
    made = await asyncio.to_thread(lambda: run.site.use_up_requests(run.account, and_the_slot=not is_slot_free))
    run.undo.append(made)
    since = time.time()
    # From there on the bound counts again: whatever else is sent must not come before the stop.
    run.unreachable = () if is_slot_free else ((since * 1000, (since + SLOT) * 1000),)


def _was_refused(run: Run, wish: Intent) -> bool:
    """Whether the owner of a position has heard that the limit keeps its stop back: the first stop is placed by who saw the fill."""
    rows = run.stack.bench.books.journal.orders_of(wish.intent_id)
    stops = [row for row in rows if row.key.step.startswith("protect.") and row.state is OrderState.REFUSED]
    return sum(row.code in LIMITED for row in stops) > 1


async def _gap(run: Run, wish: Intent) -> None:
    """Jump below everything that the fired stop accepts, and let a part of it fill."""
    await move_price(run, wish.coin, "0.86")
    orders = await asyncio.to_thread(run.paper.orders, run.site.owner(run.account))
    for order in orders:
        if order["trigger"] and order["trigger"]["fired"] and order["status"] in {"open", "triggered"}:
            await asyncio.to_thread(run.paper.post, "fill", oid=order["oid"], fraction="0.4")
