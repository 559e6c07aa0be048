"""`holdfast replay` and `holdfast record`: executions against today's code; they need Temporal alone, or a file."""

import asyncio
import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from google.protobuf.json_format import ParseError
from temporalio.client import Client, WorkflowHistory

from commands import home
from commands.exits import CommandFailed
from commands.output import Json, console, print_json, say, table_of
from domain.errors import Refused
from runtime.converter import data_converter
from runtime.loading import load_settings
from runtime.secrets import KeyRing
from runtime.temporal_client import connect

if TYPE_CHECKING:
    from api.replay import ReplayReport, Step

Name = Annotated[
    str, typer.Argument(help="Workflow id: agent/USER/AGENT, intent/INTENT, account/ACCOUNT, platform ...")
]
Run = Annotated[str, typer.Option(help="Run id; the newest run when it is left out.")]


def replay(
    workflow_id: Name,
    run: Run = "",
    file: Annotated[Path | None, typer.Option(help="Replay this recorded history instead of asking Temporal.")] = None,
    as_json: Json = False,
) -> None:
    """Step through an execution and say where today's code would do something else."""
    given = None if file is None else _read(workflow_id, file)
    report = asyncio.run(_replayed(workflow_id, run, given))
    if as_json:
        print_json(_fields(report))
    else:
        _show(report)
    if not report.is_compatible:
        raise CommandFailed(
            "replay_differs",
            f"Today's code differs from event {report.differs_at} on: {report.difference}",
            "Gate the change with workflow.patched, or let these executions end on the old build.",
        )


def record(
    workflow_id: Name,
    file: Annotated[Path, typer.Argument(help="Where to write the history, as JSON.")],
    run: Run = "",
) -> None:
    """Write the history of an execution to a file; its payloads stay encrypted."""
    history = asyncio.run(_fetched(workflow_id, run))
    file.write_text(json.dumps(json.loads(history.to_json()), indent=1, sort_keys=True) + "\n", encoding="utf-8")
    say(f"{len(history.events)} events of {workflow_id} are in {file}.")


def _read(workflow_id: str, file: Path) -> WorkflowHistory:
    try:
        return WorkflowHistory.from_json(workflow_id, file.read_text(encoding="utf-8"))
    except (OSError, ValueError, ParseError) as failure:
        raise Refused("bad_history", f"{file} is no history.", action="Make one with holdfast record.") from failure


async def _replayed(workflow_id: str, run: str, given: WorkflowHistory | None) -> "ReplayReport":
    # Here and not above: code that cannot even be imported must not keep `halt` and `panic` from working.
    from api.replay import replay as replayed

    converter = data_converter(KeyRing.of(load_settings()))
    return await replayed(given or await _fetched(workflow_id, run), converter)


async def _fetched(workflow_id: str, run: str) -> WorkflowHistory:
    from api.replay import fetch

    return await fetch(await _client(), workflow_id, run)


async def _client() -> Client:
    settings = load_settings()
    return await connect(settings, KeyRing.of(settings), address=home.temporal_address(settings))


def _show(report: "ReplayReport") -> None:
    rows = [
        {
            "event": step.event_id,
            "time": f"{step.at:%H:%M:%S.%f}"[:-3],
            "what": step.what,
            "subject": step.subject,
            "summary": f"{step.summary} <- differs" if step.event_id == report.differs_at else step.summary,
        }
        for step in report.steps
    ]
    columns = ("event", "time", "what", "subject", "summary")
    console().print(table_of(rows, columns, title=f"{report.workflow_type} {report.workflow_id}"))
    if report.is_compatible:
        say("Today's code gives the same commands all the way.")


def _fields(report: "ReplayReport") -> dict[str, object]:
    return {
        "workflow_id": report.workflow_id,
        "run_id": report.run_id,
        "workflow_type": report.workflow_type,
        "compatible": report.is_compatible,
        "differs_at": report.differs_at,
        "difference": report.difference,
        "steps": [_step(step) for step in report.steps],
    }


def _step(step: "Step") -> dict[str, object]:
    return {
        "event": step.event_id,
        "at": step.at.isoformat(),
        "what": step.what,
        "subject": step.subject,
        "summary": step.summary,
    }
