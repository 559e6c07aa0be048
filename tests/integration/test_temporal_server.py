"""The real parts that the session starts."""

from datetime import timedelta

import psycopg
import pytest
from temporalio import workflow
from temporalio.api.operatorservice.v1 import ListSearchAttributesRequest
from temporalio.api.workflowservice.v1 import DescribeNamespaceRequest
from temporalio.client import Client
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import Worker

from workflows import attributes


@workflow.defn
class SleepingWorkflow:
    """Sleeps a day and upserts one of our search attributes."""

    @workflow.run
    async def run(self) -> str:
        workflow.upsert_search_attributes([attributes.PHASE.value_set("SLEEPING")])
        await workflow.sleep(timedelta(days=1))
        return workflow.info().workflow_id


async def test_the_time_skipping_server_skips_a_day_and_knows_our_search_attributes(
    time_skipping: WorkflowEnvironment,
) -> None:
    async with Worker(time_skipping.client, task_queue="sleep", workflows=[SleepingWorkflow]):
        answer = await time_skipping.client.execute_workflow(SleepingWorkflow.run, id="sleeper", task_queue="sleep")
    assert answer == "sleeper"


async def test_the_real_server_keeps_closed_executions_thirty_days_and_knows_our_search_attributes(
    temporal_client: Client,
) -> None:
    service = temporal_client.workflow_service
    described = await service.describe_namespace(DescribeNamespaceRequest(namespace="default"))
    listed = await temporal_client.operator_service.list_search_attributes(
        ListSearchAttributesRequest(namespace="default")
    )
    assert described.config.workflow_execution_retention_ttl.ToTimedelta() >= timedelta(days=30)
    assert set(attributes.NAMES) <= set(listed.custom_attributes)


@pytest.mark.parametrize("table", ["orders", "intents", "slots"])
def test_a_fresh_database_has_every_table(database: str, table: str) -> None:
    with psycopg.connect(database) as connection:
        assert connection.execute(f"select count(*) from {table}").fetchone() == (0,)
