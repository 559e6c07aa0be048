"""Stopping one agent: gently (cancel what works) or at once (halt, drain, cancel, close, prove flat)."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta

from temporalio import activity
from temporalio.exceptions import ApplicationError

from activities.approvals import AccountBook, PortfolioSync
from activities.beating import beating
from activities.blocking import blocking
from activities.draining import Draining
from activities.errors import translated
from activities.ports import Closer, Executions
from domain.accounts import AccountRef, Portfolio
from domain.errors import HoldfastError, Retryable
from domain.halts import EmergencyOutcome, EmergencyStop, HaltFlag, HaltScope
from domain.intents import Intent, IntentKind, IntentPhase, agent_intent_id
from domain.orders import Side
from domain.watch import CloseOrder
from storage.access import Audit, UserSettings
from storage.base import Halts
from storage.journal import Intents, Journal

_APART = timedelta(seconds=2)
"""Least distance, by the venue's clock, between the two syncs that prove flat."""
_SOON = timedelta(milliseconds=500)


@dataclass(frozen=True, slots=True, kw_only=True)
class EmergencyParts:
    """What an emergency stop works with."""

    accounts: AccountBook
    halts: Halts
    draining: Draining
    journal: Journal
    intents: Intents
    executions: Executions
    closer: Closer
    sync: PortfolioSync
    audit: Audit
    settings: UserSettings
    pause: Callable[[float], None] = time.sleep


