"""What surrounds every request: ids, access log, body limit, security headers, and the last net for faults of ours."""

from __future__ import annotations

import re
import time
import uuid
from http import HTTPStatus

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api import errors
from runtime import telemetry
from runtime.metrics import Metrics

MOST_BYTES = 256 * 1024
TRACE_HEADER = "X-Trace-Id"
REQUEST_HEADER = "X-Request-Id"
_TRACE = re.compile(r"[A-Za-z0-9._\-]{8,64}")
_DOCS = "/docs"
_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}
_POLICY = "default-src 'none'; frame-ancestors 'none'"


class TooLarge(Exception):
    """The body is over the limit."""


class Tracing:
    """Pure ASGI, since a middleware of Starlette's base class would buffer streams."""

    def __init__(self, app: ASGIApp, metrics: Metrics, *, is_secure: bool = False) -> None:
        self._app = app
        self._metrics = metrics
        self._is_secure = is_secure
        self._log = structlog.get_logger("api.access")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        exchange = _Exchange(scope, receive, send, is_secure=self._is_secure)
        telemetry.clear_trace()
        telemetry.bind_trace(trace_id=exchange.trace_id, request_id=exchange.request_id)
        begun = time.monotonic()
        try:
            await self._serve(exchange)
        finally:
            self._note(scope, exchange.status, time.monotonic() - begun)

    async def _serve(self, exchange: _Exchange) -> None:
        try:
            await self._app(exchange.scope, exchange.receive, exchange.send)
        except TooLarge:
            answer = errors.envelope(
                HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
                "body_too_large",
                f"The body is larger than {MOST_BYTES} bytes.",
                action="Send less.",
                trace_id=exchange.trace_id,
            )
            await exchange.answer(answer)
        except Exception as error:  # noqa: BLE001 - the last net: everything becomes the envelope and a log line
            await exchange.answer(errors.unexpected(error, exchange.trace_id))

    def _note(self, scope: Scope, status: int, seconds: float) -> None:
        route = getattr(scope.get("route"), "path", "none")
        caller = scope["state"].get("caller")
        self._log.info(
            "request",
            method=scope["method"],
            path=scope["path"],
            route=route,
            status=status,
            ms=round(seconds * 1000, 1),
            user_id=caller.user_id if caller else "",
        )
        self._metrics.count("http_requests", route=route, method=scope["method"], status=str(status))
        self._metrics.observe("http_seconds", seconds, route=route)


class _Exchange:
    """One request and its answer."""

    def __init__(self, scope: Scope, receive: Receive, send: Send, *, is_secure: bool) -> None:
        given = Headers(scope=scope)
        asked = given.get(TRACE_HEADER, "")
        self.scope = scope
        self.trace_id = asked if _TRACE.fullmatch(asked) else uuid.uuid4().hex
        self.request_id = uuid.uuid4().hex
        self.status = 0
        self._receive = receive
        self._send = send
        self._is_secure = is_secure
        self._seen = 0
        self._length = int(given.get("Content-Length", "0")) if given.get("Content-Length", "0").isdigit() else 0
        scope.setdefault("state", {})
        scope["state"].update(trace_id=self.trace_id, request_id=self.request_id)

    async def receive(self) -> Message:
        """Read the body, up to the limit."""
        if self._length > MOST_BYTES:
            raise TooLarge
        message = await self._receive()
        self._seen += len(message.get("body", b""))
        if self._seen > MOST_BYTES:
            raise TooLarge
        return message

    async def send(self, message: Message) -> None:
        """Add the headers to the answer."""
        if message["type"] == "http.response.start":
            self.status = int(message["status"])
            headers = MutableHeaders(scope=message)
            headers.update(_HEADERS)
            headers[TRACE_HEADER] = self.trace_id
            headers[REQUEST_HEADER] = self.request_id
            if self.scope["path"] != _DOCS:
                headers["Content-Security-Policy"] = _POLICY
            if self._is_secure:
                headers["Strict-Transport-Security"] = "max-age=31536000"
        await self._send(message)

    async def answer(self, response: ASGIApp) -> None:
        """Answer in place of the application, unless it has begun to."""
        if self.status == 0:
            await response(self.scope, self._receive, self.send)
