"""Run a command that dies with its launcher, however the launcher dies: `tether.py SIGNAL LAUNCHER MODE COMMAND...`.

A program of its own, started with `-I -S`: a function between fork and exec may deadlock in a threaded launcher.
"""

import ctypes
import os
import sys
import time

PR_SET_PDEATHSIG = 1
POLL_SECONDS = 0.25


def main(arguments: list[str]) -> None:
    """Tie this process to its launcher, then become the command."""
    signal_number, launcher, mode, *command = arguments
    if mode == "kernel":
        _ask_kernel(int(signal_number))
    else:
        _leave_watchdog(int(signal_number), int(launcher))
    # The launcher may have died before it could be watched: then nobody would ever stop the command.
    if os.getppid() != int(launcher):
        sys.exit(1)
    os.execvp(command[0], command)  # noqa: S606


def _ask_kernel(signal_number: int) -> None:
    # Linux alone has this; it fires when the launcher's *thread* that started us ends.
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal_number, 0, 0, 0)


def _leave_watchdog(signal_number: int, launcher: int) -> None:
    """Fork a watchdog; the command keeps the process id that the launcher knows."""
    command = os.getpid()
    if os.fork() != 0:
        return
    null = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(null, stream)
    while os.getppid() == command:
        if not _is_alive(launcher):
            os.kill(command, signal_number)
            break
        time.sleep(POLL_SECONDS)
    os._exit(0)


def _is_alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


if __name__ == "__main__":
    main(sys.argv[1:])
