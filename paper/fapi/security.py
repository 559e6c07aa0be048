"""Who sent a request: API key with HMAC, timestamp and receive window (reference 2.1 and 3.2)."""

from __future__ import annotations

import hashlib
import hmac
import re
from dataclasses import dataclass

from paper.engine.orders import Origin
from paper.fapi.calls import Security
from paper.fapi.errors import Refused, missing
from paper.fapi.node import Node
from paper.fapi.params import Params
from paper.fapi.users import User

KEY = re.compile(r"[A-Za-z0-9]{64}")
AHEAD_MS = 1000
DEFAULT_WINDOW = 5000
LARGEST_WINDOW = 60_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What a request says of its sender, before anything is believed."""

    query: str
    body: str
    params: Params
    api_key: str
    ip: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Sender:
    """Who sent a request; `deadline` is when its window ends."""

    user: User
    origin: Origin
    deadline: int | None
    scheme: str = "hmac"


def by_key(node: Node, asked: Asked) -> User:
    """Return the user of an API key; raises Refused."""
    if not KEY.fullmatch(asked.api_key):
        raise Refused(-2014)
    user = node.users.by_key.get(asked.api_key)
    if user is None or not is_allowed(user.ip_list, asked.ip):
        raise rejected(asked.ip)
    return user


def rejected(ip: str) -> Refused:
    """Return the refusal of a key that is unknown, at the wrong address, or may not do this."""
    return Refused(-2015, f"Invalid API-key, IP, or permissions for action, request ip: {ip}")


def is_allowed(ip_list: tuple[str, ...], ip: str) -> bool:
    """Tell whether a list of addresses lets one in; an empty list lets all in."""
    return not ip_list or ip in ip_list


def by_hmac(node: Node, asked: Asked, security: Security, *, needs_futures: bool = True) -> Sender:
    """Return the sender of a request signed with the secret of its key; raises Refused."""
    user = by_key(node, asked)
    params, now = asked.params, node.venue.now()
    stamp, window = params.integer("timestamp"), params.integer("recvWindow", DEFAULT_WINDOW)
    if window > LARGEST_WINDOW or window < 0:
        raise Refused(-1131)
    check_window(stamp, window, now)
    if not params.has("signature"):
        raise missing("signature")
    if not hmac.compare_digest(signature(user.secret, asked), params.text("signature").lower()):
        raise Refused(-1022)
    may = user.can_futures and not node.settings.futures_disabled
    if (needs_futures and not may) or (security is Security.TRADE and not user.can_trade):
        raise rejected(asked.ip)
    origin = Origin(signer=user.api_key[:8], nonce=stamp, expires_after=stamp + window)
    return Sender(user=user, origin=origin, deadline=stamp + window)


def check_window(stamp: int, window: int, now: int) -> None:
    """Refuse a timestamp that is too new or too old."""
    if stamp >= now + AHEAD_MS:
        raise Refused(-1021, "Timestamp for this request was 1000ms ahead of the server's time.")
    if now - stamp > window:
        raise Refused(-1021, "Timestamp for this request is outside of the recvWindow.")


def signature(secret: str, asked: Asked) -> str:
    """Return the right signature: HMAC-SHA256 over query and body as they came, without the signature itself."""
    signed = _without_signature(asked.query) + _without_signature(asked.body)
    return hmac.new(secret.encode(), signed.encode(), hashlib.sha256).hexdigest()


def _without_signature(text: str) -> str:
    return "&".join(pair for pair in text.split("&") if pair and not pair.startswith("signature="))
