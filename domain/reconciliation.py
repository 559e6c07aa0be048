"""The venue against our books: every difference gets a name, and what is left over has to be zero.

    equity = opening cash + net transfers + realised PnL - fees + funding + unrealised PnL

Pure comparison. A single look may be torn (state, fills and orders are three answers), so a difference counts only when a
second look at least ten seconds later still shows it and nothing of ours is in flight on the instrument: `confirm`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum

from domain.accounts import Portfolio, RestingOrder
from domain.books import Books, Movement, books_of, movement_key, with_fills, with_movements
from domain.fills import Fill
from domain.money import ZERO, Money, plain
from domain.positions import fill_key, in_order

__all__ = [
    "Books",
    "Difference",
    "DifferenceKind",
    "Look",
    "Movement",
    "books_of",
    "by_coin",
    "compare",
    "confirm",
    "unexplained",
]

MICRO = Decimal("0.000001")
"""The venue cuts fees, PnL and account values off after the sixth decimal."""

APART = timedelta(seconds=10)


class DifferenceKind(StrEnum):
    """What a difference is. Sizes in base units, except transfer, funding, fee and unexplained, which are money."""

    MANUAL_TRADE = "manual_trade"
    MISSED_FILL = "missed_fill"
    TRANSFER = "transfer"
    FUNDING = "funding"
    FEE = "fee"
    ORDER_UNKNOWN_TO_US = "order_unknown_to_us"
    ORDER_OVERFILLED = "order_overfilled"
    UNEXPLAINED = "unexplained"


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One thing that the venue shows and our books do not. `reference` is the trade, order or entry that it is about."""

    kind: DifferenceKind
    amount: Decimal
    coin: str = ""
    reference: str = ""
    note: str = ""

    @property
    def key(self) -> tuple[DifferenceKind, str, str]:
        """What makes it the same difference in two looks."""
        return (self.kind, self.coin, self.reference)


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What one comparison showed, at the venue's time."""

    at: datetime
    differences: tuple[Difference, ...] = ()


def compare(
    portfolio: Portfolio, books: Books, *, fills: Iterable[Fill] = (), movements: Iterable[Movement] = ()
) -> tuple[Difference, ...]:
    """Name every difference between what the venue shows and our books.

    `fills` and `movements` are the venue's; those that the books have are compared, the others are named and then counted,
    so that `unexplained` is only what nothing accounts for.
    """
    shown = in_order(fills)
    moved = tuple(movements)
    missing = tuple(fill for fill in shown if fill_key(fill) not in books.fill_fees)
    new = tuple(movement for movement in moved if movement_key(movement) not in books.movements)
    known = tuple(fill for fill in shown if fill_key(fill) in books.fill_fees)
    complete = with_movements(with_fills(books, missing), new)
    return (
        *(_of_fill(fill, books) for fill in missing),
        *(_of_movement(movement) for movement in new),
        *_of_fees(known, books),
        *_of_positions(portfolio, complete),
        *_of_orders(portfolio.orders, books),
        *_of_equity(portfolio, _with_fees(complete, known, books)),
    )


def unexplained(portfolio: Portfolio, books: Books) -> Money:
    """Return what is left of the venue's equity after everything that the books know; zero within the venue's cutting off."""
    held = [position for position in portfolio.positions if position.size]
    unrealised = sum((position.unrealised_pnl for position in held), ZERO)
    expected = books.opening_cash + books.net_transfers + books.realised_pnl - books.fees + books.funding + unrealised
    left = portfolio.equity - expected
    tolerance = MICRO * (books.entries + len(held) + 1)
    return Money(ZERO) if abs(left) <= tolerance else Money(left)


def confirm(
    previous: Look | None, current: Look, *, live_coins: Collection[str] = frozenset(), apart: timedelta = APART
) -> tuple[Difference, ...]:
    """Return the differences that count: seen by two looks far enough apart, with nothing of ours in flight on the coin.

    Whatever is unexplained waits while anything at all is in flight: the equity is one sum over all coins.
    """
    if previous is None or current.at - previous.at < apart:
        return ()
    before = {difference.key for difference in previous.differences}
    return tuple(
        difference
        for difference in current.differences
        if difference.key in before and not _is_in_flight(difference, live_coins)
    )


