"""`holdfast down`: stop a running `up` from elsewhere."""

import os
import signal
from datetime import timedelta
from typing import Annotated

import typer

from commands import home
from commands.exits import CommandFailed
from commands.output import Json, print_json, say
from runtime.loading import load_settings
from runtime.processes import wait_for


def down(
    timeout: Annotated[int, typer.Option(help="Seconds to wait for a clean end.", min=1)] = 60,
    as_json: Json = False,
) -> None:
    """Stop a running `holdfast up` cleanly; agents, positions and intents go on with the next one."""
    folder = load_settings().holdfast_home
    found = home.running(folder)
    if found is not None:
        os.kill(found.pid, signal.SIGTERM)
        if not wait_for(lambda: not home.is_held(folder), timedelta(seconds=timeout)):
            raise CommandFailed("still_running", f"Process {found.pid} has not ended after {timeout} s.", "Try again.")
    if as_json:
        print_json({"stopped": found is not None})
    else:
        say("Stopped." if found else f"Nothing runs on {folder}.")
