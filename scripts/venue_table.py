"""Run the contract of venues and write docs/reference/venues.md from its report: cases by adapter."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree as ET

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs" / "reference" / "venues.md"
SUITE = "tests/contracts/venue"
ABSENT = "not applicable: "
HEAD = """# Venues: the contract, case by case

Every adapter is run against its paper server by one suite, `tests/contracts/venue`: each case below is a sentence that
holds for all of them. `pass` means that every variant of the case passed (each fault, each side, each refusal);
a number points to the reason why a venue cannot have the case. Written by `python scripts/venue_table.py` from a run;
`tests/contracts/test_venue_table.py` compares the list of cases with the suite.

The same suite runs against a venue's test network with keys of your own: `pytest tests/contracts/venue -m live`, see
the end of this page.
"""
LIVE = """
## Against a test network

Set the three variables of a venue and run `pytest tests/contracts/venue -m live`. The account needs about 2,000 dollars of test
money, one-way position mode and nothing else that trades on it: what a case leaves open is cancelled and closed. Cases that
must break the venue (lost answers, moved prices, other clocks) are skipped there and say so. Requests wait for the venue's
limits, so a run takes some minutes. `HOLDFAST_LIVE_<VENUE>_URL` names another server, a paper one for instance.

| venue | address | signer | secret |
|---|---|---|---|
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """One variant of a case at one venue; `problem` is empty when it passed, `reason` when it applies."""

    number: int
    venue: str
    sentence: str
    reason: str = ""
    problem: str = ""


def read_results(report: Path) -> list[Result]:
    """Read a JUnit report of the suite."""
    return [result for case in ET.parse(report).iter("testcase") for result in _result(case)]


def _result(case: ET.Element) -> Iterable[Result]:
    properties = {item.get("name"): item.get("value") for item in case.iter("property")}
    if "case" not in properties:
        return
    skipped = case.find("skipped")
    message = "" if skipped is None else str(skipped.get("message"))
    is_absent = message.startswith(ABSENT)
    broken = case.find("failure") is not None or case.find("error") is not None or (message != "" and not is_absent)
    name = str(case.get("name")).split("[", 1)[0]
    yield Result(
        number=int(str(properties["case"])),
        venue=str(properties["venue"]),
        sentence=sentence_of(name),
        reason=message.removeprefix(ABSENT) if is_absent else "",
        problem=name if broken else "",
    )


def sentence_of(name: str) -> str:
    """The sentence that a test's name is."""
    words = name.removeprefix("test_").replace("_", " ")
    return words[0].upper() + words[1:]


def page(results: list[Result]) -> str:
    """Return the page."""
    venues = list(dict.fromkeys(result.venue for result in results))
    sentences = {result.number: result.sentence for result in results}
    reasons: list[str] = []
    rows = [f"| case | what holds | {' | '.join(venues)} |", "|---" * (len(venues) + 2) + "|"]
    for number in sorted(sentences):
        cells = [_cell([r for r in results if (r.number, r.venue) == (number, venue)], reasons) for venue in venues]
        rows.append(f"| VC-{number:02} | {sentences[number]} | {' | '.join(cells)} |")
    notes = [f"{place}. {reason}" for place, reason in enumerate(reasons, start=1)]
    parts = [HEAD, "\n".join(rows), "\n## Why a venue cannot have a case\n", "\n".join(notes)]
    return "\n".join(parts) + "\n" + LIVE + live_rows(venues)


def live_rows(venues: Iterable[str]) -> str:
    """The variables of each venue's test network."""
    prefixes = [(venue, f"HOLDFAST_LIVE_{venue.upper()}") for venue in venues]
    return "".join(f"| {venue} | `{p}_ADDRESS` | `{p}_SIGNER` | `{p}_SECRET` |\n" for venue, p in prefixes)


def _cell(results: list[Result], reasons: list[str]) -> str:
    if not results:
        return "not run"
    if any(result.problem for result in results):
        return "**fails**"
    if reason := next((result.reason for result in results if result.reason), ""):
        note = f"{results[0].venue}: {reason}."
        if note not in reasons:
            reasons.append(note)
        return f"not applicable ({reasons.index(note) + 1})"
    return "pass"


def main() -> int:
    """Run the suite and write the page; returns the exit code of the suite."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.xml"
        options = ["-q", "-m", "not live", "-o", "junit_family=xunit1"]
        command = [sys.executable, "-m", "pytest", "-p", "no:schemathesis", SUITE, *options]
        code = subprocess.run([*command, f"--junitxml={report}"], cwd=ROOT, check=False).returncode
        PAGE.write_text(page(read_results(report)))
    return code


if __name__ == "__main__":
    raise SystemExit(main())
