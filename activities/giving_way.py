"""Opens give way while a stop or a halt begins."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta

HOLD = timedelta(seconds=1.5)
"""How long, from the commit of a halt: longer than its cancels and closes take to leave."""
EVERY = timedelta(seconds=6)
"""From one hold to the next. Who stops agents over and over must not keep everybody else from trading."""
LEAST_AT_ONCE = 1
"""Opens that go on meanwhile: on a machine with little to do, most notice nothing."""


class GivingWay:
    """Holds the opens of a process back for a moment. Safe to use from many threads.

    Behind thousands of opens a process takes all processors, its own, Postgres's and Temporal's, and each of the ten steps of a
    stop waits for its turn: measured on two cores, the first cancel came after one to three seconds. Priorities order what waits
    in a queue; they do nothing about what is under way. A slot supplier of the SDK would hold back as well, but is asked for every
    task, which took a tenth of the throughput.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._changed = threading.Condition()
        self._moving = 0
        self._waiting = 0
        self._until = 0.0
        self._next = 0.0

    @property
    def is_held(self) -> bool:
        """Whether opens are held back now."""
        return self._clock() < self._until

    @property
    def waiting(self) -> int:
        """How many opens are held back now."""
        return self._waiting

    def hold(self) -> None:
        """Hold opens back from now on, unless that was so a moment ago."""
        with self._changed:
            now = self._clock()
            if now >= self._next:
                self._until, self._next = now + HOLD.total_seconds(), now + EVERY.total_seconds()

    @contextmanager
    def opening(self) -> Iterator[None]:
        """Count an open as under way, once it may begin."""
        self._enter()
        try:
            yield
        finally:
            self._leave()

    def between_steps(self) -> None:
        """Let a stop that has begun meanwhile go first."""
        if self.is_held:
            self._leave()
            self._enter()

    def _enter(self) -> None:
        with self._changed:
            self._waiting += 1
            while self._moving >= LEAST_AT_ONCE and (left := self._until - self._clock()) > 0:
                self._changed.wait(left)
            self._waiting -= 1
            self._moving += 1

    def _leave(self) -> None:
        with self._changed:
            self._moving -= 1
            if self.is_held:
                self._changed.notify()
