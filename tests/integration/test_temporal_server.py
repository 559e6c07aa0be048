"""The real parts that the session starts."""

import asyncio
from datetime import timedelta
from pathlib import Path

import psycopg
import pytest
from temporalio import workflow
from temporalio.api.operatorservice.v1 import ListSearchAttributesRequest
from temporalio.api.workflowservice.v1 import DescribeNamespaceRequest
from temporalio.client import Client, WorkflowExecutionStatus
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import Worker

from runtime.errors import SetupError
from runtime.temporal_server import TemporalServer
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


def test_executions_survive_a_kill_of_the_server(temporal_binary: Path, tmp_path: Path) -> None:
    server = TemporalServer(
        temporal_binary,
        log=tmp_path / "temporal.log",
        database=tmp_path / "temporal.db",
        headless=True,
        search_attributes=attributes.NAMES,
    )

    async def start_sleeper() -> None:
        client = await Client.connect(server.address)
        await client.start_workflow(SleepingWorkflow.run, id="survivor", task_queue="nobody-polls")

    async def status() -> WorkflowExecutionStatus | None:
        client = await Client.connect(server.address)
        return (await client.get_workflow_handle("survivor").describe()).status

    with server:
        asyncio.run(start_sleeper())
        server.kill()
        assert not server.is_running
        server.start()
        assert asyncio.run(status()) is WorkflowExecutionStatus.RUNNING


def test_a_server_that_cannot_start_says_why(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match="no such option") as failure:
        TemporalServer(_failing(tmp_path), log=tmp_path / "temporal.log").start()
    assert failure.value.code == "temporal_failed"


def _failing(folder: Path) -> Path:
    program = folder / "temporal"
    program.write_text("#!/bin/sh\necho no such option; exit 2\n")
    program.chmod(0o755)
    return program


@pytest.mark.parametrize("table", ["orders", "intents", "slots"])
def test_a_fresh_database_has_every_table(database: str, table: str) -> None:
    with psycopg.connect(database) as connection:
        assert connection.execute(f"select count(*) from {table}").fetchone() == (0,)
