"""The venue's state in memory and the few lookups that every rule needs."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal

from paper.engine.accounts import Account, AccountBooks, AccountKind, LedgerUpdate, LeverageChoice, remember, unify
from paper.engine.changes import Changes, FundingRate, OrderChanged
from paper.engine.fees import Fees
from paper.engine.instruments import Perp
from paper.engine.liquidity import Liquidity
from paper.engine.market import Market
from paper.engine.orders import Order, Status
from paper.engine.settings import Settings
from paper.engine.twaps import Twap
from paper.engine.vaults import Vault

FIRST_OID = 77_000_000_000


def wall_ms() -> int:
    """Return the wall clock in milliseconds."""
    return time.time_ns() // 1_000_000


@dataclass(slots=True, kw_only=True)
class PaperVenue:
    """Everything the venue knows; rules in the other modules of this package act on it."""

    perps: tuple[Perp, ...]
    spots: tuple[Perp, ...] = ()
    settings: Settings = field(default_factory=Settings)
    clock: Callable[[], int] = wall_ms
    markets: dict[str, Market] = field(default_factory=dict)
    accounts: dict[str, Account] = field(default_factory=dict)
    books: dict[str, AccountBooks] = field(default_factory=dict)
    orders: dict[int, Order] = field(default_factory=dict)
    vaults: dict[str, Vault] = field(default_factory=dict)
    twaps: dict[int, Twap] = field(default_factory=dict)
    fees: Fees = field(default_factory=Fees)
    rates: dict[str, list[FundingRate]] = field(default_factory=dict)
    changes: Changes = field(default_factory=Changes)
    touched: dict[tuple[str, str], None] = field(default_factory=dict)
    just_filled: list[int] = field(default_factory=list)
    liquidation_pauses: dict[tuple[str, str], int] = field(default_factory=dict)
    next_oid: int = FIRST_OID
    next_trade: int = 1
    halted_since: int | None = None
    block_ms: int | None = None
    funded_hour: int = 0
    fee_income: Decimal = Decimal(0)
    counterparty: Decimal = Decimal(0)
    deposited: Decimal = Decimal(0)
    spot_assets: dict[int, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for perp in (*self.perps, *self.spots):
            self.markets[perp.coin] = Market(perp=perp, liquidity=Liquidity(perp=perp))
            self.rates[perp.coin] = []
        self.spot_assets = {pair.asset: pair.coin for pair in self.spots}

    def now(self) -> int:
        """Return the block time: the wall clock, standing still while the chain is halted."""
        if self.halted_since is not None:
            return self.halted_since
        if self.block_ms is not None:
            return self.block_ms
        return self.clock() + self.settings.clock_offset_ms

    def begin_block(self) -> None:
        """Let everything up to the next `drain` happen at one block time."""
        self.block_ms = None
        self.block_ms = self.now()

    def market_of(self, asset: int) -> Market | None:
        """Return the market of an asset id."""
        if asset in self.spot_assets:
            return self.markets[self.spot_assets[asset]]
        return self.markets[self.perps[asset].coin] if 0 <= asset < len(self.perps) else None

    @property
    def perp_markets(self) -> list[Market]:
        """The markets of the perpetuals, in the order of their asset ids."""
        return [self.markets[perp.coin] for perp in self.perps]

    @property
    def spot_markets(self) -> list[Market]:
        """The markets of the spot pairs."""
        return [self.markets[pair.coin] for pair in self.spots]

    def payer(self, account: Account) -> Account:
        """Return the account whose volume sets the fees: a sub-account's master, otherwise itself."""
        is_sub = account.kind is AccountKind.SUB_ACCOUNT
        return self.accounts[account.master] if is_sub else account

    def mark(self, coin: str) -> Decimal:
        """Return the mark price of a coin."""
        return self.markets[coin].mark

    def account(self, address: str) -> Account | None:
        """Return an account if it was ever funded."""
        return self.accounts.get(address)

    def open_account(self, address: str) -> Account:
        """Return an account, creating it when this is its first money."""
        if address not in self.accounts:
            self.accounts[address] = Account(address=address, created_ms=self.now())
            self.books[address] = AccountBooks()
            self.changes.accounts[address] = None
        return self.accounts[address]

    def leverage(self, account: Account, coin: str) -> LeverageChoice:
        """Return the leverage an account uses in a coin; cross, 20x or the coin's largest, unless chosen."""
        return account.leverage.get(coin) or self.markets[coin].default_leverage

    def open_orders(self, address: str) -> list[Order]:
        """Return an account's live orders, oldest first."""
        books = self.books.get(address)
        return [self.orders[oid] for oid in books.open_oids] if books else []

    def take_oid(self) -> int:
        """Return a new order id."""
        self.next_oid += 1
        self.changes.is_meta = True
        return self.next_oid

    def take_trade(self) -> tuple[int, str]:
        """Return a new trade id of 50 bits and a transaction hash."""
        self.next_trade += 1
        self.changes.is_meta = True
        digest = hashlib.sha256(b"trade/%d" % self.next_trade).hexdigest()
        return int(digest[:13], 16) >> 2, "0x" + digest

    def touch(self, account: Account) -> None:
        """Mark an account as changed."""
        self.changes.accounts[account.address] = None

    def note(self, order: Order, status: Status | None = None) -> None:
        """Record a change of an order for the store and the streams."""
        event = order.note(self.now(), status)
        open_orders = self.books[order.user].open_oids
        if order.oid in open_orders:
            open_orders.resting = None
        self.changes.orders[order.oid] = None
        self.changes.events.append(OrderChanged(order=order, event=event))

    def admit(self, order: Order) -> None:
        """Enter a new order into the log; it is never forgotten from here on."""
        self.orders[order.oid] = order
        books = self.books[order.user]
        books.all_oids.append(order.oid)
        if order.cloid is not None:
            books.by_cloid.setdefault(order.cloid, []).append(order.oid)

    def add_ledger(self, account: Account, delta: dict[str, object]) -> None:
        """Write a ledger row."""
        _, digest = self.take_trade()
        written = {key: _written(value) for key, value in delta.items()}
        update = LedgerUpdate(user=account.address, time=self.now(), hash=digest, delta=written)
        self.books[account.address].ledger.append(update)
        self.changes.ledger.append(update)
        self.changes.events.append(update)
        self.touch(account)

    def drain(self) -> Changes:
        """Hand over what changed, and keep copies of the changed accounts for lagging reads."""
        now = self.now()
        for address in self.changes.accounts:
            if self.accounts[address].is_unified:
                unify(self.accounts[address])
            remember(self.accounts[address], self.books[address], now)
        self.block_ms = None
        done, self.changes = self.changes, Changes()
        return done


def _written(value: object) -> object:
    """Write a decimal as the venue does; a whole number keeps one decimal."""
    if not isinstance(value, Decimal):
        return value
    text = format(value.normalize(), "f")
    return text if "." in text else f"{'0' if text == '-0' else text}.0"
