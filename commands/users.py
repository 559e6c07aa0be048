"""`holdfast user ...`: make users and API keys on the host; a key is printed once."""

from typing import Annotated

import typer

from commands import home
from commands.output import Json, print_json, say
from domain.errors import Refused
from runtime.loading import load_settings
from storage.postgres.engine import engine
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
    users = PostgresUsers(engine(home.database_url(load_settings()), pool_size=1))
    user = users.add(name, is_admin=admin)
    _print_key(users, user.user_id, name, admin=admin, as_json=as_json)


@app.command()
def key(
    name: Annotated[str, typer.Argument(help="The user's name.")],
    label: Annotated[str, typer.Option(help="What the key is for.")] = "",
    read_only: Annotated[bool, typer.Option("--read-only", help="May look, not act.")] = False,
    as_json: Json = False,
) -> None:
    """Make another API key for a user; it is shown this once."""
    users = PostgresUsers(engine(home.database_url(load_settings()), pool_size=1))
    user = users.named(name)
    if user is None:
        raise Refused("user_unknown", f"There is no user {name}.", action="Make one with `holdfast user create`.")
    issued = users.issue(user.user_id, name=label, scopes=(Scope.READ,) if read_only else (Scope.TRADE,))
    _print(user.user_id, issued.secret, as_json=as_json)


def _print_key(users: PostgresUsers, user_id: str, name: str, *, admin: bool, as_json: bool) -> None:
    scopes = (Scope.ADMIN, Scope.TRADE) if admin else (Scope.TRADE,)
    issued = users.issue(user_id, name=f"first key of {name}", scopes=scopes)
    _print(user_id, issued.secret, as_json=as_json)


def _print(user_id: str, secret: str, *, as_json: bool) -> None:
    if as_json:
        print_json({"user_id": user_id, "api_key": secret})
    else:
        say(f"user {user_id}\nAPI key {secret}\nIt is shown this once.")
