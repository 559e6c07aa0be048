"""What people read about the platform."""

from __future__ import annotations

from domain.halts import HaltFlag, WatchOutcome
from workflows.platform.messages import Halt, PlatformProgress


def flag_of(halt: Halt) -> HaltFlag:
    """The flag that a halt puts in force."""
    return HaltFlag(scope=halt.scope, key=halt.key, reason=halt.reason, by=halt.by)


def name_of(halt: Halt) -> str:
    """How people call a halt."""
    return flag_of(halt).name


def is_shown(halt: Halt, progress: PlatformProgress) -> bool:
    """Whether the status tells the times of this halt: the platform's own, or else the newest."""
    if halt.scope == "platform":
        return True
    return halt == progress.halts[-1] and not any(other.scope == "platform" for other in progress.halts)


def phase_of(progress: PlatformProgress) -> str:
    """The status that lists show: the platform's own halt alone makes it closed or drained."""
    if not any(halt.scope == "platform" for halt in progress.halts):
        return "open"
    return "drained" if progress.drained_at is not None else "closed"


def found_by(outcome: WatchOutcome) -> str:
    """What the watchdog's last round mended, '' for nothing."""
    parts = (
        ("protected", outcome.protected),
        ("settled", outcome.settled),
        ("without owner", outcome.unowned),
        ("restarted", outcome.restarted),
    )
    return "; ".join(f"{name}: {', '.join(items)}" for name, items in parts if items)


def details_of(progress: PlatformProgress, found: str) -> str:
    """Current details in Markdown."""
    lines = [f"**{phase_of(progress)}**"]
    lines.extend(f"- halt {name_of(halt)}: {halt.reason}, by {halt.by}" for halt in progress.halts)
    if progress.halts and progress.closed_at is not None:
        lines.append(f"- closed at {progress.closed_at:%H:%M:%S.%f} UTC")
    if progress.halts and progress.drained_at is not None:
        lines.append(f"- drained at {progress.drained_at:%H:%M:%S.%f} UTC")
    lines.append(f"- watchdog: {found or 'nothing to mend'}")
    return "\n".join(lines)
