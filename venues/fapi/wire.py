"""Requests as the venue reads them: parameters in the order in which they are signed, and the bytes that a claim stands for.

Prices and sizes are printed from Decimals; there is no float anywhere.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Protocol
from urllib.parse import urlencode

from domain.errors import Misconfigured, Refused
from domain.instruments import Instrument
from domain.money import plain
from domain.orders import OrderTerms, Side, TimeInForce, TriggerKind
from venues.base import SignedRequest, SigningKey
from venues.fapi.dialect import Dialect

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
QUOTE = "USDT"
ALGO_PREFIX = "algo-"
LONGEST_WINDOW = 60_000
_TIFS = {TimeInForce.GTC: "GTC", TimeInForce.IOC: "IOC", TimeInForce.ALO: "GTX"}
_KINDS = {TriggerKind.STOP_LOSS: "STOP_MARKET", TriggerKind.TAKE_PROFIT: "TAKE_PROFIT_MARKET"}
_API_KEY = re.compile(r"[A-Za-z0-9]{16,128}")
_CLIENT_ID = re.compile(r"[0-9a-f]{32}")

Params = tuple[tuple[str, str], ...]


def to_millis(at: datetime) -> int:
    """Write an instant as whole milliseconds since 1970, rounded down, so that a deadline never moves later."""
    return (at - EPOCH) // timedelta(milliseconds=1)


def from_millis(millis: int) -> datetime:
    """Read milliseconds since 1970."""
    return EPOCH + timedelta(milliseconds=int(millis))


def to_symbol(coin: str) -> str:
    """Return the symbol of a coin's USDT perpetual."""
    return coin + QUOTE


def to_coin(symbol: str) -> str:
    """Return the coin of a symbol."""
    return symbol.removesuffix(QUOTE)


def to_algo_oid(algo_id: int | str) -> str:
    """Name an order of the algo service: its ids are counted apart from those of orders."""
    return f"{ALGO_PREFIX}{int(algo_id)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One request before it is signed."""

    method: str
    path: str
    params: Params = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedCall:
    """One request as it is sent. `form` holds the signature, so it is never shown."""

    method: str
    path: str
    form: str = field(repr=False)
    api_key: str = field(default="", repr=False)

    @property
    def is_write_body(self) -> bool:
        """Whether the form goes in the body; elsewhere it is the query."""
        return self.method in {"POST", "PUT"}


