"""Orders: their names, their terms as the wire says them, and the states of a journal row.

One step of an intent makes at most one effective order. Its name is (intent, leg, step); the client order id is a hash of
that name, so a lost answer can always be looked up and a retry can never invent a second name.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from domain.errors import Refused
from domain.instruments import Instrument
from domain.money import Price, Quantity, require_finite

MAIN_LEG = "main"
PANIC_PREFIX = "dead"


class Side(StrEnum):
    """The side of an order."""

    BUY = "buy"
    SELL = "sell"

    @property
    def opposite(self) -> Side:
        """The other side."""
        return Side.SELL if self is Side.BUY else Side.BUY

    @property
    def sign(self) -> int:
        """+1 for a buy, -1 for a sell."""
        return 1 if self is Side.BUY else -1


class TimeInForce(StrEnum):
    """How long an order works: until cancelled, immediate or cancel, or add liquidity only (post-only)."""

    GTC = "gtc"
    IOC = "ioc"
    ALO = "alo"


class TriggerKind(StrEnum):
    """What a trigger order is for."""

    STOP_LOSS = "sl"
    TAKE_PROFIT = "tp"


@dataclass(frozen=True, slots=True, kw_only=True)
class Trigger:
    """A price at which the venue itself places a reduce-only order.

    `whole_position` means the position's size at the moment of firing, whatever it is then; the order's size is then zero.
    """

    px: Price
    kind: TriggerKind
    whole_position: bool = True

    def __post_init__(self) -> None:
        require_finite(px=self.px)


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderKey:
    """The name of one step of an intent."""

    intent_id: str
    leg: str = MAIN_LEG
    step: str = "open"

    @property
    def client_id(self) -> str:
        """128 bits in hex; the venue adapter adds its own prefix."""
        return client_order_id(self.intent_id, self.leg, self.step)

    def __str__(self) -> str:
        return f"{self.intent_id}/{self.leg}/{self.step}"


def client_order_id(intent_id: str, leg: str, step: str) -> str:
    """Return the first 128 bits of the hash of a step's name, as 32 hex digits."""
    digest = hashlib.sha256(f"holdfast/1\x1f{intent_id}\x1f{leg}\x1f{step}".encode()).hexdigest()[:32]
    # The prefix is reserved for panic orders, which have no journal row; one bit moves an unlucky hash out of it.
    return "deae" + digest[4:] if digest.startswith(PANIC_PREFIX) else digest


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderTerms:
    """What the wire will say. `limit_px` is also the worst price that a market order accepts."""

    coin: str
    side: Side
    size: Quantity
    limit_px: Price
    tif: TimeInForce = TimeInForce.IOC
    reduce_only: bool = False
    trigger: Trigger | None = None

    def __post_init__(self) -> None:
        require_finite(size=self.size, limit_px=self.limit_px)
        if self.trigger is not None and not self.reduce_only:
            raise Refused("trigger_not_reduce_only", "A trigger order must be reduce-only.")

    @property
    def is_opening(self) -> bool:
        """Whether the order could increase exposure; decided by what the wire says and by nothing else."""
        return not self.reduce_only


@dataclass(frozen=True, slots=True, kw_only=True)
class ApprovedOrder:
    """An order that risk has approved and reserved; `domain.risk` alone builds one.

    `not_after` was fixed by the workflow when it decided, so it is the same on every attempt and after any reset: no deadline
    of any copy of this order lies beyond it.
    """

    key: OrderKey
    user_id: str
    account_id: str
    instrument: Instrument
    terms: OrderTerms
    decided_at: datetime
    not_after: datetime
    reserved: Decimal
    leverage: int = 1
    agent_id: str = ""
    trace_id: str = ""


class OrderState(StrEnum):
    """Where a journal row stands; it only ever moves forward."""

    APPROVED = "APPROVED"
    SENDING = "SENDING"
    UNKNOWN = "UNKNOWN"
    WORKING = "WORKING"
    DONE = "DONE"
    REFUSED = "REFUSED"
    VOID = "VOID"
    EXPIRED = "EXPIRED"


LIVE_STATES = frozenset({OrderState.APPROVED, OrderState.SENDING, OrderState.UNKNOWN, OrderState.WORKING})
IN_FLIGHT_STATES = frozenset({OrderState.SENDING, OrderState.UNKNOWN})

ORDER_TRANSITIONS: dict[OrderState, frozenset[OrderState]] = {
    # Past SENDING at once only where a restored database had lost it and the order was found at the venue.
    OrderState.APPROVED: frozenset(
        {OrderState.SENDING, OrderState.VOID, OrderState.WORKING, OrderState.DONE, OrderState.REFUSED}
    ),
    OrderState.SENDING: frozenset(
        {
            OrderState.UNKNOWN,
            OrderState.WORKING,
            OrderState.DONE,
            OrderState.REFUSED,
            OrderState.VOID,
            OrderState.EXPIRED,
        }
    ),
    OrderState.UNKNOWN: frozenset({OrderState.WORKING, OrderState.DONE, OrderState.REFUSED, OrderState.EXPIRED}),
    OrderState.WORKING: frozenset({OrderState.DONE}),
    OrderState.DONE: frozenset(),
    OrderState.REFUSED: frozenset(),
    OrderState.VOID: frozenset(),
    OrderState.EXPIRED: frozenset(),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderAck:
    """What is known about a step after the venue was asked. Sizes in base units; fills are the truth, these only a hint.

    VOID: proved never sent. EXPIRED: sent, and proved never to have run. REFUSED: `code` says by whom and why.
    """

    key: OrderKey
    state: OrderState
    oid: str = ""
    filled_size: Quantity = Quantity(Decimal(0))
    average_px: Price | None = None
    code: str = ""
    reason: str = ""

    @property
    def is_terminal(self) -> bool:
        """Whether this step can never trade any more (fills already made may still have to be read)."""
        return self.state not in LIVE_STATES

    @property
    def never_ran(self) -> bool:
        """Whether the step provably had no effect, so that a new step may be placed."""
        return self.state in {OrderState.VOID, OrderState.EXPIRED, OrderState.REFUSED}
