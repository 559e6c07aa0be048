"""Stopping one agent: gently (cancel what works) or at once (halt, drain, cancel, close, prove flat)."""

from __future__ import annotations

from temporalio import activity

from activities.errors import translated
from domain.halts import EmergencyOutcome, EmergencyStop


class EmergencyActivities:
    """Ends what an agent has under way."""

    @activity.defn
    @translated
    def cancel_working(self, stop: EmergencyStop) -> None:
        """Ask the agent's intents to cancel what has not filled."""
        raise NotImplementedError

    @activity.defn
    @translated
    def emergency_stop(self, stop: EmergencyStop) -> EmergencyOutcome:
        """Bring an agent to a proved halt."""
        raise NotImplementedError
