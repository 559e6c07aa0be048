"""Why a part of the stack does not run, in one sentence."""

import shutil
from collections import namedtuple
from pathlib import Path

import pytest

from commands import parts

Usage = namedtuple("Usage", ["total", "used", "free"])  # noqa: PYI024 - as shutil's own


def test_a_part_that_died_is_told_with_its_last_words_in_one_line(tmp_path: Path) -> None:
    log = tmp_path / "paper.log"
    log.write_text("Traceback\n    one\n  two\nValueError: three\n")
    said = str(parts.part_died("The paper keeps ending", log))

    assert said == f"The paper keeps ending: one two ValueError: three. See {log}."


def test_on_a_full_disk_the_disk_is_named_and_not_what_it_broke(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = tmp_path / "paper.log"
    log.write_text("OSError\n")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(100, 100, 0))
    failure = parts.part_died("The paper keeps ending", log)

    assert failure.code == "disk_full"
    assert "Free some space" in str(failure)
