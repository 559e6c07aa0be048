"""Halts, broadcasts and the watchdog."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime

from temporalio import activity
from temporalio.exceptions import ApplicationError

from activities.beating import beating
from activities.blocking import blocking
from activities.draining import Draining
from activities.errors import translated
from activities.ports import Executions, Notifier, Settler
from activities.watchdog import Watchdog
from domain.errors import HoldfastError
from domain.halts import AgentCall, HaltFlag, HaltScope, WatchOutcome, WatchRequest
from domain.notices import Notice, Severity
from storage.base import Agents, Events, Halts
from storage.records import AgentRecord, RestingOpening

PAGE = 100
"""Agents told at once: a broadcast to thousands must not crowd out a close."""
_OWNERS_CANCEL_WITHIN = 3.0
_POLL = 0.3


@dataclass(frozen=True, slots=True, kw_only=True)
class PlatformParts:
    """What the platform's activities work with."""

    halts: Halts
    agents: Agents
    events: Events
    draining: Draining
    executions: Executions
    settler: Settler
    notifier: Notifier
    watchdog: Watchdog
    pause: Callable[[float], None] = time.sleep
    monotonic: Callable[[], float] = time.monotonic


class PlatformActivities:
    """What the PlatformWorkflow does."""

    def __init__(self, parts: PlatformParts) -> None:
        self._parts = parts

    @blocking
    @beating
    @translated
    def commit_halt(self, flag: HaltFlag) -> datetime:
        """Commit a halt and return when it was CLOSED; a halt that is in force keeps its time."""
        return self._parts.halts.commit(flag).at

    @blocking
    @beating
    @translated
    def drain(self, flag: HaltFlag) -> datetime | None:
        """Wait until nothing of the scope can be admitted any more, and return when it was DRAINED; None when released."""
        # A commit here would put back a halt whose release overtook this attempt.
        scope = (flag.scope, flag.key)
        record = next((x for x in self._parts.halts.in_force() if (x.flag.scope, x.flag.key) == scope), None)
        if record is None:
            return None
        self._parts.draining.wait(flag, lambda rows: activity.heartbeat("rows in flight", rows))
        return self._parts.halts.mark_drained(record.id)

    @blocking
    @translated
    def cancel_resting(self, flag: HaltFlag) -> int:
        """Cancel what rests and could still open: by its owners, and by us where an owner does not answer."""
        resting = self._parts.halts.resting(flag.scope, flag.key)
        self._ask_owners(resting)
        patience = self._parts.monotonic() + _OWNERS_CANCEL_WITHIN
        left = resting
        while left:
            activity.heartbeat("resting", len(left))
            if self._parts.monotonic() >= patience:
                self._cancel(left)
            self._parts.pause(_POLL)
            left = self._parts.halts.resting(flag.scope, flag.key)
        return len(resting)

    @blocking
    @beating
    @translated
    def release_halt(self, flag: HaltFlag) -> bool:
        """Release a halt; False when there was none."""
        return self._parts.halts.release(flag.scope, flag.key, flag.by)

    @blocking
    @translated
    def tell_of_halt(self, flag: HaltFlag) -> int:
        """Tell agents to hold and users why; returns how many agents were reached."""
        self._announce(flag, kind="halt", title=f"Trading is halted: {flag.name}", text=flag.reason)
        return self._call(flag, signal="hold", reason=f"{flag.name} halted: {flag.reason}")

    @blocking
    @translated
    def tell_of_release(self, flag: HaltFlag) -> int:
        """Tell agents and users that a halt was released; returns how many agents were reached."""
        self._announce(flag, kind="release", title=f"Trading goes on: {flag.name}", text=f"Released by {flag.by}.")
        return self._call(flag, signal="release", reason=f"{flag.name} released")

    @blocking
    @translated
    def call_agents(self, call: AgentCall) -> int:
        """Send a signal to every active agent of a user, or of all, in pages; returns how many were reached."""
        reached = 0
        for page in self._pages(call.user_id):
            reached += self._send(page, signal=call.signal, reason=call.reason, by=call.by)
        return reached

    @blocking
    @beating
    @translated
    def assert_halts(self, request: WatchRequest) -> str:
        """Put back the halts that a new epoch of the database has lost; returns the epoch."""
        return self._parts.watchdog.assert_halts(request)

    @blocking
    @translated
    def watch(self) -> WatchOutcome:
        """Look after positions without a live owner, stalled rows, streams that do not run and halts nobody drains."""
        return self._parts.watchdog.round(beat=activity.heartbeat)

    def _ask_owners(self, resting: tuple[RestingOpening, ...]) -> None:
        owners = tuple(dict.fromkeys(order.key.intent_id for order in resting))
        for start in range(0, len(owners), PAGE):
            self._parts.executions.cancel_intents(owners[start : start + PAGE])
            activity.heartbeat("owners asked", start)

    def _cancel(self, resting: tuple[RestingOpening, ...]) -> None:
        for order in resting:
            activity.heartbeat("cancelling", str(order.key))
            try:
                self._parts.settler.cancel_order(order.key)
            except (ApplicationError, HoldfastError) as failure:
                # One order that cannot be cancelled now must not keep the others resting.
                activity.logger.warning("cancel of %s is pending: %s", order.key, failure)

    def _call(self, flag: HaltFlag, *, signal: str, reason: str) -> int:
        user_id = flag.key if flag.scope == HaltScope.USER else ""
        agent_id = flag.key if flag.scope == HaltScope.AGENT else ""
        reached = 0
        for page in self._pages(user_id, agent_id):
            covered = tuple(agent for agent in page if _covers(flag, agent))
            reached += self._send(covered, signal=signal, reason=reason, by=flag.by)
        return reached

    def _send(self, page: tuple[AgentRecord, ...], *, signal: str, reason: str, by: str) -> int:
        activity.heartbeat(signal, len(page))
        agents = tuple((agent.config.user_id, agent.config.agent_id) for agent in page)
        return self._parts.executions.call_agents(agents, signal=signal, reason=reason, by=by) if agents else 0

    def _pages(self, user_id: str, agent_id: str = "") -> Iterator[tuple[AgentRecord, ...]]:
        after = ""
        while page := self._parts.agents.active(user_id=user_id, agent_id=agent_id, after=after, limit=PAGE):
            yield page
            after = page[-1].config.agent_id

    def _announce(self, flag: HaltFlag, *, kind: str, title: str, text: str) -> None:
        """Tell users: those of the scope, or all."""
        if flag.scope == HaltScope.AGENT:
            return
        user_id = flag.key if flag.scope == HaltScope.USER else ""
        body = {"scope": flag.scope, "key": flag.key, "reason": flag.reason, "by": flag.by}
        if user_id:
            self._parts.events.append(user_id, kind, body)
        else:
            self._parts.events.broadcast(kind, body)
        severity = Severity.ALARM if kind == "halt" else Severity.INFO
        self._parts.notifier.tell(
            Notice(user_id=user_id, kind=kind, title=title, text=text, severity=severity, key=f"{kind}/{flag.name}")
        )


def _covers(flag: HaltFlag, agent: AgentRecord) -> bool:
    match flag.scope:
        case HaltScope.PLATFORM:
            return True
        case HaltScope.VENUE:
            return agent.config.venue == flag.key
        case HaltScope.USER:
            return agent.config.user_id == flag.key
        case _:
            return agent.config.agent_id == flag.key
