"""Named places where the fault suite kills, stops or delays a worker; in the testing profile only.

A file `run/fail-points/PLACE` in the home folder is an order, taken once: `kill`, `stop` or `sleep SECONDS`, with the client id
that it waits for as `client:ID`, if any. What was done is told by a file `PLACE.reached` beside it.
"""

import os
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path

from activities.submission import FailPoint, pass_by
from runtime.settings import Profile, Settings


def fail_point_of(settings: Settings) -> FailPoint:
    """Return the fail point of this process: one that does nothing outside of tests."""
    if settings.holdfast_env is not Profile.TESTING:
        return pass_by
    return obeying(settings.holdfast_home / "run" / "fail-points")


def obeying(folder: Path, act: Callable[[str], None] | None = None) -> FailPoint:
    """Return a fail point that obeys the files of a folder."""
    do = act or _act

    def reached(place: str, client_id: str) -> None:
        order = folder / place
        if not order.exists():
            return
        words = order.read_text(encoding="utf-8").split()
        wanted = words[-1] if len(words) > 1 and words[-1].startswith("client:") else ""
        if wanted and wanted != f"client:{client_id}":
            return
        if _take(order):
            (folder / f"{place}.reached").write_text(f"{os.getpid()} {client_id}", encoding="utf-8")
            do(" ".join(word for word in words if word != wanted))

    return reached


def _take(order: Path) -> bool:
    """Take an order; of two threads one wins."""
    try:
        order.rename(order.with_name(f"{order.name}.taken"))
    except FileNotFoundError:
        return False
    return True


def _act(order: str) -> None:
    match order.split():
        case ["kill"]:
            os.kill(os.getpid(), signal.SIGKILL)
        case ["stop"]:
            # To this thread: a signal to the process may be taken by another one, and this one would go on for a while and send.
            signal.pthread_kill(threading.get_ident(), signal.SIGSTOP)
        case ["sleep", seconds]:
            time.sleep(float(seconds))
        case _:
            raise ValueError(f"Unknown order {order}.")
