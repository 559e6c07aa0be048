"""A trader with a signer of its own: nothing here comes from our adapters, so that both sides cannot be wrong alike."""

from __future__ import annotations

import hashlib
import hmac
import json
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode

import httpx
from eth_account import Account
from eth_account.messages import encode_typed_data
from websockets.sync.client import ClientConnection, connect

from tests.contracts.rigs.server import PaperServer

BASE = Decimal(100_000)
SYMBOL = "BTCUSDT"
TYPES = {
    "EIP712Domain": [
        {"name": "name", "type": "string"},
        {"name": "version", "type": "string"},
        {"name": "chainId", "type": "uint256"},
        {"name": "verifyingContract", "type": "address"},
    ],
    "Message": [{"name": "msg", "type": "string"}],
}
ZERO_ADDRESS = "0x" + 40 * "0"
MAIN_NETWORK, TEST_NETWORK = 1666, 714


def now_ms() -> int:
    return int(time.time() * 1000)


def eventually(check: Callable[[], Any], seconds: float = 10.0) -> Any:
    """Return the first true answer of a check, or fail at the deadline."""
    deadline = time.monotonic() + seconds
    while not (answer := check()):
        assert time.monotonic() < deadline, "it did not come true in time"
        time.sleep(0.02)
    return answer


def hmac_of(secret: str, text: str) -> str:
    return hmac.new(secret.encode(), text.encode(), hashlib.sha256).hexdigest()


def wallet_signature(secret: str, text: str, chain_id: int = MAIN_NETWORK) -> str:
    """The EIP-712 signature of a parameter text."""
    domain = {"name": "AsterSignTransaction", "version": "1", "chainId": chain_id, "verifyingContract": ZERO_ADDRESS}
    typed = {"types": TYPES, "primaryType": "Message", "domain": domain, "message": {"msg": text}}
    signed = Account.sign_message(encode_typed_data(full_message=typed), secret)
    return "0x" + bytes(signed.signature).hex()


@dataclass(frozen=True)
class Reply:
    """An answer, as it came."""

    status: int
    text: str
    headers: httpx.Headers

    @property
    def body(self) -> Any:
        return json.loads(self.text)

    @property
    def refusal(self) -> tuple[int, int, str]:
        """(status, code, message) of a refusal."""
        assert self.status >= 400, self.text
        return self.status, self.body["code"], self.body["msg"]

    @property
    def code(self) -> int:
        return self.refusal[1]

    @property
    def ok(self) -> Any:
        """The body of an answer that is none of a refusal."""
        assert self.status == 200, self.text
        return self.body


