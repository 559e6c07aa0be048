"""Stops and take-profits a multiple of the average true range away."""

from __future__ import annotations

from decimal import Decimal

from domain.decisions import Action
from domain.money import Price

_LEAST_DISTANCE = Decimal("0.002")
"""Of the price: a market that stands still has no range, and a stop at the entry fires at once."""


def stop_and_profit(
    action: Action, at: Price, atr: Decimal, *, stop: Decimal, profit: Decimal
) -> tuple[Price | None, Price | None]:
    """Return stop and take-profit prices of an opening at a price; a multiple of zero means none.

    A price that would not be positive is left out: a short's profit cannot lie below zero.
    """
    sign = 1 if action is Action.OPEN_LONG else -1
    return _away(at, atr, -sign * stop), _away(at, atr, sign * profit)


def _away(at: Price, atr: Decimal, multiple: Decimal) -> Price | None:
    if multiple == 0:
        return None
    distance = max(abs(multiple) * atr, _LEAST_DISTANCE * at)
    px = at + distance if multiple > 0 else at - distance
    return Price(px) if px > 0 else None
