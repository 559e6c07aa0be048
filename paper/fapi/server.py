"""The HTTP side: one port for /fapi, /sapi, the streams and the loopback-only /control."""

from __future__ import annotations

import asyncio
import logging
import signal
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket

from paper.fapi.calls import Call, Endpoint, Table
from paper.fapi.control import Control
from paper.fapi.control_routes import control_routes
from paper.fapi.errors import Refused
from paper.fapi.faulty import BEFORE, TIMED_OUT, altered, described, hang_up, is_exempt
from paper.fapi.node import Node
from paper.fapi.params import read_pairs
from paper.fapi.security import Asked, Sender
from paper.fapi.streams import Hub
from paper.fapi.ticking import tick
from paper.faults import Fault, Faults, Rule
from paper.store import UNWRITABLE

TICK_S = 0.25
LATE_ACK_S = 0.3
# Paths beside /fapi: the wallet's server and the spot market, of which these venues need next to nothing.
OTHERS = ("sapi", "api")
METHODS = ["GET", "POST", "PUT", "DELETE"]
Authenticate = Callable[[Node, Asked, Endpoint, str], Sender | None]
log = logging.getLogger("paper.fapi")


@dataclass(frozen=True, slots=True, kw_only=True)
class Protocol:
    """A venue's endpoints and how it knows who asks."""

    table: Table
    authenticate: Authenticate
    versions: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Incoming:
    """A request on its way: `as_of` is set where a read lags."""

    endpoint: Endpoint
    asked: Asked
    version: str
    as_of: int | None = None


