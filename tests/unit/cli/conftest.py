"""The command line as a user calls it, in a home of its own."""

from pathlib import Path

import pytest

from tests.stack.command_line import Holdfast, command_line


@pytest.fixture
def holdfast(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Holdfast:
    """Run `holdfast` with arguments and settings."""
    return command_line(tmp_path, monkeypatch, capsys)
