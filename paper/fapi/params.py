"""The parameters of a request: query and body together, as text until somebody wants a kind."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from urllib.parse import unquote_plus

from paper.fapi.errors import Refused, missing

_NUMBER = re.compile(r"[+-]?\d{1,20}(\.\d{0,20})?|[+-]?\.\d{1,20}")
_INTEGER = re.compile(r"-?\d{1,19}")


@dataclass(frozen=True, slots=True)
class Params:
    """Values by name; empty values count as absent."""

    values: dict[str, str]

    def text(self, name: str) -> str:
        """Return a parameter that must be there."""
        value = self.values.get(name, "")
        if not value:
            raise missing(name)
        return value

    def maybe(self, name: str, default: str = "") -> str:
        """Return a parameter or a default."""
        return self.values.get(name, "") or default

    def has(self, name: str) -> bool:
        """Tell whether a parameter was sent with a value."""
        return bool(self.values.get(name))

    def one_of(self, name: str, allowed: Iterable[str], code: int, default: str | None = None) -> str:
        """Return a parameter out of a set; another value is refused with a code of its own."""
        value = self.text(name) if default is None else self.maybe(name, default)
        if value not in allowed:
            raise Refused(code)
        return value

    def decimal(self, name: str) -> Decimal | None:
        """Return a decimal, None when it was not sent."""
        value = self.values.get(name, "")
        if not value:
            return None
        if not _NUMBER.fullmatch(value):
            raise Refused(-1100, f"Illegal characters found in parameter '{name}'; legal range is '{_RANGE}'.")
        return Decimal(value)

    def integer(self, name: str, default: int | None = None) -> int:
        """Return an integer; without a default it must be there."""
        value = self.values.get(name, "")
        if not value and default is not None:
            return default
        if not _INTEGER.fullmatch(value):
            raise missing(name)
        return int(value)

    def number(self, name: str) -> int | None:
        """Return an integer, None when it was not sent."""
        return self.integer(name) if self.has(name) else None

    def flag(self, name: str) -> bool:
        """Return a boolean that is sent as text."""
        value = self.maybe(name, "false").lower()
        if value not in {"true", "false"}:
            raise Refused(-1130, f"Data sent for parameter '{name}' is not valid.")
        return value == "true"


_RANGE = r"^([0-9]{1,20})(\.[0-9]{1,20})?$"


def read_pairs(*parts: str) -> Params:
    """Read urlencoded texts; a name sent twice is refused."""
    values: dict[str, str] = {}
    for part in parts:
        for pair in part.split("&") if part else ():
            name, _, value = pair.partition("=")
            name = unquote_plus(name)
            if name in values and name != "signature":
                raise Refused(-1101, "Duplicate values for a parameter detected.")
            values[name] = unquote_plus(value)
    return Params(values)
