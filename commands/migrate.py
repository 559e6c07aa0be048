"""`holdfast migrate`: bring the database to the schema of this program, or check it."""

from typing import Annotated

import typer

from commands import home
from commands.output import Json, print_json, say
from runtime.loading import load_settings
from storage.postgres import schema
from storage.postgres.engine import engine


def migrate(
    to: Annotated[str, typer.Option(help="Revision to go to; forward only.")] = "head",
    check: Annotated[bool, typer.Option("--check", help="Change nothing; fail when the schema does not fit.")] = False,
    as_json: Json = False,
) -> None:
    """Apply the migrations that the database lacks."""
    url = home.database_url(load_settings())
    revision = schema.check(engine(url, pool_size=1)) if check else schema.migrate(url, to)
    if as_json:
        print_json({"revision": revision})
    else:
        say(f"The database is at revision {revision}.")
