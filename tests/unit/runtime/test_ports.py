"""A port in use: the next free one is taken, unless it was set."""

import socket
from collections.abc import Iterator

import pytest

from runtime.errors import SetupError
from runtime.ports import free_port, is_free


@pytest.fixture
def taken() -> Iterator[int]:
    """A port that somebody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def test_the_next_free_port_is_taken(taken: int) -> None:
    port = free_port(taken)
    assert taken < port <= taken + 50
    assert is_free(port)


def test_a_port_that_was_set_is_used_or_refused(taken: int) -> None:
    with pytest.raises(SetupError, match=str(taken)) as failure:
        free_port(taken, is_fixed=True)
    assert failure.value.code == "port_in_use"


def test_a_free_port_is_taken_as_it_is() -> None:
    port = free_port()
    assert free_port(port, is_fixed=True) == port
