"""The command line as a user calls it, in a home of its own, without the seconds that a new process takes."""

import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

import cli


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """What a command printed, and its exit code."""

    returncode: int
    stdout: str
    stderr: str


Holdfast = Callable[..., Answered]


def command_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Holdfast:
    """Return what runs `holdfast` with arguments and settings; nothing of the developer's environment reaches it."""

    def run(*arguments: str, **settings: str) -> Answered:
        for name in os.environ:
            monkeypatch.delenv(name)
        given = {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), "HOLDFAST_HOME": str(tmp_path / "home")} | settings
        for name, value in given.items():
            monkeypatch.setenv(name, value)
        monkeypatch.chdir(tmp_path)
        monkeypatch.setattr(sys, "argv", ["holdfast", *arguments])
        with pytest.raises(SystemExit) as left:
            cli.main()
        printed = capsys.readouterr()
        code = left.value.code
        return Answered(
            returncode=code if isinstance(code, int) else 0 if code is None else 1,
            stdout=printed.out,
            stderr=printed.err,
        )

    return run