class EmergencyActivities:
    """Ends what an agent has under way."""

    def __init__(self, parts: EmergencyParts) -> None:
        self._parts = parts

    @blocking
    @beating
    @translated
    def cancel_working(self, stop: EmergencyStop) -> None:
        """Ask the agent's intents to cancel what has not filled."""
        self._parts.executions.cancel_intents(self._intents_of(stop))

    @blocking
    @beating
    @translated
    def emergency_stop(self, stop: EmergencyStop) -> EmergencyOutcome:
        """Bring an agent to a proved halt. Every step may be repeated, so a crash half-way only means doing it again."""
        account = self._parts.accounts.ref(stop.account_id)
        flag = HaltFlag(scope=HaltScope.AGENT, key=stop.agent_id, reason=stop.reason, by=stop.by or "user")
        record = self._parts.halts.commit(flag)
        self._parts.draining.wait(flag, lambda rows: activity.heartbeat("draining", rows))
        self._parts.halts.mark_drained(record.id)
        with ThreadPoolExecutor(1, "telling") as aside:
            # The owners close as well, and end then; a server under load takes a quarter of a second to tell them.
            told = aside.submit(self._parts.executions.close_intents, self._intents_of(stop), reason=stop.reason)
            closed = self._close(stop, account)
            told.result()
        flat_at = self._prove_flat(stop, account)
        self._release_dead(stop)
        self._note(stop, closed, flat_at)
        return EmergencyOutcome(flat_at=flat_at, closed_coins=closed)

    def _intents_of(self, stop: EmergencyStop) -> tuple[str, ...]:
        """The intents that the workflow knows, and the owners that only Postgres knows after a lost history."""
        owners = (owner.intent_id for owner in self._owners(stop).values())
        return tuple(dict.fromkeys((*stop.open_intents, *owners)))

    def _owners(self, stop: EmergencyStop) -> dict[str, Intent]:
        found: dict[str, Intent] = {}
        for coin in stop.coins:
            owner = self._parts.intents.owner(stop.account_id, coin)
            view = self._parts.intents.view(owner) if owner else None
            if view is not None and view.intent.agent_id == stop.agent_id:
                found[coin] = view.intent
        return found

    def _close(self, stop: EmergencyStop, account: AccountRef) -> tuple[str, ...]:
        """Close from the venue's truth, through the owner's steps: the owner itself may be wedged."""
        owners = self._owners(stop)
        found = [owners.get(coin) or self._unowned(stop, account, coin) for coin in stop.coins]
        closing = [intent for intent in found if intent is not None]
        for intent in closing:
            # What works may fill, and a close has to look at the account first. It cancels again, and says what is wrong.
            with suppress(HoldfastError):
                self._parts.closer.cancel_opening(intent)
        left = closing
        # In rounds: the second coin's close must not wait until the first one is proved flat.
        while left := [intent for intent in left if not self._is_closed(intent, stop.reason)]:
            self._parts.pause(_SOON.total_seconds())
        return tuple(intent.coin for intent in closing)

    def _is_closed(self, intent: Intent, reason: str) -> bool:
        """Do one step of a close; False while it takes more."""
        activity.heartbeat("closing", intent.coin)
        try:
            self._parts.closer.close_position(CloseOrder(intent=intent, reason=reason))
        except ApplicationError as failure:
            if failure.non_retryable:
                raise
            return False
        return True

    def _unowned(self, stop: EmergencyStop, account: AccountRef, coin: str) -> Intent | None:
        """Make an intent for a position that nobody owns, where the user wants those closed as well."""
        if not self._closes_manual(stop) or self._parts.intents.owner(stop.account_id, coin):
            return None
        position = self._parts.sync.sync(account).position(coin)
        if position is None:
            return None
        intent = _sweep(stop, account, coin, position.side.opposite)
        self._parts.intents.register(intent)
        self._parts.intents.adopt_slot(stop.account_id, coin, intent.intent_id)
        return intent

    def _prove_flat(self, stop: EmergencyStop, account: AccountRef) -> datetime:
        """Return the venue's time of the second of two syncs that show nothing of the agent."""
        first = self._require_flat(stop, account)
        while True:
            self._parts.pause(_SOON.total_seconds())
            activity.heartbeat("proving flat", first.as_of.isoformat())
            second = self._require_flat(stop, account)
            if second.as_of - first.as_of >= _APART:
                return second.as_of

    def _require_flat(self, stop: EmergencyStop, account: AccountRef) -> Portfolio:
        portfolio = self._parts.sync.sync(account)
        for coin in stop.coins:
            if self._parts.journal.live_rows(stop.account_id, coin) and self._is_ours(stop, coin):
                raise Retryable("not_flat_yet", f"An order of {coin} is not terminal yet.", retry_after=_SOON)
            if portfolio.position(coin) is not None and self._is_ours(stop, coin):
                raise Retryable("not_flat_yet", f"{coin} is not flat yet.", retry_after=_SOON)
        return portfolio

    def _is_ours(self, stop: EmergencyStop, coin: str) -> bool:
        owner = self._parts.intents.owner(stop.account_id, coin)
        if not owner:
            return self._closes_manual(stop)
        view = self._parts.intents.view(owner)
        return view is not None and view.intent.agent_id == stop.agent_id

    def _closes_manual(self, stop: EmergencyStop) -> bool:
        return stop.closes_manual or bool(self._parts.settings.read(stop.user_id).get("close_manual_positions"))

    def _release_dead(self, stop: EmergencyStop) -> None:
        """Free the slots of owners that no longer run: nobody else would."""
        owners = self._owners(stop)
        states = self._parts.executions.owners(tuple(intent.intent_id for intent in owners.values()))
        for intent in owners.values():
            if not states[intent.intent_id].is_running:
                self._parts.intents.finish(intent, IntentPhase.CLOSED, code="emergency_stop", reason=stop.reason)

    def _note(self, stop: EmergencyStop, closed: tuple[str, ...], flat_at: datetime) -> None:
        body = {"reason": stop.reason, "closed": ",".join(closed), "flat_at": flat_at.isoformat()}
        self._parts.audit.append(stop.by or stop.user_id, "agent.emergency_stop", stop.agent_id, body)


def _sweep(stop: EmergencyStop, account: AccountRef, coin: str, side: Side) -> Intent:
    """Name the close by the instant of the stop: a later stop is another one."""
    moment = -int(stop.asked_at.timestamp())
    return Intent(
        intent_id=agent_intent_id(stop.agent_id, moment, coin, side, IntentKind.CLOSE),
        user_id=stop.user_id,
        account_id=stop.account_id,
        venue=account.venue,
        coin=coin,
        kind=IntentKind.CLOSE,
        side=side,
        decided_at=stop.asked_at,
        agent_id=stop.agent_id,
        cycle=moment,
        reason=stop.reason,
    )
