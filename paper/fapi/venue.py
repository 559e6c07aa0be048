"""The engine's venue with what these contracts need: fixed fees, ticks, position sides, rising trade ids."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal

from paper.engine.accounts import Account
from paper.engine.fees import Fees, Rates
from paper.engine.liquidity import Liquidity
from paper.engine.market import Market
from paper.engine.settings import Settings
from paper.engine.venue import PaperVenue
from paper.fapi.contracts import Contract
from paper.fapi.hedging import HedgedMarkets

FIRST_TRADE = 5_000_000_000
ZERO = Decimal(0)


@dataclass(slots=True)
class FlatFees(Fees):
    """The same rates for everybody."""

    flat: Rates = field(default_factory=lambda: Rates(taker=ZERO, maker=ZERO, spot_taker=ZERO, spot_maker=ZERO))

    def rates(self, owner: Account, ms: int, settings: Settings) -> Rates:
        """Return the venue's rates."""
        del owner, ms, settings
        return self.flat


@dataclass(slots=True, kw_only=True)
class TickedLiquidity(Liquidity):
    """The simulated makers on the ticks of the contract."""

    tick_size: Decimal

    def tick(self, px: Decimal, *, is_bid: bool) -> Decimal:
        """Round a bid down and an ask up to the contract's ticks."""
        rounding = ROUND_FLOOR if is_bid else ROUND_CEILING
        return max((px / self.tick_size).to_integral_value(rounding=rounding), Decimal(1)) * self.tick_size

    def step(self) -> Decimal:
        """Return the contract's tick."""
        return self.tick_size


@dataclass(slots=True, kw_only=True)
class FapiVenue(PaperVenue):
    """The engine's state, with contracts by coin and by symbol."""

    contracts: dict[str, Contract]
    by_symbol: dict[str, Contract] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.markets = HedgedMarkets()
        for item in self.perps:
            terms = self.contracts[item.coin]
            self.markets[item.coin] = Market(perp=item, liquidity=TickedLiquidity(perp=item, tick_size=terms.tick))
            self.rates[item.coin] = []
            self.by_symbol[terms.symbol] = terms

    def take_trade(self) -> tuple[int, str]:
        """Return a new trade id, larger than all before it, and a hash."""
        self.next_trade += 1
        self.changes.is_meta = True
        return FIRST_TRADE + self.next_trade, "0x" + hashlib.sha256(b"trade/%d" % self.next_trade).hexdigest()


def make_venue(contracts: dict[str, Contract], taker: Decimal, maker: Decimal) -> FapiVenue:
    """Return an empty venue."""
    rates = Rates(taker=taker, maker=maker, spot_taker=taker, spot_maker=maker)
    perps = tuple(item.perp(index) for index, item in enumerate(contracts.values()))
    return FapiVenue(perps=perps, contracts=contracts, fees=FlatFees(flat=rates))


def near_tick(px: Decimal, tick: Decimal) -> Decimal:
    """Round a price to the nearest tick, never to zero."""
    return max((px / tick).to_integral_value(), Decimal(1)) * tick
