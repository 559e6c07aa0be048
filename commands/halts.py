"""`holdfast halt` and `holdfast release`: they need Postgres alone; Temporal is told if it answers."""

import asyncio
import time
from typing import Annotated

import typer
from sqlalchemy import Engine

from commands import home
from commands.output import Json, print_json, say
from domain.errors import HoldfastError
from domain.halts import HaltFlag
from runtime.errors import SetupError
from runtime.loading import load_settings
from runtime.secrets import KeyRing
from runtime.settings import Settings
from runtime.temporal_client import connect
from storage.postgres.engine import engine
from storage.postgres.halts import PostgresHalts
from workflows import ids
from workflows.platform.messages import Halt, Release

Scope = Annotated[str, typer.Option(help="platform, venue, user or agent.")]
Key = Annotated[str, typer.Option(help="Venue name, user id or agent id; empty for the platform.")]


def halt(
    scope: Scope = "platform",
    key: Key = "",
    reason: Annotated[str, typer.Option(help="Shown to users and in the audit log.")] = "by hand",
    file: Annotated[bool, typer.Option("--file", help="Create the kill-switch file of this host as well.")] = False,
    wait: Annotated[int, typer.Option(help="Seconds to follow until DRAINED.")] = 60,
    as_json: Json = False,
) -> None:
    """Stop opening orders: CLOSED when the flag is committed, DRAINED when none can be admitted any more."""
    settings = load_settings()
    started = time.perf_counter()
    if file:
        settings.halt_file.parent.mkdir(parents=True, exist_ok=True)
        settings.halt_file.write_text(reason, encoding="utf-8")
    books = PostgresHalts(_engine(settings))
    record = books.commit(HaltFlag(scope=scope, key=key, reason=reason, by="command line"))
    closed_ms = (time.perf_counter() - started) * 1000
    if not as_json:
        say(f"CLOSED in {closed_ms:.0f} ms: {record.flag.name}")
    told = _tell(settings, "halt", Halt(scope=scope, key=key, reason=reason, by="command line"))
    drained = _drained(books, record.id, wait) if told else False
    if as_json:
        print_json({"closed_ms": round(closed_ms, 1), "told": told, "drained": drained, "id": record.id})
    elif drained:
        say(f"DRAINED after {time.perf_counter() - started:.1f} s: no opening order is admitted from now on.")
    else:
        why = "is not drained yet" if told else "Temporal does not answer, so draining is not watched"
        say(f"The gate is closed; it {why}. Look again with `holdfast doctor`.")


def release(scope: Scope = "platform", key: Key = "", as_json: Json = False) -> None:
    """Open the gate again; a kill-switch file is removed too."""
    settings = load_settings()
    settings.halt_file.unlink(missing_ok=True)
    changed = PostgresHalts(_engine(settings)).release(scope, key, "command line")
    told = _tell(settings, "release", Release(scope=scope, key=key, by="command line"))
    if as_json:
        print_json({"released": changed, "told": told})
    else:
        say("Released." if changed else "Nothing was halted there.")


def _engine(settings: Settings) -> Engine:
    return engine(home.database_url(settings), pool_size=1)


def _tell(settings: Settings, signal: str, message: Halt | Release) -> bool:
    """Tell the platform's workflow; the flag in Postgres counts whether it hears or not."""

    async def tell() -> None:
        client = await connect(settings, KeyRing.of(settings), address=home.temporal_address(settings))
        await client.get_workflow_handle(ids.PLATFORM).signal(signal, message)

    try:
        asyncio.run(asyncio.wait_for(tell(), 10))
    except (SetupError, HoldfastError, TimeoutError, RuntimeError, OSError):
        return False
    return True


def _drained(books: PostgresHalts, halt_id: int, seconds: int) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        found = next((record for record in books.in_force() if record.id == halt_id), None)
        if found is None or found.drained_at is not None:
            return found is not None
        time.sleep(0.1)
    return False
