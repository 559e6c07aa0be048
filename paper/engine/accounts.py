"""Accounts, positions and what is written into their ledgers."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field, replace
from decimal import Decimal
from enum import StrEnum

from paper.engine.orders import Order

ZERO = Decimal(0)
UNIFIED = "unifiedAccount"


@dataclass(frozen=True, slots=True, kw_only=True)
class Liquidation:
    """What a fill of a liquidation carries on both sides."""

    user: str
    mark_px: Decimal
    method: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Fill:
    """One side of one trade; `fee` is in USDC and includes the builder's, `closed_pnl` is gross of fees."""

    user: str
    coin: str
    px: Decimal
    sz: Decimal
    is_buy: bool
    time: int
    start_position: Decimal
    direction: str
    closed_pnl: Decimal
    hash: str
    oid: int
    crossed: bool
    fee: Decimal
    tid: int
    cloid: str | None = None
    builder_fee: Decimal = ZERO
    liquidation: Liquidation | None = None
    fee_coin: str = "USDC"
    twap_id: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FundingPayment:
    """One hourly payment; `usdc` negative means that the user paid."""

    user: str
    coin: str
    time: int
    usdc: Decimal
    szi: Decimal
    rate: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerUpdate:
    """A change of the balance that is neither a trade nor funding; `delta` is the venue's own shape."""

    user: str
    time: int
    hash: str
    delta: dict[str, object]


@dataclass(slots=True, kw_only=True)
class Position:
    """A signed position; `collateral` is set aside for isolated ones, `funding_*` positive means paid."""

    coin: str
    szi: Decimal
    entry_px: Decimal
    is_cross: bool
    leverage: int
    collateral: Decimal = ZERO
    funding_since_open: Decimal = ZERO
    funding_since_change: Decimal = ZERO

    def unrealized(self, mark: Decimal) -> Decimal:
        """Return the unrealised profit at a mark."""
        return self.szi * (mark - self.entry_px)


@dataclass(frozen=True, slots=True, kw_only=True)
class LeverageChoice:
    """What an account chose for a coin."""

    is_cross: bool
    value: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountSnapshot:
    """What a lagging node would show of an account."""

    ms: int
    cash: Decimal
    positions: tuple[Position, ...]


class AccountKind(StrEnum):
    """Whose an account is: a key's own, or run by the key of its `master` (reference 3.4)."""

    USER = "user"
    SUB_ACCOUNT = "subAccount"
    VAULT = "vault"


@dataclass(slots=True, kw_only=True)
class DayVolume:
    """A UTC day's volume in USD as taker and maker; `weighted` counts spot twice, as the fee tiers do."""

    cross: Decimal = ZERO
    add: Decimal = ZERO
    weighted: Decimal = ZERO


@dataclass(slots=True, kw_only=True)
class Account:
    """One user; `cash` is the perp balance with realised results, without unrealised ones and isolated collateral.

    `tokens` are spot balances but USDC and `token_costs` what was paid for them in USD; a vault's `master` is its leader.
    """

    address: str
    kind: AccountKind = AccountKind.USER
    master: str = ""
    name: str = ""
    cash: Decimal = ZERO
    spot_usdc: Decimal = ZERO
    positions: dict[str, Position] = field(default_factory=dict)
    leverage: dict[str, LeverageChoice] = field(default_factory=dict)
    funding_all_time: dict[str, Decimal] = field(default_factory=dict)
    volume: Decimal = ZERO
    taker_volume: Decimal = ZERO
    requests_used: int = 0
    requests_bought: int = 0
    last_throttled_ms: int = 0
    scheduled_cancel_ms: int | None = None
    scheduled_cancel_day: str = ""
    scheduled_cancel_count: int = 0
    builder_fees: dict[str, int] = field(default_factory=dict)
    created_ms: int = 0
    tokens: dict[str, Decimal] = field(default_factory=dict)
    token_costs: dict[str, Decimal] = field(default_factory=dict)
    days: dict[str, DayVolume] = field(default_factory=dict)
    abstraction: str = "disabled"
    dex_abstraction: bool | None = None
    actions_day: str = ""
    actions_today: int = 0
    own_code: str = ""
    referred_by: str = ""
    signers: tuple[str, ...] = ()
    threshold: int = 0

    @property
    def is_unified(self) -> bool:
        """Whether one balance backs perpetuals and spot; it is kept as `cash`."""
        return self.abstraction == UNIFIED

    def szi(self, coin: str) -> Decimal:
        """Return the signed position in a coin."""
        position = self.positions.get(coin)
        return position.szi if position else ZERO


