"""When a long life continues as new, and how it moves to a newer build while it does."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, NoReturn

from temporalio import workflow
from temporalio.workflow import ContinueAsNewVersioningBehavior

LONGEST_RUN = timedelta(hours=24)
"""Age at which a run continues as new, so that at most two builds live at once."""


def is_due(since: datetime) -> bool:
    """Say whether the run has grown long, old, or older than the current build."""
    info = workflow.info()
    if info.is_continue_as_new_suggested() or info.is_target_worker_deployment_version_changed():
        return True
    return workflow.now() - since >= LONGEST_RUN


def roll(start: Any) -> NoReturn:
    """Continue as new; all handlers have to be finished."""
    if workflow.info().is_target_worker_deployment_version_changed():
        workflow.continue_as_new(start, initial_versioning_behavior=ContinueAsNewVersioningBehavior.AUTO_UPGRADE)
    workflow.continue_as_new(start)
