"""What `doctor` asks Temporal: does it answer, does somebody poll each queue, is the platform watched."""

from collections.abc import Iterable

from temporalio.api.enums.v1 import TaskQueueType
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import DescribeTaskQueueRequest
from temporalio.client import Client, WorkflowExecutionStatus
from temporalio.service import RPCError

from commands import home
from commands.findings import Finding, fault, warning, well
from runtime.secrets import KeyRing
from runtime.settings import Settings
from runtime.temporal_client import connect
from wiring.venues import VENUES
from workflows import ids

ACTIVITY_QUEUES = (ids.QUEUE_HALT, ids.QUEUE_CLOSE, *map(ids.queue_open, VENUES), ids.QUEUE_READ, ids.QUEUE_STREAM)


async def temporal_findings(settings: Settings) -> list[Finding]:
    """Look at the server, the queues and the platform's workflow."""
    address = home.temporal_address(settings)
    client = await connect(settings, KeyRing.of(settings), address=address)
    unserved = [name for name in (ids.QUEUE_WORKFLOW, *ACTIVITY_QUEUES) if not await _is_polled(client, name)]
    return [
        well("temporal", f"{address}, namespace {client.namespace}, answers."),
        _queues(unserved),
        await _platform(client),
    ]


def _queues(unserved: Iterable[str]) -> Finding:
    names = ", ".join(unserved)
    if not names:
        return well("queues", "Every task queue has a worker.")
    return fault("queues", "queue_without_worker", f"Nobody serves {names}.", "Start `python -m worker --queues all`.")


async def _is_polled(client: Client, queue: str) -> bool:
    is_workflow = queue == ids.QUEUE_WORKFLOW
    kind = TaskQueueType.TASK_QUEUE_TYPE_WORKFLOW if is_workflow else TaskQueueType.TASK_QUEUE_TYPE_ACTIVITY
    request = DescribeTaskQueueRequest(
        namespace=client.namespace, task_queue=TaskQueue(name=queue), task_queue_type=kind
    )
    return bool((await client.workflow_service.describe_task_queue(request)).pollers)


async def _platform(client: Client) -> Finding:
    try:
        found = await client.get_workflow_handle(ids.PLATFORM).describe()
    except RPCError:
        return fault("platform", "no_platform", "PlatformWorkflow does not run: no watchdog.", "Start a worker.")
    if found.status is not WorkflowExecutionStatus.RUNNING:
        return fault("platform", "no_platform", "PlatformWorkflow has ended: no watchdog.", "Start a worker.")
    attempt = found.raw_description.pending_workflow_task.attempt
    if attempt > 2:
        text = f"PlatformWorkflow fails its tasks (attempt {attempt})."
        return warning("platform", "platform_stuck", text, "See the worker's log and the Temporal Web UI.")
    return well("platform", "PlatformWorkflow runs.")
