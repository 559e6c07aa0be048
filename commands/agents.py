"""`holdfast agent ...`: create, start, stop, pause, resume, status, emergency-stop, list."""

from typing import Annotated, Any

import typer

from commands.client import Api, connect
from commands.given import DURATION_HELP, coin_of, pairs_of, seconds_of, without_blanks
from commands.naming import account_id, agent_id
from commands.output import Json, print_fields, print_json, print_rows, say
from domain.errors import HoldfastError

app = typer.Typer(help="Agents: create, start, stop, pause, resume, status, emergency-stop.", no_args_is_help=True)

AgentId = Annotated[str, typer.Argument(help="The agent's id or name; may be left out where there is one agent only.")]
Reason = Annotated[str, typer.Option(help="Shown in the history and in the audit log.")]
COLUMNS = ("id", "name", "adviser", "coins", "mode", "status", "cycle", "last_cycle_at", "status_reason")


COUNTS = frozenset({"max_leverage", "max_open_positions", "max_orders_per_hour", "loss_streak"})
"""Limits that the API takes as whole numbers; all others are decimals or text."""


@app.command()
def create(
    adviser: Annotated[str, typer.Argument(help="What decides: trend or mean_reversion.")],
    coins: Annotated[list[str], typer.Argument(help="BTC ETH ...: what it may trade.")],
    name: Annotated[str, typer.Option(help="What you call it.")] = "",
    account: Annotated[str, typer.Option(help="Account, by id or name; may be left out where there is one only.")] = "",
    mode: Annotated[
        str, typer.Option(help="simulate records what it would do; live sends orders, and needs --yes.")
    ] = "simulate",
    every: Annotated[str, typer.Option(help=f"Time from cycle to cycle: {DURATION_HELP}.")] = "5m",
    interval: Annotated[str, typer.Option(help="Candles that it looks at: 1m, 5m, 15m, 1h, 4h, 1d, ...")] = "5m",
    profile: Annotated[
        str, typer.Option(help="Limits where --limit says nothing: conservative, moderate or aggressive.")
    ] = "moderate",
    limit: Annotated[
        list[str] | None, typer.Option(help="NAME=VALUE, for example max_leverage=3; repeat for several.")
    ] = None,
    setting: Annotated[
        list[str] | None, typer.Option("--set", help="NAME=VALUE of the adviser, for example fast=8; repeat.")
    ] = None,
    start_it: Annotated[bool, typer.Option("--start", help="Start it at once.")] = False,
    confirm: Annotated[bool, typer.Option("--yes", help="Confirm --mode live.")] = False,
    key: Annotated[str, typer.Option(help="Idempotency key: repeated, it gives the same agent.")] = "",
    as_json: Json = False,
) -> None:
    """Make an agent. Without --start it does nothing until `agent start`; without --mode live it sends no order."""
    api = connect()
    body = {
        "adviser": adviser,
        "coins": [coin_of(coin) for coin in coins],
        "name": name,
        "account_id": account_id(api, account),
        "mode": mode,
        "confirm": confirm,
        "cycle_seconds": seconds_of(every),
        "interval": interval,
        "risk_profile": profile,
        "limits": limits_of(limit or []),
        "settings": pairs_of("--set", setting or []),
    }
    made = api.post("/api/agents", without_blanks(body), idempotency_key=key)
    status = _started(api, made, key) if start_it else "not started"
    if as_json:
        print_json(made | {"status": status} if start_it else made)
    else:
        say(f"{made['id']}  {made['name'] or made['adviser']} {' '.join(made['coins'])}, {made['mode']}: {status}")


def limits_of(given: list[str]) -> dict[str, object]:
    """Read limits as the API takes them: counts as numbers, lists by commas, durations in seconds."""
    limits: dict[str, object] = {}
    for name, value in pairs_of("--limit", given).items():
        if name in COUNTS and value.isascii() and value.isdigit():
            limits[name] = int(value)
        elif name == "allowed_coins":
            limits[name] = [coin_of(coin) for coin in value.split(",")]
        else:
            limits[name] = seconds_of(value) if name.endswith("_seconds") else value
    return limits


def _started(api: Api, made: dict[str, Any], key: str) -> str:
    """Start a new agent; one that does not start is there all the same, and the sentence says so."""
    try:
        state = api.post("/api/agent/start", {"agent_id": made["id"]}, idempotency_key=f"{key}-start" if key else "")
    except HoldfastError as failure:
        failure.message = f"Agent {made['id']} is made but not started: {failure.message}"
        raise
    return str(state["status"])


@app.command("list")
def list_agents(as_json: Json = False) -> None:
    """List your agents."""
    rows = connect().get("/api/agents")["items"]
    print_rows(rows, COLUMNS, as_json=as_json, empty="There are no agents; `holdfast agent create` makes one.")


@app.command()
def status(agent: AgentId = "", as_json: Json = False) -> None:
    """Say how agents stand: one, or all of yours."""
    api = connect()
    if agent:
        print_fields(api.get("/api/agent/status", agent_id=agent_id(api, agent)), as_json=as_json)
        return
    states = [api.get("/api/agent/status", agent_id=row["id"]) for row in api.get("/api/agents")["items"]]
    columns = ("agent_id", "name", "mode", "status", "cycle", "next_cycle_at", "note")
    print_rows(states, columns, as_json=as_json, empty="There are no agents.")


@app.command()
def start(agent: AgentId = "", as_json: Json = False) -> None:
    """Start an agent."""
    _tell("start", agent, "", as_json=as_json)


@app.command()
def stop(agent: AgentId = "", reason: Reason = "by hand", as_json: Json = False) -> None:
    """End an agent: no further cycle; working opening orders are cancelled, positions keep their stops."""
    _tell("stop", agent, reason, as_json=as_json)


@app.command()
def pause(agent: AgentId = "", reason: Reason = "by hand", as_json: Json = False) -> None:
    """Begin no further cycle until resumed."""
    _tell("pause", agent, reason, as_json=as_json)


@app.command()
def resume(agent: AgentId = "", reason: Reason = "by hand", as_json: Json = False) -> None:
    """Go on after a pause or after failures."""
    _tell("resume", agent, reason, as_json=as_json)


@app.command("emergency-stop")
def emergency_stop(
    agent: Annotated[str, typer.Argument(help="The agent's id or name; without it every agent of yours.")] = "",
    reason: Reason = "by hand",
    as_json: Json = False,
) -> None:
    """Halt an agent, cancel its orders and close its positions; without an id, all of yours."""
    api = connect()
    answer = api.post("/api/agent/emergency-stop", _body(agent_id(api, agent), reason))
    print_rows(answer["items"], ("agent_id", "name", "status", "note"), as_json=as_json, empty="Nothing runs.")


def _tell(act: str, agent: str, reason: str, *, as_json: bool) -> None:
    api = connect()
    state: dict[str, Any] = api.post(f"/api/agent/{act}", _body(agent_id(api, agent), reason))
    if as_json:
        print_json(state)
    else:
        say(f"{state['name'] or state['agent_id']}: {state['status']}")


def _body(agent: str, reason: str) -> dict[str, object]:
    given = {"agent_id": agent, "reason": reason}
    return {name: value for name, value in given.items() if value}
