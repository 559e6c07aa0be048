"""`holdfast user ...`: make users and API keys on the host; a key is printed once."""

import getpass
from typing import Annotated

import typer
from sqlalchemy import Engine

from commands.halts import books
from commands.output import Json, print_json, print_rows, say
from domain.errors import Refused
from runtime.loading import load_settings
from storage.postgres.audit import PostgresAudit
from storage.postgres.users import PostgresUsers
from storage.records import Scope

app = typer.Typer(help="Users and their API keys.", no_args_is_help=True)


@app.command()
def create(
    name: Annotated[str, typer.Argument(help="A name of your choice, unique here.")],
    admin: Annotated[bool, typer.Option("--admin", help="May halt the platform.")] = False,
    as_json: Json = False,
) -> None:
    """Make a user and an API key; the key is shown this once."""
    with books(load_settings()) as made:
        users = PostgresUsers(made)
        user = users.add(name, is_admin=admin)
        scopes = (Scope.ADMIN, Scope.TRADE) if admin else (Scope.TRADE,)
        issued = users.issue(user.user_id, name=f"first key of {name}", scopes=scopes)
        _note(made, "user.create", user.user_id, scopes)
    _print(user.user_id, issued.secret, as_json=as_json)


@app.command()
def key(
    name: Annotated[str, typer.Argument(help="The user's name.")],
    label: Annotated[str, typer.Option(help="What the key is for.")] = "",
    read_only: Annotated[bool, typer.Option("--read-only", help="May look, not act.")] = False,
    as_json: Json = False,
) -> None:
    """Make another API key for a user; it is shown this once."""
    scopes = (Scope.READ,) if read_only else (Scope.TRADE,)
    with books(load_settings()) as made:
        users = PostgresUsers(made)
        user = users.named(name)
        if user is None:
            raise Refused("user_unknown", f"There is no user {name}.", action="Make one with `holdfast user create`.")
        issued = users.issue(user.user_id, name=label, scopes=scopes)
        _note(made, "key.issue", user.user_id, scopes)
    _print(user.user_id, issued.secret, as_json=as_json)


@app.command("list")
def list_users(as_json: Json = False) -> None:
    """List users."""
    with books(load_settings()) as made:
        users = PostgresUsers(made).users(limit=500).items
    rows = [{"id": user.user_id, "name": user.name, "admin": user.is_admin} for user in users]
    print_rows(rows, ("id", "name", "admin"), as_json=as_json, empty="There are no users.")


def _note(made: Engine, act: str, user_id: str, scopes: tuple[Scope, ...]) -> None:
    body = {"scopes": " ".join(scope.value for scope in scopes)}
    PostgresAudit(made).append(f"cli:{getpass.getuser()}", act, user_id, body)


def _print(user_id: str, secret: str, *, as_json: bool) -> None:
    if as_json:
        print_json({"user_id": user_id, "api_key": secret})
    else:
        say(f"user {user_id}\nAPI key {secret}\nIt is shown this once.")
