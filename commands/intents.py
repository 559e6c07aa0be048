"""`holdfast intent ...`: open, close, cancel, execute, amend, show, list."""

import time
from typing import Annotated, Any

import typer

from commands.client import Api, connect
from commands.exits import Exit
from commands.given import DURATION_HELP, coin_of, fraction_of, seconds_of, without_blanks
from commands.naming import account_id, agent_id
from commands.output import Json, print_fields, print_json, print_rows, say

app = typer.Typer(help="Intents: open, close, cancel, execute, amend, show, list.", no_args_is_help=True)

IntentId = Annotated[str, typer.Argument(help="The intent's id.")]
Account = Annotated[str, typer.Option(help="Account, by id or name; may be left out where there is one only.")]
Wait = Annotated[int, typer.Option(help="Seconds to follow what becomes of it.")]
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
    tif: Annotated[
        str, typer.Option(help="Time in force with --limit: gtc (as without), ioc or alo (post-only).")
    ] = "",
    max_slippage: Annotated[
        str,
        typer.Option(help="Of a market order: worst price away from the mid, 0.3% or 0.003; never above your limits'."),
    ] = "",
    stop: Annotated[str, typer.Option(help="Stop price of the whole position.")] = "",
    take_profit: Annotated[str, typer.Option(help="Take-profit price of the whole position.")] = "",
    mark_above: Annotated[str, typer.Option(help="Wait until the mark price is at or above this.")] = "",
    mark_below: Annotated[str, typer.Option(help="Wait until the mark price is at or below this.")] = "",
    max_funding: Annotated[str, typer.Option(help="Wait until the hourly funding rate is at most this.")] = "",
    wait_for: Annotated[str, typer.Option(help=f"Expire when it has waited so long: {DURATION_HELP}.")] = "",
    check_every: Annotated[str, typer.Option(help="How often it looks while it waits; 10s without.")] = "",
    good_for: Annotated[
        str, typer.Option(help="Good till: cancel what is unfilled of a limit order after this time.")
    ] = "",
    max_age: Annotated[
        str, typer.Option(help="Send no order later than this after the decision; 30s without, 5m at most.")
    ] = "",
    agent: Annotated[str, typer.Option(help="Agent, by id or name, whose account and limits are taken.")] = "",
    account: Account = "",
    reason: Annotated[str, typer.Option(help="Why, for the records.")] = "command line",
    key: Annotated[str, typer.Option(help="Idempotency key: repeated, it gives the same intent.")] = "",
    wait: Annotated[int, typer.Option(help="Seconds to follow it until it is filled or has ended.")] = 10,
    as_json: Json = False,
) -> None:
    """Open a position with one order, at once or when its criteria hold; protected as soon as it is filled."""
    api = connect()
    body: dict[str, object] = {"kind": "open", "coin": coin_of(coin), "side": side, "size": size, "notional": notional}
    body |= {
        "style": "limit" if limit else "",
        "limit_px": limit,
        "tif": tif,
        "stop_px": stop,
        "take_profit_px": take_profit,
    }
    body |= {"max_slippage": fraction_of(max_slippage), "reason": reason}
    criteria = {"mark_above": mark_above, "mark_below": mark_below, "max_funding": fraction_of(max_funding)}
    body["criteria"] = without_blanks(criteria)
    times = {
        "wait_seconds": wait_for,
        "check_seconds": check_every,
        "work_seconds": good_for,
        "max_age_seconds": max_age,
    }
    body |= {name: seconds_of(given) for name, given in times.items()}
    body |= {"agent_id": agent_id(api, agent), "account_id": account_id(api, account)}
    _follow(api, api.post("/api/intents", without_blanks(body), idempotency_key=key), wait, as_json=as_json)


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
        body = {"coin": coin_of(intent), "account_id": account_id(api, account), "reason": "command line"}
        asked = api.post("/api/positions/close", without_blanks(body))
    else:
        asked = api.post(f"/api/intents/{intent}/close", {"reason": "command line"})
    _follow(api, asked, wait, as_json=as_json, until=SETTLED - {"FILLED", "PROTECTED"})


@app.command()
def cancel(intent: IntentId, wait: Wait = 10, as_json: Json = False) -> None:
    """Cancel the opening order, or the wait for it; a position that is open stays."""
    api = connect()
    _follow(api, api.post(f"/api/intents/{intent}/cancel"), wait, as_json=as_json)


@app.command()
def execute(intent: IntentId, wait: Wait = 10, as_json: Json = False) -> None:
    """Let an intent that waits for its criteria go on at once."""
    api = connect()
    _follow(api, api.post(f"/api/intents/{intent}/execute"), wait, as_json=as_json, until=SETTLED | {"WORKING"})


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
    changed = connect().patch(f"/api/intents/{intent}", without_blanks(given))
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
    found = connect().get("/api/intents", phase=phase.upper(), coin=coin_of(coin), limit=limit)
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
