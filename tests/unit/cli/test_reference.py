"""The reference page is what the commands say of themselves."""

import re
from pathlib import Path

from cli import app
from commands import reference

ROOT = Path(__file__).parents[3]
SKIPPED = {".venv", "tests", ".git", ".holdfast"}
NAMED = re.compile(r"`holdfast ([a-z][a-z-]*)(?: ([a-z][a-z-]*))?")
PAGE = Path(__file__).parents[3] / "docs" / "reference" / "cli.md"


def test_the_reference_page_is_up_to_date() -> None:
    """Write it anew with `holdfast reference > docs/reference/cli.md`."""
    assert PAGE.read_text(encoding="utf-8") == reference.page(app)


def test_every_command_that_answers_takes_json() -> None:
    """Programs of their own and `record`, which writes a file, have nothing to answer."""
    sections = reference.page(app).split("## `holdfast ")[1:]
    without = {_name(section) for section in sections if "`--json`" not in section}

    assert without == {"faults", "paper serve", "record"}


def test_every_command_that_a_message_or_a_page_names_is_there() -> None:
    """Who is told to run a command that does not exist is told nothing."""
    there = {_name(section) for section in reference.page(app).split("## `holdfast ")[1:]}
    groups = {name.split()[0] for name in there if " " in name}
    files = [file for kind in ("*.py", "*.md") for file in ROOT.rglob(kind) if not SKIPPED & set(file.parts)]
    named = {match for file in files for match in NAMED.findall(file.read_text(encoding="utf-8"))}
    missing = [
        f"{first} {second}".strip()
        for first, second in sorted(named)
        if (f"{first} {second}" if first in groups - {"paper"} and second else first)
        not in there | groups | {"reference"}
    ]

    assert len(named) > 20
    assert missing == []


def _name(section: str) -> str:
    """The command without its arguments, which are written in capitals."""
    return " ".join(word for word in section.split("`", maxsplit=1)[0].split() if word.islower())
