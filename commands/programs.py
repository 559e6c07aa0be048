"""Programs of this repository that take their own options: `holdfast paper`, `holdfast faults`."""

import os
import sys
from pathlib import Path

import typer

from runtime.errors import SetupError

ROOT = Path(__file__).parents[1]
PASS_ON = {"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []}


def faults(context: typer.Context) -> None:
    """Run the fault suite: --runs N --seed S [--fault NAME] [--short]."""
    if not (ROOT / "tests" / "faults").is_dir():
        raise SetupError("no_tests", "The fault suite is not part of this installation.", "Run it from a clone.")
    become("tests.faults", context.args)


def become(module: str, arguments: list[str]) -> None:
    """Run a module of this repository in this process's stead."""
    os.chdir(ROOT)
    os.execv(sys.executable, [sys.executable, "-m", module, *arguments])  # noqa: S606 - our own module
