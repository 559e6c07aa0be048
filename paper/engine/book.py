"""Users' resting orders of one coin in price-time priority."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal

from paper.engine.orders import Order


@dataclass(slots=True)
class RestingSide:
    """One side: the prices, rising, and the orders at each in the order of their arrival."""

    is_bid: bool
    prices: list[Decimal] = field(default_factory=list)
    # A plain dict that loses its first entries one by one is searched from its start each time.
    queues: dict[Decimal, OrderedDict[int, None]] = field(default_factory=dict)
    places: dict[int, Decimal] = field(default_factory=dict)

    def add(self, order: Order) -> None:
        """Queue an order behind the others at its price."""
        px, oid = order.limit_px, order.oid
        queue = self.queues.get(px)
        if queue is None:
            queue = self.queues[px] = OrderedDict()
            insort(self.prices, px)
        queue[oid] = None
        self.places[oid] = px

    def remove(self, oid: int) -> None:
        """Take an order out, if it is there."""
        px = self.places.pop(oid, None)
        if px is None:
            return
        queue = self.queues[px]
        del queue[oid]
        if not queue:
            del self.queues[px]
            del self.prices[bisect_left(self.prices, px)]

    def best(self) -> int | None:
        """Return the id of the first order."""
        if not self.prices:
            return None
        return next(iter(self.queues[self.prices[-1 if self.is_bid else 0]]))

    def __iter__(self) -> Iterator[int]:
        """Yield the orders best first; whoever reads may take them out or stop long before the last."""
        for px in self.prices[::-1] if self.is_bid else self.prices[:]:
            yield from tuple(self.queues.get(px, ()))


@dataclass(slots=True)
class Book:
    """Both sides."""

    bids: RestingSide = field(default_factory=lambda: RestingSide(is_bid=True))
    asks: RestingSide = field(default_factory=lambda: RestingSide(is_bid=False))

    def side(self, *, is_buy: bool) -> RestingSide:
        """Return the side on which a buy or a sell rests."""
        return self.bids if is_buy else self.asks

    def add(self, order: Order) -> None:
        """Queue an order on its side."""
        (self.bids if order.is_buy else self.asks).add(order)

    def remove(self, order: Order) -> None:
        """Take an order out, if it is there."""
        self.side(is_buy=order.is_buy).remove(order.oid)
