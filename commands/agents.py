"""`holdfast agent ...`: start, stop, pause, resume, status, emergency-stop, list."""

import uuid
from typing import Annotated, Any

import typer

from commands.client import Api, connect
from commands.output import Json, print_fields, print_json, print_rows, say
from domain.errors import Refused

app = typer.Typer(help="Agents: start, stop, pause, resume, status, emergency-stop.", no_args_is_help=True)

AgentId = Annotated[str, typer.Argument(help="The agent's id or name; may be left out where there is one agent only.")]
Reason = Annotated[str, typer.Option(help="Shown in the history and in the audit log.")]
COLUMNS = ("id", "name", "adviser", "coins", "mode", "status", "cycle", "last_cycle_at", "status_reason")


@app.command("list")
def list_agents(as_json: Json = False) -> None:
    """List your agents."""
    rows = connect().get("/api/agents")["items"]
    print_rows(rows, COLUMNS, as_json=as_json, empty="There are no agents; `holdfast up` makes three for a demo.")


@app.command()
def status(agent: AgentId = "", as_json: Json = False) -> None:
    """Say how agents stand: one, or all of yours."""
    api = connect()
    if agent:
        print_fields(api.get("/api/agent/status", agent_id=_id_of(api, agent)), as_json=as_json)
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
    answer = api.post("/api/agent/emergency-stop", _body(_id_of(api, agent), reason))
    print_rows(answer["items"], ("agent_id", "name", "status", "note"), as_json=as_json, empty="Nothing runs.")


def _tell(act: str, agent: str, reason: str, *, as_json: bool) -> None:
    api = connect()
    state: dict[str, Any] = api.post(f"/api/agent/{act}", _body(_id_of(api, agent), reason))
    if as_json:
        print_json(state)
    else:
        say(f"{state['name'] or state['agent_id']}: {state['status']}")


def _id_of(api: Api, agent: str) -> str:
    """Find an agent's id by its name; an id and nothing stay as they are."""
    if not agent or len(agent) == len(str(uuid.UUID(int=0))):
        return agent
    found = [str(row["id"]) for row in api.get("/api/agents")["items"] if row["name"] == agent]
    if len(found) != 1:
        raise Refused("agent_unknown", f"There are {len(found)} agents called {agent}.", action="Give its id.")
    return found[0]


def _body(agent: str, reason: str) -> dict[str, object]:
    given = {"agent_id": agent, "reason": reason}
    return {name: value for name, value in given.items() if value}
