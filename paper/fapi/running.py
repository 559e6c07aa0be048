"""Starting a paper venue of this protocol: read the options, serve until a signal."""

from __future__ import annotations

import argparse
import logging
import signal
import socket
import sys
from pathlib import Path
from types import FrameType

import uvicorn

from paper.fapi.dialect import Dialect
from paper.fapi.opening import Options, open_node
from paper.fapi.server import Protocol, Server
from paper.feeds.errors import BadFeed
from paper.store import BadState


def parser(dialect: Dialect) -> argparse.ArgumentParser:
    """Return the options, the same as the paper Hyperliquid's."""
    options = argparse.ArgumentParser(prog="paper", description=f"A paper {dialect.name} on one local port.")
    options.add_argument("--venue", choices=[dialect.name], default=dialect.name)
    options.add_argument("--host", default="127.0.0.1")
    options.add_argument("--port", type=int, default=dialect.port, help="0 takes a free one and prints it")
    options.add_argument(
        "--feed",
        help="recordings with {coin} in the path (docs/explanation/paper-market.md); without: a seeded random walk",
    )
    options.add_argument(
        "--speed", type=float, default=1.0, help="how many times faster than the wall market time runs"
    )
    options.add_argument("--seed", type=int, default=1)
    options.add_argument("--state", type=Path, help="SQLite file; without: memory only")
    options.add_argument("--limits", choices=["on", "off"], default="on")
    options.add_argument("--coins", default="BTC,ETH,SOL")
    options.add_argument("--log", type=Path, help="a file for the server's own log")
    return options


class _Announcing(uvicorn.Server):
    """Prints the address when it accepts connections."""

    text = ""

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, then say so."""
        await super().startup(sockets)
        if not self.should_exit:
            sys.stdout.write(self.text + "\n")
            sys.stdout.flush()


def run(dialect: Dialect, protocol: Protocol, arguments: list[str] | None = None) -> int:
    """Serve; returns the exit code."""
    chosen = parser(dialect).parse_args(arguments)
    if chosen.speed <= 0:
        return _fail("--speed must be above 0. (bad_option)")
    try:
        if chosen.log is not None:
            logging.basicConfig(filename=chosen.log, level=logging.INFO)
    except OSError as error:
        return _fail(f"The log {chosen.log} cannot be written ({error.strerror}); give another --log. (file_unusable)")
    coins = tuple(coin.strip() for coin in chosen.coins.split(",") if coin.strip())
    try:
        listener = socket.create_server((chosen.host, chosen.port), backlog=512)
    except OverflowError:
        return _fail(f"There is no port {chosen.port}; give one from 0 to 65535. (bad_option)")
    except OSError as error:
        reason = str(error.strerror).partition(" (")[0]
        return _fail(
            f"Port {chosen.port} on {chosen.host} cannot be used ({reason}); give another --port or --host. (port_in_use)"
        )
    options = Options(
        coins=coins,
        feed=chosen.feed,
        speed=chosen.speed,
        seed=chosen.seed,
        state=chosen.state,
        limits=chosen.limits == "on",
    )
    try:
        node = open_node(dialect, options)
    except BadFeed as error:
        listener.close()
        return _fail(f"{error} ({error.code})")
    except BadState as error:
        listener.close()
        return _fail(f"{error} (state_unusable)")
    config = uvicorn.Config(
        Server(node, protocol).app(),
        log_config=None,
        access_log=False,
        http="httptools",
        ws="websockets-sansio",
        timeout_graceful_shutdown=1,
        timeout_keep_alive=75,
        ws_ping_interval=dialect.ping_s,
        ws_ping_timeout=dialect.pong_s,
    )
    server = _Announcing(config)
    host, port = listener.getsockname()[:2]
    server.text = "\n".join([f"paper {dialect.name} listening on http://{host}:{port}", *node.feed.notes])
    # uvicorn raises a signal that ended it once more: then it ends us with exit code 0.
    for ending in (signal.SIGTERM, signal.SIGINT):
        signal.signal(ending, _end)
    server.run(sockets=[listener])
    return 0


def _end(number: int, frame: FrameType | None) -> None:
    del number, frame
    raise SystemExit(0)


def _fail(sentence: str) -> int:
    sys.stderr.write(sentence + "\n")
    return 2
