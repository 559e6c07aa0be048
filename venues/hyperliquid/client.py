"""HTTP to Hyperliquid: reads with one retry on a stale connection, writes exactly once.

The SDK's own session has no timeout, no budget and one connection for both; only its wire and signing functions are
used.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from http import HTTPStatus
from typing import Any

from urllib3.exceptions import HTTPError, NewConnectionError, ProtocolError
from urllib3.exceptions import TimeoutError as TimedOut

from domain.errors import HoldfastError, Refused, Retryable
from venues.http_pool import HttpPool
from venues.hyperliquid.config import HyperliquidConfig
from venues.hyperliquid.limits import Priority, RequestBudget, answer_weight, info_weight

_HEADERS = {"Content-Type": "application/json", "User-Agent": "holdfast"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What came back for one write. `status` 0 means that nothing came: the request may or may not have arrived."""

    status: int
    body: bytes = b""
    problem: str = ""


class HyperliquidClient:
    """The two endpoints, `/info` and `/exchange`, with a time limit on every call. Safe to use from many threads."""

    def __init__(self, config: HyperliquidConfig, budget: RequestBudget | None = None) -> None:
        self.config = config
        self.budget = budget or RequestBudget(config.weight_per_minute, config.budget_wait)
        self._seconds = config.timeout.total_seconds()
        # Of their own, so that no write waits for a connection behind reads.
        self._reads, self._writes = self._pool(), self._pool()

    def _pool(self) -> HttpPool:
        return HttpPool(self.config.url, headers=_HEADERS, seconds=self._seconds, by_proxy=not self.config.is_local)

    def close(self) -> None:
        """Close all connections."""
        self._reads.close()
        self._writes.close()

    def info(self, kind: str, priority: Priority = Priority.READ, **fields: object) -> Any:
        """Ask `/info`; numbers come as Decimal. Raises Retryable when there was no usable answer, Refused on a bad
        request."""
        self.budget.acquire(info_weight(kind), priority)
        reply = self._read(json.dumps({"type": kind, **fields}).encode())
        if reply.status == HTTPStatus.TOO_MANY_REQUESTS:
            self.budget.refused()
        answer = parse_read(kind, reply)
        if isinstance(answer, list):
            self.budget.charge(answer_weight(kind, len(answer)))
        return answer

    def write(self, body: bytes) -> Reply:
        """Post bytes to `/exchange` once; never raises for what the network does and never tries again."""
        self.budget.charge(1)
        reply = self._write(body)
        if reply.status == HTTPStatus.TOO_MANY_REQUESTS:
            self.budget.refused()
        return reply

    def _read(self, body: bytes) -> Reply:
        try:
            try:
                return _post(self._reads, "/info", body)
            except ProtocolError:
                # The connection was closed under it, or the answer broke off.
                return _post(self._reads, "/info", body)
        except HTTPError as error:
            # urllib3 counts a connection that was refused among its time-outs.
            if isinstance(error, TimedOut) and not isinstance(error, NewConnectionError):
                raise _no_answer("venue_timeout", f"Hyperliquid did not answer within {self._seconds:g} s.") from None
            text = f"Hyperliquid cannot be reached at {self.config.url} ({type(error).__name__})."
            raise _no_answer("venue_unreachable", text) from None

    def _write(self, body: bytes) -> Reply:
        try:
            return _post(self._writes, "/exchange", body)
        except HTTPError as error:
            return Reply(status=0, problem=type(error).__name__)


def _post(pool: HttpPool, path: str, body: bytes) -> Reply:
    status, answer = pool.post(path, body)
    return Reply(status=status, body=answer)


def parse_json(body: bytes) -> Any:
    """Read JSON with Decimals for numbers; raises ValueError."""
    return json.loads(body, parse_float=Decimal)


def parse_read(kind: str, reply: Reply) -> Any:
    """Return the answer of a read, or raise who acts now."""
    match reply.status:
        case 200:
            try:
                return parse_json(reply.body)
            except ValueError:
                raise _no_answer("garbled_answer", f"The answer to {kind} is no JSON.") from None
        case 429:
            raise _no_answer("rate_limited", "Hyperliquid limits requests from this address.")
        case 422:
            raise Refused("bad_request", f"Hyperliquid cannot read the request {kind}.", details=_excerpt(reply))
        case status:
            raise _no_answer("venue_error", f"Hyperliquid answered {kind} with HTTP {status}.")


def garbled(kind: str, error: Exception) -> HoldfastError:
    """Return the error for an answer whose shape is not the documented one."""
    return _no_answer("garbled_answer", f"The answer to {kind} has an unknown shape ({type(error).__name__}).")


def _no_answer(code: str, message: str) -> Retryable:
    return Retryable(code, message, action="Nothing to do; it is asked again. If it lasts, look at the venue's status.")


def _excerpt(reply: Reply) -> Mapping[str, str]:
    return {"answer": reply.body[:200].decode(errors="replace")}
