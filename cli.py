"""The `holdfast` command: assembles the commands of the package `commands`."""

import sys

import typer

from commands import (
    accounts,
    agents,
    audit,
    books,
    doctor,
    down,
    exits,
    halts,
    intents,
    migrate,
    panic,
    paper,
    programs,
    reference,
    replay,
    trace,
    up,
    users,
)

app = typer.Typer(
    name="holdfast",
    help="Trading agents and order intents as durable workflows.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("up")(up.up)
app.command("down")(down.down)
app.command("migrate")(migrate.migrate)
app.command("doctor")(doctor.doctor)
app.add_typer(paper.app, name="paper")
app.add_typer(accounts.app, name="account")
app.add_typer(agents.app, name="agent")
app.add_typer(intents.app, name="intent")
app.command("portfolio")(books.portfolio)
app.command("trades")(books.trades)
app.command("halt")(halts.halt)
app.command("release")(halts.release)
app.command("panic")(panic.panic)
app.command("trace")(trace.trace)
app.command("replay")(replay.replay)
app.command("record")(replay.record)
app.command("faults", context_settings=programs.PASS_ON)(programs.faults)
app.add_typer(users.app, name="user")
app.add_typer(audit.app, name="audit")


@app.command("reference", hidden=True)
def write_reference() -> None:
    """Print the reference page of the command line."""
    sys.stdout.write(reference.page(app))


def main() -> None:
    """Run the command line."""
    exits.run(app)


if __name__ == "__main__":
    main()
