"""Spot pairs against USDC: tokens, balances and what a fill does to them (reference 1.2, 5.1, 5.5)."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import ROUND_DOWN, Decimal

from paper.engine.accounts import Account
from paper.engine.instruments import Perp, Tier
from paper.engine.margin import withdrawable
from paper.engine.venue import PaperVenue

USDC = "USDC"
FIRST_SPOT_ASSET = 10_000
# Builders are paid on the selling side only.
SPOT_BUILDER_SIDE_IS_BUY = False
WEI = Decimal("1e-8")
CENT_MILLIONTH = Decimal("0.000001")
ZERO = Decimal(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """A token; `index` is sparse as on the real venue."""

    name: str
    index: int
    size_decimals: int
    wei_decimals: int
    token_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """A pair: its spot index, its base token and the perpetual whose price it follows, if any."""

    index: int
    token: Token
    follows: str | None
    start_px: Decimal


def _token(name: str, index: int, size_decimals: int, wei_decimals: int, seed: str) -> Token:
    return Token(
        name=name, index=index, size_decimals=size_decimals, wei_decimals=wei_decimals, token_id="0x" + seed * 4
    )


QUOTE = _token(USDC, 0, 8, 8, "6d1e7cde")
LISTINGS = (
    Listing(index=0, token=_token("PURR", 1, 0, 5, "c1fb593a"), follows=None, start_px=Decimal("0.1")),
    Listing(index=107, token=_token("HYPE", 150, 2, 8, "0d01dc56"), follows="HYPE", start_px=Decimal(32)),
    Listing(index=142, token=_token("UBTC", 197, 5, 10, "8f254b96"), follows="BTC", start_px=Decimal(97_000)),
    Listing(index=151, token=_token("UETH", 221, 4, 10, "e1edd30d"), follows="ETH", start_px=Decimal(3_400)),
    Listing(index=156, token=_token("USOL", 254, 3, 9, "49b67c39"), follows="SOL", start_px=Decimal(180)),
)


def pair_name(index: int) -> str:
    """Return the name by which a pair is traded: the first has one, the others have their index."""
    return "PURR/USDC" if index == 0 else f"@{index}"


def listed(coins: tuple[str, ...]) -> tuple[Listing, ...]:
    """Return the pairs of a venue that has the perpetuals of some coins."""
    return tuple(item for item in LISTINGS if item.follows is None or item.follows in coins)


def followed(pair: Perp) -> str | None:
    """Return the perpetual whose oracle a pair follows."""
    return next((item.follows for item in LISTINGS if item.index == pair.asset - FIRST_SPOT_ASSET), None)


def spot_pair(listing: Listing) -> Perp:
    """Return a pair as an instrument; its tiers say that a position of it would have no leverage."""
    return Perp(
        coin=pair_name(listing.index),
        asset=FIRST_SPOT_ASSET + listing.index,
        size_decimals=listing.token.size_decimals,
        margin_table=0,
        tiers=(Tier(lower_bound=ZERO, max_leverage=1),),
        start_px=listing.start_px,
        level_ntl=Decimal(5_000),
        base=listing.token.name,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenTrade:
    """What a fill did to a token balance; `start` is the balance before."""

    start: Decimal
    closed_pnl: Decimal
    fee: Decimal
    fee_coin: str


def trade_token(
    venue: PaperVenue, account: Account, token: str, signed: Decimal, px: Decimal, rate: Decimal, builder: Decimal
) -> TokenTrade:
    """Exchange a token for USDC at a price; the fee is taken from what is received."""
    start, cost = account.tokens.get(token, ZERO), account.token_costs.get(token, ZERO)
    notional = abs(signed) * px
    if signed > 0:
        fee = (signed * rate).quantize(WEI, rounding=ROUND_DOWN)
        account.spot_usdc -= notional
        venue.counterparty += notional
        account.tokens[token] = start + signed - fee
        account.token_costs[token] = cost + notional
        return TokenTrade(start=start, closed_pnl=ZERO, fee=fee, fee_coin=token)
    fee = (notional * rate).quantize(CENT_MILLIONTH, rounding=ROUND_DOWN) + builder
    account.spot_usdc += notional - fee
    venue.counterparty -= notional
    venue.fee_income += fee
    spent = take_token(account, token, -signed)
    return TokenTrade(start=start, closed_pnl=notional - spent, fee=fee, fee_coin=USDC)


def take_token(account: Account, token: str, amount: Decimal) -> Decimal:
    """Take tokens out of a balance; returns what they had cost."""
    start, cost = account.tokens.get(token, ZERO), account.token_costs.get(token, ZERO)
    spent = cost * amount / start if start else ZERO
    account.tokens[token] = start - amount
    account.token_costs[token] = cost - spent
    if account.tokens[token] == 0:
        del account.tokens[token], account.token_costs[token]
    return spent


def balance(account: Account, token: str) -> Decimal:
    """Return what an account has of a token, held or not."""
    if token == USDC and account.is_unified:
        return account.cash + account.spot_usdc
    return account.spot_usdc if token == USDC else account.tokens.get(token, ZERO)


def held(venue: PaperVenue, account: Account, token: str) -> Decimal:
    """Return how much of a token the account's resting spot orders need."""
    total = ZERO
    for order in venue.open_orders(account.address):
        if order.asset not in venue.spot_assets:
            continue
        if order.is_buy and token == USDC:
            total += order.sz * order.limit_px
        elif not order.is_buy and venue.markets[order.coin].perp.base == token:
            total += order.sz
    return total


def available(venue: PaperVenue, account: Account, token: str) -> Decimal:
    """Return what an account may spend of a token."""
    if token == USDC and account.is_unified:
        return withdrawable(venue, account) + account.spot_usdc
    return balance(account, token) - held(venue, account, token)
