"""A paper server as a process, and a trader who uses the adapter as the fenced submission does."""

import itertools
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, Self

import httpx
from eth_account import Account

from domain.accounts import AccountRef
from domain.instruments import Instrument, Rounding, round_price
from domain.money import Price, Quantity
from domain.orders import OrderTerms, Side, TimeInForce, Trigger, TriggerKind, client_order_id
from venues.base import Answer, Sighting, SignedRequest, SigningKey
from venues.hyperliquid.config import HyperliquidConfig
from venues.hyperliquid.limits import RequestBudget
from venues.hyperliquid.venue import HyperliquidVenue, connect

ROOT = Path(__file__).parents[3]
STARTS_WITHIN = 30.0
LISTENING = "listening on "
_nonces = itertools.count(int(time.time() * 1000))
_names = itertools.count()


class PaperServer:
    """`python -m paper` on a free port, with its control endpoints."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.url = ""

    def __enter__(self) -> Self:
        state = self._folder / "state.sqlite"
        command = [sys.executable, "-m", "paper", "--venue", "hyperliquid", "--port", "0", "--state", str(state)]
        self._process = subprocess.Popen(
            [*command, "--limits", "off"],
            cwd=ROOT,
            env=os.environ | {"PYTHONUNBUFFERED": "1"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self._lines: queue.Queue[str] = queue.Queue()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        self.url = self._find_url()
        self._control = httpx.Client(base_url=self.url, trust_env=False, timeout=10)
        return self

    def __exit__(self, *_: object) -> None:
        self._control.close()
        self._process.send_signal(signal.SIGTERM)
        self._process.wait(timeout=20)
        self._reader.join(timeout=5)
        assert self._process.stdout is not None
        self._process.stdout.close()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._lines.put(line)

    def _find_url(self) -> str:
        seen: list[str] = []
        give_up = time.monotonic() + STARTS_WITHIN
        while time.monotonic() < give_up:
            try:
                seen.append(self._lines.get(timeout=0.2))
            except queue.Empty:
                assert self._process.poll() is None, "".join(seen)
                continue
            if LISTENING in seen[-1]:
                return seen[-1].split(LISTENING)[1].split()[0]
        raise AssertionError("The paper server did not start: " + "".join(seen))

    @contextmanager
    def stopped(self) -> Iterator[None]:
        """Let the process stand still: it accepts and says nothing."""
        self._process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self._process.send_signal(signal.SIGCONT)

    def post(self, path: str, **body: Any) -> Any:
        """Post to a control endpoint."""
        return self._control.post(f"/control/{path}", json=body).raise_for_status().json()

    def get(self, path: str, **query: str) -> Any:
        """Ask a control endpoint."""
        return self._control.get(f"/control/{path}", params=query).raise_for_status().json()

    def fault(self, fault: str, *, on: str = "exchange", **more: Any) -> None:
        """Put one fault in force, once unless told otherwise."""
        self.post("faults", **({"on": on, "fault": fault, "count": 1} | more))

    def reset(self) -> None:
        """Lift all faults and put the switches that tests turn back."""
        self._control.delete("/control/faults").raise_for_status()
        self.post("settings", order_retention=2000, position_tpsl_status="waitingForTrigger", halted=False)


@dataclass
class Trader:
    """A master account, its agent, and the adapter."""

    server: PaperServer
    venue: HyperliquidVenue
    master: SigningKey
    agent: SigningKey
    account: AccountRef
    started: datetime = field(init=False)

    def __post_init__(self) -> None:
        self.started = self.venue.trading.venue_time(self.account)

    @classmethod
    def funded(cls, server: PaperServer, *, usdc: str = "10000", is_approved: bool = True, **settings: Any) -> Self:
        """Make an account with money and an agent of its own."""
        wallet = Account.create()
        master = SigningKey(address=wallet.address, secret="0x" + bytes(wallet.key).hex())
        server.post("deposit", user=master.address, usdc=usdc)
        config = HyperliquidConfig(url=server.url, **({"timeout": timedelta(seconds=2)} | settings))
        venue = connect(config, RequestBudget(1_000_000))
        agent = venue.wallets.make_agent()
        account = AccountRef(
            account_id="account", user_id="user", venue="hyperliquid", network="paper", address=master.address
        )
        made = cls(server=server, venue=venue, master=master, agent=agent, account=account)
        if is_approved:
            made.approve()
        return made

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.venue.close()

    def approve(self, name: str = "holdfast") -> Answer:
        """Approve the agent with the master's key."""
        wallets = self.venue.wallets
        request = wallets.sign_approval(self.master, self.agent.address, name=name, nonce=next(_nonces))
        return wallets.send_approval(request)

    def instrument(self, coin: str = "BTC") -> Instrument:
        return self.venue.market.instrument(coin)

    def price(self, factor: str = "1", coin: str = "BTC") -> Price:
        """A valid price at a multiple of the mid."""
        mid = self.venue.market.mark(coin).mid_px
        return round_price(Price(mid * Decimal(factor)), self.instrument(coin), Rounding.NEAREST)

    def terms(
        self,
        *,
        side: Side = Side.BUY,
        size: str = "0.01",
        factor: str = "1.05",
        tif: TimeInForce = TimeInForce.IOC,
        reduce_only: bool = False,
    ) -> OrderTerms:
        """Terms of an order on BTC at a multiple of the mid."""
        limit = self.price(factor)
        return OrderTerms(
            coin="BTC", side=side, size=Quantity(Decimal(size)), limit_px=limit, tif=tif, reduce_only=reduce_only
        )

    def stop(self, factor: str, *, side: Side = Side.SELL) -> OrderTerms:
        """Terms of a stop of the whole position."""
        px = self.price(factor)
        trigger = Trigger(px=px, kind=TriggerKind.STOP_LOSS, whole_position=True)
        return OrderTerms(
            coin="BTC", side=side, size=Quantity(Decimal(0)), limit_px=px, reduce_only=True, trigger=trigger
        )

    def name(self) -> str:
        return client_order_id(self.master.address, "main", f"open.{next(_names)}")

    def deadline(self, seconds: float = 8) -> datetime:
        return self.venue.trading.venue_time(self.account) + timedelta(seconds=seconds)

    def sign(
        self, terms: OrderTerms, client_id: str, *, nonce: int | None = None, expires_at: datetime | None = None
    ) -> SignedRequest:
        """Sign an order of the agent."""
        return self.venue.trading.sign_order(
            key=self.agent,
            client_id=client_id,
            instrument=self.instrument(terms.coin),
            terms=terms,
            nonce=next(_nonces) if nonce is None else nonce,
            expires_at=expires_at or self.deadline(),
        )

    def place(self, terms: OrderTerms, client_id: str = "") -> Answer:
        """Sign and send an order once."""
        return self.venue.trading.send(self.sign(terms, client_id or self.name()))

    def cancel(self, *, oid: str = "", client_id: str = "") -> Answer:
        """Sign and send a cancel once."""
        return self.venue.trading.send(
            self.venue.trading.sign_cancel(
                key=self.agent,
                instrument=self.instrument(),
                oid=oid,
                client_id=client_id,
                nonce=next(_nonces),
                expires_at=self.deadline(),
            )
        )

    def noop(self, nonce: int) -> Answer:
        """Burn a nonce."""
        return self.venue.trading.send(self.venue.trading.sign_noop(key=self.agent, nonce=nonce, expires_at=None))

    def look(self, client_id: str, terms: OrderTerms, oid: str = "") -> Sighting:
        """Look an order up."""
        return self.venue.trading.look_up(
            self.account, client_id=client_id, instrument=self.instrument(), terms=terms, oid=oid
        )

    def admitted(self) -> list[dict[str, Any]]:
        """Every order that the venue ever admitted for this account."""
        orders: list[dict[str, Any]] = self.server.get("orders", user=self.master.address)
        return orders

    def fresh_nonce(self) -> int:
        return next(_nonces)
