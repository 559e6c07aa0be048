"""Preparing a Temporal namespace: retention and search attributes, the same in development, tests and production."""

import asyncio
import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

from google.protobuf.duration_pb2 import Duration
from temporalio.api.enums.v1 import IndexedValueType
from temporalio.api.namespace.v1 import NamespaceConfig
from temporalio.api.operatorservice.v1 import AddSearchAttributesRequest, ListSearchAttributesRequest
from temporalio.api.workflowservice.v1 import (
    DescribeNamespaceRequest,
    RegisterNamespaceRequest,
    UpdateNamespaceRequest,
)
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from runtime.errors import SetupError

PROPAGATION_SECONDS = 30.0
POLL_SECONDS = 0.1
READY_SECONDS = 60.0
STARTING = frozenset({RPCStatusCode.NOT_FOUND, RPCStatusCode.UNAVAILABLE, RPCStatusCode.DEADLINE_EXCEEDED})


def prepare_when_ready(address: str, namespace: str, *, retention: timedelta, search_attributes: Iterable[str]) -> None:
    """Wait for a server of our own, then prepare its namespace; may be called inside a running event loop."""
    names = tuple(search_attributes)

    async def prepare() -> None:
        client = await _connect_when_ready(address, namespace)
        deadline = time.monotonic() + READY_SECONDS
        while True:
            try:
                await prepare_namespace(client, retention=retention, search_attributes=names)
                return
            except RPCError as error:
                # The services come up one by one, and a namespace that was just made reaches each after a while.
                if error.status not in STARTING or time.monotonic() > deadline:
                    raise
            await asyncio.sleep(POLL_SECONDS)

    with ThreadPoolExecutor(max_workers=1) as thread:
        thread.submit(asyncio.run, prepare()).result()


async def _connect_when_ready(address: str, namespace: str) -> Client:
    deadline = time.monotonic() + READY_SECONDS
    while True:
        try:
            return await Client.connect(address, namespace=namespace)
        except RuntimeError as error:
            if time.monotonic() > deadline:
                raise SetupError(
                    "temporal_failed", f"Temporal at {address} does not answer.", "See its log."
                ) from error
            await asyncio.sleep(POLL_SECONDS)


async def prepare_namespace(client: Client, *, retention: timedelta, search_attributes: Iterable[str]) -> None:
    """Make the namespace if it is missing, raise its retention, register search attributes; safe to repeat."""
    await _ensure_namespace(client, retention)
    await register_search_attributes(client, search_attributes)


async def _ensure_namespace(client: Client, retention: timedelta) -> None:
    try:
        answer = await client.workflow_service.describe_namespace(DescribeNamespaceRequest(namespace=client.namespace))
    except RPCError as error:
        if error.status is not RPCStatusCode.NOT_FOUND:
            raise
        await _register(client, retention)
        return
    # Reset and "exists" answers reach back no further than the retention: never lower it.
    if answer.config.workflow_execution_retention_ttl.ToTimedelta() < retention:
        config = NamespaceConfig(workflow_execution_retention_ttl=_duration(retention))
        await client.workflow_service.update_namespace(
            UpdateNamespaceRequest(namespace=client.namespace, config=config)
        )


async def _register(client: Client, retention: timedelta) -> None:
    await client.workflow_service.register_namespace(
        RegisterNamespaceRequest(namespace=client.namespace, workflow_execution_retention_period=_duration(retention))
    )


def _duration(value: timedelta) -> Duration:
    duration = Duration()
    duration.FromTimedelta(value)
    return duration


async def register_search_attributes(client: Client, names: Iterable[str]) -> None:
    """Register the keyword attributes that are missing and wait until the server knows them."""
    wanted = frozenset(names)
    if missing := wanted - await _registered(client):
        keyword = IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD
        request = AddSearchAttributesRequest(
            namespace=client.namespace, search_attributes=dict.fromkeys(sorted(missing), keyword)
        )
        await client.operator_service.add_search_attributes(request)
        await _wait_for_search_attributes(client, wanted)


async def _registered(client: Client) -> frozenset[str]:
    try:
        answer = await client.operator_service.list_search_attributes(
            ListSearchAttributesRequest(namespace=client.namespace)
        )
    except RPCError as error:
        # The time-skipping server can add them but not list them.
        if error.status is RPCStatusCode.UNIMPLEMENTED:
            return frozenset()
        raise
    return frozenset(answer.custom_attributes)


async def _wait_for_search_attributes(client: Client, wanted: frozenset[str]) -> None:
    """Wait for the servers' caches: an attribute that is not there yet fails workflow tasks until it is."""
    for _ in range(int(PROPAGATION_SECONDS / POLL_SECONDS)):
        registered = await _registered(client)
        if not registered or wanted <= registered:
            return
        await asyncio.sleep(POLL_SECONDS)
    raise SetupError(
        "search_attributes", f"Temporal did not take the search attributes {', '.join(sorted(wanted))}.", "See its log."
    )
