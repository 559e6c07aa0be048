"""What the tests of Hyperliquid arrange."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from eth_account import Account

from domain.accounts import AccountRef
from domain.instruments import Instrument
from domain.money import Price, Quantity
from domain.orders import OrderTerms, Side, TimeInForce, Trigger, TriggerKind
from venues.base import SigningKey
from venues.hyperliquid.client import HyperliquidClient
from venues.hyperliquid.config import HyperliquidConfig
from venues.hyperliquid.limits import RequestBudget

SECRET = "0x0123456789012345678901234567890123456789012345678901234567890123"
KEY = SigningKey(address=Account.from_key(SECRET).address, secret=SECRET)
MASTER = "0x" + "ab" * 20
ACCOUNT = AccountRef(account_id="a", user_id="u", venue="hyperliquid", network="paper", address=MASTER)
CLIENT_ID = "0123456789abcdef" * 2
NOW = datetime(2026, 11, 21, 4, 0, tzinfo=UTC)
BTC = Instrument(venue="hyperliquid", coin="BTC", asset_id=0, size_decimals=5, price_decimals=1, max_leverage=40)
ETH = Instrument(venue="hyperliquid", coin="ETH", asset_id=4, size_decimals=4, price_decimals=2, max_leverage=25)


def d(text: str) -> Decimal:
    return Decimal(text)


def terms(
    *,
    coin: str = "BTC",
    side: Side = Side.BUY,
    size: str = "0.001",
    limit_px: str = "80000",
    tif: TimeInForce = TimeInForce.GTC,
    reduce_only: bool = False,
    trigger: Trigger | None = None,
) -> OrderTerms:
    return OrderTerms(
        coin=coin,
        side=side,
        size=Quantity(d(size)),
        limit_px=Price(d(limit_px)),
        tif=tif,
        reduce_only=reduce_only,
        trigger=trigger,
    )


def stop(px: str = "70000", *, kind: TriggerKind = TriggerKind.STOP_LOSS, whole: bool = True) -> OrderTerms:
    trigger = Trigger(px=Price(d(px)), kind=kind, whole_position=whole)
    return terms(side=Side.SELL, size="0" if whole else "0.001", limit_px=px, reduce_only=True, trigger=trigger)


def row(**changed: Any) -> dict[str, Any]:
    """A FrontendOrder that agrees with `terms()`."""
    plain = {
        "coin": "BTC",
        "side": "B",
        "limitPx": "80000.0",
        "sz": "0.001",
        "oid": 77,
        "timestamp": 1_700_000_000_000,
        "triggerCondition": "N/A",
        "isTrigger": False,
        "triggerPx": "0.0",
        "children": [],
        "isPositionTpsl": False,
        "reduceOnly": False,
        "orderType": "Limit",
        "origSz": "0.001",
        "tif": "Gtc",
        "cloid": "0x" + CLIENT_ID,
    }
    return plain | changed


def stop_row(**changed: Any) -> dict[str, Any]:
    """A FrontendOrder that agrees with `stop()`."""
    waiting = {
        "side": "A",
        "sz": "0.0",
        "origSz": "0.0",
        "limitPx": "63000.0",
        "isTrigger": True,
        "triggerPx": "70000.0",
        "triggerCondition": "Price below 70000",
        "isPositionTpsl": True,
        "reduceOnly": True,
        "orderType": "Stop Market",
        "tif": None,
    }
    return row(**(waiting | changed))


Answer = tuple[int, bytes] | None


@dataclass
class Exchange:
    """A server that answers by script; None closes the connection without an answer."""

    answer: Callable[[str, dict[str, Any]], Answer]
    url: str = ""
    asked: list[tuple[str, dict[str, Any]]] = field(default_factory=list)

    def kinds(self) -> list[str]:
        return [body.get("type", "") for _, body in self.asked]


@contextmanager
def exchange(answer: Callable[[str, dict[str, Any]], Answer]) -> Iterator[Exchange]:
    """Run a scripted server on a free port."""
    stub = Exchange(answer=answer)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            stub.asked.append((self.path, body))
            reply = stub.answer(self.path, body)
            if reply is None:
                self.close_connection = True
                return
            self.send_response(reply[0])
            self.send_header("Content-Length", str(len(reply[1])))
            self.end_headers()
            self.wfile.write(reply[1])

        def log_message(self, *args: Any) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    stub.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield stub
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@contextmanager
def client_of(
    answers: dict[str, Any] | Callable[[str, dict[str, Any]], Answer],
    budget: RequestBudget | None = None,
    **settings: Any,
) -> Iterator[tuple[HyperliquidClient, Exchange]]:
    """A client of a scripted server; a mapping gives the JSON answer to each info type, callables get the request."""

    def by_type(path: str, body: dict[str, Any]) -> Answer:
        assert isinstance(answers, dict)
        found = answers[body["type"]]
        return 200, json.dumps(found(body) if callable(found) else found).encode()

    with exchange(by_type if isinstance(answers, dict) else answers) as stub:
        config = HyperliquidConfig(url=stub.url, **settings)
        client = HyperliquidClient(config, budget or RequestBudget(1_000_000))
        try:
            yield client, stub
        finally:
            client.close()
