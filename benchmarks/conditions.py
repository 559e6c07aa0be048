"""Under which conditions a figure was measured, and the options that every benchmark takes."""

from __future__ import annotations

import argparse
import os
import platform
import sys
from datetime import UTC, datetime

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn


def options_of(program: str, text: str | None) -> argparse.ArgumentParser:
    """Make a parser whose --help is the module's text."""
    parser = argparse.ArgumentParser(
        prog=f"python -m benchmarks.{program}", description=text, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--server",
        choices=("dev", "cluster"),
        default="dev",
        help="the development server, or the real one on Postgres",
    )
    return parser


def conditions(server: str) -> str:
    """Say on what it ran, when, and how busy the machine was: a load far above the cores means figures of a crowd."""
    load = ", ".join(f"{value:.1f}" for value in os.getloadavg())
    now = datetime.now(UTC)
    return (
        f"{now:%Y-%m-%d %H:%M} UTC, server {server}, {os.cpu_count()} cores, load {load}, "
        f"Python {platform.python_version()}"
    )


def progress() -> Progress:
    """Make a progress bar on standard error; nothing is drawn where nobody looks."""
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        disable=not sys.stderr.isatty(),
    )
