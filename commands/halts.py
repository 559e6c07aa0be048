"""`holdfast halt` and `release`: work with the API down. The flag is committed here; the PlatformWorkflow is told."""

import asyncio
import getpass
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import timedelta
from typing import Annotated

import typer
from sqlalchemy import Engine
from temporalio.service import RPCError

from commands import home
from commands.exits import CommandFailed, Exit
from commands.output import Json, console, print_json, say
from domain.errors import HoldfastError, Refused, Retryable
from domain.halts import HaltFlag, HaltScope, warning_of
from runtime.errors import SetupError
from runtime.loading import load_settings
from runtime.processes import wait_for
from runtime.settings import Settings
from runtime.temporal_client import connect
from storage.access import Names
from storage.postgres.engine import engine as make_engine
from storage.postgres.halts import PostgresHalts
from storage.postgres.names import PostgresNames
from storage.records import HaltRecord
from wiring.venues import require_known
from workflows import ids
from workflows.platform.messages import Halt, Release

TELL_SECONDS = 5.0

Scope = Annotated[HaltScope, typer.Option(help="How far the halt reaches.")]
ScopeKey = Annotated[str, typer.Option("--key", help="Venue, or user or agent by id or name; empty for the platform.")]


def halt(
    scope: Scope = HaltScope.PLATFORM,
    key: ScopeKey = "",
    reason: Annotated[str, typer.Option(help="Why, for the records.")] = "by hand",
    file: Annotated[bool, typer.Option("--file", help="Also write the kill-switch file; needs no Postgres.")] = False,
    keep_resting: Annotated[bool, typer.Option("--keep-resting", help="Leave resting opening orders.")] = False,
    wait: Annotated[int, typer.Option(help="Seconds to follow until DRAINED; 0 does not wait.", min=0)] = 60,
    as_json: Json = False,
) -> None:
    """Let no opening order leave: answers CLOSED at once, then follows until DRAINED. Closing and cancelling go on."""
    require_known(scope, key)
    flag = HaltFlag(scope=scope.value, key=_checked(scope, key), reason=reason, by=f"cli:{getpass.getuser()}")
    settings = load_settings()
    closing = Closing(settings, flag, keep_resting=keep_resting)
    closed = closing.run(with_file=file)
    if not as_json:
        say(f"CLOSED in {closed['closed_ms']} ms: {closing.flag.name}.")
        if closed["warning"]:
            console(is_error=True).print(f"{closed['warning']} \\[halt_matches_nothing]", style="red")
    if closed["row"] and wait:
        closed |= _follow(settings, closing.flag, timedelta(seconds=wait), as_json=as_json)
    if as_json:
        print_json(closed)
    if closed["warning"]:
        # The halt is in force, but whoever asked for it may believe that it stops somebody.
        raise typer.Exit(Exit.NO)


def release(
    scope: Scope = HaltScope.PLATFORM,
    key: ScopeKey = "",
    as_json: Json = False,
) -> None:
    """End a halt: the row is released, the PlatformWorkflow told; the platform's kill-switch file is removed."""
    settings = load_settings()
    by = f"cli:{getpass.getuser()}"
    with books(settings) as made:
        halts = PostgresHalts(made)
        key = _key_in_force(halts, PostgresNames(made), scope, _checked(scope, key))
        released = halts.release(scope.value, key, by)
    # The file halts everything: the end of one agent's halt is no reason to remove it.
    removed = scope is HaltScope.PLATFORM and settings.halt_file.exists()
    if removed:
        settings.halt_file.unlink(missing_ok=True)
    told = tell(settings, "release", Release(scope=scope.value, key=key, by=by))
    if as_json:
        print_json({"released": released, "file_removed": removed, "told": told})
    else:
        if removed:
            say(f"The kill-switch file {settings.halt_file} is removed.")
        say("Released." if released else "There was no such halt in the database.")
        if not told:
            say("Temporal was not told; run this again when it answers, or its watchdog puts the halt back.")


class _Ambiguous(Refused):
    """A name of several, of which a person has to choose."""

    def __init__(self, scope: HaltScope, key: str, found: tuple[str, ...]) -> None:
        super().__init__(
            "bad_scope",
            f"There are {len(found)} {scope}s called {key}; nothing is halted.",
            action=f"Give the id with --key: {' or '.join(found[:10])}.",
        )


