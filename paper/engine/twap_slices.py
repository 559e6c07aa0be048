"""TWAP orders: taking them, trading their slices, ending them (reference 5.9)."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import ROUND_DOWN, Decimal
from random import Random

from paper.engine.accounts import Account
from paper.engine.changes import TwapChanged
from paper.engine.checks import opposes
from paper.engine.errors import OrderRefused
from paper.engine.instruments import tick_down, tick_up
from paper.engine.market import Market
from paper.engine.orders import Origin, Tif
from paper.engine.placing import place
from paper.engine.requests import ActionContext, Failed, OrderRequest, Waiting
from paper.engine.twaps import Twap, TwapStatus
from paper.engine.venue import PaperVenue

SHORTEST_MINUTES = 5
MINUTE_MS = 60_000
SLIPPAGE = Decimal("0.03")
CATCH_UP = 3
LEAST_TOTAL = Decimal(100)
LEAST_A_MINUTE = Decimal(10)
LEAST_SLICE = Decimal(10)
SPREAD = 0.2
GONE = "TWAP was never placed, already canceled, or filled."


@dataclass(frozen=True, slots=True, kw_only=True)
class TwapWanted:
    """What a user asks for."""

    asset: int
    is_buy: bool
    sz: Decimal
    reduce_only: bool
    minutes: int
    randomize: bool


def start_twap(venue: PaperVenue, account: Account, wanted: TwapWanted) -> Twap:
    """Take a TWAP; its first slice trades at the next moment; raises OrderRefused."""
    market = venue.market_of(wanted.asset)
    if market is None:
        raise OrderRefused("Invalid asset")
    _check(venue, account, market, wanted)
    now = venue.now()
    twap = Twap(
        twap_id=max(venue.twaps, default=0) + 1,
        user=account.address,
        coin=market.perp.coin,
        asset=wanted.asset,
        is_buy=wanted.is_buy,
        sz=wanted.sz,
        minutes=wanted.minutes,
        reduce_only=wanted.reduce_only,
        randomize=wanted.randomize,
        created_ms=now,
        next_ms=now,
    )
    venue.twaps[twap.twap_id] = twap
    _note(venue, twap)
    return twap


def _check(venue: PaperVenue, account: Account, market: Market, wanted: TwapWanted) -> None:
    settings = venue.settings
    if not SHORTEST_MINUTES <= wanted.minutes <= settings.twap_longest_minutes:
        raise OrderRefused(f"Invalid TWAP duration: {wanted.minutes} min(s)")
    if wanted.sz <= 0 or wanted.sz % market.perp.lot:
        raise OrderRefused("Order has invalid size.")
    is_total = settings.twap_minimum_rule == "total"
    least = LEAST_TOTAL if is_total else LEAST_A_MINUTE * wanted.minutes
    if wanted.sz * market.mark < least:
        told = "" if is_total else ", which is $10 per minute"
        raise OrderRefused(f"TWAP order value too small. Min is ${least}{told}.")
    if wanted.reduce_only and not opposes(account.szi(market.perp.coin), is_buy=wanted.is_buy):
        raise OrderRefused("Reduce-only TWAP order would increase position.")


def stop_twap(venue: PaperVenue, user: str, asset: int, twap_id: int) -> None:
    """End a user's TWAP; raises OrderRefused when it does not run."""
    twap = venue.twaps.get(twap_id)
    if twap is None or not twap.is_live or (twap.user, twap.asset) != (user, asset):
        raise OrderRefused(GONE)
    _end(venue, twap, TwapStatus.TERMINATED)


def run_twaps(venue: PaperVenue) -> None:
    """Trade every slice that is due."""
    now = venue.now()
    for twap in [twap for twap in venue.twaps.values() if twap.is_live]:
        while twap.is_live and now >= twap.next_ms:
            _trade_slice(venue, twap)


def _slices(venue: PaperVenue, twap: Twap) -> int:
    return max(twap.minutes * MINUTE_MS // max(venue.settings.twap_slice_ms, 1), 1)


def _trade_slice(venue: PaperVenue, twap: Twap) -> None:
    count = _slices(venue, twap)
    twap.slices_done += 1
    twap.next_ms += venue.settings.twap_slice_ms
    size = _slice_size(venue, twap, count)
    if size > 0:
        _send(venue, twap, size)
    venue.changes.twaps[twap.twap_id] = None
    if twap.is_live and (twap.executed_sz >= twap.sz or twap.slices_done >= count):
        _end(venue, twap, TwapStatus.FINISHED)


def _slice_size(venue: PaperVenue, twap: Twap, count: int) -> Decimal:
    """Return what is due by now, at most three slices of it, nothing while it is below the least order value."""
    market = venue.markets[twap.coin]
    plain, left = twap.sz / count, twap.sz - twap.executed_sz
    is_last = twap.slices_done >= count
    due = plain * twap.slices_done - twap.executed_sz
    if twap.randomize and not is_last:
        due *= Decimal(f"{1 + Random(twap.twap_id * 100_003 + twap.slices_done).uniform(-SPREAD, SPREAD):.4f}")
    size = min(due, plain * CATCH_UP, left)
    if is_last:
        size = min(left, plain * CATCH_UP)
    size = size.quantize(market.perp.lot, rounding=ROUND_DOWN)
    return size if size * market.mark >= LEAST_SLICE or (is_last and twap.reduce_only) else Decimal(0)


def _send(venue: PaperVenue, twap: Twap, size: Decimal) -> None:
    market = venue.markets[twap.coin]
    decimals = market.perp.tick_decimals
    rounded = tick_down(market.mark * (1 + SLIPPAGE), decimals)
    if not twap.is_buy:
        rounded = tick_up(market.mark * (1 - SLIPPAGE), decimals)
    wanted = OrderRequest(
        asset=twap.asset,
        is_buy=twap.is_buy,
        limit_px=rounded,
        sz=size,
        reduce_only=twap.reduce_only,
        tif=Tif.IOC,
        trigger=None,
        cloid=None,
    )
    context = ActionContext(user=twap.user, origin=Origin(signer="twap"), twap_id=twap.twap_id, purpose="Twap Slice")
    outcome = place(venue, context, wanted)
    if isinstance(outcome, Failed):
        _after_refusal(venue, twap, outcome.text)
        return
    assert not isinstance(outcome, Waiting)
    order = venue.orders[outcome.oid]
    twap.executed_sz += order.filled_sz
    twap.executed_ntl += order.filled_ntl


def _after_refusal(venue: PaperVenue, twap: Twap, text: str) -> None:
    if "could not immediately match" in text:
        # An empty book is caught up with later.
        return
    _end(venue, twap, TwapStatus.ERROR, text.rpartition(" asset=")[0])


def _end(venue: PaperVenue, twap: Twap, status: TwapStatus, description: str = "") -> None:
    twap.status, twap.description, twap.ended_ms = status, description, venue.now()
    _note(venue, twap)


def _note(venue: PaperVenue, twap: Twap) -> None:
    venue.changes.twaps[twap.twap_id] = None
    row = TwapChanged(twap=twap, status=twap.status, ms=venue.now(), executed_sz=twap.executed_sz)
    venue.changes.events.append(row)
