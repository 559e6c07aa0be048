"""The JSON of balances, positions and income."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from paper.engine.accounts import Account, Position
from paper.engine.margin import (
    account_value,
    cross_maintenance,
    cross_value,
    isolated_value,
    liquidation_px,
    maintenance,
    required_margin,
)
from paper.fapi.contracts import Contract
from paper.fapi.hedging import BOTH, LONG, SHORT, key_of, side_of
from paper.fapi.node import Node
from paper.fapi.numbers import ZERO, bare, fixed, money, pointed
from paper.fapi.placing import largest_notional
from paper.fapi.users import User

Json = dict[str, Any]


def last_change(node: Node, account: Account) -> int:
    """Return when an account last changed."""
    snapshots = node.venue.books[account.address].snapshots
    return max(snapshots[-1].ms if snapshots else 0, account.created_ms)


def wallet(account: Account) -> Decimal:
    """Return the wallet balance: cash and what is set aside in isolated positions, without unrealised results."""
    return account.cash + sum((position.collateral for position in account.positions.values()), ZERO)


def unrealized(node: Node, positions: Iterable[Position]) -> Decimal:
    """Return the unrealised result of positions."""
    return sum((position.unrealized(node.venue.mark(position.coin)) for position in positions), ZERO)


def initial_margin(node: Node, position: Position) -> Decimal:
    """Return the initial margin of a position at the mark."""
    return abs(position.szi) * node.venue.mark(position.coin) / position.leverage


def sums(node: Node, account: Account) -> dict[str, Decimal]:
    """Return the figures that account, balance and stream share."""
    venue, positions = node.venue, account.positions.values()
    crossed = [position for position in positions if position.is_cross]
    held = sum((initial_margin(node, position) for position in positions), ZERO)
    bound = required_margin(venue, account)
    of_crossed = sum((initial_margin(node, position) for position in crossed), ZERO)
    orders = max(bound - of_crossed, ZERO)
    isolated = [position for position in positions if not position.is_cross]
    return {
        "wallet": wallet(account),
        "cross": account.cash,
        "cross_pnl": unrealized(node, crossed),
        "pnl": unrealized(node, positions),
        "equity": account_value(venue, account),
        "positions": held,
        "orders": orders,
        "maintenance": cross_maintenance(venue, account) + sum((maintenance(venue, p) for p in isolated), ZERO),
        "available": max(cross_value(venue, account) - bound, ZERO),
        "withdrawable": max(min(cross_value(venue, account) - bound, account.cash), ZERO),
    }


def totals(node: Node, account: Account) -> Json:
    """Return the sums over all assets; there is one."""
    shown = {name: money(value) for name, value in sums(node, account).items()}
    figures = sums(node, account)
    return {
        "totalInitialMargin": money(figures["positions"] + figures["orders"]),
        "totalMaintMargin": shown["maintenance"],
        "totalWalletBalance": shown["wallet"],
        "totalUnrealizedProfit": shown["pnl"],
        "totalMarginBalance": shown["equity"],
        "totalPositionInitialMargin": shown["positions"],
        "totalOpenOrderInitialMargin": shown["orders"],
        "totalCrossWalletBalance": shown["cross"],
        "totalCrossUnPnl": shown["cross_pnl"],
        "availableBalance": shown["available"],
        "maxWithdrawAmount": shown["withdrawable"],
    }


def asset(node: Node, account: Account, *, tells_margin: bool) -> Json:
    """Return the row of the one asset in an account answer."""
    figures = sums(node, account)
    body: Json = {
        "asset": "USDT",
        "walletBalance": money(figures["wallet"]),
        "unrealizedProfit": money(figures["pnl"]),
        "marginBalance": money(figures["equity"]),
        "maintMargin": money(figures["maintenance"]),
        "initialMargin": money(figures["positions"] + figures["orders"]),
        "positionInitialMargin": money(figures["positions"]),
        "openOrderInitialMargin": money(figures["orders"]),
        "crossWalletBalance": money(figures["cross"]),
        "crossUnPnl": money(figures["cross_pnl"]),
        "availableBalance": money(figures["available"]),
        "maxWithdrawAmount": money(figures["withdrawable"]),
    }
    if tells_margin:
        body["marginAvailable"] = True
    return body | {"updateTime": last_change(node, account)}


def balance(node: Node, user: User, account: Account) -> Json:
    """Return a row of the balance answer."""
    figures = sums(node, account)
    return {
        "accountAlias": user.alias,
        "asset": "USDT",
        "balance": money(figures["wallet"]),
        "crossWalletBalance": money(figures["cross"]),
        "crossUnPnl": money(figures["cross_pnl"]),
        "availableBalance": money(figures["available"]),
        "maxWithdrawAmount": money(figures["withdrawable"]),
        "marginAvailable": True,
        "updateTime": last_change(node, account),
    }


def keys(user: User, contracts: Iterable[Contract]) -> list[str]:
    """Return the position keys that a user sees: one a contract, or two in hedge mode."""
    sides = (LONG, SHORT) if user.is_hedged else (BOTH,)
    return [key_of(contract.coin, side) for contract in contracts for side in sides]


def empty(node: Node, account: Account, key: str) -> Position:
    """Return a position of size zero with the leverage that would apply."""
    choice = node.venue.leverage(account, key)
    return Position(coin=key, szi=ZERO, entry_px=ZERO, is_cross=choice.is_cross, leverage=choice.value)


def position_risk_v2(node: Node, account: Account, key: str) -> Json:
    """Return a row of positionRisk v2."""
    contract = node.contract_of(key)
    held = account.positions.get(key) or empty(node, account, key)
    mark = node.venue.mark(key)
    return {
        "symbol": contract.symbol,
        "positionAmt": fixed(held.szi, contract.size_decimals),
        "entryPrice": pointed(held.entry_px),
        "breakEvenPrice": pointed(break_even(node, held)),
        "markPrice": fixed(mark, 8),
        "unRealizedProfit": money(held.unrealized(mark)),
        "liquidationPrice": _liquidation(node, account, held),
        "leverage": str(held.leverage),
        "maxNotionalValue": bare(largest_notional(contract, held.leverage)),
        "marginType": "cross" if held.is_cross else "isolated",
        "isolatedMargin": money(ZERO if held.is_cross else isolated_value(held, mark)),
        "isAutoAddMargin": "false",
        "positionSide": side_of(key),
        "notional": bare((held.szi * mark).quantize(Decimal("1e-8"))),
        "isolatedWallet": bare(held.collateral.quantize(Decimal("1e-8"))),
        "updateTime": last_change(node, account) if held.szi else 0,
    }


def position_risk_v3(node: Node, account: Account, key: str) -> Json:
    """Return a row of positionRisk v3."""
    contract, mark = node.contract_of(key), node.venue.mark(key)
    held = account.positions.get(key) or empty(node, account, key)
    initial = initial_margin(node, held)
    bids, asks = _order_notionals(node, account, key)
    return {
        "symbol": contract.symbol,
        "positionSide": side_of(key),
        "positionAmt": fixed(held.szi, contract.size_decimals),
        "entryPrice": pointed(held.entry_px),
        "breakEvenPrice": pointed(break_even(node, held)),
        "markPrice": fixed(mark, 8),
        "unRealizedProfit": money(held.unrealized(mark)),
        "liquidationPrice": _liquidation(node, account, held),
        "isolatedMargin": bare(ZERO if held.is_cross else isolated_value(held, mark).quantize(Decimal("1e-8"))),
        "notional": bare((held.szi * mark).quantize(Decimal("1e-8"))),
        "marginAsset": "USDT",
        "isolatedWallet": bare(held.collateral.quantize(Decimal("1e-8"))),
        "initialMargin": bare(initial.quantize(Decimal("1e-8"))),
        "maintMargin": bare(maintenance(node.venue, held).quantize(Decimal("1e-8"))),
        "positionInitialMargin": bare(initial.quantize(Decimal("1e-8"))),
        "openOrderInitialMargin": bare((max(bids, asks) / held.leverage).quantize(Decimal("1e-8"))),
        "adl": 2 if held.szi else 0,
        "bidNotional": bare(bids),
        "askNotional": bare(asks),
        "updateTime": last_change(node, account),
    }


def account_position(node: Node, account: Account, key: str) -> Json:
    """Return a position's row in the account answer of v2."""
    contract, mark = node.contract_of(key), node.venue.mark(key)
    held = account.positions.get(key) or empty(node, account, key)
    initial = bare(initial_margin(node, held).quantize(Decimal("1e-8")))
    bids, asks = _order_notionals(node, account, key)
    return {
        "symbol": contract.symbol,
        "initialMargin": initial,
        "maintMargin": bare(maintenance(node.venue, held).quantize(Decimal("1e-8"))),
        "unrealizedProfit": money(held.unrealized(mark)),
        "positionInitialMargin": initial,
        "openOrderInitialMargin": bare((max(bids, asks) / held.leverage).quantize(Decimal("1e-8"))),
        "leverage": str(held.leverage),
        "isolated": not held.is_cross,
        "entryPrice": pointed(held.entry_px, 5),
        "maxNotional": bare(largest_notional(contract, held.leverage)),
        "bidNotional": bare(bids),
        "askNotional": bare(asks),
        "positionSide": side_of(key),
        "positionAmt": fixed(held.szi, contract.size_decimals) if held.szi else "0",
        "updateTime": last_change(node, account) if held.szi else 0,
    }


def break_even(node: Node, held: Position) -> Decimal:
    """Return the price at which closing pays the entry's taker fee back."""
    if not held.szi:
        return ZERO
    fee = node.dialect.taker
    return held.entry_px * (1 + fee if held.szi > 0 else 1 - fee)


def _liquidation(node: Node, account: Account, held: Position) -> str:
    px = liquidation_px(node.venue, account, held) if held.szi else None
    return "0" if px is None else pointed(px)


def _order_notionals(node: Node, account: Account, key: str) -> tuple[Decimal, Decimal]:
    bids, asks = ZERO, ZERO
    for order in node.venue.open_orders(account.address):
        if order.coin == key and order.is_resting and not order.reduce_only:
            bids += order.sz * order.limit_px if order.is_buy else ZERO
            asks += ZERO if order.is_buy else order.sz * order.limit_px
    return bids, asks


def is_shown(node: Node, account: Account, key: str) -> bool:
    """Tell whether v3 lists a position: it has a size or open orders."""
    orders = node.venue.open_orders(account.address)
    return key in account.positions or any(order.coin == key for order in orders)
