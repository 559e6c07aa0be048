"""The sandbox of workflow code, the same in the worker, the replayer and the tests."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from temporalio.converter import SerializationContext, StorageDriverStoreContext
from temporalio.worker import WorkflowInstance, WorkflowInstanceDetails
from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner, SandboxRestrictions
from temporalio.workflow import Info

PASSED_THROUGH = ("domain", "activities", "advisors", "storage", "venues", "workflows")
"""Our packages without state. Passed through by name and not only at import, because pydantic looks types up in
`sys.modules` when it first decodes a message, and modules that only their neighbours imported are not there otherwise.

The workflows' own files are among them: to load one anew took an eighth of a worker's time at many intents, and each run kept
its copy of the code. What the sandbox finds in a file that it loads itself, a clock, chance, input and output, or state that
runs would share, `tests/architecture` finds in the source of all of them; built-in functions stay restricted as ever."""


def runner() -> SandboxedWorkflowRunner:
    """Build the runner: sandbox on, our pure packages shared."""
    return _Runner(restrictions=SandboxRestrictions.default.with_passthrough_modules(*PASSED_THROUGH))


@dataclass(frozen=True)
class _Runner(SandboxedWorkflowRunner):
    def create_instance(self, det: WorkflowInstanceDetails) -> WorkflowInstance:
        return _WithoutContext(super().create_instance(det))


class _WithoutContext(WorkflowInstance):
    """Tells no context for each payload: our converter and encryption want none, and the sandbox runs code to make it up.

    That code was a tenth of a worker's time. Nothing of ours is stored outside of the payloads either.
    """

    def __init__(self, inner: WorkflowInstance) -> None:
        self._inner = inner

    def activate(self, act: Any) -> Any:
        return self._inner.activate(act)

    def get_serialization_context(self, command_info: Any) -> SerializationContext | None:
        del command_info
        return None

    def get_external_store_context(self, command_info: Any) -> StorageDriverStoreContext:
        del command_info
        return StorageDriverStoreContext(target=None)

    def get_info(self) -> Info:
        return self._inner.get_info()

    def get_thread_id(self) -> int | None:
        return self._inner.get_thread_id()
