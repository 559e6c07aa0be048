"""Heartbeats of blocking activities: regular for long ones, none for short ones."""

from __future__ import annotations

import itertools
import time
from typing import Any

from temporalio.testing import ActivityEnvironment

from activities.beating import beating


def beats_of(seconds: float) -> list[float]:
    """Run an activity that takes so long; returns when it beat, from its start."""
    started = time.monotonic()
    beats: list[float] = []
    environment = ActivityEnvironment()

    def heard(*_: Any) -> None:
        beats.append(time.monotonic() - started)

    environment.on_heartbeat = heard
    environment.run(beating(lambda: time.sleep(seconds)))
    return beats


def test_a_short_activity_does_not_beat_whatever_the_beat_of_others() -> None:
    """Each beat is a write of the server's, and most activities end before anybody could miss them."""
    assert [beats_of(0.4) for _ in range(4)] == [[], [], [], []]


def test_a_long_activity_beats_each_second() -> None:
    """Three seconds of silence count as death."""
    times = [0.0, *beats_of(3.6)]
    assert len(times) in {3, 4}
    assert all(0.9 < later - earlier < 2 for earlier, later in itertools.pairwise(times))
