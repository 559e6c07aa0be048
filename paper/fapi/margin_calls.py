"""Warnings before a liquidation: MARGIN_CALL on the user's stream."""

from __future__ import annotations

from decimal import Decimal

from paper.engine.accounts import Account
from paper.engine.margin import cross_maintenance, cross_value, maintenance
from paper.fapi.hedging import side_of
from paper.fapi.node import Node
from paper.fapi.numbers import bare, money

WARN_AT = Decimal("0.8")
EVERY_MS = 30_000


def warn(node: Node) -> None:
    """Warn every account whose maintenance margin has eaten most of its equity, twice a minute at most."""
    now = node.venue.now()
    for account in node.venue.accounts.values():
        crossed = [position for position in account.positions.values() if position.is_cross]
        if not crossed:
            continue
        needed, equity = cross_maintenance(node.venue, account), cross_value(node.venue, account)
        if needed > equity * WARN_AT and now - node.warned.get(account.address, 0) >= EVERY_MS:
            node.warned[account.address] = now
            node.notify(account.address, "MARGIN_CALL", _call(node, account))


def _call(node: Node, account: Account) -> dict[str, object]:
    rows = [
        {
            "s": node.contract_of(position.coin).symbol,
            "ps": side_of(position.coin),
            "pa": bare(position.szi),
            "mt": "CROSSED" if position.is_cross else "ISOLATED",
            "iw": money(position.collateral),
            "mp": bare(node.venue.mark(position.coin)),
            "up": money(position.unrealized(node.venue.mark(position.coin))),
            "mm": money(maintenance(node.venue, position)),
        }
        for position in account.positions.values()
    ]
    return {"cw": money(account.cash), "p": rows}
