"""Endpoints of accounts: balances, positions, leverage, modes, income."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

from paper.engine.accounts import Account
from paper.fapi import account_wire as wire
from paper.fapi import modes_api as modes
from paper.fapi.calls import Call, Endpoint, Security, Table
from paper.fapi.contracts import Contract
from paper.fapi.hedging import coin_of
from paper.fapi.income import income
from paper.fapi.numbers import bare
from paper.fapi.placing import largest_notional
from paper.fapi.reading import contract_of

Json = dict[str, Any]


def _contracts(call: Call) -> list[Contract]:
    if call.params.has("symbol"):
        return [contract_of(call.node, call.params)]
    return list(call.node.venue.contracts.values())


def _account(call: Call) -> Account:
    """Return the account now, or as a lagging node would show it."""
    account = call.account
    if call.as_of is None:
        return account
    snapshots = [item for item in call.node.venue.books[account.address].snapshots if item.ms <= call.as_of]
    if not snapshots:
        return replace(account, positions={}, cash=Decimal(0))
    return replace(account, cash=snapshots[-1].cash, positions={item.coin: item for item in snapshots[-1].positions})


def _head(call: Call) -> Json:
    user = call.who
    return {
        "feeTier": 0,
        "canTrade": user.can_trade,
        "canDeposit": True,
        "canWithdraw": True,
        "updateTime": 0,
        "multiAssetsMargin": user.is_multi_assets,
        "tradeGroupId": -1,
    }


def account_v2(call: Call) -> Json:
    """Return the account with every contract's position."""
    node, account = call.node, _account(call)
    keys = wire.keys(call.who, node.venue.contracts.values())
    return {
        **_head(call),
        **wire.totals(node, account),
        "assets": [wire.asset(node, account, tells_margin=True)],
        "positions": [wire.account_position(node, account, key) for key in keys],
    }


def account_v3(call: Call) -> Json:
    """Return the account with the positions that have a size or orders."""
    node, account = call.node, _account(call)
    fields = ("symbol", "positionSide", "positionAmt", "unRealizedProfit", "isolatedMargin", "notional")
    more = ("isolatedWallet", "initialMargin", "maintMargin", "updateTime")
    rows = []
    for key in wire.keys(call.who, node.venue.contracts.values()):
        if wire.is_shown(node, account, key):
            row = wire.position_risk_v3(node, account, key)
            names = {"unRealizedProfit": "unrealizedProfit"}
            rows.append({names.get(name, name): row[name] for name in (*fields, *more)})
    asset = wire.asset(node, account, tells_margin=False)
    return {**wire.totals(node, account), "assets": [asset], "positions": rows}


def account(call: Call) -> Json:
    """Return the account in the shape of the path's version; Aster's newest keeps the older shape."""
    return account_v3(call) if call.version == "v3" and call.node.dialect.has_slim_v3 else account_v2(call)


def balance(call: Call) -> list[Json]:
    """Return the balances."""
    return [wire.balance(call.node, call.who, _account(call))]


def position_risk(call: Call) -> list[Json]:
    """Return the positions; the third version of Binance leaves out empty ones."""
    node, account = call.node, _account(call)
    keys = wire.keys(call.who, _contracts(call))
    if call.version == "v3" and node.dialect.has_slim_v3:
        return [wire.position_risk_v3(node, account, key) for key in keys if wire.is_shown(node, account, key)]
    return [wire.position_risk_v2(node, account, key) for key in keys]


def account_config(call: Call) -> Json:
    """Return the account's modes."""
    head = _head(call)
    head.pop("multiAssetsMargin"), head.pop("tradeGroupId")
    return head | {
        "dualSidePosition": call.who.is_hedged,
        "updateTime": 0,
        "multiAssetsMargin": call.who.is_multi_assets,
        "tradeGroupId": -1,
    }


def symbol_config(call: Call) -> list[Json]:
    """Return margin type and leverage of each contract."""
    rows = []
    for contract in _contracts(call):
        choice = call.node.venue.leverage(call.account, contract.coin)
        rows.append(
            {
                "symbol": contract.symbol,
                "marginType": "CROSSED" if choice.is_cross else "ISOLATED",
                "isAutoAddMargin": False,
                "leverage": choice.value,
                "maxNotionalValue": bare(largest_notional(contract, choice.value)),
            }
        )
    return rows


