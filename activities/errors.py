"""The one translation from our errors to Temporal failures."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import ParamSpec, TypeVar

from temporalio.exceptions import ApplicationError, ApplicationErrorCategory

from domain.errors import HoldfastError, Misconfigured, OutcomeUnknown, Refused, Retryable

P = ParamSpec("P")
R = TypeVar("R")

_LONGEST = 2_000
"""Characters of a message that enter a history; a whole HTTP body there is retried for ever as too large."""


def translate(error: HoldfastError) -> ApplicationError:
    """Return the failure that says to Temporal who acts: retried, or final and expected."""
    message = f"{error.message} {error.action}".strip()[:_LONGEST]
    match error:
        case Retryable():
            # One that knows when to come back is a poll, not a fault: it is not logged as one.
            poll = error.retry_after is not None
            category = ApplicationErrorCategory.BENIGN if poll else ApplicationErrorCategory.UNSPECIFIED
            return ApplicationError(message, type=error.code, next_retry_delay=error.retry_after, category=category)
        case OutcomeUnknown():
            return ApplicationError(message, type=error.code)
        case Refused() | Misconfigured():
            return ApplicationError(
                message, type=error.code, non_retryable=True, category=ApplicationErrorCategory.BENIGN
            )
        case _:
            return ApplicationError(message, type=error.code)


def translated(function: Callable[P, R]) -> Callable[P, R]:
    """Wrap an activity so that our errors leave it as Temporal failures."""

    @functools.wraps(function)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return function(*args, **kwargs)
        except HoldfastError as error:
            raise translate(error) from error

    return run
