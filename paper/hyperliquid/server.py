"""The HTTP side: one port for /info, /exchange, /ws and the loopback-only /control."""

from __future__ import annotations

import asyncio
import json
import logging
import signal
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket

from paper.engine.errors import Unparsable
from paper.faults import Fault, Faults, Rule
from paper.hyperliquid import exchange as actions
from paper.hyperliquid import info as reads
from paper.hyperliquid import info_portfolio
from paper.hyperliquid.control import Control, control_routes
from paper.hyperliquid.described import described_orders
from paper.hyperliquid.exchange import Envelope
from paper.hyperliquid.lane import NOTED, UNPARSABLE, Lane
from paper.hyperliquid.limits import answer_weight, exchange_weight, info_weight
from paper.hyperliquid.node import Node
from paper.hyperliquid.ticking import tick
from paper.hyperliquid.ws import Hub
from paper.store import UNWRITABLE

Json = dict[str, Any]
TICK_S = 0.25
LATE_ACK_S = 0.3
log = logging.getLogger("paper.hyperliquid")
AFTER = {
    Fault.EXECUTE_THEN_429: 429,
    Fault.EXECUTE_THEN_403: 403,
    Fault.EXECUTE_THEN_502: 502,
    Fault.EXECUTE_THEN_503: 503,
}
BEFORE = {Fault.HTTP_429: 429, Fault.HTTP_500: 500, Fault.HTTP_503_EMPTY: 503}


