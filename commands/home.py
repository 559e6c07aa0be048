"""The folder of a deployment as the commands use it: one `up` at a time, where its parts are, who may read what."""

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path

from runtime.errors import SetupError
from runtime.locks import exclusive
from runtime.settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    """What a running `up` says about itself."""

    pid: int
    database_url: str = field(repr=False)
    temporal_address: str
    temporal_ui: str
    venue_url: str
    api_url: str
    venue_urls: dict[str, str] = field(default_factory=dict)


@contextmanager
def held(home: Path) -> Iterator[None]:
    """Hold the folder; refuse with already_running when another `up` has it."""

    def refuse() -> None:
        raise SetupError(
            "already_running",
            f"Another `holdfast up` runs on {home}.",
            "Stop it with `holdfast down`, or set HOLDFAST_HOME to another folder.",
        )

    with exclusive(_run(home) / "up.lock", on_wait=refuse):
        try:
            yield
        finally:
            (_run(home) / "up.json").unlink(missing_ok=True)


def is_held(home: Path) -> bool:
    """Say whether an `up` runs on the folder; a file left by a killed one says nothing."""

    def refuse() -> None:
        raise BlockingIOError

    try:
        with exclusive(_run(home) / "up.lock", on_wait=refuse):
            return False
    except BlockingIOError:
        return True


def note_running(home: Path, running: Running) -> None:
    """Write where the parts are, for the other commands; it holds a password: mode 0600."""
    write_private(_run(home) / "up.json", asdict(running))


def running(home: Path) -> Running | None:
    """Read where the parts of a running `up` are; None when none runs."""
    file = _run(home) / "up.json"
    if not file.exists() or not is_held(home):
        return None
    return Running(**json.loads(file.read_text(encoding="utf-8")))


def write_private(file: Path, value: Mapping[str, object]) -> None:
    """Write a JSON file that nobody else can read, whole or not at all."""
    file.parent.mkdir(parents=True, exist_ok=True)
    draft = file.with_name(f".{file.name}.{os.getpid()}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as output:
        json.dump(dict(value), output, indent=2)
    draft.replace(file)


def read_private(file: Path) -> dict[str, str]:
    """Read a JSON file of `write_private`; empty when there is none."""
    if not file.exists():
        return {}
    content: dict[str, str] = json.loads(file.read_text(encoding="utf-8"))
    return content


def database_url(settings: Settings) -> str:
    """Find the database: DATABASE_URL, else the one of a running `up`; else no_postgres."""
    if settings.database_url is not None:
        return settings.database_url.get_secret_value()
    if (found := running(settings.holdfast_home)) is not None:
        return found.database_url
    raise SetupError("no_postgres", "No Postgres is known here.", "Start `holdfast up` or set DATABASE_URL.")


def temporal_address(settings: Settings) -> str:
    """Find Temporal: TEMPORAL_ADDRESS, else the one of a running `up`; else no_temporal."""
    if settings.temporal_address is not None:
        return settings.temporal_address
    if (found := running(settings.holdfast_home)) is not None:
        return found.temporal_address
    raise SetupError("no_temporal", "No Temporal is known here.", "Start `holdfast up` or set TEMPORAL_ADDRESS.")


def venue_url(settings: Settings, venue: str = "hyperliquid") -> str:
    """Find a venue: by setting, else the paper server of a running `up`; '' for the venue's own address."""
    if not settings.is_set(f"{venue}_url") and (found := running(settings.holdfast_home)) is not None:
        return found.venue_urls.get(venue, "") or settings.url_of(venue)
    return settings.url_of(venue)


def venue_urls(settings: Settings) -> dict[str, str]:
    """Find every venue."""
    return {venue: venue_url(settings, venue) for venue in ("hyperliquid", "binance", "aster")}


def _run(home: Path) -> Path:
    return home / "run"
