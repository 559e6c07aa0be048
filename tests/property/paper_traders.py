"""Two users at a paper venue with a clock and prices that the test sets: Hyperliquid's engine, and the fapi dialect on it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from contextlib import suppress
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

from paper.binance.protocol import DIALECT, PROTOCOL
from paper.engine.accounts import Account, AccountBooks, LeverageChoice
from paper.engine.cancelling import cancel_all
from paper.engine.funding import HOUR_MS
from paper.engine.funding import pay_funding as pay_hour
from paper.engine.liquidation import liquidate_all
from paper.engine.matching import fill_crossed, settle
from paper.engine.orders import Order, Origin, Status, Tif, Trigger
from paper.engine.placing import place
from paper.engine.requests import ActionContext, Grouping, OrderRequest
from paper.engine.triggers import fire_triggers
from paper.engine.venue import PaperVenue
from paper.fapi import opening as fapi_opening
from paper.fapi.calls import Call
from paper.fapi.conditions import fire_conditions
from paper.fapi.errors import Refused
from paper.fapi.funding import pay_funding
from paper.fapi.node import Node as FapiNode
from paper.fapi.params import Params
from paper.fapi.users import User
from paper.hyperliquid import opening
from paper.hyperliquid.node import Node

D = Decimal
NOW = 1_795_000_000_000
START_PX = D(100_000)
DEPOSIT = D(100_000)
ALICE, BOB = "0x" + "a" * 40, "0x" + "b" * 40
USERS = (ALICE, BOB)


@dataclass(frozen=True, slots=True)
class Step:
    """What happens next; `offset` is in half per mille of the mark, `size` in hundredths of a coin."""

    kind: str
    user: str = ALICE
    is_buy: bool = True
    offset: int = 0
    size: int = 1
    is_reducing: bool = False


class Crash(Exception):
    """The process dies."""


@dataclass
class Clock:
    now: int = NOW

    def __call__(self) -> int:
        return self.now


@dataclass
class Trader(ABC):
    """One venue over a state file; every step is committed before its answer counts."""

    path: Path | None = None
    clock: Clock = field(default_factory=Clock)
    mark: Decimal = START_PX
    number: int = 0
    is_isolated: bool = False

    def __post_init__(self) -> None:
        self.open()
        for user in USERS:
            self.venue.open_account(user).cash += DEPOSIT
            self.venue.deposited += DEPOSIT
        if self.is_isolated:
            self.venue.accounts[BOB].leverage["BTC"] = LeverageChoice(is_cross=False, value=10)
        self.venue.changes.is_meta = True
        self.node.commit()

    @property
    @abstractmethod
    def node(self) -> Node | FapiNode: ...

    @abstractmethod
    def open(self) -> None: ...

    @abstractmethod
    def order(self, step: Step) -> Any: ...

    @abstractmethod
    def stop(self, step: Step) -> Any: ...

    @abstractmethod
    def cancel(self, step: Step) -> Any: ...

    @abstractmethod
    def react(self) -> None: ...

    @abstractmethod
    def fund(self, premium: Decimal) -> None: ...

    @property
    def venue(self) -> PaperVenue:
        return self.node.venue

    def act(self, step: Step) -> Any:
        """Let a step happen and be durable; returns its answer."""
        answer = self.do(step)
        self.node.commit()
        return answer

    def do(self, step: Step) -> Any:
        self.number += 1
        self.clock.now += 1_000
        match step.kind:
            case "limit" | "market":
                return self.order(step)
            case "stop":
                return self.stop(step)
            case "cancel":
                return self.cancel(step)
            case "fund":
                return self.fund(D(step.offset) / 10_000)
            case _:
                self.clock.now += step.size * 100
                self.set_mark(min(max(self.mark * (1 + D(step.offset) / 1000), D(90_000)), D(110_000)))
                self.react()
                liquidate_all(self.venue)
                settle(self.venue)
                return None

    def set_mark(self, px: Decimal) -> None:
        self.mark = px.quantize(D(1))
        market = self.venue.markets["BTC"]
        market.mid = market.mark = market.oracle = self.mark
        market.liquidity.move(self.mark)

    def restart(self) -> None:
        """Stop, without a word, and start again from the file."""
        self.node.store.close()
        self.open()

    def crash(self, step: Step) -> None:
        """Die while a step is written, and start again from the file."""

        def die() -> None:
            raise Crash

        before = (self.mark, self.number, self.clock.now)
        self.node.store.commit = die  # type: ignore[method-assign]
        with suppress(Crash):
            self.act(step)
        self.mark, self.number, self.clock.now = before
        self.restart()

    def rest_for_an_hour(self) -> None:
        """Wait until the simulated makers have forgotten everything: what they feel is not stored."""
        self.clock.now += HOUR_MS

    def limit_px(self, step: Step) -> Decimal:
        if step.kind == "market":
            return (self.mark * (D("1.04") if step.is_buy else D("0.96"))).quantize(D(10))
        return (self.mark * (1 + D(step.offset) / 2000)).quantize(D(10))

    def account(self, user: str) -> Account:
        return self.venue.accounts[user]

    def books(self, user: str) -> AccountBooks:
        return self.venue.books[user]

    def everything(self) -> tuple[object, ...]:
        """Return all that a restart must keep."""
        venue = self.venue
        queues = [
            (coin, list(market.book.bids), list(market.book.asks), sorted(market.triggers))
            for coin, market in venue.markets.items()
        ]
        books = {
            user: (b.fills, b.fundings, b.ledger, sorted(b.open_oids), b.all_oids, b.by_cloid)
            for user, b in venue.books.items()
        }
        sums = (venue.next_oid, venue.next_trade, venue.fee_income, venue.counterparty, venue.deposited)
        return (venue.accounts, venue.orders, books, queues, sums)

    def total(self) -> Decimal:
        venue = self.venue
        held = sum(
            a.cash + a.spot_usdc + sum(p.collateral for p in a.positions.values()) for a in venue.accounts.values()
        )
        return held + venue.fee_income + venue.counterparty


@dataclass
class HyperliquidTrader(Trader):
    """Orders as the engine takes them from Hyperliquid's actions."""

    _node: Node = field(init=False)

    @property
    def node(self) -> Node:
        return self._node

    def open(self) -> None:
        self._node = opening.open_node(opening.Options(coins=("BTC",), state=self.path))
        self.venue.clock = self.clock
        self.set_mark(self.mark)

    def order(self, step: Step) -> Any:
        tif = Tif.IOC if step.kind == "market" else Tif.GTC
        return self._place(step, tif, None, D(step.size) / 100, Grouping.NA)

    def stop(self, step: Step) -> Any:
        szi = self.account(step.user).szi("BTC")
        closing = Step("stop", step.user, szi < 0, step.offset, step.size, is_reducing=True)
        px = self.limit_px(closing)
        trigger = Trigger(px=px, is_market=True, tpsl="sl" if (px > self.mark) is closing.is_buy else "tp")
        return self._place(closing, None, trigger, D(0), Grouping.POSITION_TPSL)

    def _place(self, step: Step, tif: Tif | None, trigger: Trigger | None, sz: Decimal, grouping: Grouping) -> Any:
        wanted = OrderRequest(
            asset=0,
            is_buy=step.is_buy,
            limit_px=self.limit_px(step),
            sz=sz,
            reduce_only=step.is_reducing,
            tif=tif,
            trigger=trigger,
            cloid=f"0x{self.number:032x}",
        )
        context = ActionContext(user=step.user, origin=Origin(signer=step.user), grouping=grouping)
        return place(self.venue, context, wanted, group=self.venue.take_oid() if trigger else 0)

    def cancel(self, step: Step) -> Any:
        return cancel_all(self.venue, step.user, Status.CANCELED)

    def react(self) -> None:
        market = self.venue.markets["BTC"]
        fill_crossed(self.venue, market)
        settle(self.venue)
        fire_triggers(self.venue, market)

    def fund(self, premium: Decimal) -> None:
        pay_hour(self.venue, self.number, {"BTC": premium})