class Closing:
    """Commits a halt by every way there is; one that fails does not keep the others."""

    def __init__(self, settings: Settings, flag: HaltFlag, *, keep_resting: bool) -> None:
        self.flag = flag
        self._settings = settings
        self._keep_resting = keep_resting
        self._matches: int | None = None

    def run(self, *, with_file: bool) -> dict[str, object]:
        """Close; halt_failed when nothing could be written."""
        started = time.monotonic()
        if with_file:
            self._settings.halt_file.parent.mkdir(parents=True, exist_ok=True)
            self._settings.halt_file.write_text(f"{self.flag.reason}\n", encoding="utf-8")
        has_row, problem = self._commit()
        milliseconds = round((time.monotonic() - started) * 1000, 1)
        if not has_row and not with_file:
            raise CommandFailed(
                "halt_failed",
                f"The halt was not committed: {problem}",
                "Use `holdfast halt --file` on each worker's host.",
                exit_code=Exit.UNAVAILABLE,
            )
        closed = {"closed": True, "closed_ms": milliseconds, "row": has_row, "file": with_file, "told": self._tell()}
        warning = "" if with_file else warning_of(self.flag.scope, self.flag.key, self._matches)
        return closed | {"key": self.flag.key, "matches": self._matches, "warning": warning}

    def _commit(self) -> tuple[bool, str]:
        try:
            with books(self._settings) as made:
                self._name(PostgresNames(made))
                PostgresHalts(made).commit(self.flag)
        except _Ambiguous:
            raise
        except (HoldfastError, SetupError) as failure:
            return False, failure.message
        return True, ""

    def _name(self, names: Names) -> None:
        """Put the id for a name; a question that fails keeps no halt."""
        scope, key = HaltScope(self.flag.scope), self.flag.key
        with suppress(Retryable):
            found = names.ids(scope, key)
            if len(found) > 1:
                raise _Ambiguous(scope, key, found)
            self._matches = len(found)
            self.flag = replace(self.flag, key=found[0] if found else key)

    def _tell(self) -> bool:
        flag = self.flag
        told = Halt(scope=flag.scope, key=flag.key, reason=flag.reason, by=flag.by, keep_resting=self._keep_resting)
        return tell(self._settings, "halt", told)


def tell(settings: Settings, signal: str, argument: Halt | Release) -> bool:
    """Signal the PlatformWorkflow; False when Temporal or the workflow does not answer in time."""

    async def send() -> None:
        # Not encrypted: there is no secret in it, and a seal that no worker can open would stop the workflow for good.
        client = await connect(settings, None, address=home.temporal_address(settings))
        await client.get_workflow_handle(ids.PLATFORM).signal(signal, argument)

    try:
        asyncio.run(asyncio.wait_for(send(), TELL_SECONDS))
    except (SetupError, RPCError, TimeoutError):
        return False
    return True


@contextmanager
def books(settings: Settings) -> Iterator[Engine]:
    """Open the database for one command."""
    made = make_engine(home.database_url(settings), pool_size=1, max_overflow=1)
    try:
        yield made
    finally:
        made.dispose()


def _follow(settings: Settings, flag: HaltFlag, timeout: timedelta, *, as_json: bool) -> dict[str, object]:
    started = time.monotonic()
    with books(settings) as made, console(is_error=as_json).status("waiting for DRAINED ..."):
        halts = PostgresHalts(made)
        found = wait_for(lambda: _drained(halts, flag) is not None, timeout, timedelta(seconds=0.2))
    seconds = round(time.monotonic() - started, 1)
    if not found:
        raise CommandFailed(
            "not_drained",
            f"Not DRAINED after {seconds} s; the halt is in force.",
            "See `holdfast doctor`: a worker on hf-halt and Temporal have to run.",
        )
    if not as_json:
        say(f"DRAINED after {seconds} s: the venue admits no opening order of ours any more.")
    return {"drained": True, "drained_s": seconds}


def _drained(halts: PostgresHalts, flag: HaltFlag) -> HaltRecord | None:
    mine = (record for record in halts.in_force() if (record.flag.scope, record.flag.key) == (flag.scope, flag.key))
    return next((record for record in mine if record.drained_at is not None), None)


def _key_in_force(halts: PostgresHalts, names: Names, scope: HaltScope, key: str) -> str:
    """Find the key of the halt that is meant by an id or a name."""
    keys = {record.flag.key for record in halts.in_force() if record.flag.scope == scope}
    named = [one for one in names.ids(scope, key) if one in keys] if key not in keys else [key]
    return named[0] if len(named) == 1 else key


def _checked(scope: HaltScope, key: str) -> str:
    if (scope is HaltScope.PLATFORM) == bool(key):
        raise Refused(
            "bad_scope", "The platform takes no key; a venue, a user and an agent need one.", action="See --help."
        )
    return key