def by_coin(differences: Iterable[Difference]) -> tuple[Difference, ...]:
    """Sum differences of one kind on one coin into one, as lists show them."""
    sums: dict[tuple[DifferenceKind, str], Difference] = {}
    for difference in differences:
        group = (difference.kind, difference.coin)
        known = sums.get(group)
        if known is None:
            sums[group] = difference
            continue
        note = "; ".join(dict.fromkeys(text for text in (known.note, difference.note) if text))[:500]
        sums[group] = replace(known, amount=known.amount + difference.amount, reference="", note=note)
    return tuple(sums.values())


def _is_in_flight(difference: Difference, live_coins: Collection[str]) -> bool:
    if difference.kind in {DifferenceKind.TRANSFER, DifferenceKind.FUNDING}:
        return False
    return bool(live_coins) if difference.coin == "" else difference.coin in live_coins


def _with_fees(complete: Books, known: tuple[Fill, ...], books: Books) -> Books:
    changed = sum((fill.fee - books.fill_fees[fill_key(fill)] for fill in known), ZERO)
    return replace(complete, fees=Money(complete.fees + changed))


def _of_fill(fill: Fill, books: Books) -> Difference:
    is_ours = books.is_ours(fill.client_id, fill.oid)
    what = "liquidated" if fill.is_liquidation else "not journaled" if is_ours else "traded by hand or another program"
    return Difference(
        kind=DifferenceKind.MISSED_FILL if is_ours else DifferenceKind.MANUAL_TRADE,
        coin=fill.coin,
        amount=fill.signed_size,
        reference=fill.trade_id,
        note=f"{fill.side} {plain(fill.size)} at {plain(fill.px)}: {what}.",
    )


def _of_movement(movement: Movement) -> Difference:
    is_funding = movement.kind == "funding"
    return Difference(
        kind=DifferenceKind.FUNDING if is_funding else DifferenceKind.TRANSFER,
        coin=movement.coin if is_funding else "",
        amount=movement.amount,
        reference=movement.reference or movement.time.isoformat(),
        note=f"{movement.kind} of {plain(movement.amount)} at {movement.time.isoformat()}.",
    )


def _of_fees(known: tuple[Fill, ...], books: Books) -> tuple[Difference, ...]:
    changes = ((fill, fill.fee - books.fill_fees[fill_key(fill)]) for fill in known)
    return tuple(
        Difference(kind=DifferenceKind.FEE, coin=fill.coin, amount=change, reference=fill.trade_id)
        for fill, change in changes
        if abs(change) > MICRO
    )


def _of_positions(portfolio: Portfolio, books: Books) -> tuple[Difference, ...]:
    shown = {held.coin: Decimal(held.size) for held in portfolio.positions}
    gaps = {
        coin: shown.get(coin, ZERO) - books.positions.get(coin, ZERO)
        for coin in sorted(shown.keys() | books.positions.keys())
    }
    return tuple(
        Difference(
            kind=DifferenceKind.MISSED_FILL,
            coin=coin,
            amount=gap,
            note=f"The venue holds {plain(gap)} more than all known fills lead to.",
        )
        for coin, gap in gaps.items()
        if gap
    )


def _of_orders(orders: tuple[RestingOrder, ...], books: Books) -> tuple[Difference, ...]:
    return tuple(
        Difference(
            kind=DifferenceKind.ORDER_UNKNOWN_TO_US,
            coin=order.coin,
            amount=order.size * order.side.sign,
            reference=order.oid,
            note=f"{order.side} {plain(order.size)} at {plain(order.limit_px)} is no order of ours.",
        )
        for order in orders
        if not books.is_ours(order.client_id, order.oid)
    )


def _of_equity(portfolio: Portfolio, books: Books) -> tuple[Difference, ...]:
    left = unexplained(portfolio, books)
    if not left:
        return ()
    note = f"Equity {plain(portfolio.equity)} has {plain(left)} that nothing accounts for."
    return (Difference(kind=DifferenceKind.UNEXPLAINED, amount=left, note=note),)
