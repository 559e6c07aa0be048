"""`holdfast agent ...`: create, change, delete, start, stop, pause, resume, status, emergency-stop, list, decisions."""

from typing import Annotated, Any

import typer

from commands.client import Api, connect
from commands.given import DURATION_HELP, coin_of, fraction_of, pairs_of, seconds_of, without_blanks
from commands.naming import account_id, agent_id
from commands.output import Json, print_fields, print_json, print_rows, say
from domain.errors import HoldfastError

app = typer.Typer(
    help="Agents: create, change, start, stop, pause, resume, status, emergency-stop.", no_args_is_help=True
)

AgentId = Annotated[str, typer.Argument(help="The agent's id or name; may be left out where there is one agent only.")]
Reason = Annotated[str, typer.Option(help="Shown in the history and in the audit log.")]
COLUMNS = ("id", "name", "adviser", "coins", "mode", "status", "cycle", "last_cycle_at", "status_reason")

DECISION_COLUMNS = ("cycle", "at", "adviser", "advice", "outcome")

Every = Annotated[str, typer.Option(help=f"Time from cycle to cycle: {DURATION_HELP}.")]
Interval = Annotated[str, typer.Option(help="Candles that it looks at: 1m, 5m, 15m, 1h, 4h, 1d, ...")]
Mode = Annotated[str, typer.Option(help="simulate records what it would do; live sends orders, and needs --yes.")]
Profile = Annotated[str, typer.Option(help="Limits where --limit says nothing: conservative, moderate or aggressive.")]
Limits = Annotated[
    list[str] | None, typer.Option("--limit", help="NAME=VALUE, for example max_leverage=3; repeat for several.")
]
Set = Annotated[list[str] | None, typer.Option("--set", help="NAME=VALUE of the adviser, for example fast=8; repeat.")]
Confirm = Annotated[bool, typer.Option("--yes", help="Confirm --mode live.")]

COUNTS = frozenset({"max_leverage", "max_open_positions", "max_orders_per_hour", "loss_streak"})
"""Limits that the API takes as whole numbers; all others are decimals or text."""


@app.command()
def create(
    adviser: Annotated[str, typer.Argument(help="What decides: trend or mean_reversion.")],
    coins: Annotated[list[str], typer.Argument(help="BTC ETH ...: what it may trade.")],
    name: Annotated[str, typer.Option(help="What you call it.")] = "",
    account: Annotated[str, typer.Option(help="Account, by id or name; may be left out where there is one only.")] = "",
    mode: Mode = "simulate",
    every: Every = "5m",
    interval: Interval = "5m",
    profile: Profile = "moderate",
    limit: Limits = None,
    setting: Set = None,
    start_it: Annotated[bool, typer.Option("--start", help="Start it at once.")] = False,
    confirm: Confirm = False,
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
            limits[name] = seconds_of(value) if name.endswith("_seconds") else fraction_of(value)
    return limits


def _started(api: Api, made: dict[str, Any], key: str) -> str:
    """Start a new agent; one that does not start is there all the same, and the sentence says so."""
    try:
        state = api.post("/api/agent/start", {"agent_id": made["id"]}, idempotency_key=f"{key}-start" if key else "")
    except HoldfastError as failure:
        failure.message = f"Agent {made['id']} is made but not started: {failure.message}"
        raise
    return str(state["status"])


@app.command()
def change(
    agent: Annotated[str, typer.Argument(help="The agent's id or name.")],
    name: Annotated[str, typer.Option(help="What you call it from now on.")] = "",
    adviser: Annotated[str, typer.Option(help="What decides: trend or mean_reversion.")] = "",
    coin: Annotated[list[str] | None, typer.Option(help="What it may trade instead; repeat for several.")] = None,
    mode: Mode = "",
    every: Every = "",
    interval: Interval = "",
    profile: Profile = "",
    limit: Limits = None,
    setting: Set = None,
    confirm: Confirm = False,
    as_json: Json = False,
) -> None:
    """Change an agent; a running one takes it with its next cycle. What is not given stays; `--set NAME=` forgets a setting."""
    api = connect()
    path = f"/api/agents/{agent_id(api, agent)}"
    body: dict[str, object] = {"name": name, "adviser": adviser, "mode": mode, "interval": interval}
    body |= {"cycle_seconds": seconds_of(every), "risk_profile": profile, "limits": limits_of(limit or [])}
    body["coins"] = [coin_of(one) for one in coin] if coin else ""
    body = without_blanks(body)
    if setting:
        # The API replaces all settings at once.
        settings = api.get(path)["settings"] | pairs_of("--set", setting)
        body["settings"] = {name: value for name, value in settings.items() if value}
    changed = api.patch(path, body | {"confirm": True} if confirm else body)
    if as_json:
        print_json(changed)
    else:
        say(f"{changed['id']}  {changed['name'] or changed['adviser']} is changed.")


@app.command()
def delete(agent: Annotated[str, typer.Argument(help="The agent's id or name.")], as_json: Json = False) -> None:
    """Delete an agent that does not run; its intents and its trades stay."""
    api = connect()
    found = agent_id(api, agent)
    api.delete(f"/api/agents/{found}")
    print_json({"deleted": found}) if as_json else say(f"{agent} is deleted.")


@app.command()
def decisions(
    agent: Annotated[str, typer.Argument(help="The agent's id or name.")],
    limit: Annotated[int, typer.Option(help="At most so many, newest first.")] = 20,
    as_json: Json = False,
) -> None:
    """List what an agent decided, and what became of it."""
    api = connect()
    rows = api.get(f"/api/agents/{agent_id(api, agent)}/decisions", limit=limit)["items"]
    print_rows(rows, DECISION_COLUMNS, as_json=as_json, empty="It has decided nothing yet.")


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
    answer = api.post("/api/agent/emergency-stop", without_blanks({"agent_id": agent_id(api, agent), "reason": reason}))
    print_rows(answer["items"], ("agent_id", "name", "status", "note"), as_json=as_json, empty="Nothing runs.")


def _tell(act: str, agent: str, reason: str, *, as_json: bool) -> None:
    api = connect()
    state: dict[str, Any] = api.post(
        f"/api/agent/{act}", without_blanks({"agent_id": agent_id(api, agent), "reason": reason})
    )
    if as_json:
        print_json(state)
    else:
        say(f"{state['name'] or state['agent_id']}: {state['status']}")
