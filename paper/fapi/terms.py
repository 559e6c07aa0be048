"""What an order of these venues says beyond the engine's order, and its status in their words."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from paper.engine.orders import Order, OrderEvent, Status

ZERO = Decimal(0)
LIMIT, MARKET, TRAILING = "LIMIT", "MARKET", "TRAILING_STOP_MARKET"
STOPS = ("STOP", "STOP_MARKET")
PROFITS = ("TAKE_PROFIT", "TAKE_PROFIT_MARKET")
CONDITIONAL = frozenset({*STOPS, *PROFITS, TRAILING})
PRICED = frozenset({LIMIT, "STOP", "TAKE_PROFIT"})


class AlgoStatus(StrEnum):
    """The life of a conditional order."""

    NONE = ""
    NEW = "NEW"
    TRIGGERING = "TRIGGERING"
    TRIGGERED = "TRIGGERED"
    FINISHED = "FINISHED"
    CANCELED = "CANCELED"
    EXPIRED = "EXPIRED"
    REJECTED = "REJECTED"


@dataclass(slots=True, kw_only=True)
class Terms:
    """The terms of one order; `qty` zero with `close_position` means all there is when it fires.

    `is_algo` orders live in the algo order service: they are no orders until they fire, then `child` is one.
    """

    oid: int
    client_id: str
    type: str
    original_type: str
    tif: str
    position_side: str
    qty: Decimal
    price: Decimal = ZERO
    stop_price: Decimal = ZERO
    working_type: str = "CONTRACT_PRICE"
    price_protect: bool = False
    close_position: bool = False
    reduce_only: bool = False
    stp: str = "NONE"
    price_match: str = "NONE"
    good_till: int = 0
    activate_price: Decimal = ZERO
    callback: Decimal = ZERO
    extreme: Decimal = ZERO
    is_active: bool = False
    is_algo: bool = False
    algo_status: AlgoStatus = AlgoStatus.NONE
    child: int | None = None
    parent: int | None = None
    fired_ms: int = 0
    reason: str = ""
    amended: int = 0


EXPIRED = frozenset(
    {
        Status.REDUCE_ONLY_CANCELED, Status.MARGIN_CANCELED, Status.LIQUIDATED_CANCELED, Status.REDUCE_ONLY_REJECTED,
        Status.IOC_CANCEL_REJECTED, Status.MARKET_NO_LIQUIDITY_REJECTED, Status.PERP_MARGIN_REJECTED,
    }
)  # fmt: skip
SHORT_LIVED = frozenset({"IOC", "FOK"})


def status_of(order: Order, terms: Terms, event: OrderEvent | None = None) -> str:
    """Return the venue's word for an order's status, now or as of one of its events."""
    status = order.status if event is None else event.status
    filled = order.filled_sz
    if event is not None and event.sz > order.sz:
        filled -= event.sz - order.sz
    match status:
        case Status.OPEN | Status.TRIGGERED:
            return "PARTIALLY_FILLED" if filled > 0 else "NEW"
        case Status.FILLED:
            return "FILLED"
        case Status.SELF_TRADE_CANCELED:
            return "EXPIRED_IN_MATCH"
        case _ if status in EXPIRED:
            return "EXPIRED"
        case _:
            is_short = terms.type == MARKET or terms.tif in SHORT_LIVED
            return "EXPIRED" if is_short or terms.reason == "expired" else "CANCELED"
