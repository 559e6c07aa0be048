"""`holdfast trace`: follow one trade by one id through decision, intent, orders, fills, Temporal and the logs."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer

from commands import home
from commands.client import Api, connect
from commands.output import Json, console, print_fields, print_json, say, table_of
from domain.errors import Refused
from runtime.loading import load_settings

MOST_INTENTS = 500
MOST_LINES = 50
ORDER_COLUMNS = ("step", "client_id", "oid", "state", "side", "size", "limit_px", "sent_at", "resolved_at", "code")
FILL_COLUMNS = ("time", "side", "px", "size", "fee", "closed_pnl", "trade_id", "oid", "step")


def trace(
    name: Annotated[str, typer.Argument(help="Trace id, intent id, client order id or order id of the venue.")],
    as_json: Json = False,
) -> None:
    """Show everything that is known of one trade."""
    settings = load_settings()
    api = connect(settings)
    intent = _intent(api, name)
    found: dict[str, Any] = {
        "intent": {key: value for key, value in intent.items() if key != "orders"},
        "decision": _decision(api, intent),
        "orders": intent.get("orders", []),
        "fills": api.get("/api/fills", intent_id=intent["id"])["items"],
        "temporal": _temporal(intent, home.running(settings.holdfast_home)),
        "log": list(_log_lines(settings.logs, {intent["id"], intent.get("trace_id") or name})),
    }
    if as_json:
        print_json(found)
        return
    print_fields(found["intent"], as_json=False)
    if found["decision"]:
        say(f"decision {found['decision']['id']} of cycle {found['decision']['cycle']}: {found['decision']['outcome']}")
    console().print(table_of(found["orders"], ORDER_COLUMNS, title="orders"))
    console().print(table_of(found["fills"], FILL_COLUMNS, title="fills"))
    print_fields(found["temporal"], as_json=False)
    for line in found["log"]:
        say(f"[dim]{line['at']} {line['process']}[/dim] {line['event']}")


def _intent(api: Api, name: str) -> dict[str, Any]:
    """Find the intent that an id belongs to."""
    try:
        intent: dict[str, Any] = api.get(f"/api/intents/{name}")
        return intent
    except Refused as refusal:
        if refusal.code not in {"intent_not_found", "not_found", "intent_unknown", "invalid_request"}:
            raise
    for row in api.get("/api/intents", limit=MOST_INTENTS)["items"]:
        if row.get("trace_id") == name:
            return dict(api.get(f"/api/intents/{row['id']}"))
    for order in api.get("/api/orders", limit=MOST_INTENTS)["items"]:
        if name.removeprefix("0x") in {order.get("client_id"), order.get("oid")}:
            return dict(api.get(f"/api/intents/{order['intent_id']}"))
    raise Refused("trace_unknown", f"Nothing is known of {name}.", action="See `holdfast intent list`.")


def _decision(api: Api, intent: dict[str, Any]) -> dict[str, Any] | None:
    if not intent.get("agent_id"):
        return None
    rows = api.get(f"/api/agents/{intent['agent_id']}/decisions", limit=MOST_INTENTS)["items"]
    return next((row for row in rows if row.get("trace_id") and row["trace_id"] == intent.get("trace_id")), None)


def _temporal(intent: dict[str, Any], running: home.Running | None) -> dict[str, str]:
    workflow_id = f"intent/{intent['id']}"
    shown = {"workflow": workflow_id}
    if running is not None and running.temporal_ui:
        shown["web_ui"] = f"{running.temporal_ui}/namespaces/default/workflows/{workflow_id.replace('/', '%2F')}"
    return shown


def _log_lines(folder: Path, names: set[str]) -> Iterator[dict[str, str]]:
    """Find log lines of this machine that carry one of the ids."""
    left = MOST_LINES
    for file in sorted(folder.glob("*.jsonl")):
        for line in file.read_text(encoding="utf-8", errors="replace").splitlines():
            if left and any(name in line for name in names):
                left -= 1
                body = json.loads(line)
                yield {name: str(body.get(name, ""))[:160] for name in ("at", "process", "level", "event")}
