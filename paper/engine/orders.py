"""Orders as the venue keeps them: every one ever admitted, with all that happened to it."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum

ZERO = Decimal(0)


class Tif(StrEnum):
    """Time in force, in the venue's spelling."""

    GTC = "Gtc"
    IOC = "Ioc"
    ALO = "Alo"
    FRONTEND_MARKET = "FrontendMarket"
    LIQUIDATION_MARKET = "LiquidationMarket"


class Status(StrEnum):
    """Order statuses, in the venue's spelling (reference 1.3)."""

    OPEN = "open"
    FILLED = "filled"
    CANCELED = "canceled"
    TRIGGERED = "triggered"
    MARGIN_CANCELED = "marginCanceled"
    VAULT_WITHDRAWAL_CANCELED = "vaultWithdrawalCanceled"
    OPEN_INTEREST_CAP_CANCELED = "openInterestCapCanceled"
    DELISTED_CANCELED = "delistedCanceled"
    SELF_TRADE_CANCELED = "selfTradeCanceled"
    REDUCE_ONLY_CANCELED = "reduceOnlyCanceled"
    SIBLING_FILLED_CANCELED = "siblingFilledCanceled"
    LIQUIDATED_CANCELED = "liquidatedCanceled"
    SCHEDULED_CANCEL = "scheduledCancel"
    TICK_REJECTED = "tickRejected"
    MIN_TRADE_NTL_REJECTED = "minTradeNtlRejected"
    PERP_MARGIN_REJECTED = "perpMarginRejected"
    REDUCE_ONLY_REJECTED = "reduceOnlyRejected"
    BAD_ALO_PX_REJECTED = "badAloPxRejected"
    IOC_CANCEL_REJECTED = "iocCancelRejected"
    BAD_TRIGGER_PX_REJECTED = "badTriggerPxRejected"
    MARKET_NO_LIQUIDITY_REJECTED = "marketOrderNoLiquidityRejected"
    POSITION_INCREASE_AT_CAP_REJECTED = "positionIncreaseAtOpenInterestCapRejected"
    POSITION_FLIP_AT_CAP_REJECTED = "positionFlipAtOpenInterestCapRejected"
    TOO_AGGRESSIVE_AT_CAP_REJECTED = "tooAggressiveAtOpenInterestCapRejected"
    OPEN_INTEREST_INCREASE_REJECTED = "openInterestIncreaseRejected"
    INSUFFICIENT_SPOT_BALANCE_REJECTED = "insufficientSpotBalanceRejected"
    ORACLE_REJECTED = "oracleRejected"
    PERP_MAX_POSITION_REJECTED = "perpMaxPositionRejected"
    TOO_MANY_OPEN_ORDERS_REJECTED = "tooManyOpenOrdersRejected"


# Tuples: sets ask a member of an enumeration for its hash, which is a call of its own.
LIVE = (Status.OPEN, Status.TRIGGERED)
TAKING = (Tif.IOC, Tif.FRONTEND_MARKET, Tif.LIQUIDATION_MARKET)
MARKET_ORDERS = (Tif.FRONTEND_MARKET, Tif.LIQUIDATION_MARKET)


@dataclass(frozen=True, slots=True, kw_only=True)
class Trigger:
    """When a stop or take-profit fires: on the mark at `px`, as a market order or at the order's limit."""

    px: Decimal
    is_market: bool
    tpsl: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderEvent:
    """One change of an order; `is_status` is false where only the remaining size changed.

    The venue's lookups show the row as it was at the last change of status, hence the copies.
    """

    ms: int
    sz: Decimal
    orig_sz: Decimal
    limit_px: Decimal
    timestamp: int
    status: Status = Status.OPEN
    is_fired: bool = False
    is_status: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """Who sent an order and in which signed action; the oracle of the fault suite reads it."""

    signer: str = ""
    nonce: int | None = None
    expires_after: int | None = None


@dataclass(slots=True, kw_only=True)
class Order:
    """One order; `sz` is what remains, sizes in the base, prices in USD.

    `admitted_ms` is the machine's own wall clock, every other time is block time; `self_trade` says who goes when the
    order as a taker meets its own user's: maker, taker, both or none.
    """

    oid: int
    user: str
    coin: str
    asset: int
    is_buy: bool
    limit_px: Decimal
    sz: Decimal
    orig_sz: Decimal
    reduce_only: bool
    tif: Tif | None
    admitted_ms: int
    timestamp: int
    origin: Origin
    cloid: str | None = None
    trigger: Trigger | None = None
    is_position_tpsl: bool = False
    is_fired: bool = False
    is_waiting_for_parent: bool = False
    parent: int | None = None
    group: int = 0
    builder: str = ""
    builder_fee: int = 0
    status: Status = Status.OPEN
    filled_sz: Decimal = ZERO
    filled_ntl: Decimal = ZERO
    is_liquidation: bool = False
    is_manual: bool = False
    twap_id: int | None = None
    purpose: str = ""
    self_trade: str = "maker"
    error: str = ""
    events: list[OrderEvent] = field(default_factory=list)

    @property
    def is_live(self) -> bool:
        """Whether the order can still trade."""
        return self.status in LIVE

    @property
    def is_untriggered(self) -> bool:
        """Whether the order is a trigger that has not fired."""
        return self.trigger is not None and not self.is_fired

    @property
    def is_resting(self) -> bool:
        """Whether the order stands in the book."""
        return self.is_live and not self.is_untriggered

    @property
    def average_px(self) -> Decimal:
        """The volume-weighted price of the fills, zero without any."""
        return self.filled_ntl / self.filled_sz if self.filled_sz else ZERO

    def note(self, ms: int, status: Status | None = None) -> OrderEvent:
        """Record a change; with a status, a change of status."""
        if status is not None:
            self.status = status
        event = OrderEvent(
            ms=ms,
            status=self.status,
            sz=self.sz,
            orig_sz=self.orig_sz,
            limit_px=self.limit_px,
            timestamp=self.timestamp,
            is_fired=self.is_fired,
            is_status=status is not None,
        )
        self.events.append(event)
        return event

    def status_event(self, as_of: int | None = None) -> OrderEvent | None:
        """Return the last change of status, or the last one that a reader `as_of` a time could know."""
        for event in reversed(self.events):
            if event.is_status and (as_of is None or event.ms <= as_of):
                return event
        return None

    def last_event(self, as_of: int | None = None) -> OrderEvent | None:
        """Return the last change of any kind, or the last one known `as_of` a time."""
        for event in reversed(self.events):
            if as_of is None or event.ms <= as_of:
                return event
        return None
