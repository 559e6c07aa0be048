"""Auto-deleveraging: a bankrupt position is closed against the winners of the other side (reference 5.8)."""

from __future__ import annotations

from decimal import Decimal

from paper.engine.accounts import Account, Position
from paper.engine.margin import account_value
from paper.engine.trades import DELEVERAGED, Handover, hand_over
from paper.engine.venue import PaperVenue

ZERO = Decimal(0)


def deleverage(venue: PaperVenue, account: Account, position: Position, equity: Decimal) -> Decimal:
    """Close as much of a bankrupt position as winners hold, at the price where nothing is left; returns what remains.

    `equity` is the negative equity that this position has to make good for.
    """
    mark = venue.mark(position.coin)
    px = mark - equity / position.szi
    if px <= 0:
        return position.szi
    for winner in _ranked(venue, account, position):
        if position.szi == 0:
            break
        size = min(abs(position.szi), abs(winner.szi(position.coin)))
        signed = size if position.szi < 0 else -size
        hand_over(venue, account, Handover(coin=position.coin, signed=signed, px=px, method="market"))
        counter = Handover(coin=position.coin, signed=-signed, px=px, method="market", direction=DELEVERAGED)
        hand_over(venue, winner, counter, liquidated=account.address)
    return position.szi


def _ranked(venue: PaperVenue, account: Account, position: Position) -> list[Account]:
    """Return who is on the other side with a profit, the most profitable and most leveraged first."""
    others = [other for other in venue.accounts.values() if other is not account]
    winners = [other for other in others if _is_winner(venue, other, position)]
    return sorted(winners, key=lambda other: _rank(venue, other, position.coin), reverse=True)


def _is_winner(venue: PaperVenue, other: Account, position: Position) -> bool:
    theirs = other.positions.get(position.coin)
    return theirs is not None and theirs.szi * position.szi < 0 and theirs.unrealized(venue.mark(position.coin)) > 0


def _rank(venue: PaperVenue, other: Account, coin: str) -> Decimal:
    position, mark = other.positions[coin], venue.mark(coin)
    ratio = mark / position.entry_px if position.szi > 0 else position.entry_px / mark
    value = account_value(venue, other)
    return ratio * abs(position.szi) * mark / value if value > 0 else ZERO
