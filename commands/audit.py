"""`holdfast audit`: prove that nobody has changed the audit log."""

import typer

from commands.exits import CommandFailed
from commands.halts import books
from commands.output import Json, print_json, say
from runtime.loading import load_settings
from storage.postgres.audit import PostgresAudit

app = typer.Typer(help="The audit log.", no_args_is_help=True)


@app.callback()
def audit() -> None:
    """Check the audit log."""


@app.command()
def verify(as_json: Json = False) -> None:
    """Walk the chain of hashes."""
    with books(load_settings()) as made:
        verdict = PostgresAudit(made).verify()
    if verdict.broken_at:
        raise CommandFailed(
            "audit_broken",
            f"The chain breaks at entry {verdict.broken_at}.",
            "Compare with a backup; tell the operator.",
        )
    if as_json:
        print_json({"ok": True, "entries": verdict.entries})
    else:
        say(f"{verdict.entries} entries, the chain holds.")
