"""The differences that are known, each with its reason; a difference that is not in the file fails, and so does a line of
the file that explains nothing any more."""

import tomllib
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from tests.conformance.shape import Difference, differences, shape_of

FILE = Path(__file__).with_name("explained.toml")
SHARED = ("binance", "aster")
"""The venues that share a protocol, and with it the lines of `fapi`."""


def explained(venue: str) -> list[dict[str, str]]:
    """The explained differences of a venue's paper server."""
    tables: dict[str, list[dict[str, str]]] = tomllib.loads(FILE.read_text())
    shared = tables["fapi"] if venue in SHARED else []
    return tables.get(venue, []) + shared


def judge(venue: str, found: dict[str, list[Difference]]) -> tuple[list[str], list[str]]:
    """Return (the differences without an explanation, the explanations without a difference)."""
    rows = explained(venue)
    used: set[int] = set()
    bare: list[str] = []
    for answer, ones in found.items():
        for one in ones:
            fits = [place for place, row in enumerate(rows) if _fits(row, answer, one)]
            used.update(fits)
            if not fits:
                bare.append(f"{answer}{one.at}: {one.what}: {one.text}")
    return bare, [f"{row['at']}: {row['what']}" for place, row in enumerate(rows) if place not in used]


def _fits(row: dict[str, str], answer: str, one: Difference) -> bool:
    # Square brackets are patterns to fnmatch; places in lists are not.
    wanted, given = (text.replace("[", "<").replace("]", ">") for text in (row["at"], f"{answer}{one.at}"))
    return fnmatchcase(given, wanted) and one.what in row["what"].split("|")


def compare(recorded: list[Any], ours: list[Any], maps: frozenset[str] = frozenset()) -> list[Difference]:
    """Name every difference of our answers from recorded ones."""
    assert recorded, "Nothing was recorded."
    assert ours, "Nothing was answered."
    return list(differences(shape_of(recorded, maps), shape_of(ours, maps)))
