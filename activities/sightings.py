"""What a shard has seen of its accounts: who is due, what changed, and who has to be woken for it."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from decimal import Decimal
from threading import Lock

from activities.ports import Executions, Metrics
from activities.risk import Breakers
from activities.syncing import AccountSync
from domain.accounts import AccountRef, Portfolio
from domain.errors import HoldfastError, Retryable
from domain.orders import OrderState
from domain.supervision import ShardReport, ShardRun
from storage.base import Portfolios, Reconciliations
from storage.journal import Journal
from storage.records import Ledger
from venues.base import Venue, VenueDirectory


@dataclass(frozen=True, slots=True, kw_only=True)
class SyncCost:
    """What looking at an account costs in a venue's request weight: `summary` the state alone, `full` with open orders and fills.
    `budget` is the weight a minute that a shard may use before flat accounts are looked at less often."""

    summary: int = 2
    full: int = 42
    budget: int = 500


FULL_EVERY = timedelta(minutes=5)
STRETCHED = timedelta(minutes=5)
AGAIN = 5.0
"""Seconds until a look that a stream asked for and that failed is repeated: by the clock alone it would be half a minute."""
FILLS = frozenset({"fill", "liquidation"})
"""Events after which fills are read at once, in a thread of their own."""
_SETTLE = 0.3
"""Seconds that a wake-up waits for its neighbours: one trade is several events."""
_SETTLE_FILLS = 1.0
"""The same after a fill. What is urgent about it has been done by then, and an account that trades ten coins at once was looked at
and reconciled three times a second."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class SightingParts:
    """What looking at accounts needs; `costs` by venue, Hyperliquid's where one is missing."""

    venues: VenueDirectory
    sync: AccountSync
    portfolios: Portfolios
    journal: Journal
    books: Reconciliations
    breakers: Breakers
    executions: Executions
    metrics: Metrics
    costs: Mapping[str, SyncCost] = field(default_factory=dict)
    monotonic: Callable[[], float] = time.monotonic


@dataclass
class Seen:
    """What is known of one account; times are monotonic seconds. `filled`: the look that is due tells of fills read before it."""

    due_at: float = 0.0
    full_at: float = 0.0
    woken: bool = True
    filled: bool = False
    is_exposed: bool = True
    positions: dict[str, Decimal] = field(default_factory=dict)
    equity: Decimal = Decimal(0)
    differences: dict[str, Decimal] = field(default_factory=dict)
    day: str = ""
    is_known: bool = False


