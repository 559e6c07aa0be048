"""Reads an adviser's settings, which are strings, and says in one sentence what is wrong with one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal

from domain.errors import Misconfigured, Refused
from domain.money import parse_decimal

_YES_NO = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}


def require_known(settings: Mapping[str, str], known: Iterable[str]) -> None:
    """Refuse a setting that the adviser does not have: a misspelt one would silently be the default."""
    names = sorted(known)
    for name in settings:
        if name not in names:
            raise _bad(name, f"is no setting of this adviser; it has {', '.join(names)}")


def whole_number(settings: Mapping[str, str], name: str, default: int, *, least: int, most: int) -> int:
    """Read an integer within bounds."""
    text = settings.get(name, str(default)).strip()
    if not text.isascii() or not text.isdigit() or not least <= int(text) <= most:
        raise _bad(name, f"is {text[:20]!r}, a whole number from {least} to {most} is needed")
    return int(text)


def number(settings: Mapping[str, str], name: str, default: str, *, least: str, most: str) -> Decimal:
    """Read a decimal within bounds."""
    text = settings.get(name, default).strip()
    try:
        value = parse_decimal(text)
    except Refused:
        value = Decimal(most) + 1
    if not Decimal(least) <= value <= Decimal(most):
        raise _bad(name, f"is {text[:20]!r}, a number from {least} to {most} is needed")
    return value


def yes_or_no(settings: Mapping[str, str], name: str, *, default: bool) -> bool:
    """Read a flag."""
    text = settings.get(name, str(default)).strip().lower()
    if text not in _YES_NO:
        raise _bad(name, f"is {text[:20]!r}, true or false is needed")
    return _YES_NO[text]


def _bad(name: str, what: str) -> Misconfigured:
    return Misconfigured(
        "adviser_setting",
        f"The adviser's setting {name!r} {what}.",
        action="Correct it with a reconfiguration of the agent.",
        details={"setting": name},
    )
