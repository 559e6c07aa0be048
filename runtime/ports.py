"""Ports on loopback: the default one when it is free, else the next free one."""

import random
import socket
from collections.abc import Iterator

from runtime.errors import SetupError

LOOPBACK = "127.0.0.1"
NEIGHBOURS = 50
QUIET_RANGE = range(15_000, 32_000)
# Several ports are chosen before the first of their servers listens.
_GIVEN: set[int] = set()


def is_free(port: int, host: str = LOOPBACK) -> bool:
    """Say whether nothing listens on the port."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        # Without SO_REUSEADDR a port whose last connections are in TIME_WAIT would look taken after each restart.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True


def free_port(preferred: int = 0, *, is_fixed: bool = False, host: str = LOOPBACK) -> int:
    """Find a free port at or after the preferred one (0: any); refuse with port_in_use when a fixed one is taken."""
    for port in _candidates(preferred, is_fixed=is_fixed):
        if is_free(port, host):
            return port
    if is_fixed:
        raise SetupError(
            "port_in_use", f"Port {preferred} is in use.", "Stop the program that listens there or set another port."
        )
    return _any_port(host)


def _candidates(preferred: int, *, is_fixed: bool) -> Iterator[int]:
    if preferred:
        yield from range(preferred, preferred + (1 if is_fixed else NEIGHBOURS))


def _any_port(host: str) -> int:
    """Choose below the kernel's ephemeral range: there an outgoing connection may take the port before its server."""
    for port in random.SystemRandom().sample(QUIET_RANGE, 200):
        if port not in _GIVEN and is_free(port, host):
            _GIVEN.add(port)
            return port
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.bind((host, 0))
        chosen: int = probe.getsockname()[1]
    return chosen
