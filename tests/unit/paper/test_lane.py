"""The short way of an action keeps to what the long way does with a connection."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from typing import Any

import uvicorn
from eth_account import Account as Wallet
from hyperliquid.utils.signing import sign_l1_action

from paper.hyperliquid.__main__ import config_of
from paper.hyperliquid.node import Node
from paper.hyperliquid.opening import Options, open_node
from paper.hyperliquid.server import Server

WALLET = Wallet.from_key("0x" + "1" * 64)


@contextmanager
def served(keep_alive_s: int) -> Iterator[tuple[Node, socket.socket]]:
    """Serve a venue from a thread; returns a connection to it."""
    listener = socket.create_server(("127.0.0.1", 0))
    opened: list[Node] = []
    servers: list[uvicorn.Server] = []
    ready = threading.Event()

    def serve() -> None:
        # The node's database belongs to the thread that opens it.
        opened.append(open_node(Options(coins=("BTC",))))
        opened[0].venue.open_account(WALLET.address.lower()).cash = Decimal(1000)
        servers.append(uvicorn.Server(config_of(Server(opened[0]), keep_alive_s)))
        ready.set()
        servers[0].run(sockets=[listener])

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        assert ready.wait(20)
        with socket.create_connection(listener.getsockname(), timeout=10) as connection:
            yield opened[0], connection
    finally:
        servers[0].should_exit = True
        thread.join(10)


def send(connection: socket.socket, nonce: int) -> dict[str, Any]:
    signature = sign_l1_action(WALLET, {"type": "noop"}, None, nonce, None, False)
    body = json.dumps({"action": {"type": "noop"}, "nonce": nonce, "signature": signature}).encode()
    head = f"POST /exchange HTTP/1.1\r\nHost: paper\r\nContent-Length: {len(body)}\r\n\r\n"
    connection.sendall(head.encode() + body)
    answer: dict[str, Any] = json.loads(connection.recv(65536).partition(b"\r\n\r\n")[2])
    return answer


def test_an_idle_connection_is_closed_after_its_time() -> None:
    with served(keep_alive_s=1) as (node, connection):
        assert [send(connection, node.venue.now() + n)["status"] for n in range(3)] == ["ok"] * 3
        assert connection.recv(100) == b""
