"""Calls to a Temporal server that is broken on purpose."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from temporalio.service import RPCError, RPCStatusCode

PATIENCE = 150.0
_PASSING = frozenset(
    {
        RPCStatusCode.UNAVAILABLE,
        RPCStatusCode.DEADLINE_EXCEEDED,
        RPCStatusCode.CANCELLED,
        RPCStatusCode.RESOURCE_EXHAUSTED,
        RPCStatusCode.ABORTED,
        RPCStatusCode.INTERNAL,
        RPCStatusCode.UNKNOWN,
    }
)
T = TypeVar("T")


async def patiently(call: Callable[[], Awaitable[T]], seconds: float = PATIENCE) -> T:
    """Repeat a call to the Temporal server while the server cannot be asked: it may be down on purpose, or overloaded."""
    deadline = asyncio.get_running_loop().time() + seconds
    while True:
        try:
            return await call()
        except RPCError as error:
            if error.status not in _PASSING or asyncio.get_running_loop().time() > deadline:
                raise
        await asyncio.sleep(0.3)
