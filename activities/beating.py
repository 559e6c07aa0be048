"""Heartbeats of blocking activities, so that a worker that dies is noticed in seconds and not at the end of a time-out.

One thread beats for all activities of a process: a thread for each would cost more than many of them do.
"""

from __future__ import annotations

import contextvars
import functools
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import ParamSpec, TypeVar

from temporalio import activity

P = ParamSpec("P")
R = TypeVar("R")

_EVERY_SECONDS = 1.0
_SHORTEST_REST = 0.05


@dataclass
class _Beat:
    """One activity that is under way, and when it has to beat next (monotonic seconds)."""

    context: contextvars.Context
    due: float


class Pulse:
    """Beats for every activity that is inside it, first when that has taken a while: each beat is a write of the server's."""

    def __init__(self) -> None:
        self._inside: dict[int, _Beat] = {}
        self._lock = threading.Lock()
        self._some = threading.Event()
        self._thread: threading.Thread | None = None

    def enter(self) -> int:
        """Begin to beat for the activity of this thread."""
        context = contextvars.copy_context()
        with self._lock:
            self._inside[id(context)] = _Beat(context, time.monotonic() + _EVERY_SECONDS)
            if self._thread is None:
                self._thread = threading.Thread(target=self._beat, name="pulse", daemon=True)
                self._thread.start()
        self._some.set()
        return id(context)

    def leave(self, name: int) -> None:
        """Stop beating for it."""
        with self._lock:
            self._inside.pop(name, None)
            if not self._inside:
                self._some.clear()

    def _beat(self) -> None:
        rest = threading.Event()
        while True:
            self._some.wait()
            rest.wait(self._rest())
            for context in self._due():
                try:
                    context.run(activity.heartbeat)
                except Exception:  # noqa: BLE001, S112 - it has just ended, or its worker is shutting down
                    continue

    def _rest(self) -> float:
        """Return the seconds until the next one is due."""
        with self._lock:
            due = min((beat.due for beat in self._inside.values()), default=0.0)
        return max(due - time.monotonic(), _SHORTEST_REST)

    def _due(self) -> list[contextvars.Context]:
        now = time.monotonic()
        with self._lock:
            due = [beat for beat in self._inside.values() if beat.due <= now]
            for beat in due:
                beat.due = now + _EVERY_SECONDS
        return [beat.context for beat in due]


_PULSE = Pulse()


def beating(function: Callable[P, R]) -> Callable[P, R]:
    """Wrap a blocking activity so that it heartbeats while it runs."""

    @functools.wraps(function)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        if not activity.in_activity():
            return function(*args, **kwargs)
        name = _PULSE.enter()
        try:
            return function(*args, **kwargs)
        finally:
            _PULSE.leave(name)

    return run
