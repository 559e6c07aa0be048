"""The second answer of a halt: no opening order of its scope can be admitted any more."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime

from domain.errors import Retryable
from domain.halts import HaltFlag
from storage.base import Halts
from storage.records import InFlight
from venues.base import VenueDirectory

_POLL = 0.2


class Draining:
    """Waits until every opening request in flight is answered or dead by the venue's own clock.

    Rows are written before the gate is read, so whatever passed the gate before the flag was committed has a row here.
    """

    def __init__(self, *, halts: Halts, venues: VenueDirectory, pause: Callable[[float], None] = time.sleep) -> None:
        self._halts = halts
        self._venues = venues
        self._pause = pause

    def wait(self, flag: HaltFlag, beat: Callable[[int], None]) -> None:
        """Return when the scope is drained; `beat` is told how many rows are still in flight."""
        while (alive := self._alive(flag)) > 0:
            beat(alive)
            self._pause(_POLL)

    def _alive(self, flag: HaltFlag) -> int:
        pending = self._halts.in_flight(flag.scope, flag.key)
        clocks: dict[tuple[str, str], datetime | None] = {}
        return sum(entry.rows for entry in pending if not self._is_dead(entry, clocks))

    def _is_dead(self, entry: InFlight, clocks: dict[tuple[str, str], datetime | None]) -> bool:
        place = (entry.account.venue, entry.account.network)
        if place not in clocks:
            clocks[place] = self._read_clock(entry)
        now = clocks[place]
        return now is not None and entry.last_deadline < now

    def _read_clock(self, entry: InFlight) -> datetime | None:
        """Ask the venue itself; without its answer nothing is proved."""
        try:
            return self._venues.of(entry.account.venue, entry.account.network).trading.venue_time(entry.account)
        except Retryable:
            return None
