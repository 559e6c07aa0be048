"""What our journal says about one account, added up."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Protocol

from domain.fills import Fill
from domain.money import ZERO, Money, Quantity
from domain.orders import PANIC_PREFIX
from domain.positions import FillKey, fill_key, in_order


class Movement(Protocol):
    """A change of the balance that is no fill; positive is a credit. `kind` funding is told apart from all others."""

    @property
    def time(self) -> datetime:
        """When, by the venue."""

    @property
    def kind(self) -> str:
        """The kind: deposit, withdrawal, transfer, funding, other."""

    @property
    def amount(self) -> Money:
        """How much, positive when it came."""

    @property
    def coin(self) -> str:
        """The coin of a funding payment."""

    @property
    def reference(self) -> str:
        """The venue's name for it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Books:
    """What our journal says about one account.

    `opening_cash` is the balance, without unrealised PnL, from which the sums count (zero when they reach back to the
    account's first deposit). `fill_fees` and `movements` name what is journaled; `client_ids` and `oids` are the orders of ours.
    """

    positions: Mapping[str, Quantity] = field(default_factory=dict)
    opening_cash: Money = Money(ZERO)
    realised_pnl: Money = Money(ZERO)
    fees: Money = Money(ZERO)
    funding: Money = Money(ZERO)
    net_transfers: Money = Money(ZERO)
    entries: int = 0
    fill_fees: Mapping[FillKey, Money] = field(default_factory=dict)
    movements: Collection[tuple[datetime, str, str, str]] = frozenset()
    client_ids: Collection[str] = frozenset()
    oids: Collection[str] = frozenset()

    def is_ours(self, client_id: str, oid: str) -> bool:
        """Say whether an order is one that we sent."""
        return client_id in self.client_ids or oid in self.oids or client_id.startswith(PANIC_PREFIX)


def books_of(
    fills: Iterable[Fill],
    movements: Iterable[Movement] = (),
    *,
    opening_cash: Money = Money(ZERO),
    client_ids: Collection[str] = frozenset(),
    oids: Collection[str] = frozenset(),
) -> Books:
    """Add up journaled fills and movements."""
    empty = Books(opening_cash=opening_cash, client_ids=client_ids, oids=oids)
    return with_movements(with_fills(empty, in_order(fills)), tuple(movements))


def movement_key(movement: Movement) -> tuple[datetime, str, str, str]:
    """Return what makes a movement this movement."""
    return (movement.time, movement.kind, movement.coin, movement.reference)


def with_fills(books: Books, fills: tuple[Fill, ...]) -> Books:
    """Return the books with fills that they do not have yet, oldest first."""
    positions = dict(books.positions)
    for fill in fills:
        # Before the first fill that we know, the account held what that fill started from.
        held = positions.get(fill.coin, fill.start_position)
        positions[fill.coin] = Quantity(held + fill.signed_size)
    return replace(
        books,
        positions=positions,
        realised_pnl=Money(books.realised_pnl + sum((fill.closed_pnl for fill in fills), ZERO)),
        fees=Money(books.fees + sum((fill.fee for fill in fills), ZERO)),
        entries=books.entries + len(fills),
        fill_fees={**books.fill_fees, **{fill_key(fill): fill.fee for fill in fills}},
    )


def with_movements(books: Books, movements: tuple[Movement, ...]) -> Books:
    """Return the books with movements that they do not have yet."""
    funding = sum((movement.amount for movement in movements if movement.kind == "funding"), ZERO)
    others = sum((movement.amount for movement in movements if movement.kind != "funding"), ZERO)
    return replace(
        books,
        funding=Money(books.funding + funding),
        net_transfers=Money(books.net_transfers + others),
        entries=books.entries + len(movements),
        movements=frozenset((*books.movements, *(movement_key(movement) for movement in movements))),
    )