def brackets(call: Call) -> list[Json]:
    """Return the leverage brackets."""
    return [{"symbol": contract.symbol, "brackets": _brackets(contract)} for contract in _contracts(call)]


def _brackets(contract: Contract) -> list[Json]:
    rows: list[Json] = []
    rate, deduction = Decimal(0), Decimal(0)
    for index, tier in enumerate(contract.tiers):
        tier_rate = 1 / Decimal(2 * tier.max_leverage)
        deduction += tier.lower_bound * (tier_rate - rate)
        rate = tier_rate
        cap = contract.tiers[index + 1].lower_bound if index + 1 < len(contract.tiers) else Decimal(500_000_000)
        rows.append(
            {
                "bracket": index + 1,
                "initialLeverage": tier.max_leverage,
                "notionalCap": int(cap),
                "notionalFloor": int(tier.lower_bound),
                "maintMarginRatio": float(rate),
                "cum": float(deduction),
            }
        )
    return rows


def commission(call: Call) -> Json:
    """Return the account's fees."""
    contract, dialect = contract_of(call.node, call.params), call.node.dialect
    maker, taker = format(dialect.maker, "f"), format(dialect.taker, "f")
    return {"symbol": contract.symbol, "makerCommissionRate": maker, "takerCommissionRate": taker}


def trading_status(call: Call) -> Json:
    """Return the indicators that may lock an account: none does."""
    return {"indicators": {}, "updateTime": call.node.venue.now()}


def adl(call: Call) -> list[Json]:
    """Return the places in the queue of deleveraging."""
    side = {"LONG": 2, "SHORT": 2, "HEDGE": 0} if call.who.is_hedged else {"BOTH": 2}
    held = {coin_of(key) for key in call.account.positions}
    return [{"symbol": item.symbol, "adlQuantile": side} for item in _contracts(call) if item.coin in held]


def rate_limits(call: Call) -> list[Json]:
    """Return the order limits."""
    names = {10: ("SECOND", 10), 60: ("MINUTE", 1)}
    return [
        {
            "rateLimitType": "ORDERS",
            "interval": names[seconds][0],
            "intervalNum": names[seconds][1],
            "limit": limit,
        }
        for _, seconds, limit in call.node.dialect.order_limits
    ]


def account_table() -> Table:
    """Return the endpoints."""
    trade, read = Security.TRADE, Security.READ
    reads: dict[str, tuple[Any, str, int]] = {
        "account": (account, "account", 5),
        "balance": (balance, "balance", 5),
        "positionRisk": (position_risk, "positionRisk", 5),
        "accountConfig": (account_config, "accountConfig", 5),
        "symbolConfig": (symbol_config, "symbolConfig", 5),
        "income": (income, "income", 30),
        "leverageBracket": (brackets, "leverageBracket", 1),
        "commissionRate": (commission, "commissionRate", 20),
        "apiTradingStatus": (trading_status, "apiTradingStatus", 1),
        "positionSide/dual": (modes.position_mode, "positionMode", 30),
        "multiAssetsMargin": (modes.multi_assets, "multiAssetsMargin", 30),
        "adlQuantile": (adl, "adlQuantile", 5),
        "rateLimit/order": (rate_limits, "rateLimit", 1),
    }
    writes: dict[str, tuple[Any, str]] = {
        "leverage": (modes.set_leverage, "leverage"),
        "marginType": (modes.set_margin_type, "marginType"),
        "positionMargin": (modes.change_margin, "positionMargin"),
        "positionSide/dual": (modes.set_position_mode, "positionMode"),
        "multiAssetsMargin": (modes.set_multi_assets, "multiAssetsMargin"),
    }
    table: Table = {
        ("GET", path): Endpoint(run=run, kind=kind, security=read, weight=weight)
        for path, (run, kind, weight) in reads.items()
    }
    return table | {
        ("POST", path): Endpoint(run=run, kind=kind, security=trade) for path, (run, kind) in writes.items()
    }