class Server:
    """Answers requests on one node; everything that touches the venue runs on the event loop's thread."""

    def __init__(self, node: Node) -> None:
        self.node = node
        self.faults = Faults()
        self.hub = Hub(node, self.faults, self.act)
        self.lane = Lane(node, self.faults, log)
        node.listeners.append(self.hub.publish)
        self._tasks: set[asyncio.Task[None]] = set()

    def app(self) -> Starlette:
        """Return the ASGI application."""
        routes = [
            Route("/info", self.info, methods=["POST"]),
            Route("/exchange", self.exchange, methods=["POST"]),
            Route("/leaderboard", self.leaderboard, methods=["GET"]),
            Route("/Mainnet/leaderboard", self.leaderboard, methods=["GET"]),
            WebSocketRoute("/ws", self.websocket),
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
            with suppress(asyncio.CancelledError, sqlite3.OperationalError):
                await ticker
            await self.hub.close()
            with suppress(sqlite3.OperationalError):
                self.node.commit()
            self.node.store.close()

    async def _tick(self) -> None:
        while True:
            tick(self.node)
            await self.hub.tick()
            await asyncio.sleep(TICK_S)

    async def websocket(self, socket: WebSocket) -> None:
        """Serve one stream connection."""
        await self.hub.serve(socket)

    async def leaderboard(self, request: Request) -> Response:
        """Answer the leaderboard, which the real venue serves as a file on another host."""
        del request
        return JSONResponse(info_portfolio.leaderboard(self.node.venue))

    async def info(self, request: Request) -> Response:
        """Answer a read."""
        try:
            body = json.loads(await request.body())
            kind = str(body["type"])
        except (ValueError, KeyError, TypeError):
            return PlainTextResponse(UNPARSABLE, 422)
        ip, now = _ip(request), self.node.venue.clock()
        if not self.node.limits.admit_weight(ip, info_weight(kind), now):
            return self._throttled(ip)
        rule = self.faults.for_info(kind)
        if rule is not None:
            return await self._faulty(request, rule, lambda: self._read(ip, kind, body))
        return await self._read(ip, kind, body)

    def _throttled(self, ip: str) -> Response:
        """Answer that the minute's weight of an address of the network is spent."""
        seconds = self.node.limits.seconds_left(ip, self.node.venue.clock())
        headers = {"Retry-After": str(seconds)} if self.node.venue.settings.retry_after else None
        return JSONResponse(None, 429, headers=headers)

    async def _read(self, ip: str, kind: str, body: Any) -> Response:
        lag = self.faults.lag(kind)
        as_of = self.node.venue.now() - int(lag * 1000) if lag else None
        try:
            answer = reads.answer(self.node, body, as_of)
        except Unparsable:
            return PlainTextResponse(UNPARSABLE, 422)
        settings = self.node.venue.settings
        self.node.limits.add_weight(
            ip, answer_weight(kind, answer, settings.extra_weight_unit), self.node.venue.clock()
        )
        return JSONResponse(answer)

    async def exchange(self, request: Request) -> Response:
        """Run an action."""
        try:
            envelope = actions.read_envelope(json.loads(await request.body()))
        except (ValueError, Unparsable):
            return PlainTextResponse(UNPARSABLE, 422)
        ip, now = _ip(request), self.node.venue.clock()
        if not self.node.limits.admit_weight(ip, exchange_weight(envelope.action), now):
            return self._throttled(ip)
        rule = None
        if self.faults.rules:
            rule = self.faults.for_action(envelope.action, described_orders(self.node, envelope.action))
        run = self._runner(envelope)
        return await (run() if rule is None else self._faulty(request, rule, run))

    def _runner(self, envelope: Envelope) -> Callable[[], Awaitable[Response]]:
        async def run() -> Response:
            try:
                return JSONResponse(await self.act(envelope))
            except Unparsable:
                return PlainTextResponse(UNPARSABLE, 422)

        return run

    async def act(self, envelope: Envelope) -> Json:
        """Run an action when the chain lets it, whoever still waits for the answer."""
        settings = self.node.venue.settings
        if str(envelope.action["type"]).startswith("cancel") and settings.cancel_delay_s:
            await asyncio.sleep(float(settings.cancel_delay_s))
        await self.node.running.wait()
        answer = actions.run(self.node, envelope)
        _noted(envelope.action, answer)
        wait = max(float(settings.answer_delay_s), LATE_ACK_S if settings.fill_before_ack else 0.0)
        if wait:
            await asyncio.sleep(wait)
        return answer

    async def _faulty(self, request: Request, rule: Rule, run: Callable[[], Awaitable[Response]]) -> Response:
        fault = rule.fault
        if fault is Fault.DROP:
            return _hang_up(request)
        if fault in BEFORE:
            return _broken(BEFORE[fault], is_empty=fault is Fault.HTTP_503_EMPTY)
        if fault is Fault.DELAY:
            await asyncio.sleep(rule.seconds)
            return await run()
        answer = await run()
        if fault in AFTER:
            return _broken(AFTER[fault], is_empty=fault is Fault.EXECUTE_THEN_503)
        match fault:
            case Fault.EXECUTE_THEN_DROP:
                return _hang_up(request)
            case Fault.DELAY_ANSWER:
                await asyncio.sleep(rule.seconds)
                return answer
            case Fault.DUPLICATE_REQUEST:
                return await run()
            case Fault.DUPLICATE_LATE:
                await asyncio.sleep(rule.seconds)
                return await run()
            case Fault.GARBAGE:
                return PlainTextResponse('{"status":"ok","respo\x00', 200)
            case Fault.SHORT_STATUSES:
                return _shortened(answer)
            case _:
                return answer


def _noted(action: Json, answer: Json) -> None:
    log.info(NOTED, action, answer)


def _end_loudly(ticker: asyncio.Task[None]) -> None:
    """End the process when time stops passing: a market that stands still by a bug would look like a calm one."""
    if not ticker.cancelled() and (error := ticker.exception()) is not None:
        if isinstance(error, sqlite3.OperationalError):
            log.critical("%s (state_unusable)", UNWRITABLE.format(error))
        else:
            log.critical("the market's clock broke", exc_info=error)
        signal.raise_signal(signal.SIGTERM)


def _ip(request: Request) -> str:
    return request.client.host if request.client else "unknown"


def _broken(code: int, *, is_empty: bool) -> Response:
    """Return the answers of proxies: JSON null for a rate limit, a page for others; never JSON without code and msg."""
    if is_empty:
        return Response(status_code=code)
    if code == 429:
        return JSONResponse(None, 429)
    return PlainTextResponse(f"<html><body><h1>{code}</h1></body></html>", code, media_type="text/html")


def _hang_up(request: Request) -> Response:
    """Cut the connection without an answer."""
    # uvicorn binds `receive` to the request's cycle, which knows the socket; ASGI itself has no word for this.
    cycle = getattr(request.receive, "__self__", None)
    transport = getattr(cycle, "transport", None)
    if transport is not None:
        transport.abort()
    return Response(status_code=500)


def _shortened(answer: Response) -> Response:
    body = json.loads(bytes(answer.body))
    with suppress(KeyError, TypeError, IndexError):
        body["response"]["data"]["statuses"].pop()
    return JSONResponse(body)
