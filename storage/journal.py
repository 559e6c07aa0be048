"""The journal: what the fenced submission asks of a database, as Protocols.

Every method is one short transaction; none calls a venue. States move forward by compare-and-set: a method that returns False
has changed nothing because somebody else was there first.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Protocol

from domain.accounts import AccountRef, RequestCount
from domain.fills import Fill
from domain.intents import Intent, IntentPhase, Protection
from domain.money import Price, Quantity
from domain.orders import ApprovedOrder, OrderAck, OrderKey, OrderState, OrderTerms, Side
from storage.ledgers import Overfill


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderRow:
    """One row of the journal, as the fence sees it. Times by Postgres, `expires_at` and `not_after` as the venue enforces them."""

    key: OrderKey
    client_id: str
    account: AccountRef
    coin: str
    terms: OrderTerms
    state: OrderState
    not_after: datetime
    decided_at: datetime
    expires_at: datetime | None = None
    signer_id: str = ""
    nonce: int = 0
    attempt_token: str = ""
    sent_at: datetime | None = None
    resolved_at: datetime | None = None
    unknown_since: datetime | None = None
    oid: str = ""
    filled_size: Quantity = Quantity(Decimal(0))
    average_px: Price | None = None
    code: str = ""
    reason: str = ""
    absent_looks: int = 0
    absent_at: datetime | None = None
    noop_state: str = ""

    @property
    def ack(self) -> OrderAck:
        """What the row says to a workflow."""
        return OrderAck(
            key=self.key,
            state=self.state,
            oid=self.oid,
            filled_size=self.filled_size,
            average_px=self.average_px,
            code=self.code,
            reason=self.reason,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Signer:
    """The signer that a write uses; its key is opened by the vault, never by the journal."""

    signer_id: str
    account_id: str
    user_id: str
    address: str
    valid_until: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SendClaim:
    """The right to send one request once: the row is SENDING under this token, nonce and deadline."""

    signer: Signer
    nonce: int
    expires_at: datetime
    token: str


class WriteAhead(Protocol):
    """An open write-ahead transaction: signer locked, nonce drawn. Leaving it normally commits, an exception rolls back."""

    claim: SendClaim

    def commit_sending(self, request_hash: str, dies_at: datetime, *, leverage: tuple[int, bool] | None = None) -> bool:
        """Move the row APPROVED -> SENDING with the claim and the hash; False when the row is not APPROVED any more.

        `dies_at` is when the venue can admit the request no longer, where that is later than the claim's deadline. `leverage` and
        whether it is cross are remembered of the coin in the same commit.
        """


class Journal(Protocol):
    """Rows of orders, their order ids and cancels."""

    def order(self, key: OrderKey) -> OrderRow | None:
        """Read a row."""

    def order_to_send(self, key: OrderKey) -> tuple[OrderRow, tuple[int, bool] | None] | None:
        """Read a row, and the leverage last set or read of its coin, None when unknown."""

    def orders_of(self, intent_id: str) -> tuple[OrderRow, ...]:
        """Read all rows of an intent, oldest first."""

    def live_rows(self, account_id: str, coin: str = "") -> tuple[OrderRow, ...]:
        """Read the rows of an account (and coin) that may still trade."""

    def reserve_reducing(self, order: ApprovedOrder) -> OrderRow:
        """Insert the row of a reducing step as APPROVED, or return the one that is there.

        Raises Refused(intent_ended) when its intent has ended: it would take from the next owner of the slot.
        """

    def approved_order(self, key: OrderKey) -> ApprovedOrder | None:
        """Read the order as it was approved."""

    def stop(self, key: OrderKey) -> None:
        """Forbid the write-ahead of a row that is still APPROVED (a cancel before the send)."""

    def write_ahead(
        self, key: OrderKey, *, expires_at: datetime, venue_now: datetime, max_lead_seconds: int
    ) -> AbstractContextManager[WriteAhead]:
        """Open the write-ahead transaction of a step: lock the signer, draw max(Postgres clock, last + 1).

        Raises Misconfigured(signer_missing), Retryable(epoch_closed) for an opening step while the database's epoch is not
        cleared, and Retryable(nonce_ahead) for a nonce more than `max_lead_seconds` beyond the venue's time.
        """

    def settle(self, key: OrderKey, *, frm: frozenset[OrderState], ack: OrderAck, token: str = "") -> bool:
        """Move a row forward with what is now known (token: only if this attempt still holds it); records the order id."""

    def answered(self, key: OrderKey, ack: OrderAck) -> OrderRow | None:
        """Move a row in flight forward with its answer, and read how it stands then."""

    def note_look(self, key: OrderKey, *, found: bool, venue_time: datetime, text: str, counts: bool) -> None:
        """Append a line to the resolution log; `counts` when the look was past the deadline and found nothing."""

    def note_oid(self, client_id: str, oid: str) -> None:
        """Remember an order id that was seen for a client id."""

    def signer(self, signer_id: str) -> Signer:
        """Read the signer that a row was sent with."""

    def noop_claim(self, key: OrderKey) -> bool:
        """Mark that a noop with the row's nonce is being sent; False when one was sent before."""

    def note_noop(self, key: OrderKey, state: str) -> None:
        """Record how the noop ended: burned, duplicate, unknown, or skipped where none was sent."""

    def is_limited(self, account_id: str) -> bool:
        """Whether the venue has lately refused an account for the number of its requests."""

    def cancel_claim(
        self, key: OrderKey, *, oid: str, expires_at: datetime, venue_now: datetime, max_lead_seconds: int
    ) -> tuple[int, SendClaim]:
        """Journal a cancel before it is sent; returns its id and claim (token empty)."""

    def note_cancel(self, cancel_id: int, *, verdict: str, text: str) -> None:
        """Record the sorted answer of a cancel."""

    def account_claim(
        self, account_id: str, *, expires_at: datetime, venue_now: datetime, max_lead_seconds: int
    ) -> SendClaim:
        """Draw a nonce for an account action that moves no money (leverage)."""

    def note_leverage(self, account_id: str, coin: str, *, leverage: int, is_cross: bool) -> None:
        """Remember a leverage."""

    def forget_leverage(self, account_id: str, coin: str) -> None:
        """Forget it after a write whose outcome is unknown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class IntentView:
    """The row of an intent as activities need it; `protection` are the prices in force, by the last change."""

    intent: Intent
    phase: IntentPhase
    filled_size: Quantity
    average_px: Price | None
    protection: Protection


class Intents(Protocol):
    """Rows of intents, their fills and slots."""

    def register(self, intent: Intent) -> bool:
        """Insert the row of an intent that needs no approval (a close); False when it was there."""

    def view(self, intent_id: str) -> IntentView | None:
        """Read a row."""

    def show(self, intent_id: str, phase: IntentPhase, *, code: str = "", reason: str = "") -> None:
        """Show a phase and touch the row."""

    def touch(self, intent_id: str) -> None:
        """Say that the owner is alive."""

    def set_protection(self, intent_id: str, *, stop_px: Price | None, take_profit_px: Price | None) -> None:
        """Remember the prices in force."""

    def mark_protected(self, intent_id: str, at: datetime) -> None:
        """Record when the position was first protected."""

    def fills(self, intent_id: str) -> tuple[Fill, ...]:
        """Fills bound to an intent, oldest first."""

    def unfinished(self, account_id: str) -> tuple[Intent, ...]:
        """Intents of an account that are not shown as ended or that own a slot, oldest first."""

    def finish(self, intent: Intent, phase: IntentPhase, *, code: str, reason: str) -> bool:
        """Show the terminal phase and free the slot if the intent holds it; False when it was shown before.

        Raises Retryable(order_still_works) while a row of the intent may still trade. From then on none can come.
        """

    def untold(self, account_id: str, new: tuple[Fill, ...]) -> dict[str, str]:
        """Owners of slots, by coin, that journaled fills are news for: not all are of their opening orders with a known answer."""

    def owner(self, account_id: str, coin: str) -> str:
        """The intent that owns a slot, '' when free."""

    def adopt_slot(self, account_id: str, coin: str, intent_id: str) -> str:
        """Own a free slot for a close without owner; returns the owner."""

    def replace_owner(self, account_id: str, coin: str, gone: str, intent_id: str) -> str:
        """Take a slot from an owner by compare-and-set; returns the owner."""


class Fills(Protocol):
    """The fills journal."""

    def record(self, account: AccountRef, fills: tuple[Fill, ...]) -> tuple[Fill, ...]:
        """Insert fills once each, bind them to intents by client id or order id; returns the new ones."""

    def on_coin(self, account_id: str, coin: str, since: datetime, intent_id: str) -> tuple[Fill, ...]:
        """Fills of a coin from an instant on, oldest first: the intent's own and those that no intent of ours ordered."""

    def unbound(self, account_id: str, since: datetime) -> tuple[Fill, ...]:
        """Fills after an instant that no order of ours is known to have made, oldest first."""

    def steps(self, intent_id: str) -> dict[str, str]:
        """Step by trade id of the fills that are bound to an intent."""

    def cursor(self, account_id: str) -> datetime:
        """Instant from which fills have to be read again."""

    def set_cursor(self, account_id: str, at: datetime) -> None:
        """Move the cursor; never back."""


class RequestCounts(Protocol):
    """What venues were last seen to have counted of accounts' requests."""

    def newest(self, account_id: str) -> tuple[RequestCount, timedelta] | None:
        """The count that was read last, and how long ago."""

    def keep(self, account_id: str, count: RequestCount) -> None:
        """Keep what was read just now."""


class Overfills(Protocol):
    """Orders that filled more than they were for, and the copies that made them."""

    def senders(
        self, account_id: str, coin: str, side: Side, *, since: datetime, until: datetime
    ) -> tuple[OrderRow, ...]:
        """Rows of an account, with a size, that were sent on a coin and side within a span, newest first; some at most."""

    def bind(self, account: AccountRef, client_id: str, oid: str) -> None:
        """Bind the fills of an order id to the order of ours that it is a copy of."""

    def overfilled(self, account_id: str, since: datetime) -> tuple[Overfill, ...]:
        """Orders of intents that own a slot, and of those that filled since, whose fills are more than their size; oldest first."""
