"""Waiting for criteria: one look an attempt, the retry is the wait."""

from __future__ import annotations

from temporalio import activity

from activities.errors import translated
from domain.errors import Retryable
from domain.intents import Criteria
from domain.watch import CriteriaWatch
from venues.base import Mark, VenueDirectory


class CriteriaActivities:
    """Checks what a waiting intent waits for."""

    def __init__(self, *, venues: VenueDirectory, network: str) -> None:
        self._venues = venues
        self._network = network

    @activity.defn
    @translated
    def await_criteria(self, watch: CriteriaWatch) -> None:
        """Return when the criteria hold; until then every retry costs no history event."""
        intent = watch.intent
        mark = self._venues.of(intent.venue, self._network).market.mark(intent.coin)
        if not are_met(intent.policy.criteria, mark):
            raise Retryable(
                "criteria_not_met",
                f"{intent.coin} is at {mark.mark_px}, funding {mark.funding_rate}.",
                retry_after=intent.policy.check_every,
            )


def are_met(criteria: Criteria, mark: Mark) -> bool:
    """Say whether a mark meets every criterion."""
    return (
        (criteria.mark_above is None or mark.mark_px >= criteria.mark_above)
        and (criteria.mark_below is None or mark.mark_px <= criteria.mark_below)
        and (criteria.max_funding is None or mark.funding_rate <= criteria.max_funding)
    )
