"""Prices and sizes of opening orders, computed by code and never by an adviser."""

from __future__ import annotations

from decimal import Decimal

from domain.accounts import Portfolio
from domain.errors import Refused
from domain.instruments import Instrument, Rounding, floor_size, round_price, smallest_size
from domain.intents import Intent, OrderStyle
from domain.money import Money, Price, Quantity, notional, plain
from domain.orders import Side

_OF_THE_BAND = Decimal("0.9")


def opening_limit(intent: Intent, instrument: Instrument, reference_px: Price) -> Price:
    """Return the limit of an opening order: the slippage bound of a market order, or the intent's own limit.

    Both are rounded against the trader's haste (a buy down, a sell up), so a bound is never exceeded by rounding.
    """
    if reference_px <= 0:
        raise Refused("no_reference_price", f"{intent.coin} has no reference price.", action="Wait for market data.")
    inward = Rounding.DOWN if intent.side is Side.BUY else Rounding.UP
    if intent.policy.style is OrderStyle.LIMIT and intent.policy.limit_px is not None:
        rounded = round_price(intent.policy.limit_px, instrument, inward)
        if not intent.agent_id and rounded != intent.policy.limit_px:
            # What a person typed is not changed behind their back; what an adviser computed has no ticks.
            raise Refused(
                "price_step",
                f"{plain(intent.policy.limit_px)} is off the tick of {intent.coin}.",
                action=f"The nearest valid price is {plain(rounded)}.",
                details={"rule": "price_step", "nearest": plain(rounded)},
            )
        return rounded
    slippage = within_band(intent.limits.max_slippage, instrument)
    bound = reference_px * (1 + intent.side.sign * slippage)
    return round_price(Price(bound), instrument, inward)


def within_band(slippage: Decimal, instrument: Instrument) -> Decimal:
    """Return a slippage bound that the venue lets pass, although its reference price may differ a little from ours."""
    return min(slippage, instrument.price_band * _OF_THE_BAND)


def exposure_price(side: Side, limit_px: Price, reference_px: Price) -> Price:
    """Return the price at which an order counts: a sell may fill above its limit, a buy never does."""
    return limit_px if side is Side.BUY else max(limit_px, reference_px)


def size_trade(intent: Intent, portfolio: Portfolio, instrument: Instrument, reference_px: Price) -> Quantity:
    """Return the size of an open in lots; refuse one below the minimum notional and name the smallest valid size."""
    limit_px = opening_limit(intent, instrument, reference_px)
    if limit_px <= 0:
        raise Refused(
            "price_step", f"{intent.coin} has no valid price at or below the limit.", action="Raise limit_px."
        )
    at = exposure_price(intent.side, limit_px, reference_px)
    size = floor_size(_wanted_size(intent, portfolio, at, limit_px), instrument)
    smallest = smallest_size(limit_px, instrument)
    if size <= 0 or notional(size, limit_px) < instrument.minimum_notional:
        raise Refused(
            "minimum_notional",
            f"{plain(size)} {intent.coin} is worth less than the minimum of {plain(instrument.minimum_notional)}.",
            action=f"Trade at least {plain(smallest)} {intent.coin}.",
            details={
                "rule": "minimum_notional",
                "nearest": plain(smallest),
                "size": plain(size),
                "limit_px": plain(limit_px),
                "equity": plain(portfolio.equity),
            },
        )
    return size


def _wanted_size(intent: Intent, portfolio: Portfolio, at: Price, limit_px: Price) -> Quantity:
    given = [value for value in (intent.size, intent.notional, intent.conviction) if value is not None]
    if len(given) != 1:
        raise Refused(
            "size_ambiguous",
            f"An open needs exactly one of size, notional and conviction, {len(given)} were given.",
            action="Send exactly one of them.",
        )
    if given[0] <= 0:
        raise Refused("size_not_positive", f"{plain(given[0])} is no size.", action="Send a positive size.")
    if intent.size is not None:
        return intent.size
    if intent.notional is not None:
        return Quantity(intent.notional / at)
    return _size_of_conviction(intent, portfolio, at, limit_px)


def _size_of_conviction(intent: Intent, portfolio: Portfolio, at: Price, limit_px: Price) -> Quantity:
    conviction = intent.conviction or Decimal(0)
    if conviction > 1:
        raise Refused("conviction_out_of_range", f"A conviction of {plain(conviction)} is above 1.")
    equity = Money(max(portfolio.equity, Decimal(0)))
    size = intent.limits.max_position * equity / at
    stop_px = intent.protection.stop_px
    if stop_px is not None and stop_px != limit_px:
        # Measured from the worst price that may be paid, so that the loss at the stop stays within the risk.
        size = min(size, intent.limits.risk_per_trade * equity / abs(limit_px - stop_px))
    return Quantity(size * conviction)
