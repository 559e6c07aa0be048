"""The sandbox of workflow code, the same in the worker, the replayer and the tests."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner

PASSED_THROUGH = ("domain", "activities", "advisors", "storage", "venues")
"""Our packages without state. Passed through by name and not only at import, because pydantic looks types up in
`sys.modules` when it first decodes a message, and modules that only their neighbours imported are not there otherwise.

Workflow files import their neighbours as `import workflows.ids as ids`: the sandbox does not see a submodule in the list of a
`from workflows import ids`, and every run of a workflow would then load a copy of its own, 40 kB of them an agent."""


def runner() -> SandboxedWorkflowRunner:
    """Build the runner: sandbox on, workflow files reloaded per run, our pure packages shared."""
    from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner, SandboxRestrictions

    return SandboxedWorkflowRunner(restrictions=SandboxRestrictions.default.with_passthrough_modules(*PASSED_THROUGH))
