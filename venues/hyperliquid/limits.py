"""The request budget of one egress address, shared by all users of a process.

Hyperliquid counts weight per IP address: 1200 a minute over all REST requests (docs, "Rate limits and user limits"). A
fifth of it is kept for what must not wait: reducing orders, cancels and the lookups of unknown orders.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from datetime import timedelta
from enum import StrEnum
from threading import Condition

from domain.errors import Retryable

WINDOW = 60.0
_LIGHT = frozenset(
    {"l2Book", "allMids", "clearinghouseState", "orderStatus", "spotClearinghouseState", "exchangeStatus"}
)
_PER_TWENTY = frozenset(
    {"recentTrades", "historicalOrders", "userFills", "userFillsByTime", "fundingHistory", "userFunding"}
    | {"userNonFundingLedgerUpdates"}
)


class Priority(StrEnum):
    """Who may spend how much of the budget."""

    URGENT = "urgent"
    OPEN = "open"
    READ = "read"


# The share of the budget that a class has to leave to the ones before it.
_LEAVES = {Priority.URGENT: 0.0, Priority.OPEN: 0.2, Priority.READ: 0.3}
_PAUSE_AFTER_429 = {Priority.URGENT: 1.0, Priority.OPEN: 5.0, Priority.READ: 5.0}


def info_weight(kind: str) -> int:
    """Weight of an info request before its answer is known."""
    if kind in _LIGHT:
        return 2
    return 60 if kind == "userRole" else 20


def answer_weight(kind: str, items: int) -> int:
    """Weight that the length of an answer adds."""
    if kind in _PER_TWENTY:
        return items // 20
    return items // 60 if kind == "candleSnapshot" else 0


class RequestBudget:
    """Weight spent in the last minute, with a share held back for urgent requests. Safe to use from many threads.

    A window and not a bucket that refills: a full bucket plus a minute's refill would let twice the limit through.
    """

    def __init__(
        self,
        per_minute: int = 1200,
        wait: timedelta = timedelta(seconds=5),
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._capacity = per_minute
        self._wait = wait.total_seconds()
        self._clock = clock
        self._spent: deque[tuple[float, int]] = deque()
        self._used = 0
        self._refused_at = float("-inf")
        self._changed = Condition()

    def acquire(self, weight: int, priority: Priority) -> None:
        """Wait until the weight may be spent and spend it; raises Retryable (rate_budget) when that takes too long."""
        with self._changed:
            self._wait_for(weight, priority)
            self._spend(weight)

    def wait_for_room(self, weight: int, priority: Priority) -> None:
        """Wait as `acquire` does and spend nothing: the one who then sends is charged at the send."""
        with self._changed:
            self._wait_for(weight, priority)

    def charge(self, weight: int) -> None:
        """Count weight that only the answer showed."""
        if weight > 0:
            with self._changed:
                self._spend(weight)

    def refused(self) -> None:
        """Note a 429: somebody else spends from this address too, so the budget is empty for some seconds."""
        with self._changed:
            self._refused_at = self._clock()

    @property
    def free_share(self) -> float:
        """Share of the budget that is left, 0 to 1."""
        with self._changed:
            self._forget()
            return max(0.0, 1 - self._used / self._capacity)

    def _wait_for(self, weight: int, priority: Priority) -> None:
        give_up = self._clock() + self._wait
        while (delay := self._delay(weight, priority)) > 0:
            left = give_up - self._clock()
            if delay > left:
                raise _exhausted(delay)
            self._changed.wait(min(delay, left))

    def _spend(self, weight: int) -> None:
        self._spent.append((self._clock(), weight))
        self._used += weight

    def _forget(self) -> None:
        horizon = self._clock() - WINDOW
        while self._spent and self._spent[0][0] <= horizon:
            self._used -= self._spent.popleft()[1]

    def _delay(self, weight: int, priority: Priority) -> float:
        """Seconds until the weight fits; 0 when it does now."""
        self._forget()
        now = self._clock()
        pause = max(0.0, self._refused_at + _PAUSE_AFTER_429[priority] - now)
        excess = self._used + weight - self._capacity * (1 - _LEAVES[priority])
        for spent_at, spent in self._spent:
            if excess <= 0:
                break
            excess -= spent
            pause = max(pause, spent_at + WINDOW - now)
        return pause


def _exhausted(delay: float) -> Retryable:
    return Retryable(
        "rate_budget",
        f"The request budget of this address is spent; room comes in {delay:.0f} s.",
        action="Nothing to do now; if it lasts, add an egress address or fewer accounts.",
        retry_after=timedelta(seconds=delay),
    )
