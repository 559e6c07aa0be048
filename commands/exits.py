"""How a command ends: its exit code, and one sentence with a stable code for each error.

0    done
1    the command ran and the answer is no: --once did not succeed, doctor or audit found a fault, a halt names nobody known
2    wrong usage: an unknown option, a value that is none or a missing argument
3    set-up: a setting, a port, a missing program, a schema that does not fit
4    refused: by the API, the venue or a risk rule; nothing happened
5    unavailable: a part does not answer; try again
130  interrupted by Ctrl-C
"""

import errno
import sys
from collections.abc import Callable
from enum import IntEnum
from typing import NoReturn

from commands.output import console, print_json
from domain.errors import HoldfastError, Misconfigured, OutcomeUnknown, Refused, Retryable
from runtime.errors import SetupError


class Exit(IntEnum):
    """Exit codes of the command line."""

    DONE = 0
    NO = 1
    USAGE = 2
    SETUP = 3
    REFUSED = 4
    UNAVAILABLE = 5
    INTERRUPTED = 130


UNAVAILABLE_CODES = frozenset(
    {"no_temporal", "no_postgres", "no_api", "postgres_failed", "temporal_failed", "part_died"}
)


UNUSABLE = frozenset({errno.ENOENT, errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.EISDIR, errno.EEXIST})
"""What the system says of a path that a person gave and that does not work."""


class CommandFailed(Exception):
    """A command ran and its answer is no."""

    def __init__(self, code: str, message: str, action: str = "", *, exit_code: Exit = Exit.NO) -> None:
        super().__init__(f"{message} {action}".strip())
        self.code = code
        self.exit_code = exit_code


def run(command: Callable[[], object]) -> NoReturn:
    """Run a command and leave the process with its exit code; bugs keep their traceback."""
    try:
        command()
    except KeyboardInterrupt:
        sys.exit(Exit.INTERRUPTED)
    except CommandFailed as failure:
        leave(failure.code, str(failure), failure.exit_code)
    except SetupError as failure:
        is_unavailable = failure.code in UNAVAILABLE_CODES
        leave(failure.code, str(failure), Exit.UNAVAILABLE if is_unavailable else Exit.SETUP)
    except HoldfastError as failure:
        leave(failure.code, f"{failure.message} {failure.action}".strip(), _exit_of(failure))
    except OSError as failure:
        _leave_for_a_file(failure)
    sys.exit(Exit.DONE)


def _leave_for_a_file(failure: OSError) -> NoReturn:
    """Say what is wrong with a disk, a folder or a file; anything else is a bug and keeps its traceback."""
    if failure.errno == errno.ENOSPC:
        leave(
            "disk_full", f"The disk is full: {failure}. Free some space and start again; nothing is lost.", Exit.SETUP
        )
    if failure.errno not in UNUSABLE or failure.filename is None:
        raise failure
    place = f"{failure.filename} cannot be used ({failure.strerror})."
    leave("file_unusable", f"{place} Check the path and its rights, or name another.", Exit.SETUP)


def leave(code: str, sentence: str, exit_code: Exit) -> NoReturn:
    """Print the sentence with its code, as JSON when --json was given, and exit."""
    if "--json" in sys.argv:
        print_json({"error": {"code": code, "message": sentence}})
    else:
        console(is_error=True).print(f"{sentence} \\[{code}]", style="red")
    sys.exit(exit_code)


def _exit_of(failure: HoldfastError) -> Exit:
    match failure:
        case Retryable() | OutcomeUnknown():
            return Exit.UNAVAILABLE
        case Misconfigured():
            return Exit.SETUP
        case Refused():
            return Exit.REFUSED
        case _:
            return Exit.NO