class Sightings:
    """Looks at accounts within a budget. One account is never looked at by two threads at once."""

    def __init__(self, parts: SightingParts, run: ShardRun) -> None:
        self._parts = parts
        self._run = run
        self._cost = parts.costs.get(run.venue, SyncCost())
        self._seen: dict[str, Seen] = {}
        self._lock = Lock()
        self.report = ShardReport()

    def keep(self, accounts: tuple[AccountRef, ...]) -> None:
        """Know exactly these accounts; new ones are due at once."""
        wanted = {account.account_id for account in accounts}
        self._seen = {account_id: self._seen.get(account_id, Seen()) for account_id in wanted}
        self._count(accounts=len(wanted) - self.report.accounts)

    def wake(self, account_id: str, kind: str) -> None:
        """Make an account due soon, because its stream said something."""
        seen = self._seen.get(account_id)
        if seen is not None and not seen.woken:
            seen.woken = True
            seen.due_at = self._parts.monotonic() + (_SETTLE_FILLS if kind in FILLS else _SETTLE)
            self._parts.metrics.count("stream_wakes", kind=kind)

    def due_in(self, account_id: str) -> float:
        """Return the seconds until an account has to be looked at; nothing or less: now."""
        return self._seen[account_id].due_at - self._parts.monotonic()

    def look(self, account: AccountRef) -> None:
        """Look once: the summary, and everything when it changed, an order works or a stream spoke."""
        seen = self._seen.setdefault(account.account_id, Seen())
        with self._lock:
            woken, filled = seen.woken, seen.filled
            seen.woken = seen.filled = False
        # Set first: a look that fails is repeated by the clock and not at once.
        seen.due_at = self._parts.monotonic() + self._interval(seen).total_seconds()
        started = self._parts.monotonic()
        try:
            if woken or filled or self._has_changed(account, seen):
                self._look_fully(account, seen, filled=filled)
        except Exception as error:
            with self._lock:
                seen.filled = seen.filled or filled
            if woken and isinstance(error, Retryable):
                seen.woken, seen.due_at = True, self._parts.monotonic() + AGAIN
                self.read_fills(account)
            raise
        self._count(syncs=1)
        self._parts.metrics.observe("sync_seconds", self._parts.monotonic() - started, venue=account.venue)

    def read_fills(self, account: AccountRef) -> None:
        """Read the fills before others may read anything: what has filled needs its stop. Safe beside a look."""
        try:
            fresh = self._parts.sync.read_fills(account, is_urgent=True)
        except HoldfastError as error:
            _log.warning("the fills of account %s could not be read: %s", account.account_id, error)
            return
        self._count(fills=len(fresh))
        if fresh and not self._is_left_to_look(account.account_id):
            self._wake_for(account, ("fill",))

    def _is_left_to_look(self, account_id: str) -> bool:
        """Leave it to the look that is due to tell of fills: each word starts a reconciliation."""
        with self._lock:
            seen = self._seen.get(account_id)
            if seen is None or not seen.woken:
                return False
            seen.filled = True
            return True

    def _has_changed(self, account: AccountRef, seen: Seen) -> bool:
        if self._parts.monotonic() - seen.full_at >= FULL_EVERY.total_seconds():
            return True
        summary = self._venue_of(account).accounts.summary(account)
        if _positions(summary) != seen.positions or (not seen.positions and summary.equity != seen.equity):
            return True
        if self._parts.journal.live_rows(account.account_id):
            return True
        self._save_summary(account, summary)
        self._wake_for(account, self._by_the_clock(account, seen, summary))
        return False

    def _look_fully(self, account: AccountRef, seen: Seen, *, filled: bool) -> None:
        portfolio, fresh = self._parts.sync.sync_all(account)
        ledger = self._parts.books.ledger(account.account_id)
        self._tell_of_missing_triggers(ledger, portfolio)
        seen.full_at = self._parts.monotonic()
        reasons = (
            *(("fill",) if fresh or filled else ()),
            *self._by_difference(ledger, seen, portfolio),
            *self._by_the_clock(account, seen, portfolio),
        )
        seen.positions, seen.equity = _positions(portfolio), portfolio.equity
        seen.is_exposed = not portfolio.is_flat
        if not seen.is_known and seen.is_exposed:
            reasons = (*reasons, "exposed")
        seen.is_known = True
        self._count(fills=len(fresh))
        self._wake_for(account, reasons)

    def _tell_of_missing_triggers(self, ledger: Ledger, portfolio: Portfolio) -> None:
        """Have the owner look whose stop a person has cancelled: its own next look may be minutes away."""
        working = {name for order in portfolio.orders for name in (order.client_id, order.oid)}
        missing = {
            row.key.intent_id: None
            for row in ledger.live
            if row.state == OrderState.WORKING.value
            and not row.opening
            and working.isdisjoint({row.client_id, row.oid})
        }
        for intent_id in missing:
            self._parts.executions.fills_recorded(intent_id, ())

    def _save_summary(self, account: AccountRef, summary: Portfolio) -> None:
        """Carry the known orders over: the cheap request does not show them, and none of them has changed."""
        newest = self._parts.portfolios.newest(account.account_id)
        orders = newest.portfolio.orders if newest is not None else ()
        self._parts.portfolios.save(account, replace(summary, orders=orders))

    def _by_difference(self, ledger: Ledger, seen: Seen, portfolio: Portfolio) -> tuple[str, ...]:
        """Compare the venue's positions with the sum of the fills; only a change of the difference wakes."""
        expected = {total.coin: Decimal(total.size) for total in ledger.totals}
        shown = _positions(portfolio)
        working = {row.coin for row in ledger.live}
        found = {
            coin: shown.get(coin, Decimal(0)) - expected.get(coin, Decimal(0))
            for coin in shown.keys() | expected.keys()
            if coin not in working
        }
        differences = {coin: size for coin, size in found.items() if size}
        changed = differences != seen.differences
        seen.differences = differences
        return ("difference",) if changed else ()

    def _by_the_clock(self, account: AccountRef, seen: Seen, portfolio: Portfolio) -> tuple[str, ...]:
        """Notice a new trading day, and a loss that may have to trip the breaker; the account's workflow decides."""
        weighed = self._parts.breakers.weigh(account, portfolio)
        reasons = ("day boundary",) if seen.day and seen.day != weighed.day.day else ()
        seen.day = weighed.day.day
        return (*reasons, "breaker") if weighed.due is not None else reasons

    def _wake_for(self, account: AccountRef, reasons: tuple[str, ...]) -> None:
        if reasons:
            self._parts.executions.wake_account(account, reason=", ".join(dict.fromkeys(reasons)))
            self._count(wakes=1)

    def _interval(self, seen: Seen) -> timedelta:
        """Past the budget flat accounts are looked at less often; exposed ones never are."""
        if seen.is_exposed or self._load() <= self._cost.budget:
            return self._run.sync_every
        return max(STRETCHED, self._run.sync_every)

    def _load(self) -> float:
        """Request weight a minute if every account were looked at each round."""
        rounds = 60.0 / self._run.sync_every.total_seconds()
        return sum(self._cost.full if seen.is_exposed else self._cost.summary for seen in self._seen.values()) * rounds

    def _venue_of(self, account: AccountRef) -> Venue:
        return self._parts.venues.of(account.venue, account.network)

    def _count(self, *, accounts: int = 0, syncs: int = 0, fills: int = 0, wakes: int = 0) -> None:
        with self._lock:
            now = self.report
            self.report = ShardReport(
                accounts=now.accounts + accounts,
                syncs=now.syncs + syncs,
                fills=now.fills + fills,
                wakes=now.wakes + wakes,
            )


def _positions(portfolio: Portfolio) -> dict[str, Decimal]:
    return {held.coin: Decimal(held.size) for held in portfolio.positions if held.size}
