"""The real Temporal server on our Postgres; built by deploy/temporal, so only where its programs are in the cache."""

import asyncio
import os
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
from temporalio import workflow
from temporalio.api.workflowservice.v1 import DescribeNamespaceRequest
from temporalio.client import Client
from temporalio.worker import Worker

from runtime.loading import load_settings
from runtime.postgres import Postgres
from runtime.processes import wait_for
from runtime.temporal_cluster import PROGRAMS, TemporalCluster, build_cluster
from workflows import attributes

CACHE = load_settings(
    {name: os.environ[name] for name in ("HOLDFAST_CACHE",) if name in os.environ}, None
).holdfast_cache
pytestmark = [
    pytest.mark.real,
    pytest.mark.slow,
    pytest.mark.skipif(
        not all((CACHE / "bin" / program.file_name).exists() for program in PROGRAMS),
        reason="the server is not built: run deploy/temporal/run.sh --build-only",
    ),
]


@workflow.defn(sandboxed=False)
class PhaseWorkflow:
    """Upserts one of our search attributes and ends."""

    @workflow.run
    async def run(self) -> str:
        workflow.upsert_search_attributes([attributes.PHASE.value_set("DONE")])
        return "done"


async def run_one(address: str) -> str:
    client = await Client.connect(address)
    described = await client.workflow_service.describe_namespace(DescribeNamespaceRequest(namespace="default"))
    assert described.config.workflow_execution_retention_ttl.ToTimedelta() == timedelta(days=30)
    async with Worker(client, task_queue="phases", workflows=[PhaseWorkflow]):
        return await client.execute_workflow(PhaseWorkflow.run, id="phase", task_queue="phases")


async def listed(address: str) -> int:
    client = await Client.connect(address)
    return (await client.count_workflows("TradingPhase = 'DONE'")).count


def test_the_server_on_postgres_runs_workflows_and_remembers_them_after_a_restart(tmp_path: Path) -> None:
    with Postgres(tmp_path / "postgres", settings={"max_connections": "300"}) as postgres:
        cluster = TemporalCluster(
            build_cluster(CACHE), postgres.url, home=tmp_path, shards=4, search_attributes=attributes.NAMES
        )
        with cluster:
            assert asyncio.run(run_one(cluster.address)) == "done"
            page = f"{cluster.ui_url}/namespaces/default/workflows"
            assert wait_for(lambda: is_page(page), timedelta(seconds=20))
        with cluster:
            assert wait_for(lambda: asyncio.run(listed(cluster.address)) == 1, timedelta(seconds=20))


def is_page(url: str) -> bool:
    try:
        answer = httpx.get(url, follow_redirects=True, trust_env=False)
    except httpx.HTTPError:
        return False
    return answer.status_code == httpx.codes.OK and "html" in answer.headers["content-type"]
