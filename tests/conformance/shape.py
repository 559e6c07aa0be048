"""Compare answers by their structure: fields, types, order of the keys, and how numbers are written.

`Shape` is what a set of values has in common. A list is a tuple where its places hold different kinds (`[time, "value"]`);
an object whose keys are data (coins) is a map, told by the caller. Strings count by their form: a decimal with a point, an
integer, a hash, an address, or text.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

_FORMS = (
    ("decimal", re.compile(r"-?\d+\.\d+")),
    ("integer", re.compile(r"-?\d+")),
    ("hash", re.compile(r"0x[0-9a-f]{64}")),
    ("address", re.compile(r"0x[0-9a-f]{40}")),
    ("id", re.compile(r"0x[0-9a-f]{32}")),
)
# "12.50" is padded, "12.5" and "12.0" are not.
_PADDED = re.compile(r"-?\d+\.\d+0")
ENOUGH = 3
NUMBERS = frozenset({"decimal", "integer"})


@dataclass(frozen=True, slots=True, order=True)
class Difference:
    """Where our answer differs from the recorded ones, in one word and in a few."""

    at: str
    what: str
    text: str = field(compare=False)


@dataclass(slots=True)
class Shape:
    """What values at one place look like; `keys` counts how often an object had a key, in the order first seen."""

    count: int = 0
    kinds: set[str] = field(default_factory=set)
    padded: int = 0
    objects: int = 0
    keys: dict[str, int] = field(default_factory=dict)
    orders: list[tuple[str, ...]] = field(default_factory=list)
    children: dict[str, Shape] = field(default_factory=dict)

    def child(self, name: str) -> Shape:
        """The shape at a place below."""
        return self.children.setdefault(name, Shape())


def shape_of(values: Iterable[Any], maps: frozenset[str] = frozenset(), at: str = "") -> Shape:
    """Return the common shape of values; `maps` names the places whose keys are data."""
    shape = Shape()
    for value in values:
        _add(shape, value, maps, at)
    return shape


def _add(shape: Shape, value: Any, maps: frozenset[str], at: str) -> None:
    shape.count += 1
    shape.kinds.add(_kind(value))
    if isinstance(value, str) and _PADDED.fullmatch(value) and not value.endswith(".0"):
        shape.padded += 1
    if isinstance(value, dict) and at in maps:
        for below in value.values():
            _add(shape.child("{}"), below, maps, f"{at}{{}}")
    elif isinstance(value, dict):
        shape.objects += 1
        if tuple(value) not in shape.orders:
            shape.orders.append(tuple(value))
        for name, below in value.items():
            shape.keys[name] = shape.keys.get(name, 0) + 1
            _add(shape.child(f".{name}"), below, maps, f"{at}.{name}")
    elif isinstance(value, list):
        is_tuple = len({_kind(item) for item in value} - {"null"}) > 1
        for place, item in enumerate(value):
            name = f"[{place}]" if is_tuple and not _is_rows(value) else "[]"
            _add(shape.child(name), item, maps, at + name)


def _is_rows(value: list[Any]) -> bool:
    """Whether a list holds rows of one sort, strings of several forms included."""
    return all(isinstance(item, dict) for item in value) or all(isinstance(item, str) for item in value)


def _kind(value: Any) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "bool"
        case int():
            return "int"
        case float():
            return "float"
        case str():
            return next((name for name, form in _FORMS if form.fullmatch(value)), "text")
        case dict():
            return "object"
        case list():
            return "list"
    raise TypeError(type(value).__name__)


def differences(recorded: Shape, ours: Shape, at: str = "") -> Iterator[Difference]:
    """Name every difference of our shape from the recorded one."""
    if not recorded.count or not ours.count:
        return
    yield from _kinds(recorded, ours, at)
    yield from _keys(recorded, ours, at)
    for name, below in ours.children.items():
        if name in recorded.children:
            yield from differences(recorded.children[name], below, at + name)


def _kinds(recorded: Shape, ours: Shape, at: str) -> Iterator[Difference]:
    strange = ours.kinds - recorded.kinds
    if strange <= NUMBERS and recorded.kinds & NUMBERS and strange:
        yield Difference(at, "format", f"ours {sorted(strange)}, recorded {sorted(recorded.kinds)}")
    elif strange:
        yield Difference(at, "type", f"ours {sorted(strange)}, recorded {sorted(recorded.kinds)}")
    if ours.padded and not recorded.padded and recorded.count >= ENOUGH:
        yield Difference(at, "format", "ours has trailing zeros, recorded has none")


def _keys(recorded: Shape, ours: Shape, at: str) -> Iterator[Difference]:
    if not recorded.objects or not ours.objects:
        return
    for name, times in recorded.keys.items():
        if name not in ours.keys:
            what = "missing" if times == recorded.objects else "never"
            yield Difference(f"{at}.{name}", what, f"recorded in {times} of {recorded.objects}, ours has it never")
        elif times == recorded.objects and ours.keys[name] < ours.objects:
            yield Difference(
                f"{at}.{name}", "sometimes", f"recorded always, ours in {ours.keys[name]} of {ours.objects}"
            )
    for name in ours.keys:
        if name not in recorded.keys:
            yield Difference(f"{at}.{name}", "extra", "ours has it, recorded never")
    # Recorders that sort the keys, as the SDK's of 2023 did, say nothing of their order.
    told = [order for order in recorded.orders if len(order) < ENOUGH or list(order) != sorted(order)]
    if told and not any(_agree(order, mine) for order in told for mine in ours.orders):
        yield Difference(at, "order", f"ours {list(ours.orders[0])}, recorded {list(told[0])}")


def _agree(one: tuple[str, ...], other: tuple[str, ...]) -> bool:
    """Whether the keys that two objects share come in the same order."""
    return [name for name in one if name in other] == [name for name in other if name in one]