class Events:
    """A user's stream: what came, in order."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket
        self.seen: list[Any] = []

    def next(self, kind: str, seconds: float = 10.0, **fields: Any) -> Any:
        """Wait for the next event of a kind whose `o` has these fields."""
        deadline = time.monotonic() + seconds
        while True:
            left = deadline - time.monotonic()
            assert left > 0, f"No {kind} came: {self.seen}"
            event = json.loads(self._socket.recv(timeout=left))
            self.seen.append(event)
            wanted = event.get("o", event)
            if event.get("e") == kind and all(wanted.get(name) == value for name, value in fields.items()):
                return event

    def raw(self, seconds: float = 10.0) -> Any:
        """The next message, whatever it is."""
        return json.loads(self._socket.recv(timeout=seconds))

    def send(self, **message: Any) -> Any:
        """Send a message and return the answer that has its id."""
        self._socket.send(json.dumps(message))
        while True:
            event = self.raw()
            if "id" in event and event["id"] == message.get("id"):
                return event


@dataclass
class Trader:
    """A user of a paper server with an API key."""

    server: PaperServer
    name: str
    key: str = ""
    secret: str = ""
    version: str = "v1"
    http: httpx.Client = field(init=False)
    offset_ms: int = 0

    def __post_init__(self) -> None:
        self.http = httpx.Client(base_url=self.server.url, trust_env=False, timeout=10)

    def close(self) -> None:
        self.http.close()

    # Requests -----------------------------------------------------------------------------------------------------

    def path(self, name: str) -> str:
        return name if name.startswith("/") else f"/fapi/{self.version}/{name}"

    def signed_form(self, params: dict[str, Any]) -> str:
        """The parameters with whatever makes them this user's."""
        text = urlencode({"timestamp": now_ms() + self.offset_ms} | params)
        return f"{text}&signature={hmac_of(self.secret, text)}"

    def headers(self) -> dict[str, str]:
        return {"X-MBX-APIKEY": self.key}

    def send(self, method: str, name: str, form: str, headers: dict[str, str] | None = None) -> Reply:
        """Send a form as it stands: in the query of reads and deletions, else in the body."""
        given = self.headers() if headers is None else headers
        path = self.path(name)
        if method in {"GET", "DELETE"}:
            answer = self.http.request(method, f"{path}?{form}" if form else path, headers=given)
        else:
            kind = {"Content-Type": "application/x-www-form-urlencoded"}
            answer = self.http.request(method, path, content=form, headers=given | kind)
        return Reply(answer.status_code, answer.text, answer.headers)

    def get(self, name: str, **params: Any) -> Reply:
        return self.send("GET", name, self.signed_form(params))

    def post(self, name: str, **params: Any) -> Reply:
        return self.send("POST", name, self.signed_form(params))

    def put(self, name: str, **params: Any) -> Reply:
        return self.send("PUT", name, self.signed_form(params))

    def delete(self, name: str, **params: Any) -> Reply:
        return self.send("DELETE", name, self.signed_form(params))

    def public(self, name: str, **params: Any) -> Reply:
        return self.send("GET", name, urlencode(params), {})

    # Orders -------------------------------------------------------------------------------------------------------

    def terms(self, **changes: Any) -> dict[str, Any]:
        """A buy that rests; None takes a field out."""
        terms = {"symbol": SYMBOL, "side": "BUY", "type": "LIMIT", "quantity": "0.010", "price": "97000.00"}
        given = terms | {"timeInForce": "GTC"} | changes
        return {name: value for name, value in given.items() if value is not None}

    def order(self, **changes: Any) -> Reply:
        return self.post("order", **self.terms(**changes))

    def market(self, side: str = "BUY", quantity: str = "0.010", **changes: Any) -> Reply:
        kind = {"type": "MARKET", "price": None, "timeInForce": None}
        return self.order(side=side, quantity=quantity, newOrderRespType="RESULT", **kind, **changes)

    def stop(self, **changes: Any) -> Reply:
        """A stop that sells at 95,000."""
        kind = {"type": "STOP_MARKET", "price": None, "timeInForce": None, "side": "SELL", "stopPrice": "95000.00"}
        return self.order(**(kind | changes))

    def algo_stop(self, **changes: Any) -> Reply:
        """The same stop through Binance's algo order service."""
        kind = {"algoType": "CONDITIONAL", "symbol": SYMBOL, "side": "SELL", "type": "STOP_MARKET"}
        given = kind | {"quantity": "0.010", "triggerPrice": "95000.00"} | changes
        return self.post("algoOrder", **{name: value for name, value in given.items() if value is not None})

    def waiting_ids(self) -> list[int]:
        """The ids of the algo orders that wait."""
        return [row["algoId"] for row in self.get("openAlgoOrders", symbol=SYMBOL).ok]

    def amount(self, symbol: str = SYMBOL) -> Decimal:
        rows = self.get("/fapi/v3/positionRisk", symbol=symbol).ok
        return sum((Decimal(row["positionAmt"]) for row in rows), Decimal(0))

    def open_ids(self) -> list[int]:
        return [row["orderId"] for row in self.get("openOrders", symbol=SYMBOL).ok]

    # Streams and control ------------------------------------------------------------------------------------------

    def listen_key(self) -> str:
        return str(self.send("POST", "listenKey", self.listen_form()).ok["listenKey"])

    def listen_form(self) -> str:
        """What a request about the listen key must carry: nothing but the key in the header."""
        return ""

    @contextmanager
    def events(self, path: str = "") -> Iterator[Events]:
        """Follow a stream, the user's own unless a path is given."""
        place = path or f"/ws/{self.listen_key()}"
        with connect("ws" + self.server.url.removeprefix("http") + place, proxy=None) as socket:
            yield Events(socket)

    def account(self, **changes: Any) -> Any:
        """Change the user by the control endpoint."""
        return self.server.post("account", user=self.name, **changes)

    def deposit(self, amount: str) -> None:
        self.server.post("deposit", user=self.name, amount=amount)


class WalletTrader(Trader):
    """A user of the paper AsterDEX: a main wallet, and an agent that signs."""

    chain_id = MAIN_NETWORK
    _last = 0

    def nonce(self) -> int:
        """The time in microseconds, or one more than the last."""
        WalletTrader._last = max(now_ms() * 1000, WalletTrader._last + 1)
        return WalletTrader._last

    def signed_form(self, params: dict[str, Any]) -> str:
        of_agent = {"nonce": self.nonce() + self.offset_ms * 1000, "user": self.name, "signer": self.key}
        text = urlencode({**params, **{name: value for name, value in of_agent.items() if name not in params}})
        return f"{text}&signature={wallet_signature(self.secret, text, self.chain_id)}"

    def headers(self) -> dict[str, str]:
        return {}

    def listen_form(self) -> str:
        return self.signed_form({})


def key_trader(server: PaperServer, *, money: str = "100000", version: str = "v1") -> Trader:
    """Make a user with an API key and money."""
    name = f"user-{uuid.uuid4().hex[:12]}"
    made = server.post("account", user=name, permissions={"trade": True, "withdraw": False})
    server.post("deposit", user=name, amount=money)
    return Trader(server, name, made["api_key"], made["api_secret"], version)


def wallet_trader(server: PaperServer, *, money: str = "100000") -> WalletTrader:
    """Make a wallet with an approved agent and money."""
    wallet, agent = Account.create(), Account.create()
    name = str(wallet.address).lower()
    server.post("account", user=name, signer=str(agent.address), permissions={"trade": True, "withdraw": False})
    server.post("deposit", user=name, amount=money)
    return WalletTrader(server, name, str(agent.address), "0x" + bytes(agent.key).hex(), "v3")
