"""`holdfast doctor`: look at every part and say in one sentence each how it is and how to mend it."""

import getpass
from typing import Annotated

import typer

from commands.checks import findings
from commands.exits import CommandFailed, Exit
from commands.findings import Finding, Grade
from commands.halts import books
from commands.output import Json, console, print_json
from domain.errors import Refused
from runtime.loading import load_settings
from runtime.settings import Settings
from storage.postgres.epochs import PostgresEpochs

MARKS = {Grade.WELL: "[green]✓[/green]", Grade.WARNING: "[yellow]![/yellow]", Grade.FAULT: "[red]✗[/red]"}


def doctor(
    confirm: Annotated[
        bool, typer.Option("--confirm", help="First let this restored or cloned database trade: no other one runs.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Check settings, folders, Postgres, Temporal, workers, venue, accounts, halts and API."""
    settings = load_settings()
    if confirm:
        _confirm(settings)
    found = findings(settings)
    faults = [finding for finding in found if finding.grade is Grade.FAULT]
    if as_json:
        print_json({"ok": not faults, "findings": [finding.shown() for finding in found]})
        raise typer.Exit(Exit.NO if faults else Exit.DONE)
    for finding in found:
        _print(finding)
    if faults:
        raise CommandFailed("doctor_faults", f"{len(faults)} of {len(found)} parts need mending.")


def _confirm(settings: Settings) -> None:
    file = settings.holdfast_home / "deployment.id"
    if not file.exists():
        raise Refused("no_deployment", f"{file} does not exist.", action="Start a worker once, then confirm.")
    with books(settings) as made:
        PostgresEpochs(made).confirm(file.read_text(encoding="ascii").strip(), f"cli:{getpass.getuser()}")


def _print(finding: Finding) -> None:
    code = f" [dim]\\[{finding.code}][/dim]" if finding.code else ""
    console().print(f"  {MARKS[finding.grade]} {finding.part:<18} {finding.sentence} {finding.action}{code}")
