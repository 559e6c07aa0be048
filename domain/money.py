"""Prices, quantities and money as Decimals that cannot be mixed up by accident."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from typing import NewType

from domain.errors import Refused

Price = NewType("Price", Decimal)
"""Quote currency per unit of the base, for example USDC per BTC."""

Quantity = NewType("Quantity", Decimal)
"""Units of the base, for example BTC; never negative on an order, signed on a position."""

Money = NewType("Money", Decimal)
"""Units of the settlement currency, USDC unless a name says otherwise."""

ZERO = Decimal(0)
_MAX_MAGNITUDE = 30


def parse_decimal(text: str) -> Decimal:
    """Read a decimal from a venue's or a user's string; refuse what is not a finite number."""
    try:
        value = Decimal(text)
    except InvalidOperation:
        raise Refused("not_a_number", f"{text!r} is not a decimal number.", action="Send a decimal string.") from None
    if not value.is_finite():
        # NaN and Infinity encode into a payload and do not decode from it.
        raise Refused("not_a_number", f"{text!r} is not a finite number.", action="Send a decimal string.")
    if value and abs(value.adjusted()) > _MAX_MAGNITUDE:
        # "1E999999" is finite, and a million digits long once it is written without an exponent.
        raise Refused("not_a_number", f"{text[:40]!r} is out of range.", action="Send a decimal string.")
    return value


def price(text: str) -> Price:
    """Read a price."""
    return Price(parse_decimal(text))


def quantity(text: str) -> Quantity:
    """Read a quantity."""
    return Quantity(parse_decimal(text))


def money(text: str) -> Money:
    """Read an amount of money."""
    return Money(parse_decimal(text))


def notional(size: Quantity, at: Price) -> Money:
    """Value of a size at a price, always positive."""
    return Money(abs(size) * at)


def require_finite(**values: Decimal | None) -> None:
    """Refuse NaN and Infinity in the fields of a dataclass; call it in `__post_init__`."""
    for name, value in values.items():
        if value is not None and not value.is_finite():
            raise Refused("not_a_number", f"{name} is {value}.", details={"field": name})


def plain(value: Decimal) -> str:
    """Write a decimal without exponent and without trailing zeros, as venues want it on the wire."""
    text = format(value.normalize(), "f")
    return "0" if text in {"-0", ""} else text
