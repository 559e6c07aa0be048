"""What a lookup showed: the venue's words as ours, and whether an order is the one that a row names."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from domain.errors import Retryable
from domain.instruments import Instrument
from domain.money import ZERO, Quantity, parse_decimal, quantity
from domain.orders import OrderTerms, Side, Trigger
from venues.base import Sighting, SightingStatus
from venues.fapi.answers import unfilled_code
from venues.fapi.rows import is_conditional, read_trigger
from venues.fapi.wire import from_millis, to_algo_oid, to_symbol

_STATUSES = {
    "NEW": SightingStatus.OPEN,
    "PARTIALLY_FILLED": SightingStatus.OPEN,
    "PENDING_NEW": SightingStatus.OPEN,
    "FILLED": SightingStatus.FILLED,
    "CANCELED": SightingStatus.CANCELLED,
    "PENDING_CANCEL": SightingStatus.OPEN,
    "EXPIRED": SightingStatus.CANCELLED,
    "EXPIRED_IN_MATCH": SightingStatus.CANCELLED,
    "REJECTED": SightingStatus.REJECTED,
}
_ALGO_STATUSES = {
    "NEW": SightingStatus.OPEN,
    "CANCELED": SightingStatus.CANCELLED,
    "EXPIRED": SightingStatus.CANCELLED,
    "REJECTED": SightingStatus.REJECTED,
    "TRIGGERING": SightingStatus.TRIGGERED,
    "TRIGGERED": SightingStatus.TRIGGERED,
    "FINISHED": SightingStatus.TRIGGERED,
}
_SIDES = {Side.BUY: "BUY", Side.SELL: "SELL"}
# These came and went without a trade, which is what a refusal is.
_NEVER_WORKED = frozenset({"IOC", "FOK", "GTX"})


def of_order(row: Any, client_id: str, instrument: Instrument, terms: OrderTerms) -> Sighting:
    """Read a row of the order endpoint."""
    status, reason = _status(row), _reason(row)
    return Sighting(
        status=status,
        oid=str(int(row["orderId"])),
        reason=reason,
        matches=_is_same_name(row, client_id, terms) and _has_terms(row, instrument, terms),
        original_size=_size(row) if terms.trigger is None or _has_fired(row) else None,
        changed_at=_changed_at(row),
    )


def of_algo(row: Any, client_id: str, instrument: Instrument, terms: OrderTerms) -> Sighting:
    """Read a row of the algo order service."""
    status = _known(_ALGO_STATUSES, row["algoStatus"])
    if row["algoStatus"] == "FINISHED" and not actual_oid(row):
        # It fired and there was nothing to close: no order came of it.
        status = SightingStatus.CANCELLED
    return Sighting(
        status=status,
        oid=to_algo_oid(row["algoId"]),
        reason="" if status is SightingStatus.OPEN else str(row["algoStatus"]).lower(),
        matches=row["clientAlgoId"] == client_id and _has_trigger(row, instrument, terms, row.get("quantity") or "0"),
        changed_at=_changed_at(row),
    )


def of_fired(algo: Any, row: Any, instrument: Instrument, terms: OrderTerms) -> Sighting:
    """Read the order that a fired conditional order became; its fills carry that order's number."""
    return Sighting(
        status=_status(row),
        oid=str(int(row["orderId"])),
        reason=_reason(row),
        matches=_has_trigger(algo, instrument, terms, algo.get("quantity") or "0"),
        original_size=_size(row),
        changed_at=_changed_at(row),
    )


def actual_oid(algo: Any) -> str:
    """Return the number of the order that a conditional order became; empty while it waits."""
    actual = str(algo.get("actualOrderId") or "")
    return actual if actual.isdigit() and int(actual) > 0 else ""


def _status(row: Mapping[str, Any]) -> SightingStatus:
    status = _known(_STATUSES, row["status"])
    ended = status is SightingStatus.CANCELLED and row["status"] != "CANCELED"
    if ended and not parse_decimal(row["executedQty"]) and row["timeInForce"] in _NEVER_WORKED:
        return SightingStatus.REJECTED
    return status


def _known(table: Mapping[str, SightingStatus], word: str) -> SightingStatus:
    if (known := table.get(word)) is not None:
        return known
    # It may or may not be final, so it is no answer.
    raise Retryable("garbled_answer", f"The order has the unknown status {word!r}.")


def _reason(row: Mapping[str, Any]) -> str:
    match row["status"]:
        case "NEW" | "PARTIALLY_FILLED" | "FILLED":
            return ""
        case "EXPIRED" | "EXPIRED_IN_MATCH" | "REJECTED" if not parse_decimal(row["executedQty"]):
            return unfilled_code(row)
        case word:
            return str(word).lower()


def _size(row: Mapping[str, Any]) -> Quantity:
    """Return what was asked for; of a filled order what was filled, since a reduce-only one shrinks with its position."""
    return quantity(row["executedQty"] if row["status"] == "FILLED" else row["origQty"])


def _changed_at(row: Mapping[str, Any]) -> datetime | None:
    at = row.get("updateTime") or row.get("time")
    return from_millis(at) if at else None


def _is_same_name(row: Mapping[str, Any], client_id: str, terms: OrderTerms) -> bool:
    # The order that a conditional one became has a name of the venue's own making.
    return row["clientOrderId"] == client_id or (terms.trigger is not None and _has_fired(row))


def _has_fired(row: Mapping[str, Any]) -> bool:
    return not is_conditional(row)


def _has_terms(row: Mapping[str, Any], instrument: Instrument, terms: OrderTerms) -> bool:
    if terms.trigger is not None:
        if _has_fired(row):
            # Its type is a market order's; which trigger it came from is known by the number alone.
            return _is_side(row, instrument, terms)
        return _has_trigger(row, instrument, terms, row["origQty"])
    if is_conditional(row) or bool(row.get("closePosition")) or bool(row["reduceOnly"]) != terms.reduce_only:
        return False
    return (
        _is_side(row, instrument, terms)
        and _has_size(row["origQty"], terms)
        and parse_decimal(row["price"]) == terms.limit_px
    )


def _has_size(text: str, terms: OrderTerms) -> bool:
    """Compare sizes; the venue shrinks a reduce-only order with its position."""
    size = parse_decimal(text)
    return size == terms.size or (terms.reduce_only and ZERO < size < terms.size)


def _is_side(row: Mapping[str, Any], instrument: Instrument, terms: OrderTerms) -> bool:
    return (row["symbol"], row["side"]) == (to_symbol(instrument.coin), _SIDES[terms.side])


def _has_trigger(row: Mapping[str, Any], instrument: Instrument, terms: OrderTerms, size: str) -> bool:
    wanted = terms.trigger
    found = read_trigger(row)
    if wanted is None or found is None or not _is_side(row, instrument, terms):
        return False
    is_same = (found.px, found.kind, found.whole_position) == (wanted.px, wanted.kind, wanted.whole_position)
    return is_same and (wanted.whole_position or _is_size(size, wanted, terms))


def _is_size(size: str, trigger: Trigger, terms: OrderTerms) -> bool:
    return trigger.whole_position or parse_decimal(size) == Decimal(terms.size)
