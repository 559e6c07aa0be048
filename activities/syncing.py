"""Reading one account from its venue into the read model and the fills journal."""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import Protocol

from activities.ports import Executions
from domain.accounts import AccountRef, Portfolio
from domain.errors import HoldfastError
from domain.fills import Fill
from storage.base import Portfolios
from storage.journal import Fills, Intents
from venues.base import VenueDirectory

_OVERLAP = timedelta(minutes=5)
"""Fills are read again from before the newest known one: lookups lag, and what comes late may be older than what came first."""

_log = logging.getLogger(__name__)


class Guard(Protocol):
    """Protects positions."""

    def guard(self, owner: str, fills: tuple[Fill, ...]) -> None:
        """Protect what has filled, unless somebody has begun to."""


class AccountSync:
    """Keeps the read model and the fills journal; two may run at once, since all they write is idempotent."""

    def __init__(
        self,
        *,
        venues: VenueDirectory,
        portfolios: Portfolios,
        fills: Fills,
        intents: Intents,
        executions: Executions | None = None,
        guard: Guard | None = None,
    ) -> None:
        self._venues = venues
        self._portfolios = portfolios
        self._fills = fills
        self._intents = intents
        self._executions = executions
        self._guard = guard

    def sync(self, account: AccountRef) -> Portfolio:
        """Read and save the portfolio now, then the fills that led to it."""
        return self.sync_all(account)[0]

    def sync_all(self, account: AccountRef) -> tuple[Portfolio, tuple[Fill, ...]]:
        """Sync, and return the new fills as well."""
        venue = self._venues.of(account.venue, account.network)
        portfolio = venue.accounts.portfolio(account)
        # Saved before anything else is read: approvals count what was filled after the save as still reserved.
        self._portfolios.save(account, portfolio)
        return portfolio, self.read_fills(account)

    def read_fills(self, account: AccountRef, *, is_urgent: bool = False) -> tuple[Fill, ...]:
        """Journal the fills since the cursor, have them protected and tell the owners of their slots; returns the new ones."""
        venue = self._venues.of(account.venue, account.network)
        cursor = self._fills.cursor(account.account_id)
        seen = venue.accounts.fills_since(account, cursor - _OVERLAP, is_urgent=is_urgent)
        fresh = self._fills.record(account, seen)
        if seen and seen[-1].time > cursor:
            self._fills.set_cursor(account.account_id, seen[-1].time)
        self._tell_owners(account, fresh)
        return fresh

    def _tell_owners(self, account: AccountRef, fresh: tuple[Fill, ...]) -> None:
        if self._executions is None:
            return
        # What the answer to its opening order has told an owner is no news: a look would cost it an activity for each fill.
        owners = self._intents.untold(account.account_id, fresh) if fresh else {}
        news = {owner: tuple(fill for fill in fresh if fill.coin == coin) for coin, owner in owners.items()}
        # Every stop before any word: a worker that stands still swallows the tasks of the owner until the server gives them up,
        # and a server that stands still keeps whoever tells it something for as long as a call may take.
        if self._guard is not None:
            for owner, fills in news.items():
                self._guard.guard(owner, fills)
        for owner, fills in news.items():
            self._tell(owner, tuple(fill.trade_id for fill in fills))

    def _tell(self, owner: str, trade_ids: tuple[str, ...]) -> None:
        try:
            assert self._executions is not None
            self._executions.fills_recorded(owner, trade_ids)
        except HoldfastError as error:
            # The fills are journaled; the owner looks by itself, only later.
            _log.warning("owner %s was not told of its fills: %s", owner, error)
