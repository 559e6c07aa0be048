"""What the tests of Binance and AsterDEX arrange."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from eth_account import Account

from domain.accounts import AccountRef
from domain.instruments import Instrument
from domain.money import Money, Price, Quantity
from domain.orders import OrderTerms, Side, TimeInForce, Trigger, TriggerKind
from venues.base import SigningKey
from venues.fapi.client import Reply

CLIENT_ID = "0123456789abcdef" * 2
NOW = datetime(2026, 11, 21, 4, 0, tzinfo=UTC)
API_KEY = SigningKey(address="k" * 64, secret="s" * 64)
SECRET = "0x0123456789012345678901234567890123456789012345678901234567890123"
MASTER = "0x" + "ab" * 20
WALLET = SigningKey(address=str(Account.from_key(SECRET).address), secret=SECRET, master=MASTER)
BINANCE_ACCOUNT = AccountRef(account_id="a", user_id="u", venue="binance", network="paper", address="binance:SgsR")
ASTER_ACCOUNT = AccountRef(account_id="a", user_id="u", venue="aster", network="paper", address=MASTER)
BTC = Instrument(
    venue="binance",
    coin="BTC",
    asset_id=0,
    size_decimals=3,
    price_decimals=1,
    significant_figures=None,
    minimum_notional=Money(Decimal(100)),
    price_band=Decimal("0.05"),
    max_leverage=125,
)


def d(text: str) -> Decimal:
    return Decimal(text)


def terms(
    *,
    side: Side = Side.BUY,
    size: str = "0.010",
    limit_px: str = "60000",
    tif: TimeInForce = TimeInForce.GTC,
    reduce_only: bool = False,
    trigger: Trigger | None = None,
) -> OrderTerms:
    return OrderTerms(
        coin="BTC",
        side=side,
        size=Quantity(d(size)),
        limit_px=Price(d(limit_px)),
        tif=tif,
        reduce_only=reduce_only,
        trigger=trigger,
    )


def stop(px: str = "55000", *, kind: TriggerKind = TriggerKind.STOP_LOSS, whole: bool = True) -> OrderTerms:
    trigger = Trigger(px=Price(d(px)), kind=kind, whole_position=whole)
    return terms(side=Side.SELL, size="0" if whole else "0.010", limit_px=px, reduce_only=True, trigger=trigger)


def row(**changed: Any) -> dict[str, Any]:
    """An order that agrees with `terms()`."""
    plain = {
        "symbol": "BTCUSDT",
        "orderId": 77,
        "clientOrderId": CLIENT_ID,
        "side": "BUY",
        "type": "LIMIT",
        "origType": "LIMIT",
        "status": "NEW",
        "timeInForce": "GTC",
        "price": "60000.0",
        "avgPrice": "0.00",
        "origQty": "0.010",
        "executedQty": "0.000",
        "stopPrice": "0",
        "reduceOnly": False,
        "closePosition": False,
        "positionSide": "BOTH",
        "updateTime": 1_700_000_000_000,
        "time": 1_700_000_000_000,
    }
    return plain | changed


def algo_row(**changed: Any) -> dict[str, Any]:
    """A conditional order of the algo service that agrees with `stop()`."""
    waiting = {
        "algoId": 9,
        "clientAlgoId": CLIENT_ID,
        "algoType": "CONDITIONAL",
        "orderType": "STOP_MARKET",
        "symbol": "BTCUSDT",
        "side": "SELL",
        "positionSide": "BOTH",
        "quantity": "0.000",
        "algoStatus": "NEW",
        "triggerPrice": "55000.00",
        "price": "0.00",
        "closePosition": True,
        "reduceOnly": False,
        "createTime": 1_700_000_000_000,
        "updateTime": 1_700_000_000_000,
        "actualOrderId": "",
    }
    return waiting | changed


def ok(body: Any) -> Reply:
    return Reply(status=200, body=json.dumps(body).encode())


def error(status: int, code: int, text: str) -> Reply:
    return Reply(status=status, body=json.dumps({"code": code, "msg": text}).encode())


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One request that the scripted venue got."""

    method: str
    path: str
    form: dict[str, str]
    headers: dict[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """One answer of the scripted venue."""

    status: int = 200
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)


Script = Callable[[Asked], Said | None]


@dataclass
class Stub:
    """A venue that answers by script; None closes the connection without an answer."""

    answer: Script
    url: str = ""
    asked: list[Asked] = field(default_factory=list)

    def paths(self) -> list[str]:
        return [f"{one.method} {one.path}" for one in self.asked]


@contextmanager
def scripted(answer: Script) -> Iterator[Stub]:
    """Run a scripted venue on a free port."""
    stub = Stub(answer=answer)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        # Head and body in one packet: the second of two waits for the acknowledgement of the first.
        wbufsize = -1

        def _answer(self) -> None:
            url = urlsplit(self.path)
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
            form = {name: values[0] for name, values in parse_qs(body or url.query).items()}
            asked = Asked(method=self.command, path=url.path, form=form, headers=dict(self.headers))
            stub.asked.append(asked)
            said = stub.answer(asked)
            if said is None:
                self.close_connection = True
                return
            raw = said.body if isinstance(said.body, bytes) else json.dumps(said.body).encode()
            self.send_response(said.status)
            for name, value in said.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(raw)))
            self.end_headers()
            self.wfile.write(raw)

        do_GET = do_POST = do_PUT = do_DELETE = _answer  # noqa: N815  (the names that http.server calls)

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


def by_path(answers: dict[str, Any], *, offset: timedelta = timedelta()) -> Script:
    """Answer by the end of the path; the clock is ours, shifted. A callable gets the request, a Said goes out as it is."""

    def answer(asked: Asked) -> Said | None:
        name = asked.path.split("/", 3)[3]
        if name == "time" and "time" not in answers:
            at = datetime.now(UTC) + offset
            return Said(body={"serverTime": int(at.timestamp() * 1000)})
        found = answers[name]
        found = found(asked) if callable(found) else found
        return found if isinstance(found, Said) or found is None else Said(body=found)

    return answer
