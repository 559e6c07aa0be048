"""`holdfast doctor`: look at every part and say in one sentence each how it is and how to mend it."""

from commands.checks import findings
from commands.exits import CommandFailed
from commands.findings import Finding, Grade
from commands.output import Json, console, print_json
from runtime.loading import load_settings

MARKS = {Grade.WELL: "[green]✓[/green]", Grade.WARNING: "[yellow]![/yellow]", Grade.FAULT: "[red]✗[/red]"}


def doctor(as_json: Json = False) -> None:
    """Check settings, folders, Postgres, Temporal, workers, venue, accounts, halts and API."""
    found = findings(load_settings())
    faults = [finding for finding in found if finding.grade is Grade.FAULT]
    if as_json:
        print_json({"ok": not faults, "findings": [finding.shown() for finding in found]})
    else:
        for finding in found:
            _print(finding)
    if faults:
        raise CommandFailed("doctor_faults", f"{len(faults)} of {len(found)} parts need mending.")


def _print(finding: Finding) -> None:
    code = f" [dim]\\[{finding.code}][/dim]" if finding.code else ""
    console().print(f"  {MARKS[finding.grade]} {finding.part:<18} {finding.sentence} {finding.action}{code}")
