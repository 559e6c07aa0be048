"""Orders that filled more than they were for: whose copy the network delivered, or a venue's mistake. Found, named and told.

Binance knows a client id again only while its order works: a copy of a market order, signed and in its window, fills as well. Its
fills name an order id that we have never seen. The order behind that id has our name and our terms, and so its fills are bound to
the row and the sum shows it. Nothing is traded back here: stops and closes go by the whole position, which has the excess in it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from activities.ports import Metrics, Notifier
from domain.accounts import AccountRef
from domain.errors import HoldfastError, Retryable
from domain.fills import Fill
from domain.money import plain
from domain.notices import Notice, Severity
from domain.reconciliation import DifferenceKind
from storage.base import Reconciliations
from storage.journal import Fills, OrderRow, Overfills
from storage.ledgers import FoundDifference, Overfill
from venues.base import Venue, VenueDirectory

_SHOWN = timedelta(minutes=30)
"""How long one is looked for after its last fill where its intent has ended."""
_BEFORE, _AFTER = timedelta(minutes=10), timedelta(minutes=1)
"""How long before and after a fill the order was sent that it may be a copy of: the clock of a row is the database's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Overfilling:
    """Finds and tells of orders that filled too much; every step may be repeated."""

    venues: VenueDirectory
    fills: Fills
    overfills: Overfills
    books: Reconciliations
    notifier: Notifier
    metrics: Metrics

    def find(self, account: AccountRef, since: datetime, now: datetime) -> tuple[Overfill, ...]:
        """Bind what copies of our orders filled since an instant, and return the orders that filled too much."""
        venue = self.venues.of(account.venue, account.network)
        if not venue.trading.capabilities.has_noop:
            # Where a nonce can be burned it is used up by the first copy: none ever fills.
            self._bind_copies(venue, account, self.fills.unbound(account.account_id, since))
        found = self.overfills.overfilled(account.account_id, min(since, now - _SHOWN))
        return tuple(each for each in found if each.excess >= _lot(venue, each.coin))

    def tell(self, account: AccountRef, found: tuple[Overfill, ...]) -> None:
        """Tell the user of each that the report does not have yet: before it has it, or a crash would hush it."""
        if not found:
            return
        known = [
            each.note
            for each in self.books.differences(account.user_id)
            if each.account_id == account.account_id and each.kind == DifferenceKind.ORDER_OVERFILLED.value
        ]
        for each in found:
            if not any(each.client_id in note for note in known):
                self.metrics.count("orders_overfilled", venue=account.venue)
                self.notifier.tell(_notice(account, each))

    def _bind_copies(self, venue: Venue, account: AccountRef, unbound: tuple[Fill, ...]) -> None:
        """Bind fills to the order of ours whose name and terms the venue shows for their order id."""
        for fill in {(fill.coin, fill.oid): fill for fill in unbound if not fill.is_liquidation}.values():
            senders = self.overfills.senders(
                account.account_id, fill.coin, fill.side, since=fill.time - _BEFORE, until=fill.time + _AFTER
            )
            copied = next((row for row in senders if self._is_of(venue, row, fill.oid)), None)
            if copied is not None:
                self.overfills.bind(account, copied.client_id, fill.oid)

    def _is_of(self, venue: Venue, row: OrderRow, oid: str) -> bool:
        """Whether the venue shows our name and our terms for an order id."""
        instrument = venue.market.instrument(row.coin)
        try:
            sighting = venue.trading.look_up(
                row.account, client_id=row.client_id, instrument=instrument, terms=row.terms, oid=oid
            )
        except Retryable:
            raise
        except HoldfastError:
            # Whom the venue does not let look has fills that are flagged as not ours, as all that cannot be told.
            return False
        return sighting.matches


def differences_of(found: Iterable[Overfill]) -> tuple[FoundDifference, ...]:
    """Write them for the reconciliation's report, one row a coin."""
    by_coin: dict[str, list[Overfill]] = {}
    for each in found:
        by_coin.setdefault(each.coin, []).append(each)
    return tuple(
        FoundDifference(
            coin=coin,
            kind=DifferenceKind.ORDER_OVERFILLED.value,
            amount=sum((each.excess * each.side.sign for each in those), Decimal(0)),
            note="; ".join(map(told, those)),
        )
        for coin, those in by_coin.items()
    )


def told(overfill: Overfill) -> str:
    """Say what was ordered and what filled."""
    side, coin = overfill.side, overfill.coin
    return f"{overfill.client_id} {side} {plain(overfill.ordered)} {coin}, filled {plain(overfill.filled)}"


def _lot(venue: Venue, coin: str) -> Decimal:
    return Decimal(1).scaleb(-venue.market.instrument(coin).size_decimals)


def _notice(account: AccountRef, overfill: Overfill) -> Notice:
    coin, ordered, filled = overfill.coin, plain(overfill.ordered), plain(overfill.filled)
    return Notice(
        kind="order_overfilled",
        severity=Severity.ALARM,
        user_id=account.user_id,
        key=f"order_overfilled/{account.account_id}/{overfill.client_id}",
        title=f"{coin}: an order filled more than it was for",
        text=f"The order {overfill.client_id} was to {overfill.side} {ordered} {coin}, and {filled} has filled: it was executed"
        " more than once, as when the network delivers a request twice. The stop covers the whole position, and a close closes"
        " all of it. Close it, or keep it; and see that no proxy on the way to the venue repeats requests.",
        details={
            "account_id": account.account_id,
            "intent_id": overfill.key.intent_id,
            "coin": coin,
            "client_id": overfill.client_id,
            "ordered": ordered,
            "filled": filled,
        },
    )
