"""Instruments and the only place where prices and sizes are rounded.

Hyperliquid's rule (docs, "Tick and lot size"): a price has at most five significant figures and at most 6 - szDecimals
decimals on perpetuals (8 - szDecimals on spot); an integer price is always allowed. A size is a multiple of
10^-szDecimals.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_DOWN, ROUND_FLOOR, ROUND_HALF_EVEN, Context, Decimal
from enum import StrEnum

from domain.errors import Refused
from domain.money import Money, Price, Quantity, notional, plain


class Rounding(StrEnum):
    """Where a price goes that lies between two ticks."""

    DOWN = "down"
    UP = "up"
    NEAREST = "nearest"


# The default 28 digits make quantize raise on an absurd input, which has to be refused with a sentence instead.
_WIDE = Context(prec=80)
_MODES = {Rounding.DOWN: ROUND_FLOOR, Rounding.UP: ROUND_CEILING, Rounding.NEAREST: ROUND_HALF_EVEN}


@dataclass(frozen=True, slots=True, kw_only=True)
class Instrument:
    """What can be traded at a venue, with the rules that the venue enforces.

    `price_decimals` is the most decimals a price may have, `significant_figures` the most figures (None: no such rule),
    `size_decimals` the decimals of a size, `minimum_notional` the smallest order value in the quote currency,
    `price_band` the largest allowed distance of a limit from the reference price as a fraction.
    """

    venue: str
    coin: str
    asset_id: int
    size_decimals: int
    price_decimals: int
    significant_figures: int | None = 5
    minimum_notional: Money = Money(Decimal(10))
    price_band: Decimal = Decimal("0.8")
    max_leverage: int = 1
    only_isolated: bool = False
    is_delisted: bool = False

    @property
    def lot(self) -> Quantity:
        """The smallest step of a size."""
        return Quantity(Decimal(1).scaleb(-self.size_decimals))


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleBreach:
    """A rule that an order breaks, with the nearest value that would be valid."""

    rule: str
    message: str
    nearest: str = ""


def price_step(at: Price, instrument: Instrument) -> Price:
    """Return the distance between two valid prices near `at`."""
    decimals = instrument.price_decimals
    if instrument.significant_figures is not None and at > 0:
        decimals = min(decimals, instrument.significant_figures - 1 - at.adjusted())
    # Integers are valid whatever their figures, so the step is never above one.
    return Price(Decimal(1).scaleb(-max(decimals, 0)))


def round_price(at: Price, instrument: Instrument, rounding: Rounding = Rounding.NEAREST) -> Price:
    """Round a price to the instrument's tick."""
    step = price_step(at, instrument)
    rounded = Price(at.quantize(step, rounding=_MODES[rounding], context=_WIDE))
    # Rounding up may add a figure (9.9999 -> 10.000), which allows one decimal less: once more, a no-op otherwise.
    return Price(rounded.quantize(price_step(rounded, instrument), rounding=_MODES[rounding], context=_WIDE))


def nearest_price(at: Price, instrument: Instrument) -> Price:
    """Return the valid price nearest to one that is off tick or not positive; never zero."""
    smallest = Price(Decimal(1).scaleb(-instrument.price_decimals))
    return max(round_price(at, instrument), smallest) if at > 0 else smallest


def floor_size(size: Quantity, instrument: Instrument) -> Quantity:
    """Floor a size to the instrument's lot; may be zero."""
    return Quantity(size.quantize(instrument.lot, rounding=ROUND_DOWN, context=_WIDE))


def round_size(size: Quantity, instrument: Instrument) -> Quantity:
    """Floor a size to the instrument's lot; refuse a size below one lot."""
    floored = floor_size(size, instrument)
    if floored <= 0:
        raise Refused(
            "size_below_lot",
            f"{plain(size)} {instrument.coin} is below the smallest size {plain(instrument.lot)}.",
            action=f"Trade at least {plain(instrument.lot)} {instrument.coin}.",
            details={"nearest": plain(instrument.lot)},
        )
    return floored


def smallest_size(at: Price, instrument: Instrument) -> Quantity:
    """Return the smallest size whose value at a price reaches the minimum notional."""
    lots = (instrument.minimum_notional / at / instrument.lot).to_integral_value(rounding=ROUND_CEILING)
    return Quantity(max(lots, Decimal(1)) * instrument.lot)


def check_order(
    *,
    size: Quantity,
    limit_px: Price,
    reference_px: Price,
    instrument: Instrument,
    closes_whole_position: bool = False,
) -> tuple[RuleBreach, ...]:
    """Return every rule of the venue that an order would break, in the order in which the venue checks them."""
    breaches: list[RuleBreach] = []
    if instrument.is_delisted:
        breaches.append(RuleBreach(rule="asset_unavailable", message=f"{instrument.coin} is delisted."))
    if limit_px <= 0 or round_price(limit_px, instrument) != limit_px:
        nearest = plain(nearest_price(limit_px, instrument))
        breaches.append(RuleBreach(rule="price_step", message=f"{plain(limit_px)} is off tick.", nearest=nearest))
    is_whole = closes_whole_position and size == 0
    if not is_whole and (size <= 0 or floor_size(size, instrument) != size):
        nearest = plain(max(floor_size(size, instrument), instrument.lot))
        breaches.append(
            RuleBreach(rule="size_step", message=f"{plain(size)} is no multiple of the lot.", nearest=nearest)
        )
    if not closes_whole_position and limit_px > 0 and notional(size, limit_px) < instrument.minimum_notional:
        nearest = plain(smallest_size(limit_px, instrument))
        message = f"The order is worth less than {plain(instrument.minimum_notional)}."
        breaches.append(RuleBreach(rule="minimum_notional", message=message, nearest=nearest))
    breaches.extend(_band_breach(limit_px, reference_px, instrument))
    return tuple(breaches)


def _band_breach(limit_px: Price, reference_px: Price, instrument: Instrument) -> tuple[RuleBreach, ...]:
    if reference_px <= 0 or abs(limit_px - reference_px) <= instrument.price_band * reference_px:
        return ()
    edge = 1 + instrument.price_band if limit_px > reference_px else 1 - instrument.price_band
    inward = Rounding.DOWN if limit_px > reference_px else Rounding.UP
    nearest = plain(round_price(Price(reference_px * edge), instrument, inward))
    message = f"{plain(limit_px)} is too far from the reference price {plain(reference_px)}."
    return (RuleBreach(rule="price_band", message=message, nearest=nearest),)
