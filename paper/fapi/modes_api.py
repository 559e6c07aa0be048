"""Endpoints that set how an account trades: leverage, margin type, position mode, multi-assets mode."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from paper.engine.accounts import Account, LeverageChoice
from paper.engine.margin import cross_value, required_margin
from paper.fapi.calls import Call
from paper.fapi.errors import Refused
from paper.fapi.hedging import SIDES, coin_of, key_of
from paper.fapi.node import Node
from paper.fapi.numbers import bare
from paper.fapi.placing import largest_notional
from paper.fapi.reading import contract_of

Json = dict[str, Any]
OK: Json = {"code": 200, "msg": "success"}


def _choose(node: Node, account: Account, coin: str, choice: LeverageChoice) -> None:
    for side in SIDES:
        account.leverage[key_of(coin, side)] = choice
    node.venue.touch(account)


def set_leverage(call: Call) -> Json:
    """Set the leverage of a contract."""
    node, contract, account = call.node, contract_of(call.node, call.params), call.account
    value = call.params.integer("leverage")
    if not 1 <= value <= contract.max_leverage:
        raise Refused(-4028, f"Leverage {value} is not valid")
    before = node.venue.leverage(account, contract.coin)
    held = [item for item in account.positions.values() if coin_of(item.coin) == contract.coin]
    notional = sum((abs(item.szi) * node.venue.mark(item.coin) for item in held), Decimal(0))
    if value < before.value and any(not item.is_cross for item in held):
        raise Refused(-4161)
    _choose(node, account, contract.coin, LeverageChoice(is_cross=before.is_cross, value=value))
    too_large = notional > largest_notional(contract, value)
    old = [(item, item.leverage) for item in held]
    for item in held:
        item.leverage = value
    if too_large or (value < before.value and required_margin(node.venue, account) > cross_value(node.venue, account)):
        _choose(node, account, contract.coin, before)
        for item, leverage in old:
            item.leverage = leverage
        raise Refused(-2027 if too_large else -2028)
    node.notify(account.address, "ACCOUNT_CONFIG_UPDATE", {"ac": {"s": contract.symbol, "l": value}})
    notional_cap = bare(largest_notional(contract, value))
    return {"leverage": value, "maxNotionalValue": notional_cap, "symbol": contract.symbol}


def set_margin_type(call: Call) -> Json:
    """Set a contract to cross or isolated margin."""
    node, contract, account = call.node, contract_of(call.node, call.params), call.account
    wanted = call.params.one_of("marginType", {"ISOLATED", "CROSSED"}, -1130) == "CROSSED"
    choice = node.venue.leverage(account, contract.coin)
    if choice.is_cross is wanted:
        raise Refused(-4046)
    if any(coin_of(order.coin) == contract.coin for order in node.venue.open_orders(account.address)):
        raise Refused(-4047)
    if any(coin_of(key) == contract.coin for key in account.positions):
        raise Refused(-4048)
    if not wanted and call.who.is_multi_assets:
        raise Refused(-4168, "Unable to adjust to isolated-margin mode under the Multi-Assets mode.")
    _choose(node, account, contract.coin, LeverageChoice(is_cross=wanted, value=choice.value))
    return OK


def change_margin(call: Call) -> Json:
    """Add margin to an isolated position, or take some out."""
    node, contract, account = call.node, contract_of(call.node, call.params), call.account
    amount, kind = call.params.decimal("amount"), call.params.integer("type")
    if amount is None or amount <= 0:
        raise Refused(-4055)
    held = account.positions.get(key_of(contract.coin, call.params.maybe("positionSide", "BOTH")))
    if held is None:
        raise Refused(-4054)
    if held.is_cross:
        raise Refused(-4049, "Add margin only support for isolated position.")
    if kind == 1 and amount > cross_value(node.venue, account) - required_margin(node.venue, account):
        raise Refused(-4050)
    needed = abs(held.szi) * node.venue.mark(held.coin) / held.leverage
    if kind != 1 and held.collateral + min(held.unrealized(node.venue.mark(held.coin)), Decimal(0)) - amount < needed:
        raise Refused(-4051)
    signed = amount if kind == 1 else -amount
    held.collateral += signed
    account.cash -= signed
    node.venue.add_ledger(account, {"type": "margin", "amount": str(signed), "symbol": contract.symbol})
    return {"amount": float(amount), "code": 200, "msg": "Successfully modify position margin.", "type": kind}


def position_mode(call: Call) -> Json:
    """Tell whether the account is in hedge mode."""
    return {"dualSidePosition": call.who.is_hedged}


def set_position_mode(call: Call) -> Json:
    """Switch hedge mode."""
    wanted = call.params.text("dualSidePosition").lower() == "true"
    if wanted is call.who.is_hedged:
        raise Refused(-4059)
    if call.node.venue.open_orders(call.account.address):
        raise Refused(-4067)
    if call.account.positions:
        raise Refused(-4068)
    call.who.is_hedged = wanted
    call.node.users.touch(call.who)
    return OK


def multi_assets(call: Call) -> Json:
    """Tell whether the account is in multi-assets mode."""
    return {"multiAssetsMargin": call.who.is_multi_assets}


def set_multi_assets(call: Call) -> Json:
    """Switch multi-assets mode."""
    wanted = call.params.text("multiAssetsMargin").lower() == "true"
    if wanted is call.who.is_multi_assets:
        raise Refused(-4171)
    call.who.is_multi_assets = wanted
    call.node.users.touch(call.who)
    call.node.notify(call.who.name, "ACCOUNT_CONFIG_UPDATE", {"ai": {"j": wanted}})
    return OK
