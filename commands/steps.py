"""Progress of a start: one line a step with its time, live on a terminal and plain in a log."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.status import Status

from runtime.processes import Supervisor


class Steps:
    """Shows what is being done and how long it took."""

    def __init__(self, console: Console) -> None:
        self._console = console

    @contextmanager
    def step(self, name: str) -> Iterator["Note"]:
        """Show a spinner while the block runs, then one line with its time."""
        note = Note()
        started = time.monotonic()
        with self._console.status(f"{name} ..."):
            yield note
        seconds = time.monotonic() - started
        self._console.print(f"  [green]✓[/green] {name:<22} {note.text} [dim]({seconds:.1f} s)[/dim]")

    def live(self, text: str) -> Status:
        """Show a line that changes, where there is a terminal."""
        return self._console.status(text)

    def stop(self, supervisor: Supervisor) -> None:
        """Stop every part and show how long each one took."""
        names: list[tuple[str, float]] = []
        supervisor.stop(lambda name: names.append((name, time.monotonic())))
        ends = [at for _, at in names[1:]] + [time.monotonic()]
        shown = ", ".join(f"{name} {end - at:.1f} s" for (name, at), end in zip(names, ends, strict=True))
        self.say(f"  [dim]stopped: {shown}[/dim]")

    def say(self, text: str) -> None:
        """Print one line."""
        self._console.print(text)


class Note:
    """What a step wants to have said at its end."""

    def __init__(self) -> None:
        self.text = ""

    def __call__(self, text: str) -> None:
        """Remember the text."""
        self.text = text
