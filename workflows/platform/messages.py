"""What the PlatformWorkflow is started with, told and asked. Signals: halt, release, broadcast, watch_now."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class Halt:
    """Signal `halt` and one entry of the halt book. `scope`: platform, venue, user, agent; `key` is empty for the platform.

    `keep_resting` leaves resting opening orders alone; they are cancelled by default.
    """

    scope: str = "platform"
    key: str = ""
    reason: str = "by hand"
    by: str = "operator"
    keep_resting: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """Signal `release`."""

    scope: str = "platform"
    key: str = ""
    by: str = "operator"


@dataclass(frozen=True, slots=True, kw_only=True)
class Broadcast:
    """Signal `broadcast`: send an argument-free signal to every agent of a user (or of all)."""

    signal: str
    user_id: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlatformProgress:
    """The state that survives continue-as-new: the halts in force are re-asserted in each new database epoch."""

    halts: tuple[Halt, ...] = ()
    epoch: str = ""
    closed_at: datetime | None = None
    drained_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PlatformInput:
    """Start of the PlatformWorkflow. `max_rounds` > 0 rolls after so many rounds of the watchdog (tests)."""

    progress: PlatformProgress = field(default_factory=PlatformProgress)
    watch_every: timedelta = timedelta(seconds=60)
    max_rounds: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class HaltTimes:
    """Answer of query `status`: when the newest halt was closed and drained."""

    halts: tuple[Halt, ...] = ()
    closed_at: datetime | None = None
    drained_at: datetime | None = None
    epoch: str = ""
