"""Cases in which the venue acts and the answer, the stream or the lookup does not say so."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from typing import Any

from domain.intents import Intent, IntentPhase
from domain.orders import OrderAck, OrderKey, OrderState
from tests.faults.races import fill, resting
from tests.faults.run import SIZES, Run
from wiring.venues import BINANCE, HYPERLIQUID

_SETTLED = (IntentPhase.PROTECTED,)
STEPS = ("open", "protect.sl.1", "close.1")


async def lost_answers(run: Run) -> None:
    """Case 2: the venue executes, the answer is lost; on opening, protecting and closing."""
    wish = run.wish()
    run.aim(wish, "execute_then_drop", step=run.rng.choice(STEPS))
    if run.rng.random() < 0.5:
        run.aim(wish, run.rng.choice(("drop", "garbage", "execute_then_drop")), step=run.rng.choice(STEPS))
    await run.start(wish)
    await run.reach(wish, *_SETTLED)


async def storm(run: Run) -> None:
    """Case 8: refusals of the infrastructure, before and after execution, several in a row."""
    wish = run.wish()
    for step in STEPS:
        fault = run.rng.choice(("http_429", "http_500", "http_503_empty", "drop"))
        run.aim(wish, fault, step=step, count=run.rng.randint(1, 2))
    await run.start(wish)
    await run.reach(wish, *_SETTLED)


async def duplicate_request(run: Run) -> None:
    """Case 21: the network delivers a request twice and only the second answer comes back, at once or after the deadline.

    Binance knows a client id again only while its order works. A copy of an order that has filled at once would fill as well,
    whoever sent the first; TLS keeps such copies off the wire. So its opening order rests here, and fills later. A copy that
    comes after the deadline fills nowhere again, and says at Binance that the time was wrong.
    """
    if run.site.venue == BINANCE and run.rng.random() < 0.5:
        wish, oid = await resting(run, aimed="duplicate_request")
        for step in run.rng.sample(STEPS[1:], 1):
            _copied(run, wish, step)
        await fill(run, wish, oid, 1)
    else:
        wish = run.wish()
        for step in run.rng.sample(STEPS, 2):
            _copied(run, wish, step, is_late=run.site.venue == BINANCE)
        await run.start(wish)
    await run.reach(wish, *_SETTLED)


def _copied(run: Run, wish: Intent, step: str, *, is_late: bool = False) -> None:
    if is_late or run.rng.random() < 0.5:
        run.aim(wish, "duplicate_late", step=step, seconds=run.rng.uniform(2.3, 3.5))
    else:
        run.aim(wish, "duplicate_request", step=step)


async def copied_and_filled(run: Run) -> None:
    """Case 21 where a copy of a market order fills as well: the user is told, all of it is under the stop and goes with the close."""
    wish = run.wish()
    name = OrderKey(intent_id=wish.intent_id, step="open").client_id
    run.copied.add(name)
    run.aim(wish, "duplicate_request", step="open")
    await run.start(wish)
    await run.opens(wish)
    await run.until(lambda: name in run.told(run.account))


async def executed_then_error(run: Run) -> None:
    """Case 22: 429, 403, 502 and 503 after execution; answers too short for their batch."""
    wish = run.wish()
    for step in STEPS:
        kinds = ("execute_then_429", "execute_then_403", "execute_then_502", "execute_then_503", "short_statuses")
        run.aim(wish, run.rng.choice(kinds), step=step)
    await run.start(wish)
    await run.reach(wish, *_SETTLED)


async def streams_disturbed(run: Run) -> None:
    """Case 6: stream events twice, late, out of order, not at all, and closed sockets."""
    paper = run.paper
    for fault in ("ws_duplicate", "ws_reorder", "ws_late"):
        paper.fault("ws", fault, rate=0.5, seconds=run.rng.uniform(0.2, 2), seed=run.rng.randint(1, 10**6))
    paper.fault("ws", run.rng.choice(("ws_silent", "ws_close")), rate=0.05, count=5)
    wishes = [await run.start(run.wish(coin=coin)) for coin in SIZES]
    for wish in wishes:
        await run.reach(wish, *_SETTLED)


async def lagging_lookups(run: Run) -> None:
    """Case 19: one kind of lookup answers from the past, by less than the lag that the venue promises."""
    kind = run.rng.choice(("orderStatus", "openOrders", "frontendOpenOrders", "userFillsByTime", "clearinghouseState"))
    wish = run.wish()
    seconds = run.rng.uniform(0.3, run.stack.settings.lookup_lag_seconds * 0.9)
    run.paper.fault("info", "info_lag", type=kind, seconds=seconds, rate=1)
    run.aim(wish, run.rng.choice(("execute_then_drop", "drop")), step="open")
    await run.start(wish)
    await run.reach(wish, *_SETTLED)
    await run.signal(wish, "close")
    await run.reach(wish, IntentPhase.CLOSED)


async def forgotten_orders(run: Run) -> None:
    """Case 20: the venue forgets orders by count between the send and the lookup."""
    paper = run.paper
    paper.post("settings", order_retention=50)
    run.undo += [lambda: paper.post("settings", order_retention=2000), lambda: _cancel_by_hand(run)]
    wish = run.wish(coin="ETH")
    run.aim(wish, "execute_then_drop", step="open")
    # Nobody may look it up before it is forgotten, and it can be forgotten only once it is there.
    lookups = paper.fault("info", "http_500", type="orderStatus")
    run.undo.append(lambda: paper.lift(lookups))
    await run.start(wish)
    cloid = run.site.name(OrderKey(intent_id=wish.intent_id, step="open"))
    await run.until(lambda: any(order["cloid"] == cloid for order in paper.orders(run.site.owner(run.account))), 60)
    for _ in range(60):
        await asyncio.to_thread(
            paper.post, "trade", user=run.site.owner(run.account), coin="SOL", side="buy", sz="0.2", px=_far(run)
        )
    await asyncio.to_thread(paper.lift, lookups)
    await run.opens(wish)
    # Protected it is by its fill, long before anybody has looked its order up: that is what the venue has forgotten.
    key = OrderKey(intent_id=wish.intent_id, step="open")
    await run.until(lambda: _row(run, key).is_terminal)
    ack = await asyncio.to_thread(_row, run, key)
    if ack.state is not OrderState.DONE or not ack.filled_size:
        run.notes.append(f"an order that the venue has forgotten was taken for {ack.state} {ack.code}")


def _row(run: Run, key: OrderKey) -> OrderAck:
    row = run.stack.bench.books.journal.order(key)
    assert row is not None
    return row.ack


def _far(run: Run) -> str:
    return str((run.site.mark("SOL") * Decimal("0.5")).quantize(Decimal("0.1")))


def _cancel_by_hand(run: Run) -> None:
    paper = run.paper
    for order in paper.orders(run.site.owner(run.account)):
        if order["isManual"] and order["status"] == "open":
            paper.post("cancel", oid=order["oid"])


QUIRKS: dict[str, dict[str, tuple[Any, Any]]] = {
    HYPERLIQUID: {
        "fill_without_cloid": (True, False),
        "canceled_before_filled": (True, False),
        "fill_before_ack": (True, False),
        "answer_delay_s": ("0.4", "0"),
        "gtc_partial_status": ("resting", "filled"),
        "position_tpsl_status": ("resting", "waitingForTrigger"),
    },
    "": {
        "fill_before_ack": (True, False),
        "answer_delay_s": ("0.4", "0"),
        "algo_child_client_id": ("generated", "same"),
        "cancel_is_found": (False, True),
        "close_position_when_flat": ("expire", "keep"),
    },
}
"""Uncertain or odd behaviour of the venues: what it is turned to, and what it is turned back to."""


async def venue_quirks(run: Run) -> None:
    """Case 23: answers too short, triggers without an id, fills before their answers or without a name, odd updates."""
    quirks = QUIRKS.get(run.account.venue, QUIRKS[""])
    chosen = run.rng.sample(sorted(quirks), 3)
    turned, back = ({name: quirks[name][side] for name in chosen} for side in (0, 1))
    run.undo.append(lambda: run.paper.post("settings", **back))
    await asyncio.to_thread(lambda: run.paper.post("settings", **turned))
    wish = run.wish()
    run.aim(wish, "short_statuses", step=run.rng.choice(STEPS))
    await run.start(wish)
    await run.reach(wish, *_SETTLED)
    await run.signal(wish, "close")
    await run.reach(wish, IntentPhase.CLOSED)


async def late_execution(run: Run) -> None:
    """Case 39: the venue accepts an order, says nothing of its end, and executes it seconds later."""
    wish = run.wish()
    for step in run.rng.sample(STEPS, 2):
        run.aim(wish, "late_execution", step=step, seconds=run.rng.uniform(0.5, 3))
    await run.start(wish)
    await run.reach(wish, *_SETTLED)
