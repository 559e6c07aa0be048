"""In what the two venues differ."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from paper.fapi.contracts import Contract, contract


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """A venue's own choices.

    `has_algo_service`: conditional orders have endpoints of their own and are refused on the order endpoint.
    `order_limits`: (interval, its length in seconds, orders).
    `unfilled_days`: for how long an order is found that ended without a fill; `largest_callback` in percent.
    `streams` of one connection; `ping_s`, `pong_s`: how often the venue pings one, and how long it waits for the answer.
    """

    name: str
    port: int
    has_algo_service: bool
    taker: Decimal
    maker: Decimal
    order_limits: tuple[tuple[str, int, int], ...]
    min_notional: Decimal | None = None
    weight_limit: int = 2400
    timeouts_are_503: bool = False
    has_slim_v3: bool = True
    resp_types: tuple[str, ...] = ("ACK", "RESULT")
    max_algo_orders: int = 200
    times_in_force: tuple[str, ...] = ("GTC", "IOC", "FOK", "GTX", "GTD")
    largest_callback: Decimal = Decimal(10)
    unfilled_days: int = 3
    streams: int = 1024
    ping_s: float = 180
    pong_s: float = 600

    def contract(self, coin: str) -> Contract:
        """Return a coin's contract on this venue."""
        return contract(coin, self.min_notional)
