"""Users' resting orders of one coin in price-time priority."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal

from paper.engine.orders import Order


@dataclass(slots=True)
class RestingSide:
    """One side; keys are (price, arrival) with bid prices negated, so that the best is always first."""

    is_bid: bool
    keys: list[tuple[Decimal, int, int]] = field(default_factory=list)
    places: dict[int, tuple[Decimal, int, int]] = field(default_factory=dict)

    def add(self, order: Order, arrival: int) -> None:
        """Queue an order behind the others at its price."""
        key = (-order.limit_px if self.is_bid else order.limit_px, arrival, order.oid)
        insort(self.keys, key)
        self.places[order.oid] = key

    def remove(self, oid: int) -> None:
        """Take an order out, if it is there."""
        key = self.places.pop(oid, None)
        if key is not None:
            del self.keys[bisect_left(self.keys, key)]

    def best(self) -> int | None:
        """Return the id of the first order."""
        return self.keys[0][2] if self.keys else None

    def __iter__(self) -> Iterator[int]:
        return (key[2] for key in tuple(self.keys))


@dataclass(slots=True)
class Book:
    """Both sides; `arrivals` counts the placings, so that a restart can restore the queue by oid."""

    bids: RestingSide = field(default_factory=lambda: RestingSide(is_bid=True))
    asks: RestingSide = field(default_factory=lambda: RestingSide(is_bid=False))
    arrivals: int = 0

    def side(self, *, is_buy: bool) -> RestingSide:
        """Return the side on which a buy or a sell rests."""
        return self.bids if is_buy else self.asks

    def add(self, order: Order) -> None:
        """Queue an order on its side."""
        self.arrivals += 1
        self.side(is_buy=order.is_buy).add(order, self.arrivals)

    def remove(self, order: Order) -> None:
        """Take an order out, if it is there."""
        self.side(is_buy=order.is_buy).remove(order.oid)
