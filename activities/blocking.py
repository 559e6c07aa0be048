"""How a blocking activity is declared."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from temporalio import activity

F = TypeVar("F", bound=Callable[..., Any])


def blocking(function: F) -> F:
    """Declare an activity that runs in a thread, and that runs to its end when it is cancelled.

    By default the SDK raises an exception inside the thread, between any two instructions of it. One that fell between the
    acquisition of a connection pool's lock and its release kept the lock for ever: each later order of that venue hung until the
    worker was restarted. What is cancelled here ends by its own time limits, and the workflow does not wait for it.
    """
    return activity.defn(no_thread_cancel_exception=True)(function)
