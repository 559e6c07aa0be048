"""`holdfast migrate`: bring the database to the schema of this program, or check it."""

from typing import Annotated

import typer

from commands import home
from commands.halts import books
from commands.output import Json, print_json, say
from runtime.loading import load_settings
from storage.postgres import schema


def migrate(
    to: Annotated[str, typer.Option(help="Revision to go to; forward only.")] = "head",
    check: Annotated[bool, typer.Option("--check", help="Change nothing; fail when the schema does not fit.")] = False,
    as_json: Json = False,
) -> None:
    """Apply the migrations that the database lacks."""
    settings = load_settings()
    if check:
        with books(settings) as made:
            revision = schema.check(made)
    else:
        revision = schema.migrate(home.database_url(settings), to)
    if as_json:
        print_json({"revision": revision})
    else:
        say(f"The database is at revision {revision}.")