@dataclass
class BinanceTrader(Trader):
    """Orders through the endpoints of Binance's dialect."""

    is_hedged: bool = False
    _node: FapiNode = field(init=False)

    @property
    def node(self) -> FapiNode:
        return self._node

    def open(self) -> None:
        options = fapi_opening.Options(coins=("BTC",), state=self.path)
        self._node = fapi_opening.open_node(DIALECT, options)
        self.venue.clock = self.clock
        for user in USERS:
            if user not in self._node.users.by_name:
                made = User(name=user, api_key=user, secret=user, created_ms=NOW, is_hedged=self.is_hedged)
                self._node.users.add(made)
        self.set_mark(self.mark)

    def call(self, user: str, method: str, path: str, **values: str) -> Any:
        """Call an endpoint; a refusal is an answer."""
        call = Call(node=self.node, params=Params({"symbol": "BTCUSDT", **values}), user=self.node.users.by_name[user])
        try:
            return PROTOCOL.table[method, path].run(call)
        except Refused as refused:
            return str(refused)

    def order(self, step: Step) -> Any:
        values = {
            "quantity": str(D(step.size) / 100),
            "newClientOrderId": f"n{self.number}",
            "newOrderRespType": "RESULT",
        }
        if step.kind == "market":
            values["type"] = "MARKET"
        else:
            values |= {"type": "LIMIT", "timeInForce": "GTC", "price": str(self.limit_px(step))}
        return self._send(step, "order", values)

    def stop(self, step: Step) -> Any:
        values = {"algoType": "CONDITIONAL", "type": "STOP_MARKET", "closePosition": "true"}
        values |= {"triggerPrice": str(self.limit_px(step)), "clientAlgoId": f"a{self.number}"}
        return self._send(step, "algoOrder", values)

    def _send(self, step: Step, path: str, values: dict[str, str]) -> Any:
        values["side"] = "BUY" if step.is_buy else "SELL"
        if self.is_hedged:
            # The closing side of hedge mode is what reduces there.
            values["positionSide"] = "LONG" if step.is_buy is not step.is_reducing else "SHORT"
        elif step.is_reducing and "closePosition" not in values:
            values["reduceOnly"] = "true"
        return self.call(step.user, "POST", path, **values)

    def cancel(self, step: Step) -> Any:
        return [self.call(step.user, "DELETE", path) for path in ("allOpenOrders", "algoOpenOrders")]

    def react(self) -> None:
        market = self.venue.markets["BTC"]
        fill_crossed(self.venue, market)
        settle(self.venue)
        fire_conditions(self.node, market)

    def fund(self, premium: Decimal) -> None:
        del premium
        pay_funding(self.node, self.number * 8 * HOUR_MS)


def is_reducing(trader: Trader, order: Order) -> bool:
    """Tell whether an order says on the wire that it can only reduce."""
    side = order.coin.partition("/")[2]
    return order.reduce_only or (side != "" and (side == "LONG") is not order.is_buy)