class Signer(Protocol):
    """Signs requests the way the key wants it."""

    def sign(self, key: SigningKey, call: Call, *, nonce: int, expires_at: datetime, place: int = 0) -> SignedCall:
        """Sign a write with the fence's nonce (ms) and deadline; `place` tells calls of one nonce apart."""

    def sign_read(self, key: SigningKey, call: Call, *, now: datetime) -> SignedCall:
        """Sign a read at an instant of the venue's clock."""

    def dies_at(self, nonce: int, expires_at: datetime) -> datetime:
        """Return when the venue can no longer admit a write that was signed with a nonce and a deadline."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HmacSigner:
    """HMAC-SHA256 over the parameters, with `timestamp` and `recvWindow`: the venue admits a request until their sum.

    `window` is the shortest recvWindow: the timestamp lies so far before the deadline that a nonce of a fast clock cannot
    put it into the venue's future, where it would be refused. Where it `covers_deadlines`, none lies farther off than it, so
    that a nonce of a clock far behind is put aside: the timestamp is then the deadline less the window, which is the venue's now.
    """

    window: timedelta = timedelta(seconds=8)
    covers_deadlines: bool = False
    read_window: timedelta = timedelta(seconds=5)

    def sign(self, key: SigningKey, call: Call, *, nonce: int, expires_at: datetime, place: int = 0) -> SignedCall:  # noqa: ARG002
        """Sign a write: timestamp + recvWindow is the deadline, to the millisecond.

        A deadline beyond the longest window is not reached: the request dies before it, which is safe. A later timestamp
        would reach it and be refused as coming from the future.
        """
        expires = to_millis(expires_at)
        latest = expires - self.window // timedelta(milliseconds=1)
        is_far_behind = self.covers_deadlines and expires - nonce > LONGEST_WINDOW
        timestamp = latest if is_far_behind else min(nonce, latest)
        return self._sign(key, call, timestamp, min(expires - timestamp, LONGEST_WINDOW))

    def sign_read(self, key: SigningKey, call: Call, *, now: datetime) -> SignedCall:
        """Sign a read."""
        return self._sign(key, call, to_millis(now), self.read_window // timedelta(milliseconds=1))

    def dies_at(self, nonce: int, expires_at: datetime) -> datetime:  # noqa: ARG002
        """Return the deadline itself: it is on the wire."""
        return from_millis(to_millis(expires_at))

    def _sign(self, key: SigningKey, call: Call, timestamp: int, window: int) -> SignedCall:
        require_api_key(key)
        form = urlencode((*call.params, ("recvWindow", str(window)), ("timestamp", str(timestamp))))
        signature = hmac.new(key.secret.encode(), form.encode(), hashlib.sha256).hexdigest()
        return SignedCall(method=call.method, path=call.path, form=f"{form}&signature={signature}", api_key=key.address)


def require_api_key(key: SigningKey) -> None:
    """Refuse a key that cannot be an API key and its secret; the secret is in no text."""
    if not _API_KEY.fullmatch(key.address) or not _API_KEY.fullmatch(key.secret):
        raise Misconfigured(
            "key_malformed",
            "This is no API key and secret: both are letters and digits without spaces.",
            action="Copy the key and the secret again, each in one piece.",
        )


def order_call(dialect: Dialect, path: str, client_id: str, instrument: Instrument, terms: OrderTerms) -> Call:
    """Build an order. A whole-position trigger closes whatever there is when it fires and has no size."""
    require_client_id(client_id)
    params = [("symbol", to_symbol(instrument.coin)), ("side", "BUY" if terms.side is Side.BUY else "SELL")]
    if terms.trigger is None:
        params += _limit(terms)
    else:
        params += _conditional(dialect, terms)
    is_algo = terms.trigger is not None and dialect.has_algo_service
    params.append(("clientAlgoId" if is_algo else "newClientOrderId", client_id))
    # With RESULT an IOC order is answered by how it ended, not by that it came in.
    params.append(("newOrderRespType", "RESULT"))
    return Call(method="POST", path=path, params=tuple(params))


def _limit(terms: OrderTerms) -> list[tuple[str, str]]:
    params = [
        ("type", "LIMIT"),
        ("timeInForce", _TIFS[terms.tif]),
        ("quantity", _printed(terms.size)),
        ("price", _printed(terms.limit_px)),
    ]
    return [*params, ("reduceOnly", "true")] if terms.reduce_only else params


def _conditional(dialect: Dialect, terms: OrderTerms) -> list[tuple[str, str]]:
    trigger = terms.trigger
    assert trigger is not None
    params = [("algoType", "CONDITIONAL")] if dialect.has_algo_service else []
    params += [("type", _KINDS[trigger.kind]), (dialect.trigger_field, _printed(trigger.px))]
    # The mark and not the last trade: one trade far away must not fire a stop, and Hyperliquid takes the mark as well.
    params.append(("workingType", "MARK_PRICE"))
    if trigger.whole_position:
        return [*params, ("closePosition", "true")]
    return [*params, ("quantity", _printed(terms.size)), ("reduceOnly", "true")]


def _printed(value: Decimal) -> str:
    if value <= 0:
        raise Refused("wire_rounds", f"{value} cannot be sent.", action="Send a positive number.")
    return plain(value)


def require_client_id(client_id: str) -> None:
    """Refuse what is not 32 lower-case hex digits."""
    if not _CLIENT_ID.fullmatch(client_id):
        raise Refused("bad_client_id", f"{client_id!r} is not 32 lower-case hex digits.")


def name_of(oid: str, client_id: str, *, is_algo: bool) -> tuple[str, str]:
    """Name an order in a lookup or a cancel, by its number when it is known: a client id may have named more than one."""
    if is_algo:
        return ("algoId", oid.removeprefix(ALGO_PREFIX)) if oid else ("clientAlgoId", client_id)
    return ("orderId", oid) if oid else ("origClientOrderId", client_id)


def pack(calls: tuple[SignedCall, ...], *, nonce: int, expires_at: datetime) -> SignedRequest:
    """Make the bytes that a claim stands for: one call, or several that are sent one after the other."""
    fields = [{"method": c.method, "path": c.path, "form": c.form, "key": c.api_key} for c in calls]
    body = json.dumps(fields, separators=(",", ":")).encode()
    return SignedRequest(body=body, digest=hashlib.sha256(body).hexdigest(), nonce=nonce, expires_at=expires_at)


def unpack(request: SignedRequest) -> tuple[SignedCall, ...]:
    """Return the calls of a request."""
    rows = json.loads(request.body)
    return tuple(
        SignedCall(method=row["method"], path=row["path"], form=row["form"], api_key=row["key"]) for row in rows
    )
