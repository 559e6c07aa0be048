"""Cases in which the owner of a position runs and does nothing any more."""

from __future__ import annotations

import asyncio
import uuid
from datetime import timedelta

from temporalio.api.common.v1 import Payload, Payloads, WorkflowExecution
from temporalio.api.workflowservice.v1 import SignalWorkflowExecutionRequest

from domain.intents import Intent, IntentPhase
from runtime.converter import ENCODING, KEY_ID
from storage.postgres.agents import PostgresAgents
from tests.faults.patience import patiently
from tests.faults.run import Run
from tests.faults.stops import intents_of, new_agent
from workflows import attributes, ids
from workflows.user_agent.messages import UserAgentInput
from workflows.user_agent.workflow import UserAgentWorkflow


async def wedged_intent(run: Run) -> None:
    """Case 27: the intent that holds a position cannot do its tasks any more; an emergency stop closes it all the same."""
    config = new_agent(run, timedelta(seconds=2))
    agents = PostgresAgents(run.stack.bench.engine)
    await asyncio.to_thread(agents.add, config)
    await asyncio.to_thread(lambda: agents.activate(config.user_id, config.agent_id, active=True))
    handle = await run.arena.running_client.start_workflow(
        UserAgentWorkflow.run,
        UserAgentInput(config=config),
        id=ids.agent(config.user_id, config.agent_id),
        task_queue=ids.QUEUE_WORKFLOW,
        search_attributes=attributes.of(user=config.user_id, agent=config.agent_id, phase="running"),
    )
    await run.until(lambda: intents_of(run, config.agent_id, IntentPhase.PROTECTED), 60)
    wish = (await asyncio.to_thread(intents_of, run, config.agent_id))[0]
    run.wishes.append(wish)
    await wedge(run, wish)
    await asyncio.sleep(run.rng.uniform(0, 1))
    await patiently(lambda: handle.signal("emergency_stop"))
    await asyncio.wait_for(handle.result(), 120)
    if any((await asyncio.to_thread(run.site.log, run.account)).positions.values()):
        run.notes.append("an emergency stop left the position of a wedged intent")
    await run.terminate(wish)
    await run.reconciled(wish)


async def wedge(run: Run, wish: Intent) -> None:
    """Make every further task of an intent fail, as a build does that does not fit its history."""
    junk = Payload(metadata={"encoding": ENCODING, KEY_ID: b"test"}, data=b"not ours")
    request = SignalWorkflowExecutionRequest(
        namespace=run.arena.running_client.namespace,
        workflow_execution=WorkflowExecution(workflow_id=ids.intent(wish.intent_id)),
        signal_name="fill_recorded",
        input=Payloads(payloads=[junk]),
        request_id=str(uuid.uuid4()),
    )
    service = run.arena.running_client.workflow_service
    await patiently(lambda: service.signal_workflow_execution(request))
