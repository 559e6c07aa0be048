"""Waiting for criteria: one look an attempt, the retry is the wait."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from temporalio import activity

from activities.blocking import blocking
from activities.errors import translated
from domain.errors import Retryable
from domain.intents import Criteria, IntentPhase
from domain.watch import CriteriaWatch
from storage.journal import Intents
from venues.base import Mark, VenueDirectory

_LAST_MOMENT = timedelta(seconds=1)
_SOONEST = timedelta(milliseconds=500)


class CriteriaActivities:
    """Checks what a waiting intent waits for."""

    def __init__(self, *, venues: VenueDirectory, networks: Callable[[str], str], intents: Intents) -> None:
        self._venues = venues
        self._networks = networks
        self._intents = intents

    @blocking
    @translated
    def await_criteria(self, watch: CriteriaWatch) -> None:
        """Return when the criteria hold; until then every retry costs no history event."""
        intent = watch.intent
        if self._intents.register(intent):
            # Until its approval nothing else would list it.
            self._intents.show(intent.intent_id, IntentPhase.WAITING)
        mark = self._venues.of(intent.venue, self._networks(intent.venue)).market.mark(intent.coin)
        if not are_met(intent.policy.criteria, mark):
            raise Retryable(
                "criteria_not_met",
                f"{intent.coin} is at {mark.mark_px}, funding {mark.funding_rate}.",
                retry_after=_next_look(intent.policy.check_every),
            )


def _next_look(every: timedelta) -> timedelta:
    """Shorten the last interval: Temporal ends an activity at once whose next attempt would come after its time."""
    if not activity.in_activity():
        return every
    info = activity.info()
    if info.schedule_to_close_timeout is None:
        return every
    left = info.scheduled_time + info.schedule_to_close_timeout - datetime.now(UTC) - _LAST_MOMENT
    return max(min(every, left), _SOONEST)


def are_met(criteria: Criteria, mark: Mark) -> bool:
    """Say whether a mark meets every criterion."""
    return (
        (criteria.mark_above is None or mark.mark_px >= criteria.mark_above)
        and (criteria.mark_below is None or mark.mark_px <= criteria.mark_below)
        and (criteria.max_funding is None or mark.funding_rate <= criteria.max_funding)
    )
