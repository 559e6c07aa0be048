"""`python -m paper --venue hyperliquid`: read the options, serve until a signal."""

from __future__ import annotations

import argparse
import gc
import logging
import signal
import socket
import sys
from pathlib import Path
from types import FrameType

import uvicorn

from paper.feeds.errors import BadFeed
from paper.hyperliquid.lane import protocol_of
from paper.hyperliquid.opening import Options, open_node
from paper.hyperliquid.server import Server
from paper.store import BadState

DEFAULT_PORT = 3001
KEEP_ALIVE_S = 75
COLLECT = (50_000, 20, 100)


def parser() -> argparse.ArgumentParser:
    """Return the options of the paper Hyperliquid."""
    options = argparse.ArgumentParser(prog="paper", description="A paper Hyperliquid on one local port.")
    options.add_argument("--venue", choices=["hyperliquid"], default="hyperliquid")
    options.add_argument("--host", default="127.0.0.1")
    options.add_argument("--port", type=int, default=DEFAULT_PORT, help="0 takes a free one and prints it")
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


def config_of(venue: Server, keep_alive_s: int = KEEP_ALIVE_S) -> uvicorn.Config:
    """Return how uvicorn serves a venue; idle connections are closed after a time, as the real venue does."""
    return uvicorn.Config(
        venue.app(),
        log_config=None,
        access_log=False,
        http=protocol_of(venue.lane),
        ws="websockets-sansio",
        timeout_graceful_shutdown=1,
        timeout_keep_alive=keep_alive_s,
        ws_ping_interval=None,
    )


class _Announcing(uvicorn.Server):
    """Prints the address when it accepts connections."""

    address = ""
    notes: tuple[str, ...] = ()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, then say so."""
        await super().startup(sockets)
        if not self.should_exit:
            sys.stdout.write("\n".join([f"paper hyperliquid listening on {self.address}", *self.notes, ""]))
            sys.stdout.flush()


def main(arguments: list[str] | None = None) -> int:
    """Serve; returns the exit code."""
    chosen = parser().parse_args(arguments)
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
    try:
        node = open_node(
            Options(
                coins=coins,
                feed=chosen.feed,
                speed=chosen.speed,
                seed=chosen.seed,
                state=chosen.state,
                limits=chosen.limits == "on",
            )
        )
    except BadFeed as error:
        listener.close()
        return _fail(f"{error} ({error.code})")
    except BadState as error:
        listener.close()
        return _fail(f"{error} (state_unusable)")
    config = config_of(Server(node))
    # What is here now stays; and there are next to no cycles to look for among hundreds of thousands of orders.
    gc.collect()
    gc.freeze()
    gc.set_threshold(*COLLECT)
    server = _Announcing(config)
    host, port = listener.getsockname()[:2]
    server.address = f"http://{host}:{port}"
    server.notes = node.feed.notes
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


if __name__ == "__main__":
    raise SystemExit(main())
