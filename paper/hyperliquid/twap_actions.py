"""TWAP orders on the wire (reference 2.6)."""

from __future__ import annotations

from typing import Any

from paper.engine.accounts import Account
from paper.engine.errors import OrderRefused
from paper.engine.orders import Origin
from paper.engine.twap_slices import TwapWanted, start_twap, stop_twap
from paper.hyperliquid.answers import status
from paper.hyperliquid.node import Node
from paper.hyperliquid.parsing import decimal, typed

Json = dict[str, Any]


def start(node: Node, account: Account, action: Json, origin: Origin) -> Json:
    """Run `twapOrder`."""
    del origin
    row = typed(action.get("twap"), dict)
    wanted = TwapWanted(
        asset=typed(row.get("a"), int),
        is_buy=typed(row.get("b"), bool),
        sz=decimal(row.get("s")),
        reduce_only=typed(row.get("r"), bool),
        minutes=typed(row.get("m"), int),
        randomize=typed(row.get("t"), bool),
    )
    try:
        twap = start_twap(node.venue, account, wanted)
    except OrderRefused as refused:
        return status("twapOrder", {"error": refused.text})
    return status("twapOrder", {"running": {"twapId": twap.twap_id}})


def stop(node: Node, account: Account, action: Json, origin: Origin) -> Json:
    """Run `twapCancel`."""
    del origin
    try:
        stop_twap(node.venue, account.address, typed(action.get("a"), int), typed(action.get("t"), int))
    except OrderRefused as refused:
        return status("twapCancel", {"error": refused.text})
    return status("twapCancel", "success")


ACTIONS = {"twapOrder": start, "twapCancel": stop}