@dataclass(frozen=True, slots=True, kw_only=True)
class ValueSample:
    """What an account was worth and had earned at a time (USD)."""

    user: str
    ms: int
    value: Decimal
    profit: Decimal


def add_resting(resting: dict[str, tuple[Decimal, Decimal]], coin: str, sz: Decimal, *, is_buy: bool) -> None:
    """Add a size to what rests on one side of a coin."""
    bought, sold = resting.get(coin, (ZERO, ZERO))
    resting[coin] = (bought + sz, sold) if is_buy else (bought, sold + sz)


class OpenOrders(dict[int, None]):
    """Ids of an account's live orders, oldest first.

    `resting` is what of them may add to positions, bought and sold by coin; it is None when it has to be summed up anew: adding it
    up with every order that is placed costs more than all the rest.
    """

    __slots__ = ("resting",)

    def __init__(self) -> None:
        super().__init__()
        self.resting: dict[str, tuple[Decimal, Decimal]] | None = None

    def __setitem__(self, oid: int, nothing: None) -> None:
        self.resting = None
        super().__setitem__(oid, nothing)

    def pop(self, oid: int, *nothing: None) -> None:  # type: ignore[override]
        """Take an order out."""
        self.resting = None
        super().pop(oid, *nothing)

    def enter(self, order: Order, *, adds: bool) -> None:
        """Put an order in whose size is known; `adds` tells whether it may add to a position."""
        super().__setitem__(order.oid, None)
        if self.resting is not None and adds:
            add_resting(self.resting, order.coin, order.sz, is_buy=order.is_buy)


@dataclass(slots=True, kw_only=True)
class AccountBooks:
    """What grows with an account and is stored row by row, not with the account."""

    open_oids: OpenOrders = field(default_factory=OpenOrders)
    all_oids: list[int] = field(default_factory=list)
    by_cloid: dict[str, list[int]] = field(default_factory=dict)
    fills: list[Fill] = field(default_factory=list)
    fundings: list[FundingPayment] = field(default_factory=list)
    ledger: list[LedgerUpdate] = field(default_factory=list)
    snapshots: deque[AccountSnapshot] = field(default_factory=deque)
    values: list[ValueSample] = field(default_factory=list)
    released: set[str] = field(default_factory=set)

    def release(self, cloid: str | None) -> None:
        """Let a client id be used once more: a modify keeps the one of the order it replaces."""
        if cloid is not None:
            self.released.add(cloid)


def unify(account: Account) -> None:
    """Put what a unified account has earned or spent on spot into its one balance."""
    account.cash, account.spot_usdc = account.cash + account.spot_usdc, ZERO


SNAPSHOT_MS = 180_000


def remember(account: Account, books: AccountBooks, ms: int) -> None:
    """Keep a copy of the account's state for lagging reads; copies older than three minutes go."""
    positions = tuple(replace(position) for position in account.positions.values())
    books.snapshots.append(AccountSnapshot(ms=ms, cash=account.cash, positions=positions))
    while len(books.snapshots) > 1 and books.snapshots[1].ms < ms - SNAPSHOT_MS:
        books.snapshots.popleft()


def snapshot_at(books: AccountBooks, as_of: int) -> AccountSnapshot | None:
    """Return the newest kept copy that is not newer than a time, None when the account was not there yet."""
    for snapshot in reversed(books.snapshots):
        if snapshot.ms <= as_of:
            return snapshot
    return None
