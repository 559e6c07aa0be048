"""Telling people: a log line, and an event that the API passes on; the same matter once an hour."""

import threading
import time

import structlog

from domain.errors import HoldfastError
from domain.notices import Notice, Severity
from storage.base import Events

ONCE_PER_SECONDS = 3600.0
MOST_REMEMBERED = 10_000


class StoredNotices:
    """Implements `activities.ports.Notifier`; a failed channel never raises."""

    def __init__(self, events: Events) -> None:
        self._events = events
        self._log = structlog.get_logger("notices")
        self._told: dict[str, float] = {}
        self._lock = threading.Lock()

    def tell(self, notice: Notice) -> None:
        """Log a notice and store it as an event of its user, of every user when it names none."""
        if self._was_told(notice):
            return
        write = self._log.warning if notice.severity is Severity.ALARM else self._log.info
        write(notice.title, kind=notice.kind, text=notice.text, user_id=notice.user_id, **notice.details)
        body = {"title": notice.title, "text": notice.text, "severity": notice.severity.value, **notice.details}
        try:
            if notice.user_id:
                self._events.append(notice.user_id, notice.kind, body)
            else:
                self._events.broadcast(notice.kind, body)
        except HoldfastError as failure:
            self._log.warning("a notice was not stored", kind=notice.kind, code=failure.code)

    def _was_told(self, notice: Notice) -> bool:
        if not notice.key:
            return False
        name, now = f"{notice.user_id}/{notice.key}", time.monotonic()
        with self._lock:
            last = self._told.get(name)
            if last is not None and now - last < ONCE_PER_SECONDS:
                return True
            if len(self._told) >= MOST_REMEMBERED:
                self._told = {key: at for key, at in self._told.items() if now - at < ONCE_PER_SECONDS}
            self._told[name] = now
        return False
