"""Liquidation: orders go, the position is sold at its bankruptcy price under an id of the venue (reference 2.4).

What the book does not take down to that price, winners or the insurance fund take. A part of what is left goes to the fund as
the fee of the clearance; a loss beyond the margin is the fund's. The whole position goes at once, which real venues do to small
ones only.
"""

from __future__ import annotations

from decimal import ROUND_HALF_EVEN, Decimal

from paper.engine.accounts import Account, Liquidation, Position
from paper.engine.margin import cross_maintenance, cross_value, isolated_value, maintenance
from paper.engine.matching import match_taker, settle
from paper.engine.orders import Order, Origin, Status, Tif
from paper.engine.trades import Match, close_order, execute, fill_order
from paper.fapi.hedging import coin_of, side_of
from paper.fapi.node import Node
from paper.fapi.numbers import ZERO, money
from paper.fapi.terms import LIMIT, AlgoStatus, Terms
from paper.fapi.venue import near_tick

ADL_ID = "adl_autoclose"
UNIT = Decimal("1e-8")


def liquidate_all(node: Node) -> None:
    """Liquidate every account and isolated position whose equity is below its maintenance margin at the mark."""
    venue = node.venue
    for account in venue.accounts.values():
        for position in [held for held in account.positions.values() if not held.is_cross]:
            equity = isolated_value(position, venue.mark(position.coin))
            if equity < maintenance(venue, position):
                _liquidate(node, account, [position], equity)
        crossed = [held for held in account.positions.values() if held.is_cross]
        if crossed and (equity := cross_value(venue, account)) < cross_maintenance(venue, account):
            _liquidate(node, account, crossed, equity)


def _liquidate(node: Node, account: Account, positions: list[Position], equity: Decimal) -> None:
    venue = node.venue
    is_cross, before = positions[0].is_cross, account.cash
    for order in venue.open_orders(account.address):
        if is_cross or order.coin == positions[0].coin:
            _cancel(node, order)
    notional = sum((abs(held.szi) * venue.mark(held.coin) for held in positions), ZERO)
    for position in positions:
        mark = venue.mark(position.coin)
        share = equity * abs(position.szi) * mark / notional
        px = near_tick(mark - share / position.szi, node.contract_of(position.coin).tick)
        _close(node, account, position, px, is_bankrupt=share < 0)
    _clear(node, account, positions[0], account.cash if is_cross else account.cash - before, notional)
    settle(venue)


def _cancel(node: Node, order: Order) -> None:
    terms = node.terms_of(order)
    if terms.algo_status is AlgoStatus.NEW:
        terms.algo_status = AlgoStatus.EXPIRED
        node.put_terms(terms)
        node.stop_waiting(order)
    close_order(node.venue, order, Status.LIQUIDATED_CANCELED)


def _close(node: Node, account: Account, position: Position, px: Decimal, *, is_bankrupt: bool) -> None:
    venue = node.venue
    name = f"autoclose-{venue.clock()}{position.coin.encode().hex()[:6]}"
    order = _order(node, account, position, px, name)
    match_taker(venue, order)
    if is_bankrupt and venue.settings.adl:
        _deleverage(node, order)
    if order.sz > 0:
        tid, digest = venue.take_trade()
        taken = Liquidation(user=account.address, mark_px=venue.mark(order.coin), method="backstop")
        match = Match(px=px, sz=order.sz, tid=tid, hash=digest, liquidation=taken)
        fill_order(venue, order, match, crossed=True)


def _order(node: Node, account: Account, position: Position, px: Decimal, name: str) -> Order:
    """Admit the venue's own order that closes a position."""
    venue, size, is_buy = node.venue, abs(position.szi), position.szi < 0
    order = Order(
        oid=venue.take_oid(),
        user=account.address,
        coin=position.coin,
        asset=venue.markets[position.coin].perp.asset,
        is_buy=is_buy,
        limit_px=px,
        sz=size,
        orig_sz=size,
        reduce_only=False,
        tif=Tif.IOC,
        admitted_ms=venue.clock(),
        timestamp=venue.now(),
        origin=Origin(signer="liquidation"),
        cloid=name,
        is_liquidation=True,
    )
    terms = Terms(
        oid=order.oid,
        client_id=name,
        type=LIMIT,
        original_type=LIMIT,
        tif="IOC",
        position_side=side_of(position.coin),
        qty=size,
        price=px,
    )
    node.put_terms(terms)
    venue.admit(order)
    venue.note(order, Status.OPEN)
    return order


def _deleverage(node: Node, order: Order) -> None:
    """Give a bankrupt position to the winners of the other side, the most profitable first, at its bankruptcy price."""
    venue = node.venue
    for account, position in _winners(node, order):
        if order.sz == 0:
            return
        counter = _order(node, account, position, order.limit_px, ADL_ID)
        execute(venue, order, counter, order.limit_px, min(order.sz, counter.sz))
        if counter.sz > 0:
            close_order(venue, counter, Status.CANCELED)


def _winners(node: Node, order: Order) -> list[tuple[Account, Position]]:
    venue, mark = node.venue, node.venue.mark(order.coin)
    held = [
        (account, position)
        for account in venue.accounts.values()
        for position in account.positions.values()
        if account.address != order.user and coin_of(position.coin) == coin_of(order.coin)
    ]
    wins = [row for row in held if (row[1].szi > 0) is order.is_buy and row[1].unrealized(mark) > 0]
    return sorted(wins, key=lambda row: row[1].unrealized(mark) / abs(row[1].szi) * row[1].leverage, reverse=True)


def _clear(node: Node, account: Account, position: Position, left: Decimal, notional: Decimal) -> None:
    """Take the fee of the clearance out of what is left, or let the fund pay what is missing."""
    venue, contract = node.venue, node.contract_of(position.coin)
    fee = min(contract.liquidation_fee * notional, max(left, ZERO))
    change = (-fee if left > 0 else -left).quantize(UNIT, ROUND_HALF_EVEN)
    if not change:
        return
    account.cash += change
    venue.counterparty -= change
    venue.add_ledger(account, {"type": "insurance", "amount": money(change), "symbol": contract.symbol})
