"""Sort the answers to writes: accepted, refused, or unknown.

Refused is only what the venue's table lists, for a first copy. Everything else is unknown: no answer, a status that carries
no code of the venue (proxies answer 502 and 503 as well), an empty or garbled 200, a code that nobody listed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any

from domain.errors import Refused
from domain.money import Price, Quantity, parse_decimal
from venues.base import Answer, Verdict
from venues.fapi.client import Reply, VenueError, error_of, parse_json
from venues.fapi.dialect import Dialect
from venues.fapi.refusals import ACTIONS, UNPROVEN
from venues.fapi.wire import to_algo_oid

TEXT_LIMIT = 200
TOO_LATE = frozenset({-2011, -2013})
NOTHING_TO_CHANGE = frozenset({-4046, -4059})
BAD_SHAPE = (KeyError, TypeError, ValueError, AttributeError, IndexError, OverflowError, Refused)
# A gateway that limits says nothing of a copy that it let through before, and the fence makes unknown cheap.
_LIMITED = frozenset({418, 429})
# A firewall's answer and a time-out prove nothing, whatever code stands in them.
_UNPROVEN_STATUS = frozenset({403, 408})
_STATUSES = frozenset({"NEW", "PARTIALLY_FILLED", "FILLED", "CANCELED", "EXPIRED", "EXPIRED_IN_MATCH", "REJECTED"})
_UNFILLED = {"IOC": "ioc_no_match", "FOK": "ioc_no_match", "GTX": "post_only_would_match"}


def sort_order(dialect: Dialect, reply: Reply) -> Answer:
    """Sort the answer to one order, conditional ones included."""
    row = _body(dialect, reply)
    if isinstance(row, Answer):
        return row
    try:
        if "algoId" in row:
            return Answer(verdict=Verdict.ACCEPTED, oid=to_algo_oid(row["algoId"]), is_resting=True)
        return _of_order(row)
    except BAD_SHAPE:
        # Admitted, perhaps, yet it cannot be read: the lookup reads it again.
        return unknown("garbled_answer", str(row))


def _of_order(row: Mapping[str, Any]) -> Answer:
    oid, status = str(int(row["orderId"])), row["status"]
    if status not in _STATUSES:
        raise ValueError(f"the unknown status {status!r}")
    filled = Quantity(parse_decimal(str(row["executedQty"])))
    average = parse_decimal(str(row.get("avgPrice") or "0"))
    if status in {"EXPIRED", "REJECTED", "EXPIRED_IN_MATCH"} and not filled:
        code = unfilled_code(row)
        return replace(refused(code, f"{status} {row.get('timeInForce', '')}"), oid=oid)
    return Answer(
        verdict=Verdict.ACCEPTED,
        oid=oid,
        is_resting=status in {"NEW", "PARTIALLY_FILLED"},
        filled_size=filled,
        average_px=Price(average) if average > 0 else None,
    )


def unfilled_code(row: Mapping[str, Any]) -> str:
    """Say why an order ended without a fill, by its own words."""
    if row.get("status") == "EXPIRED_IN_MATCH":
        return "self_trade_prevented"
    if row.get("type") == "MARKET":
        return "no_liquidity"
    return _UNFILLED.get(str(row.get("timeInForce")), str(row.get("status")).lower())


def sort_cancel(dialect: Dialect, reply: Reply) -> Answer:
    """Sort the answer to one cancel. What the venue does not know may have ended or may never have been: `cancel_too_late`."""
    error = error_of(reply)
    if error is not None and 400 <= reply.status < 500 and error.code in TOO_LATE:
        return Answer(verdict=Verdict.REFUSED, code="cancel_too_late", text=error.text[:TEXT_LIMIT])
    row = _body(dialect, reply)
    if isinstance(row, Answer):
        return replace(row, verdict=Verdict.UNKNOWN)
    is_done = row.get("status") in {"CANCELED", "EXPIRED"} or (
        "algoId" in row and str(row.get("code")) in {"200", "None"}
    )
    return Answer(verdict=Verdict.ACCEPTED) if is_done else unknown("garbled_answer", str(row))


def sort_setting(dialect: Dialect, reply: Reply) -> Answer:
    """Sort the answer to a change of leverage or margin type; one that is in force already is no refusal."""
    error = error_of(reply)
    if error is not None and error.code in NOTHING_TO_CHANGE:
        return Answer(verdict=Verdict.ACCEPTED)
    row = _body(dialect, reply)
    if isinstance(row, Answer):
        return row
    is_done = str(row.get("code")) == "200" or "leverage" in row
    return Answer(verdict=Verdict.ACCEPTED) if is_done else unknown("garbled_answer", str(row))


def unknown(code: str, text: str) -> Answer:
    """Return an unknown answer."""
    return Answer(verdict=Verdict.UNKNOWN, code=code, text=text[:TEXT_LIMIT], action=ACTIONS.get(code, ""))


def refused(code: str, text: str) -> Answer:
    """Return a definite refusal."""
    return Answer(verdict=Verdict.REFUSED, code=code, text=text[:TEXT_LIMIT], action=ACTIONS.get(code, ""))


def _body(dialect: Dialect, reply: Reply) -> Answer | Mapping[str, Any]:
    """Return the row of an accepted request, or the sorted answer when there is none."""
    if reply.status == 0:
        return unknown("no_answer", reply.problem)
    if reply.status != 200:
        return _of_error(dialect, reply)
    try:
        row = parse_json(reply.body)
    except ValueError:
        row = None
    if isinstance(row, dict) and row:
        return row
    return unknown("garbled_answer", reply.body[:TEXT_LIMIT].decode(errors="replace"))


def _of_error(dialect: Dialect, reply: Reply) -> Answer:
    error = error_of(reply)
    if error is None:
        return _of_bare_text(dialect, reply)
    text = f"{error.code} {error.text}"
    if reply.status in _LIMITED:
        return unknown("rate_limited", text)
    if reply.status >= 500:
        ours = _worded(dialect.busy, error)
        return refused(ours, text) if ours else unknown(f"http_{reply.status}", text)
    if reply.status in _UNPROVEN_STATUS:
        return unknown(_unproven(error.code, f"http_{reply.status}"), text)
    if ours := _worded(dialect.worded, error):
        return refused(ours, text)
    known = dialect.refusals.get(error.code)
    return refused(known[1], text) if known is not None else unknown(_unproven(error.code, "unclear_refusal"), text)


def _unproven(code: int, otherwise: str) -> str:
    """Return our name of a code that proves nothing."""
    return UNPROVEN[code][1] if code in UNPROVEN else otherwise


def _worded(table: tuple[tuple[int, str, str], ...], error: VenueError) -> str:
    """Return our code for an error whose words, and not its code alone, are the proof; empty when they are not listed."""
    return next((ours for code, start, ours in table if code in {0, error.code} and error.text.startswith(start)), "")


def _of_bare_text(dialect: Dialect, reply: Reply) -> Answer:
    """Sort an answer without a code: 503 "Service Unavailable." is the venue's only if it is all there is."""
    text = reply.body[:TEXT_LIMIT].decode(errors="replace").strip()
    if reply.status == 503:
        for code, whole, ours in dialect.busy:
            if code == 0 and _message(reply.body, text) == whole:
                return refused(ours, text)
    return unknown(f"http_{reply.status}", text)


def _message(body: bytes, text: str) -> str:
    try:
        parsed = parse_json(body)
    except ValueError:
        return text
    return str(parsed.get("msg", "")) if isinstance(parsed, dict) else text


def is_zero(value: str | Decimal) -> bool:
    """Whether a number of the venue is zero, however it is written."""
    return parse_decimal(str(value)) == 0
