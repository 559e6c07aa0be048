"""In which order the platform's requests are done, and how many at once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from dataclasses import dataclass, field
from typing import Any

from temporalio import workflow

_PLATFORM = "platform"
COMMITS_AT_ONCE = 2
FOLLOWERS_AT_ONCE = 4
"""Steps of narrower halts at once: together with the platform's own they fit into the threads that serve `hf-halt`."""


@dataclass(slots=True)
class Strand:
    """One scope's commits and tellings, each in the order in which they were asked for."""

    commit: asyncio.Lock = field(default_factory=asyncio.Lock)
    tell: asyncio.Lock = field(default_factory=asyncio.Lock)


class Turns:
    """Keeps the requests of one scope in order and lets others pass; the platform's own wait for nobody's thread."""

    def __init__(self) -> None:
        self._releasing = 0
        self._asserting = False
        self._strands: dict[str, Strand] = {}
        self._commits = asyncio.Semaphore(COMMITS_AT_ONCE)
        self._followers = asyncio.Semaphore(FOLLOWERS_AT_ONCE)
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def is_idle(self) -> bool:
        """Whether nothing is under way."""
        return not self._tasks

    def begin(self, work: Coroutine[Any, Any, None]) -> None:
        """Do something beside everything else; a run does not end before it is done."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def of(self, name: str) -> Strand:
        """The strand of a scope."""
        return self._strands.setdefault(name, Strand())

    @asynccontextmanager
    async def to_release(self, name: str) -> AsyncIterator[None]:
        """A thread for a release, while no flag is put back: one put back beside its release would stay in force."""
        await workflow.wait_condition(lambda: not self._asserting)
        self._releasing += 1
        try:
            async with self.to_commit(name):
                yield
        finally:
            self._releasing -= 1

    @asynccontextmanager
    async def to_assert(self) -> AsyncIterator[None]:
        """The time to put flags back: no release is under way, and none begins."""
        self._asserting = True
        try:
            await workflow.wait_condition(lambda: self._releasing == 0)
            yield
        finally:
            self._asserting = False

    def to_commit(self, name: str) -> AbstractAsyncContextManager[None]:
        """A thread for a commit."""
        return nullcontext() if name == _PLATFORM else self._commits

    def to_follow(self, name: str) -> AbstractAsyncContextManager[None]:
        """A thread for what comes after CLOSED."""
        return nullcontext() if name == _PLATFORM else self._followers
