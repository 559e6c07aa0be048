"""The venue's clock between two readings.

Only the choice of a deadline uses this estimate. What a deadline proves is always read from the venue itself, so a wrong
estimate costs time and never safety.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime, timedelta
from threading import Lock

from domain.accounts import AccountRef
from venues.base import Venue

_FRESH = 30.0
"""Seconds for which a reading is carried on by the monotonic clock, which no NTP step and no operator can move."""


class VenueClock:
    """Carries each venue's last reading on with the monotonic clock."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._readings: dict[tuple[str, str], tuple[datetime, float]] = {}
        self._lock = Lock()

    def now(self, venue: Venue, account: AccountRef) -> datetime:
        """Estimate the venue's time; asks the venue when the last reading is old."""
        with self._lock:
            reading = self._readings.get((venue.name, venue.network))
        if reading is not None and self._monotonic() - reading[1] < _FRESH:
            return reading[0] + timedelta(seconds=self._monotonic() - reading[1])
        return self.read(venue, account)

    def forget(self, venue: Venue) -> None:
        """Ask anew next time: a request was not taken, and the estimate may be why."""
        with self._lock:
            self._readings.pop((venue.name, venue.network), None)

    def read(self, venue: Venue, account: AccountRef) -> datetime:
        """Ask the venue for its time and remember it."""
        before = self._monotonic()
        at = venue.trading.venue_time(account)
        with self._lock:
            # Aged from before the question: the estimate may run behind the venue, which only shortens a deadline.
            self._readings[(venue.name, venue.network)] = (at, before + (self._monotonic() - before))
        return at
