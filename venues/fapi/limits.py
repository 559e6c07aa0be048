"""The request budget of one egress address, shared by all users of a process, and the order counts of accounts.

The venue counts weight per address and minute and orders per account, and says both in the headers of its answers
(X-MBX-USED-WEIGHT-1M, X-MBX-ORDER-COUNT-10S and -1M): what others spend from the same address is seen there. A fifth of either
is kept for what must not wait: reducing orders, cancels and the lookups of unknown orders.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from threading import Condition

from domain.errors import Retryable
from venues.fapi.dialect import OrderLimit

WINDOW = 60.0
USED_WEIGHT = "x-mbx-used-weight-1m"
ORDER_COUNT = "x-mbx-order-count-"
RETRY_AFTER = "retry-after"
_PAUSE_AFTER_429 = 5.0
_PAUSE_AFTER_418 = 120.0


class Priority(StrEnum):
    """Who may spend how much of the budget."""

    URGENT = "urgent"
    OPEN = "open"
    READ = "read"


# The share of the budget that a class has to leave to the ones before it.
_LEAVES = {Priority.URGENT: 0.0, Priority.OPEN: 0.2, Priority.READ: 0.3}


@dataclass(slots=True)
class Window:
    """A sliding sum."""

    seconds: float
    rows: deque[tuple[float, int]] = field(default_factory=deque)
    total: int = 0

    def used(self, now: float) -> int:
        """Return what was spent within the window."""
        while self.rows and self.rows[0][0] <= now - self.seconds:
            self.total -= self.rows.popleft()[1]
        return self.total

    def add(self, amount: int, now: float) -> None:
        """Spend an amount."""
        self.rows.append((now, amount))
        self.total += amount

    def delay(self, excess: float, now: float) -> float:
        """Return the seconds until an excess has left the window."""
        pause = 0.0
        for spent_at, spent in self.rows:
            if excess <= 0:
                break
            excess -= spent
            pause = max(pause, spent_at + self.seconds - now)
        return pause


class RequestBudget:
    """Weight spent in the last minute, pauses that the venue asked for, and order counts. Safe to use from many threads."""

    def __init__(
        self,
        per_minute: int = 2400,
        wait: timedelta = timedelta(seconds=5),
        order_limits: tuple[OrderLimit, ...] = (),
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._capacity = per_minute
        self._wait = wait.total_seconds()
        self._order_limits = order_limits
        self._clock = clock
        self._spent = Window(WINDOW)
        self._orders: dict[tuple[str, str], Window] = {}
        self._closed_until = float("-inf")
        self._full_until: dict[str, float] = {}
        self._changed = Condition()

    def acquire(self, weight: int, priority: Priority) -> None:
        """Wait until the weight may be spent and spend it; raises Retryable (rate_budget) when that takes too long."""
        with self._changed:
            self._wait_for(weight, priority)
            self._spent.add(weight, self._clock())

    def wait_for_room(self, weight: int, priority: Priority) -> None:
        """Wait as `acquire` does and spend nothing: the one who then sends is charged at the send."""
        with self._changed:
            self._wait_for(weight, priority)

    def charge(self, weight: int) -> None:
        """Count the weight of a write."""
        with self._changed:
            self._spent.add(weight, self._clock())

    def admit_order(self, account: str, *, is_urgent: bool) -> bool:
        """Count an order of an account; False, and not counted, when it would not be admitted or is not ours to spend."""
        with self._changed:
            now, share = self._clock(), 1.0 if is_urgent else 1 - _LEAVES[Priority.OPEN]
            if now < max(self._closed_until, self._full_until.get(account, now)):
                return False
            windows = [(limit, self._window(account, limit)) for limit in self._order_limits]
            if any(window.used(now) + 1 > limit.limit * share for limit, window in windows):
                return False
            for _, window in windows:
                window.add(1, now)
            return True

    def note(self, status: int, headers: Mapping[str, str], account: str = "", *, is_of_orders: bool = False) -> None:
        """Learn from an answer what the address and the account have used up, and how long to be silent.

        `is_of_orders`: it is the account that may place no order, while the address may ask as before.
        """
        with self._changed:
            now = self._clock()
            self._learn_weight(_number(headers.get(USED_WEIGHT)), now)
            for limit in self._order_limits if account else ():
                used = _number(headers.get(ORDER_COUNT + limit.header.lower()))
                window = self._window(account, limit)
                if used > window.used(now):
                    window.add(used - window.used(now), now)
            if status in {418, 429}:
                default = _PAUSE_AFTER_418 if status == 418 else _PAUSE_AFTER_429
                pause = _number(headers.get(RETRY_AFTER)) or default
                if is_of_orders and account:
                    self._full_until[account] = now + pause
                    return
                self._closed_until = max(self._closed_until, now + pause)

    @property
    def free_share(self) -> float:
        """Share of the budget that is left, 0 to 1."""
        with self._changed:
            return max(0.0, 1 - self._spent.used(self._clock()) / self._capacity)

    def _learn_weight(self, used: int, now: float) -> None:
        """Raise our sum to the venue's: the rest was spent by others, and leaves the window a minute from now at the latest."""
        unknown = used - self._spent.used(now)
        if unknown > 0:
            self._spent.add(unknown, now)

    def _window(self, account: str, limit: OrderLimit) -> Window:
        return self._orders.setdefault((account, limit.header), Window(limit.seconds))

    def _wait_for(self, weight: int, priority: Priority) -> None:
        give_up = self._clock() + self._wait
        while (delay := self._delay(weight, priority)) > 0:
            left = give_up - self._clock()
            if delay > left:
                raise _exhausted(delay)
            self._changed.wait(min(delay, left))

    def _delay(self, weight: int, priority: Priority) -> float:
        """Return the seconds until the weight fits; 0 when it does now."""
        now = self._clock()
        excess = self._spent.used(now) + weight - self._capacity * (1 - _LEAVES[priority])
        return max(0.0, self._closed_until - now, self._spent.delay(excess, now))


def _number(text: str | None) -> int:
    return int(text) if text is not None and text.isascii() and text.isdigit() else 0


def _exhausted(delay: float) -> Retryable:
    return Retryable(
        "rate_budget",
        f"The request budget of this address is spent; room comes in {delay:.0f} s.",
        action="Nothing to do now; if it lasts, add an egress address or fewer accounts.",
        retry_after=timedelta(seconds=delay),
    )