class Server:
    """Answers requests on one node; everything that touches the venue runs on the event loop's thread."""

    def __init__(self, node: Node, protocol: Protocol) -> None:
        self.node = node
        self.protocol = protocol
        self.faults = Faults()
        self.hub = Hub(node, self.faults)
        node.listeners.append(self.hub.publish)
        self._late: set[asyncio.Task[None]] = set()

    def app(self) -> Starlette:
        """Return the ASGI application."""
        routes = [
            Route("/fapi/{version}/{path:path}", self.answer, methods=METHODS),
            *(Route(f"/{name}/{{version}}/{{path:path}}", self.answer, methods=METHODS) for name in OTHERS),
            *(WebSocketRoute(prefix + "/ws", self.socket) for prefix in ("", "/public", "/market", "/private")),
            WebSocketRoute("/ws/{names:path}", self.socket),
            *(WebSocketRoute(prefix + "/stream", self.stream) for prefix in ("", "/public", "/market", "/private")),
            *control_routes(Control(self.node, self.faults, self.hub)),
        ]
        return Starlette(routes=routes, lifespan=self._lifespan)

    @asynccontextmanager
    async def _lifespan(self, app: Starlette) -> AsyncIterator[None]:
        del app
        ticker = asyncio.create_task(self._tick())
        ticker.add_done_callback(_end_loudly)
        try:
            yield
        finally:
            ticker.cancel()
            for late in tuple(self._late):
                late.cancel()
            with suppress(asyncio.CancelledError, sqlite3.OperationalError):
                await ticker
            await self.hub.close()
            with suppress(sqlite3.OperationalError):
                self.node.commit()
                self.node.save_meta()
                self.node.store.commit()
            self.node.store.close()

    async def _tick(self) -> None:
        while True:
            tick(self.node)
            await self.hub.tick()
            await asyncio.sleep(TICK_S)

    async def socket(self, socket: WebSocket) -> None:
        """Serve a connection whose streams are in its path, or come by message."""
        names = str(socket.path_params.get("names", "")) or socket.query_params.get("listenKey", "")
        await self.hub.serve(socket, [name for name in names.split("/") if name], is_wrapped=False)

    async def stream(self, socket: WebSocket) -> None:
        """Serve a connection with wrapped messages."""
        names = socket.query_params.get("streams", "")
        await self.hub.serve(socket, [name for name in names.split("/") if name], is_wrapped=True)

    async def answer(self, request: Request) -> Response:
        """Answer a request."""
        ip = request.client.host if request.client else "unknown"
        node, now = self.node, self.node.venue.clock()
        user: str | None = None
        try:
            incoming = await self._incoming(request, ip)
            node.limits.spend(ip, incoming.endpoint.weight_of(incoming.asked.params), now)
            response = await self._with_faults(request, incoming)
            sender = node.users.by_key.get(incoming.asked.api_key)
            signer = incoming.asked.params.maybe("user").lower()
            if incoming.endpoint.orders is not None and response.status_code == 200:
                user = sender.name if sender is not None else signer
        except Refused as refused:
            response = JSONResponse(refused.as_json(), refused.status)
            if refused.status in {418, 429}:
                response.headers["Retry-After"] = str(node.limits.retry_after(ip, now))
        response.headers.update(node.limits.headers(ip, user, now))
        return response

    async def _incoming(self, request: Request, ip: str) -> Incoming:
        version, path = str(request.path_params["version"]), str(request.path_params["path"])
        part = request.url.path.split("/", 2)[1]
        endpoint = self.protocol.table.get((request.method, f"{part}/{path}" if part in OTHERS else path))
        if endpoint is None or version not in self.protocol.versions:
            text = f"Path {request.url.path}, Method {request.method} is invalid"
            raise Refused(-5000, text, 404)
        query, body = request.url.query, (await request.body()).decode("utf-8", "replace")
        asked = Asked(
            query=query,
            body=body,
            params=read_pairs(query, body),
            api_key=request.headers.get("x-mbx-apikey", ""),
            ip=ip,
        )
        return Incoming(endpoint=endpoint, asked=asked, version=version)

    async def _with_faults(self, request: Request, incoming: Incoming) -> Response:
        endpoint, params = incoming.endpoint, incoming.asked.params
        if endpoint.is_write:
            rule = self.faults.for_action({"type": endpoint.kind}, described(self.node, params))
        else:
            rule = self.faults.for_info(endpoint.kind)
            lag = self.faults.lag(endpoint.kind)
            if lag:
                incoming = _lagging(incoming, self.node.venue.now() - int(lag * 1000))
        run = self._runner(incoming)
        return await (run() if rule is None else self._faulty(request, rule, incoming, run))

    def _runner(self, incoming: Incoming) -> Callable[[], Awaitable[Response]]:
        async def run() -> Response:
            try:
                return JSONResponse(await self.act(incoming))
            except Refused as refused:
                headers = {"Retry-After": str(refused.wait_s)} if refused.wait_s else None
                return JSONResponse(refused.as_json(), refused.status, headers)

        return run

    async def act(self, incoming: Incoming, late_s: float = 0.0) -> object:
        """Let a request in, then run it when the venue comes to it; `late_s` is how long it lies in the queue."""
        endpoint, settings = incoming.endpoint, self.node.venue.settings
        self.node.venue.begin_block()
        sender = self.protocol.authenticate(self.node, incoming.asked, endpoint, incoming.version)
        if not endpoint.is_write:
            return self._run(incoming, sender)
        if sender is not None and endpoint.orders is not None:
            count = endpoint.orders(incoming.asked.params)
            self.node.limits.spend_orders(sender.user.name, count, self.node.venue.clock())
        self.node.commit()
        if endpoint.kind == "noop":
            return self._run(incoming, sender)
        key = (sender.user.name, sender.origin.nonce or 0) if sender is not None else ("", 0)
        self.node.queued[key] = None
        try:
            await self._wait_turn(endpoint, late_s)
            answer = self._run(incoming, sender)
        finally:
            self.node.queued.pop(key, None)
            self.node.voided.pop(key, None)
        wait = max(float(settings.answer_delay_s), LATE_ACK_S if settings.fill_before_ack else 0.0)
        if wait:
            await asyncio.sleep(wait)
        return answer

    async def _wait_turn(self, endpoint: Endpoint, late_s: float) -> None:
        delay = float(self.node.venue.settings.cancel_delay_s) if endpoint.kind.startswith("cancel") else 0.0
        if late_s + delay:
            await asyncio.sleep(late_s + delay)
        await self.node.running.wait()

    def _run(self, incoming: Incoming, sender: Sender | None) -> object:
        venue = self.node.venue
        venue.begin_block()
        try:
            if sender is not None and incoming.endpoint.is_write:
                self._check_matching(sender)
            answer = incoming.endpoint.run(self._call(incoming, sender))
        finally:
            self.node.commit()
        if incoming.endpoint.is_write:
            log.info("%s %s -> %s", incoming.endpoint.kind, incoming.asked.params.maybe("symbol"), answer)
        return answer

    def _check_matching(self, sender: Sender) -> None:
        """Check at the matching stage what was checked at the gate: the window, and whether it was taken back."""
        if sender.deadline is not None and self.node.venue.now() > sender.deadline:
            raise Refused(-5028)
        if sender.scheme == "wallet" and (sender.user.name, sender.origin.nonce) in self.node.voided:
            raise Refused(-4225, "Nonce Expired")

    def _call(self, incoming: Incoming, sender: Sender | None) -> Call:
        node, asked = self.node, incoming.asked
        if sender is None:
            return Call(node=node, params=asked.params, version=incoming.version, as_of=incoming.as_of, ip=asked.ip)
        return Call(
            node=node,
            params=asked.params,
            version=incoming.version,
            user=sender.user,
            origin=sender.origin,
            deadline=sender.deadline,
            as_of=incoming.as_of,
            ip=asked.ip,
            scheme=sender.scheme,
        )

    async def _faulty(
        self, request: Request, rule: Rule, incoming: Incoming, run: Callable[[], Awaitable[Response]]
    ) -> Response:
        fault = rule.fault
        if fault is Fault.DROP:
            return hang_up(request)
        if fault is Fault.HTTP_503_BUSY and is_exempt(incoming.asked.params, incoming.endpoint.kind):
            return await run()
        if fault in BEFORE:
            return BEFORE[fault]()
        if fault is Fault.DELAY:
            await asyncio.sleep(rule.seconds)
            return await run()
        if fault is Fault.LATE_EXECUTION:
            return self._execute_late(incoming, rule.seconds)
        answer = await run()
        if fault is Fault.DELAY_ANSWER:
            await asyncio.sleep(rule.seconds)
            return answer
        if fault is Fault.DUPLICATE_LATE:
            await asyncio.sleep(rule.seconds)
            return await run()
        return await altered(fault, request, answer, run)

    def _execute_late(self, incoming: Incoming, seconds: float) -> Response:
        """Accept a request, tell nobody how it ends, and run it later."""

        async def later() -> None:
            with suppress(Refused):
                await self.act(incoming, seconds)

        task = asyncio.create_task(later())
        self._late.add(task)
        task.add_done_callback(self._late.discard)
        return JSONResponse(TIMED_OUT, 503 if self.node.dialect.timeouts_are_503 else 408)


def _lagging(incoming: Incoming, as_of: int) -> Incoming:
    return Incoming(endpoint=incoming.endpoint, asked=incoming.asked, version=incoming.version, as_of=as_of)


def _end_loudly(ticker: asyncio.Task[None]) -> None:
    """End the process when time stops passing: a market that stands still by a bug would look like a calm one."""
    if not ticker.cancelled() and (error := ticker.exception()) is not None:
        if isinstance(error, sqlite3.OperationalError):
            log.critical("%s (state_unusable)", UNWRITABLE.format(error))
        else:
            log.critical("the market's clock broke", exc_info=error)
        signal.raise_signal(signal.SIGTERM)
