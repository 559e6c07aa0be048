"""The composition root of the API: `uvicorn api.app:app`."""

from __future__ import annotations

import asyncio
import signal
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from types import FrameType
from typing import Any

import structlog
from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from prometheus_client import REGISTRY, CollectorRegistry
from sqlalchemy import Engine
from starlette.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware
from temporalio.client import Client

from api import live, openapi
from api.deps import parts_over
from api.errors import answer_of
from api.executions import Executions
from api.hub import Hub
from api.routes import accounts, agent, agents, codec, halt, health, intents, settings, trading
from api.tracing import REQUEST_HEADER, TRACE_HEADER, Tracing
from domain.errors import HoldfastError, Retryable
from domain.halts import HaltFlag
from runtime import telemetry
from runtime.errors import SetupError
from runtime.loading import load_settings
from runtime.metrics import Metrics
from runtime.secrets import KeyRing
from runtime.settings import Profile, Settings
from runtime.temporal_client import connect
from storage.postgres import schema
from storage.postgres.engine import engine as make_engine
from storage.postgres.halts import PostgresHalts
from wiring import venues
from wiring.account_keys import account_keys

ROUTERS = (
    health.router,
    agents.router,
    agent.router,
    intents.router,
    trading.router,
    accounts.router,
    settings.router,
    halt.control,
    halt.admin,
    codec.router,
    live.router,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """Parts that tests bring; what is None is made from the settings."""

    settings: Settings | None = None
    engine: Engine | None = None
    connect: Callable[[], Awaitable[Client]] | None = None
    keys: KeyRing | None = None
    registry: CollectorRegistry = REGISTRY
    has_logging: bool = True


def create_app(given: Given | None = None) -> FastAPI:
    """Build the application; nothing is connected before it starts."""
    given = given or Given()
    chosen = given.settings or load_settings()
    made = FastAPI(
        title="Holdfast",
        version="1",
        description="Durable trading agents and order intents.",
        openapi_url="/api/openapi.json",
        docs_url="/docs",
        redoc_url=None,
        lifespan=_lifespan_of(given, chosen),
    )
    for router in ROUTERS:
        made.include_router(router, responses=openapi.ERRORS)
    for kind in (HoldfastError, RequestValidationError, HTTPException, SetupError):
        made.add_exception_handler(kind, answer_of_async)
    openapi.describe(made)
    _surround(made, given, chosen)
    return made


async def answer_of_async(request: Any, error: Exception) -> Any:
    """Answer with the envelope from the event loop: no thread is needed for it."""
    return answer_of(request, error)


def _surround(made: FastAPI, given: Given, chosen: Settings) -> None:
    if chosen.allowed_origins:
        made.add_middleware(
            CORSMiddleware,
            allow_origins=list(chosen.allowed_origins),
            allow_methods=["GET", "POST", "PUT", "PATCH", "DELETE"],
            allow_headers=[
                "Authorization",
                "Content-Type",
                "Idempotency-Key",
                "Last-Event-ID",
                "X-Namespace",
                TRACE_HEADER,
            ],
            expose_headers=[TRACE_HEADER, REQUEST_HEADER, "Idempotency-Replayed", "Retry-After"],
        )
    is_secure = chosen.holdfast_env is Profile.PRODUCTION
    made.add_middleware(Tracing, metrics=Metrics(given.registry), is_secure=is_secure)


def _lifespan_of(given: Given, chosen: Settings) -> Callable[[FastAPI], Any]:
    @asynccontextmanager
    async def lifespan(made: FastAPI) -> AsyncIterator[None]:
        if given.has_logging:
            telemetry.configure_logging(chosen, "api")
            telemetry.init_sentry(chosen, "api")
        keys = given.keys or KeyRing.of(chosen)
        engine = given.engine or _engine(chosen)
        await asyncio.to_thread(_prepare, engine, chosen)
        executions = Executions(given.connect or (lambda: connect(chosen, keys)))
        # Public market data and checks of links and keys: the API writes nothing to a venue. Keys are read anew each time, since
        # whoever has just stored one asks at once whether it works.
        connected = venues.connections(chosen, account_keys(engine, keys, fresh_seconds=0))
        made.state.parts = parts_over(chosen, engine, executions, keys, connected.directory())
        made.state.keys = keys
        made.state.hub = Hub(made.state.parts)
        async with made.state.hub.running():
            with _told_to_stop(made.state.hub.close):
                yield
        await asyncio.to_thread(connected.close)
        await asyncio.to_thread(engine.dispose)

    return lifespan


@contextmanager
def _told_to_stop(close: Callable[[], None]) -> Iterator[None]:
    """Call `close` at SIGTERM and SIGINT: the server's own handler comes to the lifespan only after the last answer."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    loop = asyncio.get_running_loop()
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}

    def tell(number: int, frame: FrameType | None) -> None:
        loop.call_soon_threadsafe(close)
        handler = before[signal.Signals(number)]
        if callable(handler):
            handler(number, frame)

    for number in before:
        signal.signal(number, tell)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _engine(chosen: Settings) -> Engine:
    if chosen.database_url is None:
        raise SetupError("no_postgres", "DATABASE_URL is not set.", "Set it, or start everything with `holdfast up`.")
    return make_engine(
        chosen.database_url.get_secret_value(),
        pool_size=chosen.database_pool_size,
        max_overflow=chosen.database_pool_overflow,
        pool_wait=timedelta(seconds=chosen.database_pool_wait_seconds),
    )


def _prepare(engine: Engine, chosen: Settings) -> None:
    """Refuse a schema of another version; a database that is away for now only makes the API not ready."""
    try:
        schema.check(engine)
        if chosen.trading_halted:
            PostgresHalts(engine).commit(HaltFlag(reason="TRADING_HALTED is set.", by="settings"))
    except Retryable as error:
        structlog.get_logger("api").warning("database away at start", code=error.code, message=error.message)


def __getattr__(name: str) -> FastAPI:
    """Build `app` when a server asks for it, so that importing this module reads no settings."""
    if name != "app":
        raise AttributeError(name)
    try:
        made = create_app()
    except SetupError as error:
        # Servers print the trace of anything else; a wrong setting deserves its sentence alone.
        raise SystemExit(f"{error.code}: {error}") from None
    globals()["app"] = made
    return made
