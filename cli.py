"""The `holdfast` command: assembles the commands of the package `commands`."""

import typer

from commands import doctor, down, exits, migrate, up

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


def main() -> None:
    """Run the command line."""
    exits.run(app)


if __name__ == "__main__":
    main()
