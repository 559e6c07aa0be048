"""Liquidation: orders go, the position is sold into the book, below two thirds of the margin the venue takes it (5.8)."""

from __future__ import annotations

from decimal import ROUND_UP, Decimal

from paper.engine.accounts import Account, Position
from paper.engine.cancelling import cancel_all
from paper.engine.changes import Liquidated
from paper.engine.deleveraging import deleverage
from paper.engine.forced import Forced, force
from paper.engine.margin import account_value, cross_maintenance, cross_value, isolated_value, maintenance
from paper.engine.orders import Status
from paper.engine.trades import backstop_fill
from paper.engine.venue import PaperVenue

FIRST_PART = Decimal("0.2")
PAUSE_MS = 30_000
BACKSTOP = Decimal(2) / 3
REACH = Decimal("0.1")


def liquidate_all(venue: PaperVenue) -> None:
    """Liquidate every account and isolated position whose equity is below its maintenance margin at the mark."""
    for account in venue.accounts.values():
        if not account.positions:
            continue
        for position in [p for p in account.positions.values() if not p.is_cross]:
            equity, needed = isolated_value(position, venue.mark(position.coin)), maintenance(venue, position)
            if equity < needed:
                _liquidate(venue, account, [position], equity, needed)
        crossed = [p for p in account.positions.values() if p.is_cross]
        if crossed and (equity := cross_value(venue, account)) < (needed := cross_maintenance(venue, account)):
            _liquidate(venue, account, crossed, equity, needed)


def _liquidate(
    venue: PaperVenue, account: Account, positions: list[Position], equity: Decimal, needed: Decimal
) -> None:
    now = venue.now()
    positions = [p for p in positions if _may_go_on(venue, account, p, now)]
    if not positions:
        return
    is_cross = positions[0].is_cross
    _announce(venue, account, positions, is_cross=is_cross)
    cancel_all(venue, account.address, Status.LIQUIDATED_CANCELED, coin=None if is_cross else positions[0].coin)
    for position in positions:
        if equity < needed * BACKSTOP:
            _take_over(venue, account, position)
        else:
            _sell_into_book(venue, account, position, now)
    venue.touch(account)


def _may_go_on(venue: PaperVenue, account: Account, position: Position, now: int) -> bool:
    return now >= venue.liquidation_pauses.get((account.address, position.coin), 0)


def _announce(venue: PaperVenue, account: Account, positions: list[Position], *, is_cross: bool) -> None:
    notional = sum((abs(p.szi) * venue.mark(p.coin) for p in positions), Decimal(0))
    value = account_value(venue, account)
    delta: dict[str, object] = {
        "type": "liquidation",
        "liquidatedNtlPos": notional,
        "accountValue": value,
        "leverageType": "Cross" if is_cross else "Isolated",
        "liquidatedPositions": [{"coin": p.coin, "szi": str(p.szi)} for p in positions],
    }
    venue.add_ledger(account, delta)
    lid, _ = venue.take_trade()
    event = Liquidated(user=account.address, lid=lid, notional=notional, account_value=value)
    venue.changes.events.append(event)


def _sell_into_book(venue: PaperVenue, account: Account, position: Position, now: int) -> None:
    market = venue.markets[position.coin]
    is_buy = position.szi < 0
    size = abs(position.szi)
    key = (account.address, position.coin)
    if size * market.mark > venue.settings.liquidation_part_ntl and key not in venue.liquidation_pauses:
        size = (size * FIRST_PART).quantize(market.perp.lot, rounding=ROUND_UP)
        venue.liquidation_pauses[key] = now + PAUSE_MS
    else:
        venue.liquidation_pauses.pop(key, None)
    wanted = Forced(is_buy=is_buy, sz=size, reach=REACH, purpose="", is_liquidation=True)
    force(venue, account, market, wanted)


def _take_over(venue: PaperVenue, account: Account, position: Position) -> None:
    """Let the liquidator vault take the position at the mark; what equity it still had is lost to the vault."""
    market = venue.markets[position.coin]
    if venue.settings.adl and _deleveraged(venue, account, position, market.mark):
        return
    equity = isolated_value(position, market.mark) if not position.is_cross else Decimal(0)
    backstop_fill(venue, account, position, market.mark)
    if equity:
        # The isolated margin came back to the cash with the close; the vault keeps it, be it positive or negative.
        account.cash -= equity
        venue.counterparty += equity
    elif not any(p.is_cross for p in account.positions.values()):
        venue.counterparty += account.cash
        account.cash = Decimal(0)


def _deleveraged(venue: PaperVenue, account: Account, position: Position, mark: Decimal) -> bool:
    """Deleverage a bankrupt position; tells whether nothing of it is left."""
    equity = isolated_value(position, mark)
    if position.is_cross:
        total = cross_value(venue, account)
        notional = sum((abs(p.szi) * venue.mark(p.coin) for p in account.positions.values() if p.is_cross), Decimal(0))
        equity = total * abs(position.szi) * mark / notional
    return equity < 0 and deleverage(venue, account, position, equity) == 0
