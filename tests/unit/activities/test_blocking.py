"""A blocking activity is not torn apart when it is cancelled."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import threading
from collections.abc import Iterator

from temporalio.testing import ActivityEnvironment

import activities
from activities.blocking import blocking

DEFINITION = "__temporal_activity_definition"


def defined() -> Iterator[tuple[str, object]]:
    """All activities, with their names."""
    for module in pkgutil.iter_modules(activities.__path__, "activities."):
        for _, owner in inspect.getmembers(importlib.import_module(module.name), inspect.isclass):
            for name, member in inspect.getmembers(owner, inspect.isfunction):
                if hasattr(member, DEFINITION):
                    yield f"{owner.__name__}.{name}", member


def test_no_activity_in_a_thread_is_interrupted_by_an_exception_from_outside() -> None:
    """An exception between the acquisition and the release of a lock keeps the lock: a venue's connections hung by it."""
    found = dict(defined())
    assert len(found) > 25
    torn = [
        name
        for name, member in found.items()
        if not inspect.iscoroutinefunction(member) and not getattr(member, DEFINITION).no_thread_cancel_exception
    ]
    assert torn == []


def test_a_cancelled_activity_runs_to_its_end() -> None:
    environment = ActivityEnvironment()
    begun, told = threading.Event(), threading.Event()

    @blocking
    def send() -> str:
        begun.set()
        told.wait(10)
        # Time for an exception to arrive, and instructions between which it would.
        return "sent" if sum(range(200_000)) else ""

    answers: list[str] = []
    thread = threading.Thread(target=lambda: answers.append(environment.run(send)))
    thread.start()
    begun.wait(10)
    environment.cancel()
    told.set()
    thread.join(10)
    assert answers == ["sent"]
