"""`holdfast portfolio` and `holdfast trades`: what is held and what was done."""

from typing import Annotated

import typer

from commands.client import connect
from commands.output import Json, print_json, print_rows, say


def portfolio(as_json: Json = False) -> None:
    """Show equity, margin and positions of your accounts, with the age of the numbers."""
    accounts = connect().get("/api/portfolio")["items"]
    if as_json:
        print_json(accounts)
        return
    for account in accounts:
        say(
            f"{account['account_id']}  equity {account['equity']}  available {account['available']}  "
            f"margin {account['margin_used']}  as of {account['as_of']}"
        )
        columns = ("coin", "size", "entry_px", "mark_px", "unrealised_pnl", "leverage", "liquidation_px")
        print_rows(account["positions"], columns, as_json=False, empty="  no positions")
    if not accounts:
        say("No account has been read yet.")


def trades(
    limit: Annotated[int, typer.Option(help="At most so many, newest first.")] = 30, as_json: Json = False
) -> None:
    """List your trades, newest first."""
    rows = connect().get("/api/trades", limit=limit)["items"]
    columns = ("time", "asset", "side", "size", "price", "realised_pnl", "fee", "step", "intent_id")
    print_rows(rows, columns, as_json=as_json, empty="There are no trades yet.")
