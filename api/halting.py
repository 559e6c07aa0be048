"""Halts: committed here, so that CLOSED does not wait for anybody, and told to the PlatformWorkflow after that."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from decimal import Decimal

import structlog

from api import starts
from api.deps import Parts
from api.schemas.platform import HaltAnswer, HaltsView, ReleaseAnswer, halt_fields, halt_of
from domain.errors import Retryable
from domain.halts import HaltFlag, HaltScope, warning_of
from storage.records import HaltRecord
from workflows.platform.messages import Halt, Release

ADMIN_PREFIX = "admin:"
"""Marks halts that only an administrator may release."""


def close(parts: Parts, flag: HaltFlag, *, keep_resting: bool = False) -> HaltAnswer:
    """Commit a halt, tell the PlatformWorkflow to drain it, and say how long the commit took."""
    begun = time.monotonic()
    record = parts.halts.commit(flag)
    milliseconds = Decimal(round((time.monotonic() - begun) * 1_000_000)) / 1000
    log = structlog.get_logger("api.halt")
    log.warning("halt closed", scope=flag.scope, key=flag.key, reason=flag.reason, by=flag.by, ms=str(milliseconds))
    kept = record.flag
    told = Halt(scope=kept.scope, key=kept.key, reason=kept.reason, by=kept.by, keep_resting=keep_resting)
    try:
        parts.executions.start(starts.platform_told("halt", told))
    except Retryable as error:
        # The gate reads the row, so nothing opens; the watchdog drains it when Temporal is back.
        log.warning("halt not told", code=error.code, scope=flag.scope, key=flag.key)
        is_told = False
    else:
        is_told = True
    matches = _matches(parts, kept)
    extra = {"closed_ms": milliseconds, "is_told": is_told, "matches": matches}
    warning = warning_of(kept.scope, kept.key, matches)
    return HaltAnswer.model_validate({**halt_fields(record), **extra, "warning": warning})


def _matches(parts: Parts, flag: HaltFlag) -> int | None:
    """Count who is known by the key of a halt; asked after its commit, which waits for nothing."""
    try:
        return int(flag.key in parts.names.ids(HaltScope(flag.scope), flag.key))
    except Retryable:
        return None


def release(parts: Parts, *, scope: HaltScope, key: str, by: str) -> ReleaseAnswer:
    """Release a halt. The PlatformWorkflow is always told: it would put a halt that it remembers back."""
    released = parts.halts.release(scope, key, by)
    parts.executions.start(starts.platform_told("release", Release(scope=scope, key=key, by=by)))
    structlog.get_logger("api.halt").warning("halt released", scope=scope, key=key, by=by, released=released)
    return ReleaseAnswer.model_validate({**dict(in_force(parts)), "released": released})


def in_force(parts: Parts) -> HaltsView:
    """Show every halt."""
    return shown(parts, parts.halts.in_force())


def shown(parts: Parts, halts: tuple[HaltRecord, ...]) -> HaltsView:
    """Show some halts, and whether the platform is halted by any or by a setting."""
    by_setting = "KILL_SWITCH_FILE" if parts.settings.halt_file.exists() else ""
    halted = bool(by_setting) or any(halt.flag.scope == HaltScope.PLATFORM for halt in halts)
    return HaltsView(
        trading_halted=halted, by_setting=by_setting, halts=[halt_of(halt) for halt in halts], as_of=datetime.now(UTC)
    )
