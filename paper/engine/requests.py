"""What a user asks for, already read from the wire, and what the venue answers per order."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import NamedTuple

from paper.engine.orders import Origin, Tif, Trigger


class Grouping(StrEnum):
    """How the orders of one action belong together."""

    NA = "na"
    NORMAL_TPSL = "normalTpsl"
    POSITION_TPSL = "positionTpsl"


class OrderRequest(NamedTuple):
    """One order of an action; exactly one of `tif` and `trigger` is set.

    A named tuple like the context: a frozen dataclass sets its fields one by one, which is felt at thousands a second.
    """

    asset: int
    is_buy: bool
    limit_px: Decimal
    sz: Decimal
    reduce_only: bool
    tif: Tif | None
    trigger: Trigger | None
    cloid: str | None


class ActionContext(NamedTuple):
    """What all orders of one action share."""

    user: str
    origin: Origin
    grouping: Grouping = Grouping.NA
    builder: str = ""
    builder_fee: int = 0
    is_liquidation: bool = False
    is_manual: bool = False
    twap_id: int | None = None
    purpose: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Resting:
    """The order rests."""

    oid: int
    cloid: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Filled:
    """The order filled, wholly or in part."""

    oid: int
    cloid: str | None
    total_sz: Decimal
    average_px: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """The trigger waits; the venue tells no oid."""

    oid: int
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Failed:
    """The order was refused."""

    text: str


Outcome = Resting | Filled | Waiting | Failed
