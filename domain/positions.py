"""Positions from fills alone.

The entry price is the size-weighted average of increases; a reduction leaves it alone, a flip restarts at the fill's price
(Hyperliquid docs, "Entry price and pnl"). Realised PnL is gross; fees and funding are kept beside it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal

from domain.errors import Refused
from domain.fills import Fill
from domain.money import ZERO, Money, Price, Quantity
from domain.orders import Side

FillKey = tuple[str, datetime, str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Position:
    """What fills in one coin have led to. `size` is signed; `entry_px` is zero when flat; fees are positive when paid."""

    coin: str
    size: Quantity = Quantity(ZERO)
    entry_px: Price = Price(ZERO)
    realised_pnl: Money = Money(ZERO)
    fees: Money = Money(ZERO)
    funding: Money = Money(ZERO)

    @property
    def is_flat(self) -> bool:
        """Whether nothing is held."""
        return self.size == 0

    @property
    def net_pnl(self) -> Money:
        """What is realised after fees and funding."""
        return Money(self.realised_pnl - self.fees + self.funding)

    def unrealised_pnl(self, mark_px: Price) -> Money:
        """Value of closing at a mark, before fees."""
        return Money(self.size * (mark_px - self.entry_px))


@dataclass(frozen=True, slots=True, kw_only=True)
class RoundTrip:
    """From flat to flat (or to a flip). `size` is all that was opened, prices are averages, `realised_pnl` is gross."""

    coin: str
    side: Side
    size: Quantity
    entry_px: Price
    exit_px: Price
    realised_pnl: Money
    fees: Money
    opened_at: datetime
    closed_at: datetime

    @property
    def net_pnl(self) -> Money:
        """What is left after fees."""
        return Money(self.realised_pnl - self.fees)


@dataclass(frozen=True, slots=True, kw_only=True)
class PositionBook:
    """All positions of one account and the fills that they come from."""

    positions: Mapping[str, Position] = field(default_factory=dict)
    fills: tuple[Fill, ...] = ()

    def position(self, coin: str) -> Position:
        """Return the position in a coin, a flat one if it was never traded."""
        return self.positions.get(coin, Position(coin=coin))

    def add(self, fills: Iterable[Fill]) -> PositionBook:
        """Return the book with more fills; known ones change nothing, and one that comes late is put where it belongs."""
        funding = {coin: position.funding for coin, position in self.positions.items()}
        book = replay((*self.fills, *fills))
        return replace(book, positions=dict(book.positions) | _funded(book, funding))

    def pay_funding(self, coin: str, amount: Money) -> PositionBook:
        """Return the book with a funding payment, negative when it was paid by the account."""
        position = self.position(coin)
        paid = replace(position, funding=Money(position.funding + amount))
        return replace(self, positions={**self.positions, coin: paid})

    def unrealised_pnl(self, marks: Mapping[str, Price]) -> Money:
        """Sum over the open positions; raises Refused(mark_missing) for one without a mark."""
        held = [position for position in self.positions.values() if not position.is_flat]
        missing = sorted(position.coin for position in held if position.coin not in marks)
        if missing:
            raise Refused("mark_missing", f"There is no mark for {', '.join(missing)}.")
        return Money(sum((position.unrealised_pnl(marks[position.coin]) for position in held), ZERO))


def fill_key(fill: Fill) -> FillKey:
    """Return what makes a fill this fill: two users of ours may share the trade id of a trade."""
    return (fill.account_id, fill.time, fill.coin, fill.trade_id)


def in_order(fills: Iterable[Fill]) -> tuple[Fill, ...]:
    """Return each fill once, oldest first.

    Trade ids are no sequence: fills of one block are put in the order of the positions that they started from.
    """
    unique = {fill_key(fill): fill for fill in fills}
    return tuple(sorted(unique.values(), key=_order))


def apply_fill(position: Position, fill: Fill) -> Position:
    """Return the position after a fill."""
    if fill.coin != position.coin:
        raise Refused("wrong_instrument", f"A fill in {fill.coin} does not change a position in {position.coin}.")
    paid = replace(position, fees=Money(position.fees + fill.fee))
    size = Quantity(position.size + fill.signed_size)
    if position.size * fill.side.sign >= 0:
        return replace(paid, size=size, entry_px=_average(position, fill, size))
    closed = min(abs(position.size), fill.size) * (1 if position.size > 0 else -1)
    realised = Money(position.realised_pnl + closed * (fill.px - position.entry_px))
    return replace(paid, size=size, entry_px=_entry_after_reduction(position, fill, size), realised_pnl=realised)


def replay(fills: Iterable[Fill]) -> PositionBook:
    """Build the book that fills lead to, whatever their order and however often each is given."""
    ordered = in_order(fills)
    positions: dict[str, Position] = {}
    for fill in ordered:
        positions[fill.coin] = apply_fill(positions.get(fill.coin, Position(coin=fill.coin)), fill)
    return PositionBook(positions=positions, fills=ordered)


def round_trips(fills: Iterable[Fill]) -> tuple[RoundTrip, ...]:
    """Return the finished trades, by the time at which they ended; a flip ends one and begins the next."""
    open_trips: dict[str, list[Fill]] = {}
    sizes: dict[str, Decimal] = {}
    finished: list[RoundTrip] = []
    for fill in in_order(fills):
        for part in _split_at_flat(fill, sizes.get(fill.coin, ZERO)):
            parts = open_trips.setdefault(part.coin, [])
            parts.append(part)
            sizes[part.coin] = sizes.get(part.coin, ZERO) + part.signed_size
            if sizes[part.coin] == 0:
                finished.append(_trip(parts))
                open_trips[part.coin] = []
    return tuple(finished)


def _order(fill: Fill) -> tuple[datetime, str, Decimal, int, str]:
    return (fill.time, fill.coin, fill.start_position * fill.side.sign, len(fill.trade_id), fill.trade_id)


def _average(position: Position, fill: Fill, size: Quantity) -> Price:
    if size == 0:
        return position.entry_px
    return Price((position.entry_px * abs(position.size) + fill.px * fill.size) / abs(size))


def _entry_after_reduction(position: Position, fill: Fill, size: Quantity) -> Price:
    if size == 0:
        return Price(ZERO)
    return position.entry_px if size * position.size > 0 else fill.px


def _funded(book: PositionBook, funding: Mapping[str, Money]) -> dict[str, Position]:
    return {coin: replace(book.position(coin), funding=amount) for coin, amount in funding.items() if amount}


def _split_at_flat(fill: Fill, size: Decimal) -> tuple[Fill, ...]:
    """Split a fill that flips a position into what closes and what opens; the fee follows the size."""
    if size * fill.side.sign >= 0 or fill.size <= abs(size):
        return (fill,)
    closing = Quantity(abs(size))
    fee = Money(fill.fee * closing / fill.size)
    rest = replace(fill, size=Quantity(fill.size - closing), fee=Money(fill.fee - fee))
    return (replace(fill, size=closing, fee=fee), rest)


def _trip(parts: list[Fill]) -> RoundTrip:
    side = parts[0].side
    entries = [part for part in parts if part.side is side]
    exits = [part for part in parts if part.side is not side]
    size = sum((part.size for part in entries), ZERO)
    cost = sum((part.px * part.size for part in entries), ZERO)
    proceeds = sum((part.px * part.size for part in exits), ZERO)
    return RoundTrip(
        coin=parts[0].coin,
        side=side,
        size=Quantity(size),
        entry_px=Price(cost / size),
        exit_px=Price(proceeds / size),
        realised_pnl=Money((proceeds - cost) * side.sign),
        fees=Money(sum((part.fee for part in parts), ZERO)),
        opened_at=parts[0].time,
        closed_at=parts[-1].time,
    )
