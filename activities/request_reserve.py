"""The requests that an account keeps for stops, closes and cancels where the venue counts them: nothing opens with the last ones.

Hyperliquid lets an address send 10,000 requests and one more for each USDC that it trades; beyond that it takes one in ten seconds.
An account that learns it from its stop's refusal has a position that stays bare for so long.
"""

from __future__ import annotations

from dataclasses import dataclass

from activities.ports import Notifier
from domain.accounts import KEPT_REQUESTS, AccountRef, RequestCount
from domain.errors import Retryable
from domain.notices import Notice, Severity
from storage.journal import RequestCounts
from venues.base import VenueDirectory


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestReserve:
    """Looks at the counts of accounts as often as they might come near the reserve, for a look weighs as much as ten of a state."""

    venues: VenueDirectory
    counts: RequestCounts
    notifier: Notifier

    def look(self, account: AccountRef) -> None:
        """Read the count if it is due; one that could not be read is read the next time."""
        reader = self.venues.of(account.venue, account.network).request_counts
        if reader is None:
            return
        newest = self.counts.newest(account.account_id)
        if newest is not None and newest[1] < newest[0].good_for:
            return
        try:
            count = reader.request_count(account)
        except Retryable:
            return
        self.counts.keep(account.account_id, count)
        if count.left < KEPT_REQUESTS:
            self.notifier.tell(_notice(account, count))


def told(left: int) -> str:
    """Say how many are left and what they are kept for."""
    kept = f"the last {KEPT_REQUESTS:,} are kept for stops, closes and cancels."
    return f"The venue takes {max(left, 0):,} more requests of this account; {kept}"


def _notice(account: AccountRef, count: RequestCount) -> Notice:
    return Notice(
        kind="requests_low",
        severity=Severity.WARNING,
        user_id=account.user_id,
        key=f"requests_low/{account.account_id}",
        title=f"{account.venue}: this account has few requests left",
        text=f"{told(count.left)} It opens nothing until there are more: each USDC traded frees one, and the venue sells them.",
        details={"account_id": account.account_id, "used": str(count.used), "allowed": str(count.allowed)},
    )
