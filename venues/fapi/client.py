"""HTTP to the venue: reads with one retry on a stale connection, writes exactly once."""

from __future__ import annotations

import json
import time
from contextlib import closing
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal
from threading import Lock
from typing import Any
from urllib.parse import urlencode, urlsplit

from urllib3.exceptions import HTTPError, NewConnectionError, ProtocolError
from urllib3.exceptions import TimeoutError as TimedOut

from domain.errors import HoldfastError, Misconfigured, Refused, Retryable
from venues.base import SigningKey
from venues.fapi.config import FapiConfig
from venues.fapi.dialect import Dialect
from venues.fapi.limits import Priority, RequestBudget
from venues.fapi.wire import Call, Params, SignedCall, Signer, from_millis
from venues.http_pool import HttpPool

_HEADERS = {"User-Agent": "holdfast"}
_FORM = {"Content-Type": "application/x-www-form-urlencoded"}
OFFSET_LIVES = 300.0
NOT_FOUND = -2013
TOO_MANY_ORDERS = -1015
CLOCK_CODES = frozenset({-1021, -5028})


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What came back for one request. `status` 0 means that nothing came: the request may or may not have arrived."""

    status: int
    body: bytes = field(default=b"", repr=False)
    problem: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class VenueError:
    """A code and a message of the venue."""

    code: int
    text: str


class FapiClient:
    """One venue's endpoints, with a time limit on every call. Safe to use from many threads."""

    def __init__(
        self, config: FapiConfig, dialect: Dialect, signer: Signer, budget: RequestBudget | None = None
    ) -> None:
        self.config = config
        self.dialect = dialect
        self.signer = signer
        self.budget = budget or RequestBudget(config.weight_per_minute, config.budget_wait, dialect.order_limits)
        self._seconds = config.timeout.total_seconds()
        # Of their own, so that no write waits for a connection behind reads.
        self._reads, self._writes = self._pool(config.url), self._pool(config.url)
        self._offset: tuple[float, timedelta] | None = None
        self._lock = Lock()

    def _pool(self, url: str) -> HttpPool:
        return HttpPool(url, headers=_HEADERS, seconds=self._seconds, by_proxy=not self.config.is_local)

    def close(self) -> None:
        """Close all connections."""
        self._reads.close()
        self._writes.close()

    def public(self, name: str, weight: int, priority: Priority = Priority.READ, params: Params = ()) -> Any:
        """Read what needs no key; numbers come as Decimal. Raises Retryable without a usable answer, Refused on a bad request."""
        self.budget.acquire(weight, priority)
        path = f"/fapi/{self.dialect.public}/{name}"
        return self._parsed(name, self._read(SignedCall(method="GET", path=path, form=urlencode(params))))

    def signed(
        self, key: SigningKey, path: str, weight: int, priority: Priority = Priority.READ, params: Params = ()
    ) -> Any:
        """Read what belongs to an account."""
        answer = self.ask(key, Call(method="GET", path=path, params=params), weight, priority)
        if isinstance(answer, VenueError):
            raise self.refused(path, answer)
        return answer

    def ask(self, key: SigningKey, call: Call, weight: int, priority: Priority = Priority.READ) -> Any | VenueError:
        """Send a signed call that moves no money (a read, a listen key) and return its answer, or the venue's error."""
        self.budget.acquire(weight, priority)
        signed = self.signer.sign_read(key, call, now=self.now())
        reply = self._read(signed)
        error = error_of(reply)
        if error is not None and 400 <= reply.status < 500 and reply.status not in {418, 429}:
            if error.code in CLOCK_CODES:
                self._forget_clock()
            return error
        return self._parsed(call.path, reply)

    def write(self, call: SignedCall, *, account: str = "") -> Reply:
        """Send a write once; never raises for what the network does and never tries again."""
        self.budget.charge(self.dialect.order_weight if account else 1)
        try:
            reply = self._send(self._writes, call, account)
        except HTTPError as error:
            return Reply(status=0, problem=type(error).__name__)
        refusal = error_of(reply)
        if refusal is not None and refusal.code in CLOCK_CODES:
            self._forget_clock()
        return reply

    def venue_time(self, priority: Priority = Priority.URGENT) -> datetime:
        """Ask the venue for its clock and remember by how much ours differs."""
        before = self.config.now()
        answer = self.public("time", 1, priority)
        after = self.config.now()
        try:
            at = from_millis(answer["serverTime"])
        except (KeyError, TypeError, ValueError) as error:
            raise garbled("time", error) from None
        with self._lock:
            self._offset = (time.monotonic(), at - (before + (after - before) / 2))
        return at

    def clock_offset(self) -> timedelta:
        """Return how far the venue's clock is before ours; asks when the last answer is old."""
        with self._lock:
            known = self._offset
        if known is None or time.monotonic() - known[0] > OFFSET_LIVES:
            self.venue_time()
            with self._lock:
                known = self._offset
        return known[1] if known is not None else timedelta()

    def _forget_clock(self) -> None:
        with self._lock:
            self._offset = None

    def now(self) -> datetime:
        """Estimate the venue's clock."""
        return self.config.now() + self.clock_offset()

    def _read(self, call: SignedCall) -> Reply:
        title = self.dialect.title
        try:
            try:
                return self._send(self._reads, call)
            except ProtocolError:
                # The connection was closed under it, or the answer broke off.
                return self._send(self._reads, call)
        except HTTPError as error:
            # urllib3 counts a connection that was refused among its time-outs.
            if isinstance(error, TimedOut) and not isinstance(error, NewConnectionError):
                raise _no_answer("venue_timeout", f"{title} did not answer within {self._seconds:g} s.") from None
            text = f"{title} cannot be reached at {self.config.url} ({type(error).__name__})."
            raise _no_answer("venue_unreachable", text) from None

    def _send(self, pool: HttpPool, call: SignedCall, account: str = "") -> Reply:
        if not call.path.startswith("/"):
            # What a key may do is told at another address, once for each key.
            parts = urlsplit(call.path)
            with closing(self._pool(f"{parts.scheme}://{parts.netloc}")) as other:
                return self._send(other, replace(call, path=parts.path), account)
        headers = {"X-MBX-APIKEY": call.api_key} if call.api_key else {}
        if call.is_write_body:
            answer = pool.ask(call.method, call.path, body=call.form.encode(), headers=headers | _FORM)
        else:
            path = f"{call.path}?{call.form}" if call.form else call.path
            answer = pool.ask(call.method, path, headers=headers)
        reply = Reply(status=answer.status, body=answer.body)
        self.budget.note(reply.status, answer.headers, account, is_of_orders=_is_of_orders(reply))
        return reply

    def _parsed(self, kind: str, reply: Reply) -> Any:
        title = self.dialect.title
        match reply.status:
            case 200:
                try:
                    return parse_json(reply.body)
                except ValueError:
                    raise _no_answer("garbled_answer", f"The answer to {kind} is no JSON.") from None
            case 418 | 429:
                raise _no_answer("rate_limited", f"{title} limits requests from this address.")
            case 400:
                error = error_of(reply)
                if error is not None:
                    raise self.refused(kind, error)
        raise _no_answer("venue_error", f"{title} answered {kind} with HTTP {reply.status}.")

    def refused(self, kind: str, error: VenueError) -> HoldfastError:
        """Say who acts on an error of a read."""
        title, details = self.dialect.title, {"answer": f"{error.code} {error.text}"[:200]}
        if error.code in CLOCK_CODES:
            return _no_answer("clock_skewed", f"{title} says that our clock is off; it is read again.")
        if error.code in {-1002, -1022, -2014, -2015}:
            return Misconfigured(
                "key_refused",
                f"{title} refuses the key ({error.code}).",
                action="Check the key's permissions and its list of addresses, or store the key again.",
                details=details,
            )
        if error.code in {-1000, -1001, -1003, -1006, -1007, -1008, -1016, -4225, -4226}:
            return _no_answer("venue_error", f"{title} could not answer {kind} ({error.code}).")
        return Refused("bad_request", f"{title} cannot answer the request {kind} ({error.code}).", details=details)


def parse_json(body: bytes) -> Any:
    """Read JSON with Decimals for numbers; raises ValueError."""
    return json.loads(body, parse_float=Decimal)


def error_of(reply: Reply) -> VenueError | None:
    """Return the venue's own error of an answer; None when it has none, as from a proxy."""
    if reply.status in {0, 200}:
        return None
    try:
        match parse_json(reply.body):
            case {"code": int(code), "msg": str(text)} if code < 0:
                return VenueError(code=code, text=text)
    except ValueError:
        pass
    return None


def _is_of_orders(reply: Reply) -> bool:
    """Whether an account has placed too many orders: that goes for nobody else behind the same address."""
    error = error_of(reply) if reply.status == 429 else None
    return error is not None and error.code == TOO_MANY_ORDERS


def garbled(kind: str, error: Exception) -> HoldfastError:
    """Return the error for an answer whose shape is not the documented one."""
    return _no_answer("garbled_answer", f"The answer to {kind} has an unknown shape ({type(error).__name__}).")


def _no_answer(code: str, message: str) -> Retryable:
    return Retryable(code, message, action="Nothing to do; it is asked again. If it lasts, look at the venue's status.")
