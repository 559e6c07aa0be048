"""`holdfast intent ...`: open, close, cancel, amend, show, list."""

import time
from typing import Annotated, Any

import typer

from commands.client import Api, connect
from commands.exits import Exit
from commands.output import Json, print_fields, print_json, print_rows, say

app = typer.Typer(help="Intents: open, close, cancel, amend, show, list.", no_args_is_help=True)

IntentId = Annotated[str, typer.Argument(help="The intent's id.")]
Account = Annotated[str, typer.Option(help="Account id; may be left out where there is one account only.")]
COLUMNS = ("id", "coin", "kind", "side", "phase", "code", "filled_size", "average_px", "stop_px", "realised_pnl")
ENDED_BADLY = frozenset({"REFUSED", "EXPIRED", "FAILED"})
SETTLED = frozenset({"FILLED", "PROTECTED", "CLOSED", "CANCELLED", "REFUSED", "EXPIRED", "FAILED"})


@app.command("open")
def open_position(
    coin: Annotated[str, typer.Argument(help="BTC, ETH, ...")],
    side: Annotated[str, typer.Argument(help="buy or sell")],
    size: Annotated[str, typer.Option(help="Size in units of the coin.")] = "",
    notional: Annotated[str, typer.Option(help="Size in USDC, instead of --size.")] = "",
    limit: Annotated[str, typer.Option(help="Limit price; a market order without it.")] = "",
    tif: Annotated[str, typer.Option(help="gtc, ioc or alo (post-only), with --limit.")] = "gtc",
    stop: Annotated[str, typer.Option(help="Stop price of the whole position.")] = "",
    take_profit: Annotated[str, typer.Option(help="Take-profit price of the whole position.")] = "",
    account: Account = "",
    key: Annotated[str, typer.Option(help="Idempotency key: repeated, it gives the same intent.")] = "",
    wait: Annotated[int, typer.Option(help="Seconds to follow it until it is filled or has ended.")] = 10,
    as_json: Json = False,
) -> None:
    """Open a position with one order, protected as soon as it is filled."""
    body = {"kind": "open", "coin": coin.upper(), "side": side, "size": size, "notional": notional}
    body |= {"stop_px": stop, "take_profit_px": take_profit, "account_id": account, "reason": "command line"}
    body |= {"style": "limit", "limit_px": limit, "tif": tif} if limit else {}
    api = connect()
    made = api.post("/api/intents", {name: value for name, value in body.items() if value}, idempotency_key=key)
    _follow(api, made, wait, as_json=as_json)


@app.command()
def close(
    intent: Annotated[str, typer.Argument(help="An intent's id, or a coin: then its whole position.")],
    account: Account = "",
    wait: Annotated[int, typer.Option(help="Seconds to follow it.")] = 20,
    as_json: Json = False,
) -> None:
    """Close a position at market, reduce-only; done when flat is proved."""
    api = connect()
    if len(intent) < 20:
        body = {"coin": intent.upper(), "account_id": account, "reason": "command line"}
        asked = api.post("/api/positions/close", {name: value for name, value in body.items() if value})
    else:
        asked = api.post(f"/api/intents/{intent}/close", {"reason": "command line"})
    _follow(api, asked, wait, as_json=as_json, until=SETTLED - {"FILLED", "PROTECTED"})


@app.command()
def cancel(intent: IntentId, as_json: Json = False) -> None:
    """Cancel the opening order, or the wait for it; a position that is open stays."""
    _show(connect().post(f"/api/intents/{intent}/cancel"), as_json=as_json)


@app.command()
def amend(
    intent: IntentId,
    stop: Annotated[str, typer.Option(help="New stop price.")] = "",
    take_profit: Annotated[str, typer.Option(help="New take-profit price.")] = "",
    limit: Annotated[str, typer.Option(help="New limit of an order that has filled nothing.")] = "",
    as_json: Json = False,
) -> None:
    """Change protection, or the limit of a working order."""
    given = {"stop_px": stop, "take_profit_px": take_profit, "limit_px": limit}
    changed = connect().patch(f"/api/intents/{intent}", {name: value for name, value in given.items() if value})
    _show(changed, as_json=as_json)


@app.command()
def show(intent: IntentId, as_json: Json = False) -> None:
    """Show one intent with its orders; UNKNOWN with its clock."""
    found = connect().get(f"/api/intents/{intent}")
    if as_json:
        print_json(found)
        return
    orders = found.pop("orders", [])
    print_fields(found, as_json=False)
    columns = ("step", "state", "side", "size", "limit_px", "filled_size", "average_px", "code", "reason")
    print_rows(orders, columns, as_json=False, empty="No order was made.")


@app.command("list")
def list_intents(
    phase: Annotated[str, typer.Option(help="Only this phase, for example UNKNOWN.")] = "",
    coin: Annotated[str, typer.Option(help="Only this coin.")] = "",
    limit: Annotated[int, typer.Option(help="At most so many, newest first.")] = 30,
    as_json: Json = False,
) -> None:
    """List your intents, newest first."""
    found = connect().get("/api/intents", phase=phase.upper(), coin=coin.upper(), limit=limit)
    print_rows(found["items"], COLUMNS, as_json=as_json, empty="There are no such intents.")


def _follow(api: Api, intent: dict[str, Any], seconds: int, *, as_json: bool, until: frozenset[str] = SETTLED) -> None:
    deadline = time.monotonic() + seconds
    while intent["phase"] not in until and time.monotonic() < deadline:
        time.sleep(0.3)
        intent = api.get(f"/api/intents/{intent['id']}")
    _show(intent, as_json=as_json)
    if intent["phase"] in ENDED_BADLY:
        # What happened was printed above.
        raise typer.Exit(Exit.REFUSED)


def _show(intent: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        print_json(intent)
        return
    why = " ".join(str(intent.get(name) or "") for name in ("code", "reason")).strip()
    filled = f", filled {intent['filled_size']} at {intent['average_px']}" if intent.get("average_px") else ""
    say(f"{intent['id']}  {intent['coin']} {intent['phase']}{filled}{f'  {why}' if why else ''}")
