"""A venue with a clock that the test sets, two funded users and prices that stand still."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from decimal import Decimal

from paper.engine.instruments import perp
from paper.engine.matching import fill_crossed, settle
from paper.engine.orders import Order, Origin, Tif, Trigger
from paper.engine.placing import place_batch
from paper.engine.requests import ActionContext, Grouping, OrderRequest, Outcome
from paper.engine.triggers import fire_triggers
from paper.engine.venue import PaperVenue

ALICE = "0x" + "a" * 40
BOB = "0x" + "b" * 40
NOW = 1_795_000_000_000


@dataclass
class Clock:
    now: int = NOW

    def __call__(self) -> int:
        return self.now


@dataclass
class Desk:
    """What a test does to a venue."""

    clock: Clock = field(default_factory=Clock)

    def __post_init__(self) -> None:
        self.venue = PaperVenue(perps=(perp("BTC", 0), perp("ETH", 1)), clock=self.clock)
        for coin, px in (("BTC", "100000"), ("ETH", "4000")):
            # A tick is all that the real spread leaves: tests want to stand between bid and ask.
            liquidity = self.venue.markets[coin].liquidity
            liquidity.curve = replace(liquidity.curve, half_spread_bp=0.5)
            self.set_mark(coin, px)
        for user in (ALICE, BOB):
            self.deposit(user, "100000")

    def set_mark(self, coin: str, px: str) -> None:
        """Move the prices without any effect on orders."""
        market = self.venue.markets[coin]
        market.mid = market.mark = market.oracle = Decimal(px)
        market.liquidity.move(Decimal(px))

    def move(self, coin: str, px: str) -> None:
        """Move the prices and let the market react."""
        self.set_mark(coin, px)
        market = self.venue.markets[coin]
        fill_crossed(self.venue, market)
        settle(self.venue)
        fire_triggers(self.venue, market)

    def deposit(self, user: str, usdc: str) -> None:
        account = self.venue.open_account(user)
        account.cash += Decimal(usdc)
        self.venue.deposited += Decimal(usdc)

    def send(self, user: str, *wanted: OrderRequest, grouping: Grouping = Grouping.NA) -> list[Outcome]:
        context = ActionContext(user=user, origin=Origin(signer=user), grouping=grouping)
        return place_batch(self.venue, context, list(wanted))

    def order(self, outcome: Outcome) -> Order:
        return self.venue.orders[outcome.oid]  # type: ignore[union-attr]

    def szi(self, user: str, coin: str = "BTC") -> Decimal:
        return self.venue.accounts[user].szi(coin)

    def live(self, user: str) -> list[Order]:
        return self.venue.open_orders(user)

    def total(self) -> Decimal:
        venue = self.venue
        held = sum(
            a.cash + a.spot_usdc + sum(p.collateral for p in a.positions.values()) for a in venue.accounts.values()
        )
        return held + venue.fee_income + venue.counterparty


def limit(
    side: str,
    px: str,
    sz: str,
    *,
    tif: Tif = Tif.GTC,
    coin: str = "BTC",
    reduce_only: bool = False,
    cloid: str | None = None,
) -> OrderRequest:
    return OrderRequest(
        asset={"BTC": 0, "ETH": 1}[coin],
        is_buy=side == "buy",
        limit_px=Decimal(px),
        sz=Decimal(sz),
        reduce_only=reduce_only,
        tif=tif,
        trigger=None,
        cloid=cloid,
    )


def market(side: str, sz: str, *, coin: str = "BTC", reduce_only: bool = False) -> OrderRequest:
    px = {("BTC", "buy"): "105000", ("BTC", "sell"): "95000", ("ETH", "buy"): "4200", ("ETH", "sell"): "3800"}[
        coin, side
    ]
    return limit(side, px, sz, tif=Tif.IOC, coin=coin, reduce_only=reduce_only)


def trigger(
    side: str,
    tpsl: str,
    trigger_px: str,
    sz: str,
    *,
    px: str | None = None,
    coin: str = "BTC",
    reduce_only: bool = True,
) -> OrderRequest:
    return OrderRequest(
        asset={"BTC": 0, "ETH": 1}[coin],
        is_buy=side == "buy",
        limit_px=Decimal(px or trigger_px),
        sz=Decimal(sz),
        reduce_only=reduce_only,
        tif=None,
        trigger=Trigger(px=Decimal(trigger_px), is_market=px is None, tpsl=tpsl),
        cloid=None,
    )
