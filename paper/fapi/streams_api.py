"""Listen keys: an hour long, one a user, prolonged by asking."""

from __future__ import annotations

import secrets
from typing import Any

from paper.fapi.calls import Call, Endpoint, Security, Table
from paper.fapi.errors import Refused

Json = dict[str, Any]
LIFE_MS = 3_600_000


def start(call: Call) -> Json:
    """Return the user's listen key, a new one when there is none; both live an hour from now."""
    node, now = call.node, call.node.venue.now()
    found = next((key for key, (user, _) in node.listen_keys.items() if user == call.who.name), None)
    key = found or secrets.token_hex(32)
    node.listen_keys[key] = (call.who.name, now + LIFE_MS)
    node.save_listen_keys()
    return {"listenKey": key}


def prolong(call: Call) -> Json:
    """Let the user's listen key live another hour."""
    node = call.node
    for key, (user, _) in node.listen_keys.items():
        if user == call.who.name:
            node.listen_keys[key] = (user, node.venue.now() + LIFE_MS)
            node.save_listen_keys()
            return {"listenKey": key} if node.dialect.has_algo_service else {}
    raise Refused(-1125)


def close(call: Call) -> Json:
    """End the user's listen key."""
    node = call.node
    for key in [key for key, (user, _) in node.listen_keys.items() if user == call.who.name]:
        del node.listen_keys[key]
    node.save_listen_keys()
    return {}


def stream_table() -> Table:
    """Return the endpoints."""
    return {
        (method, "listenKey"): Endpoint(run=run, kind="listenKey", security=Security.KEY)
        for method, run in (("POST", start), ("PUT", prolong), ("DELETE", close))
    }
