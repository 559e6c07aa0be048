"""Reading control requests."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from typing import Any

from paper.engine.errors import Unparsable
from paper.engine.venue import PaperVenue
from paper.hyperliquid.parsing import address

Json = dict[str, Any]
SIDES = {"b": True, "buy": True, "long": True, "a": False, "s": False, "sell": False, "short": False}


class BadControl(Exception):
    """A control request is wrong; the text says how."""


def decimal_of(body: Json, key: str) -> Decimal:
    """Return a decimal of a control request."""
    try:
        value = Decimal(str(body[key]))
    except (KeyError, InvalidOperation):
        raise BadControl(f"{key} must be a decimal.") from None
    if not value.is_finite():
        raise BadControl(f"{key} must be a decimal.")
    return value


def whole_of(body: Json, key: str) -> int:
    """Return a whole number of a control request."""
    value = body.get(key)
    if not isinstance(value, int) or isinstance(value, bool):
        raise BadControl(f"{key} must be a whole number.")
    return value


def is_buy_of(body: Json) -> bool:
    """Return the side of a trade by hand; a buy when none is given."""
    side = str(body.get("side", "buy")).lower()
    if side not in SIDES:
        raise BadControl("side must be buy or sell.")
    return SIDES[side]


def user_of(body: Json) -> str:
    """Return the address of a control request."""
    try:
        return address(body.get("user"))
    except Unparsable:
        raise BadControl("user must be an address.") from None


def coin_of(venue: PaperVenue, body: Json) -> str:
    """Return the coin of a control request."""
    coin = str(body.get("coin"))
    if coin not in venue.markets:
        raise BadControl(f"There is no coin {coin}; there are {', '.join(venue.markets)}.")
    return coin
