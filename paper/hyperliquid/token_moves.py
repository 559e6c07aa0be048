"""Moving spot tokens between accounts."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from paper.engine.accounts import Account
from paper.engine.errors import ActionRefused
from paper.engine.spot import QUOTE, USDC, Token, available, listed, take_token
from paper.engine.venue import PaperVenue

Json = dict[str, Any]
ZERO = Decimal(0)
SHORT = "Insufficient balance for token transfer."


def tokens(venue: PaperVenue) -> tuple[Token, ...]:
    """Return all tokens of a venue, USDC first."""
    coins = tuple(perp.coin for perp in venue.perps)
    return (QUOTE, *(item.token for item in listed(coins)))


def token_of(venue: PaperVenue, text: Any) -> Token:
    """Return a token by its wire name, `NAME:0xid` or the bare name."""
    name = str(text).split(":", maxsplit=1)[0]
    found = next((token for token in tokens(venue) if token.name == name), None)
    if found is None:
        raise ActionRefused("Invalid send")
    return found


def put_token(account: Account, token: str, amount: Decimal, cost: Decimal = ZERO) -> None:
    """Add to a spot balance."""
    if token == USDC:
        account.spot_usdc += amount
        return
    account.tokens[token] = account.tokens.get(token, ZERO) + amount
    account.token_costs[token] = account.token_costs.get(token, ZERO) + cost


def remove_token(venue: PaperVenue, account: Account, token: str, amount: Decimal) -> Decimal:
    """Take from what a spot balance has free; returns the entry cost of what was taken; raises ActionRefused."""
    if amount <= 0 or amount > available(venue, account, token):
        raise ActionRefused(SHORT)
    if token == USDC:
        account.spot_usdc -= amount
        return amount
    return take_token(account, token, amount)


def usdc_value(venue: PaperVenue, token: str, amount: Decimal) -> Decimal:
    """Return what an amount of a token is worth."""
    if token == USDC:
        return amount
    marks = (market.mark for market in venue.spot_markets if market.perp.base == token)
    return amount * next(marks, ZERO)


def move_token(venue: PaperVenue, source: Account, target: Account, token: Token, amount: Decimal) -> None:
    """Move a token between two spot balances and write it into both ledgers."""
    cost = remove_token(venue, source, token.name, amount)
    put_token(target, token.name, amount, cost)
    delta: Json = {
        "type": "spotTransfer",
        "token": token.name,
        "amount": amount,
        "usdcValue": usdc_value(venue, token.name, amount),
        "user": source.address,
        "destination": target.address,
        "fee": ZERO,
        "nativeTokenFee": ZERO,
        "nonce": None,
        "feeToken": "",
    }
    for side in (source, target):
        venue.add_ledger(side, delta)
