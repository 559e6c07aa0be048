"""How amounts are written: fixed decimals, as strings."""

from __future__ import annotations

from decimal import ROUND_DOWN, ROUND_HALF_EVEN, Decimal

ZERO = Decimal(0)


def fixed(value: Decimal, decimals: int) -> str:
    """Write with exactly so many decimals, rounded half even; zero has no sign."""
    text = format(value.quantize(Decimal(1).scaleb(-decimals), rounding=ROUND_HALF_EVEN), "f")
    return text.lstrip("-") if not value.quantize(Decimal(1).scaleb(-decimals)) else text


def money(value: Decimal) -> str:
    """Write an amount of the margin asset."""
    return fixed(value, 8)


def bare(value: Decimal) -> str:
    """Write without trailing zeros and without a point where there is nothing behind it."""
    text = format(value.normalize(), "f")
    return "0" if text in {"0", "-0"} else text


def pointed(value: Decimal, decimals: int = 8) -> str:
    """Write rounded, without trailing zeros but with at least one decimal."""
    text = bare(value.quantize(Decimal(1).scaleb(-decimals), rounding=ROUND_HALF_EVEN))
    return text if "." in text else text + ".0"


def at_least(value: Decimal, decimals: int) -> str:
    """Write exactly, with no fewer than so many decimals."""
    exponent = value.normalize().as_tuple().exponent
    needed = -exponent if isinstance(exponent, int) else 0
    return fixed(value, max(needed, decimals))


def down(value: Decimal, step: Decimal) -> Decimal:
    """Round down to a multiple of a step."""
    return (value / step).to_integral_value(rounding=ROUND_DOWN) * step
