"""What every venue offers, as Protocols named for their roles.

An adapter translates; it never retries a write, never decides what an unclear answer means and never waits between the gate
and the send. Every call has a timeout.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Protocol

from domain.accounts import AccountRef, Portfolio, RestingOrder
from domain.candles import CandleSeries
from domain.fills import Fill
from domain.instruments import Instrument
from domain.money import Money, Price, Quantity
from domain.orders import OrderTerms
from venues.links import AddressChecks, LinkReport, RequestCounts


@dataclass(frozen=True, slots=True, kw_only=True)
class Capabilities:
    """What a venue can do that the fenced submission depends on.

    `lag` is how long after a deadline a lookup may still miss an order that was admitted in time; `has_noop` means that a
    request with the same nonce proves that an order can never run; `may_resend` is False where no true fence exists.
    """

    lag: timedelta
    has_noop: bool
    may_resend: bool
    default_deadline: timedelta
    max_nonce_lead: timedelta = timedelta(seconds=60)


@dataclass(frozen=True, slots=True, kw_only=True)
class SigningKey:
    """A signer in clear, alive only inside the activity that signs. Its repr shows the address alone.

    `address` is an agent's address or an API key; `master` is the address of the account that it signs for, where a venue
    wants that in a request (Aster's wallets).
    """

    address: str
    secret: str
    master: str = ""

    def __repr__(self) -> str:
        return f"SigningKey({self.address})"


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedRequest:
    """The exact bytes of one write and what identifies them. `body` is never logged: a signature is a bearer token."""

    body: bytes
    digest: str
    nonce: int
    expires_at: datetime

    def __repr__(self) -> str:
        return f"SignedRequest(digest={self.digest}, nonce={self.nonce})"


class Verdict(StrEnum):
    """How an answer to a write is sorted: everything that is not provably one of the first two is UNKNOWN."""

    ACCEPTED = "accepted"
    REFUSED = "refused"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A sorted answer to one write. `is_resting` says that the order is open; `text` is the venue's own words, cut short;
    `action` is one sentence for a person, where there is something to do."""

    verdict: Verdict
    code: str = ""
    text: str = ""
    oid: str = ""
    is_resting: bool = False
    filled_size: Quantity = Quantity(Decimal(0))
    average_px: Price | None = None
    action: str = ""


class SightingStatus(StrEnum):
    """What a lookup by client id or order id showed."""

    OPEN = "open"
    FILLED = "filled"
    CANCELLED = "cancelled"
    REJECTED = "rejected"
    TRIGGERED = "triggered"
    NOT_FOUND = "not_found"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sighting:
    """One lookup of one order. `matches` is whether coin, side, original size, limit, reduce-only and trigger are the row's."""

    status: SightingStatus
    oid: str = ""
    reason: str = ""
    matches: bool = True
    original_size: Quantity | None = None
    changed_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """Prices of one coin. `funding_rate` is hourly; `market_time` is the venue's (market) time of the answer."""

    coin: str
    mark_px: Price
    mid_px: Price
    oracle_px: Price
    funding_rate: Price
    market_time: datetime


class Trading(Protocol):
    """Writes and the lookups that resolve them; one object serves all accounts of a venue and network."""

    capabilities: Capabilities

    def venue_time(self, account: AccountRef) -> datetime:
        """Ask the venue for its own clock (Hyperliquid: clearinghouseState.time, block time)."""

    def sign_order(
        self,
        *,
        key: SigningKey,
        client_id: str,
        instrument: Instrument,
        terms: OrderTerms,
        nonce: int,
        expires_at: datetime,
    ) -> SignedRequest:
        """Build and sign the bytes of an order; no I/O."""

    def sign_cancel(
        self, *, key: SigningKey, instrument: Instrument, oid: str, client_id: str, nonce: int, expires_at: datetime
    ) -> SignedRequest:
        """Build and sign a cancel, by order id when it is known, else by client id; no I/O."""

    def sign_leverage(
        self,
        *,
        key: SigningKey,
        instrument: Instrument,
        leverage: int,
        is_cross: bool,
        nonce: int,
        expires_at: datetime,
    ) -> SignedRequest:
        """Build and sign a change of leverage; no I/O."""

    def sign_noop(self, *, key: SigningKey, nonce: int, expires_at: datetime | None) -> SignedRequest:
        """Build and sign a request that does nothing but use up a nonce; only where `capabilities.has_noop`."""

    def wait_for_budget(self, *, is_urgent: bool) -> None:
        """Wait until one write fits the request budget, before the nonce is drawn and never after; `send` does not wait.
        Raises Retryable (rate_budget). `is_urgent` is for what reduces, cancels or resolves."""

    def send(self, request: SignedRequest) -> Answer:
        """Post the bytes once and sort the answer; never raises for anything that the network or the venue does."""

    def look_up(
        self, account: AccountRef, *, client_id: str, instrument: Instrument, terms: OrderTerms, oid: str = ""
    ) -> Sighting:
        """Look an order up, by oid when given, else by client id, and compare it with its terms.

        Raises Retryable when it could not look.
        """

    def lookup_horizon(self, account: AccountRef) -> datetime | None:
        """Return how far back a "not found" can be believed; None when the venue shows everything since ever."""


class AccountReader(Protocol):
    """Reads of one account, always by the master's address. All raise Retryable when the venue did not answer.

    Urgent reads may spend the budget's reserve. Where a `coin` is named, others' orders and fills may be left out, to be cheaper.
    """

    def portfolio(self, account: AccountRef, *, is_urgent: bool = False, coin: str = "") -> Portfolio:
        """Read equity, positions and open orders (triggers included) with the venue's time, read before the rest."""

    def summary(self, account: AccountRef, *, is_urgent: bool = False) -> Portfolio:
        """Read equity and positions alone (the cheap request); `orders` is empty."""

    def open_orders(self, account: AccountRef, *, is_urgent: bool = False, coin: str = "") -> tuple[RestingOrder, ...]:
        """Read the open orders, triggers included."""

    def fills_since(
        self, account: AccountRef, since: datetime, *, is_urgent: bool = False, coin: str = ""
    ) -> tuple[Fill, ...]:
        """Read fills from an instant on (inclusive), oldest first, paged to the end."""

    def transfers_since(self, account: AccountRef, since: datetime) -> tuple[Transfer, ...]:
        """Read deposits, withdrawals, funding payments and other ledger entries from an instant on, oldest first."""

    def leverage(self, account: AccountRef, coin: str) -> tuple[int, bool]:
        """Read (leverage, is_cross) that a new position in a coin would have."""

    def check_link(self, account: AccountRef, signer_address: str) -> LinkReport:
        """Check read-only that the address is a master's and that the signer may act for it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Transfer:
    """A change of the balance that is no fill. `kind`: deposit, withdrawal, transfer, funding, other. Positive is a credit."""

    time: datetime
    kind: str
    amount: Money
    coin: str = ""
    reference: str = ""


class KeyChecks(Protocol):
    """Checks of keys that are an account's only name, before anything of it is stored. Reads only."""

    def check_key(self, key: SigningKey, address: str = "") -> LinkReport:
        """Check that a key may trade and nothing more; `address` is the account it should belong to, if that is known."""

    def identify(self, key: SigningKey) -> str:
        """Return the stable address of the account that a key belongs to."""


class MarketData(Protocol):
    """Public data, shared by all agents of a process; answers may be cached for about a second."""

    def instruments(self) -> dict[str, Instrument]:
        """All instruments by coin."""

    def instrument(self, coin: str) -> Instrument:
        """One instrument; refuses an unknown coin (code unknown_coin) and names similar ones."""

    def mark(self, coin: str) -> Mark:
        """Mark, mid, oracle and funding of a coin."""

    def candles(self, coin: str, interval: str, count: int) -> CandleSeries:
        """The last closed bars, oldest first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamEvent:
    """A wake-up from a user stream; REST decides what it means. `kind`: fill, order, liquidation, resync. `address` is empty
    on an order event where the venue does not say whose it is; `client_id` then names the order."""

    address: str
    kind: str
    coin: str = ""
    client_id: str = ""
    oid: str = ""


class UserStream(Protocol):
    """User streams of up to a connection's limit of addresses, with their own reconnect; silence is reported as a resync event."""

    def events(self, addresses: tuple[str, ...]) -> AsyncIterator[StreamEvent]:
        """Yield events for ever; after each reconnect a `resync` for every address comes first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Venue:
    """One venue on one network. `key_checks` where keys name accounts and sign reads, `address_checks` where addresses do;
    `request_counts` where the venue lets an account send so many requests for so much that it has traded."""

    name: str
    network: str
    trading: Trading
    accounts: AccountReader
    market: MarketData
    key_checks: KeyChecks | None = None
    address_checks: AddressChecks | None = None
    request_counts: RequestCounts | None = None


class VenueDirectory(Protocol):
    """Finds the venue of an account."""

    def of(self, venue: str, network: str) -> Venue:
        """Return a venue; raises Misconfigured(venue_unknown) for one that this process does not serve."""
