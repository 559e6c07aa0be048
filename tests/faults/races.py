"""Cases in which two things happen at once."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from domain.errors import Refused
from domain.intents import Intent, IntentPhase, IntentPolicy, OrderStyle
from domain.money import Price, Quantity
from domain.orders import Side, TimeInForce
from tests.faults.run import Run

BIG = {"BTC": Decimal("0.01"), "ETH": Decimal("0.2"), "SOL": Decimal(4)}


async def resting(run: Run, *, aimed: str = "") -> tuple[Intent, int]:
    """Start an intent whose limit order rests a little below the market, a fault aimed at it; returns it and its order id."""
    coin = run.rng.choice(sorted(BIG))
    limit = Price(run.site.resting_px(coin))
    policy = IntentPolicy(style=OrderStyle.LIMIT, limit_px=limit, tif=TimeInForce.GTC)
    wish = run.wish(coin=coin, size=Quantity(BIG[coin]), policy=policy)
    if aimed:
        run.aim(wish, aimed)
    await run.start(wish)
    await run.reach(wish, IntentPhase.WORKING)
    orders = await asyncio.to_thread(run.paper.orders, run.site.owner(run.account))
    return wish, next(int(order["oid"]) for order in orders if order["status"] == "open" and not order["reduceOnly"])


async def fill(run: Run, wish: Intent, oid: int, fraction: float) -> None:
    """Fill a part of what still rests of an order: whole lots of the venue, one at least; nothing where it is full."""
    orders = await asyncio.to_thread(run.paper.orders, run.site.owner(run.account))
    left = next(Decimal(order["sz"]) for order in orders if order["oid"] == oid)
    lot = run.site.lot(wish.coin)
    piece = min(max(left * Decimal(str(fraction)) // lot * lot, lot), left)
    if piece:
        await asyncio.to_thread(run.paper.post, "fill", oid=oid, sz=f"{piece:f}")


async def partial_fills(run: Run) -> None:
    """Case 9: a resting order fills in pieces, dust among them, with pauses of any length; then it is cancelled or full."""
    wish, oid = await resting(run)
    for _ in range(run.rng.randint(1, 5)):
        await fill(run, wish, oid, run.rng.choice((0.02, 0.1, 0.3, 0.5)))
        await asyncio.sleep(run.rng.choice((0, 0.05, 0.3, 1)))
    if run.rng.random() < 0.5:
        await run.signal(wish, "cancel")
    else:
        await fill(run, wish, oid, 1)
    await run.reach(wish, IntentPhase.PROTECTED)


async def cancel_against_fill(run: Run) -> None:
    """Case 31: a cancel races with a fill of every fraction; afterwards the position is reduced by hand and closed."""
    wish, oid = await resting(run)
    fraction = run.rng.choice((0.01, 0.25, 0.5, 0.75, 0.99, 1))
    first, second = run.signal(wish, "cancel"), fill(run, wish, oid, fraction)
    pair: list[Any] = [first, second] if run.rng.random() < 0.5 else [second, first]
    await asyncio.gather(*pair, return_exceptions=True)
    await run.reach(wish, IntentPhase.PROTECTED, IntentPhase.CANCELLED)
    if run.rng.random() < 0.5:
        size = str(BIG[wish.coin] * Decimal("0.1"))
        body = {"user": run.site.owner(run.account), "coin": wish.coin, "side": "sell", "sz": size, "reduce_only": True}
        await asyncio.gather(asyncio.to_thread(run.paper.post, "trade", **body), return_exceptions=True)


async def late_cancel(run: Run) -> None:
    """Case 24: a cancel is held back and arrives after its own deadline, while no other one gets through."""
    wish, oid = await resting(run)
    seconds = run.site.cancel_lives + run.rng.uniform(0.5, 2)
    late = run.paper.fault("cancel", "delay", match={"oid": oid}, count=1, seconds=seconds)
    others = run.paper.fault("cancel", "drop", match={"oid": oid})
    run.undo.append(lambda: run.paper.lift(others))
    await run.signal(wish, "cancel")
    await run.until(lambda: run.paper.hits(late), 60)
    if run.rng.random() < 0.5:
        await asyncio.gather(fill(run, wish, oid, 0.5), return_exceptions=True)
    await asyncio.sleep(seconds + 1)
    if not await asyncio.to_thread(_is_open, run, oid):
        run.notes.append("a cancel that came after its own deadline was taken")
    await asyncio.to_thread(run.paper.lift, others)
    # A part of it may have been protected long before.
    await run.reach(wish, IntentPhase.PROTECTED, IntentPhase.CANCELLED)
    await run.until(lambda: not _is_open(run, oid))


def _is_open(run: Run, oid: int) -> bool:
    return any(o["oid"] == oid and o["status"] == "open" for o in run.paper.orders(run.site.owner(run.account)))


async def two_intents_one_instrument(run: Run) -> None:
    """Case 30: opposite intents on one instrument in the same millisecond; a second account on the same address."""
    long, short = run.wish(coin="ETH"), run.wish(coin="ETH", side=Side.SELL)
    short = replace(short, protection=run.stop_at("ETH", "1.15"))
    run.wishes[-1] = short
    await asyncio.gather(run.start(long), run.start(short))
    phases = [await run.reach(wish, IntentPhase.PROTECTED) for wish in (long, short)]
    if sorted(phases) != ["PROTECTED", "REFUSED"]:
        run.notes.append(f"one slot, two owners: {phases}")
    try:
        run.stack.bench.accounts.add(
            run.account.user_id, venue=run.account.venue, network="paper", address=run.account.address
        )
        run.notes.append("a second account row with the same address was accepted")
    except Refused:
        pass


async def approved_twice_then_terminated(run: Run) -> None:
    """Case 35: an approval runs twice and its intent is terminated before it places; the reservation must not stay."""
    wish = run.wish()
    approve = run.stack.bench.approve
    first = await asyncio.to_thread(approve, wish, max_age=timedelta(seconds=2))
    second = await asyncio.to_thread(approve, wish, max_age=timedelta(seconds=2))
    if first.order != second.order:
        run.notes.append("a repeated approval gave another order")
    await run.start(replace(wish, decided_at=datetime.now(UTC)))
    await asyncio.sleep(run.rng.uniform(0, 0.3))
    await run.terminate(wish)
    await run.adopted(wish)


async def two_users_trade(run: Run) -> None:
    """Case 36: one user's market order takes another user's resting order; both keep the fill that has one trade id."""
    coin, other = "HYPE", await run.arena.account(run.account.venue)
    # In the middle of the spread a resting order is the best there is for everybody who sells the coin.
    await run.alone_on(coin)
    run.crowd = [other]
    mark = run.site.mark(coin)
    run.undo.append(lambda: run.paper.post("price", coin=coin))
    held = await asyncio.to_thread(lambda: run.paper.post("price", coin=coin, px=str(mark), freeze=True))
    policy = IntentPolicy(style=OrderStyle.LIMIT, limit_px=Price(Decimal(held["px"])), tif=TimeInForce.GTC)
    maker = await run.start(run.wish(coin=coin, policy=policy))
    await run.reach(maker, IntentPhase.WORKING, IntentPhase.PROTECTED)
    owner = {"account_id": other.account_id, "user_id": other.user_id}
    taker = run.wish(coin=coin, side=Side.SELL, protection=run.stop_at(coin, "1.15"), **owner)
    await run.start(taker)
    for wish in (taker, maker):
        await run.reach(wish, IntentPhase.PROTECTED)
    sold = await asyncio.to_thread(run.site.log, other)
    bought = await asyncio.to_thread(run.site.log, run.account)
    if not {fill["tid"] for fill in sold.fills} & {fill["tid"] for fill in bought.fills}:
        run.notes.append("the two users did not trade with each other")
