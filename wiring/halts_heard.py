"""Halts as they are committed, by whatever process: the opens of this one give way to what follows."""

import asyncio
from contextlib import AbstractAsyncContextManager

import structlog
from sqlalchemy import Engine

from activities.giving_way import GivingWay
from domain.errors import HoldfastError
from storage.postgres.events import listen
from storage.postgres.halts import CHANNEL
from wiring.background import beside

RETRY_SECONDS = 1.0


def heeding_halts(engine: Engine, way: GivingWay) -> AbstractAsyncContextManager[None]:
    """Hold opens back for a moment at each halt, on a connection of its own that is opened again when it breaks.

    Nothing depends on it but how soon a busy machine gets to a stop: what may open is asked of the halts themselves.
    """
    return beside(_heed(engine.url.render_as_string(hide_password=False), way))


async def _heed(url: str, way: GivingWay) -> None:
    while True:
        try:
            async for told in listen(url, CHANNEL):
                if told:
                    way.hold()
        except HoldfastError as error:
            structlog.get_logger("worker").warning("halts not heard", code=error.code)
        await asyncio.sleep(RETRY_SECONDS)
