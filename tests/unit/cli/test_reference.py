"""The reference page is what the commands say of themselves."""

from pathlib import Path

from cli import app
from commands import reference

PAGE = Path(__file__).parents[3] / "docs" / "reference" / "cli.md"


def test_the_reference_page_is_up_to_date() -> None:
    """Write it anew with `holdfast reference > docs/reference/cli.md`."""
    assert PAGE.read_text(encoding="utf-8") == reference.page(app)


def test_every_command_that_answers_takes_json() -> None:
    """Programs of their own and `record`, which writes a file, have nothing to answer."""
    sections = reference.page(app).split("## `holdfast ")[1:]
    without = {_name(section) for section in sections if "`--json`" not in section}

    assert without == {"faults", "paper serve", "record"}


def _name(section: str) -> str:
    """The command without its arguments, which are written in capitals."""
    return " ".join(word for word in section.split("`", maxsplit=1)[0].split() if word.islower())
