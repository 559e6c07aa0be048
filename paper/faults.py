"""Faults on demand: what a network, a proxy or a tired venue does to a request, an answer or a stream."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field
from enum import StrEnum
from random import Random
from typing import Any

Json = dict[str, Any]


class Place(StrEnum):
    """Where a fault sits; `cancel` is the part of `exchange` that carries cancels."""

    EXCHANGE = "exchange"
    INFO = "info"
    WS = "ws"
    CANCEL = "cancel"


class Fault(StrEnum):
    """All faults; "before" means that nothing was executed."""

    DROP = "drop"
    EXECUTE_THEN_DROP = "execute_then_drop"
    DELAY = "delay"
    DELAY_ANSWER = "delay_answer"
    DUPLICATE_REQUEST = "duplicate_request"
    DUPLICATE_LATE = "duplicate_late"
    HTTP_429 = "http_429"
    HTTP_500 = "http_500"
    HTTP_503_EMPTY = "http_503_empty"
    HTTP_503_UNKNOWN = "http_503_unknown"
    HTTP_503_BUSY = "http_503_busy"
    HTTP_503_UNAVAILABLE = "http_503_unavailable"
    HTTP_503_INTERNAL = "http_503_internal"
    HTTP_403 = "http_403"
    HTTP_418 = "http_418"
    LATE_EXECUTION = "late_execution"
    EXECUTE_THEN_429 = "execute_then_429"
    EXECUTE_THEN_403 = "execute_then_403"
    EXECUTE_THEN_502 = "execute_then_502"
    EXECUTE_THEN_503 = "execute_then_503"
    GARBAGE = "garbage"
    SHORT_STATUSES = "short_statuses"
    INFO_LAG = "info_lag"
    WS_DUPLICATE = "ws_duplicate"
    WS_REORDER = "ws_reorder"
    WS_LATE = "ws_late"
    WS_SILENT = "ws_silent"
    WS_CLOSE = "ws_close"


class BadFault(Exception):
    """A fault is described wrongly."""


@dataclass(slots=True, kw_only=True)
class Rule:
    """One fault in force.

    `rate` 0..1 of the requests that fit are hit, drawn from `seed`; `count` is how many are hit at most, None without
    end; `seconds` is the length of delays and lags; `type` narrows to an action, a read or a channel; `match` to actions
    with such an order.
    """

    number: int
    on: Place
    fault: Fault
    rate: float = 1.0
    count: int | None = None
    seconds: float = 5.0
    type: str | None = None
    match: Json = field(default_factory=dict)
    random: Random = field(default_factory=Random)
    hits: int = 0

    def hit(self) -> bool:
        """Draw whether the next fitting request is hit, and count it."""
        if self.count is not None and self.hits >= self.count:
            return False
        if self.random.random() >= self.rate:
            return False
        self.hits += 1
        return True

    def as_json(self) -> Json:
        """Return the rule as it is shown."""
        return {
            "id": self.number,
            "on": self.on,
            "fault": self.fault,
            "rate": self.rate,
            "count": self.count,
            "seconds": self.seconds,
            "type": self.type,
            "match": self.match,
            "hits": self.hits,
        }


@dataclass(slots=True)
class Faults:
    """The rules in force, in the order in which they were set; the first that hits decides."""

    rules: list[Rule] = field(default_factory=list)
    numbers: itertools.count[int] = field(default_factory=lambda: itertools.count(1))

    def add(self, wanted: Json) -> Rule:
        """Put a fault in force; raises BadFault."""
        known = {"on", "fault", "rate", "count", "seed", "seconds", "type", "match"}
        if unknown := set(wanted) - known:
            raise BadFault(f"A fault has no {', '.join(sorted(unknown))}; it has {', '.join(sorted(known))}.")
        try:
            on, fault = Place(wanted.get("on", "exchange")), Fault(wanted["fault"])
            rate, seconds = float(wanted.get("rate", 1.0)), float(wanted.get("seconds", 5.0))
            count = None if wanted.get("count") is None else int(wanted["count"])
        except (KeyError, TypeError, ValueError) as error:
            raise BadFault(f"A fault needs on, fault and numbers where numbers belong: {error}.") from error
        number = next(self.numbers)
        rule = Rule(
            number=number,
            on=on,
            fault=fault,
            rate=rate,
            count=count,
            seconds=seconds,
            type=wanted.get("type"),
            match=dict(wanted.get("match") or {}),
            random=Random(wanted.get("seed", number)),
        )
        self.rules.append(rule)
        return rule

    def clear(self, number: int | None = None) -> None:
        """Lift all faults, or one."""
        self.rules = [] if number is None else [rule for rule in self.rules if rule.number != number]

    def for_action(self, action: Json, orders: list[Json]) -> Rule | None:
        """Return the fault that hits an action; `orders` describes what it places or cancels."""
        kind = str(action.get("type"))
        places = {Place.EXCHANGE, Place.CANCEL} if kind.startswith("cancel") else {Place.EXCHANGE}
        for rule in self.rules:
            fits = rule.on in places and rule.type in {None, kind} and _matches(rule.match, orders)
            if fits and rule.hit():
                return rule
        return None

    def for_info(self, kind: str) -> Rule | None:
        """Return the fault that hits a read; lags are asked for apart."""
        for rule in self.rules:
            fits = rule.on is Place.INFO and rule.type in {None, kind} and rule.fault is not Fault.INFO_LAG
            if fits and rule.hit():
                return rule
        return None

    def lag(self, kind: str) -> float:
        """Return by how many seconds a read lags."""
        for rule in self.rules:
            if rule.fault is Fault.INFO_LAG and rule.type in {None, kind} and rule.hit():
                return rule.seconds
        return 0.0

    def for_message(self, channel: str) -> Rule | None:
        """Return the fault that hits a message of a stream."""
        for rule in self.rules:
            if rule.on is Place.WS and rule.type in {None, channel} and rule.hit():
                return rule
        return None


def _matches(wanted: Json, orders: list[Json]) -> bool:
    if not wanted:
        return True
    return any(all(order.get(key) == value for key, value in wanted.items()) for order in orders)
