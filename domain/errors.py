"""Errors answer one question: who acts now?

    HoldfastError
      Retryable        nothing happened; the same call may be made again (retry_after says when)
      OutcomeUnknown   something may have happened; look before anything is sent again
      Refused          the venue or our rules said no; the decision has to change
      Misconfigured    a person has to act; `action` says what to do

`code` is stable, snake_case and listed in docs/reference/errors.md. `action` is one sentence for a person.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta


class HoldfastError(Exception):
    """Base of every error that Holdfast raises on purpose."""

    def __init__(self, code: str, message: str, *, action: str = "", details: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.action = action
        self.details = dict(details or {})


class Retryable(HoldfastError):
    """Nothing happened; try again, not before `retry_after` if it is given."""

    def __init__(
        self,
        code: str,
        message: str,
        *,
        action: str = "",
        details: Mapping[str, str] | None = None,
        retry_after: timedelta | None = None,
    ) -> None:
        super().__init__(code, message, action=action, details=details)
        self.retry_after = retry_after


class OutcomeUnknown(HoldfastError):
    """The venue may have acted; only a look may decide."""


class Refused(HoldfastError):
    """The venue or a rule of ours refused; nothing happened and nothing will."""


class Misconfigured(HoldfastError):
    """A person has to change something before this can work."""
