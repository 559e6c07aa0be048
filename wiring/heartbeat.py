"""The sign of life of a process: a file whose age says whether it still runs its loop."""

import asyncio
import json
import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

from wiring.background import beside

EVERY = timedelta(seconds=5)


@asynccontextmanager
async def beating(home: Path, process: str, about: Mapping[str, object]) -> AsyncIterator[None]:
    """Write the file now and every few seconds; remove it at a clean end."""
    file = home / "run" / f"{process}-{os.getpid()}.json"
    file.parent.mkdir(parents=True, exist_ok=True)
    try:
        async with beside(_beat(file, about)):
            yield
    finally:
        file.unlink(missing_ok=True)


async def _beat(file: Path, about: Mapping[str, object]) -> None:
    while True:
        body = {"pid": os.getpid(), "at": datetime.now(UTC).isoformat(), **about}
        draft = file.with_suffix(".new")
        # A full disk must not stop the worker: the old file grows stale, which is what it is for.
        with suppress(OSError):
            draft.write_text(json.dumps(body), encoding="utf-8")
            draft.replace(file)
        await asyncio.sleep(EVERY.total_seconds())
