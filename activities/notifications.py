"""Telling people, without ever standing in the way of a trade."""

from __future__ import annotations

from activities.blocking import blocking
from activities.errors import translated
from activities.ports import Notifier
from domain.notices import Notice


class NotificationActivities:
    """Hands notices to the user's channels."""

    def __init__(self, notifier: Notifier) -> None:
        self._notifier = notifier

    @blocking
    @translated
    def notify(self, notice: Notice) -> None:
        """Tell a user; the notifier drops what it told within the hour."""
        self._notifier.tell(notice)
