"""What people write as options, as the API takes it. What is none stays as it was written: the API says what is wrong."""

import re
from collections.abc import Iterable, Mapping
from decimal import Decimal

from commands.exits import CommandFailed, Exit
from domain.money import plain

SECONDS = {"": 1, "s": 1, "m": 60, "h": 3_600, "d": 86_400}
SPAN = re.compile(r"([0-9]{1,12}(?:\.[0-9]{1,6})?)(s|m|h|d|)")
PERCENT = re.compile(r"([0-9]{1,12}(?:\.[0-9]{1,12})?)%")

DURATION_HELP = "90, 90s, 15m, 2h or 3d"


def coin_of(text: str) -> str:
    """Write a coin as its venue does; some have small letters among large ones (kPEPE)."""
    return text.upper() if text.islower() else text


def seconds_of(text: str) -> str:
    """Write a duration (90, 90s, 15m, 2h, 3d) in seconds."""
    found = SPAN.fullmatch(text.strip())
    return plain(Decimal(found[1]) * SECONDS[found[2]]) if found else text


def fraction_of(text: str) -> str:
    """Write a percentage as a fraction; a fraction stays."""
    found = PERCENT.fullmatch(text.strip())
    return plain(Decimal(found[1]) / 100) if found else text


def pairs_of(option: str, given: Iterable[str]) -> dict[str, str]:
    """Read NAME=VALUE options; bad_option for what is none and for a name that is given twice."""
    pairs: dict[str, str] = {}
    for text in given:
        name, has_value, value = text.partition("=")
        if not name or not has_value:
            raise CommandFailed("bad_option", f"{option} {text} is no NAME=VALUE.", "See --help.", exit_code=Exit.USAGE)
        if name in pairs:
            raise CommandFailed("bad_option", f"{option} {name} is given twice.", "Give it once.", exit_code=Exit.USAGE)
        pairs[name] = value
    return pairs


def without_blanks(body: Mapping[str, object]) -> dict[str, object]:
    """Leave out what was not given, so that the API's own defaults hold."""
    return {name: value for name, value in body.items() if value not in ("", None) and value != {}}
