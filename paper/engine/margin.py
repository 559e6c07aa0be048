"""Margin: what positions and resting orders bind, and what is left (reference 5.7)."""

from __future__ import annotations

from decimal import Decimal

from paper.engine.accounts import Account, Position, add_resting
from paper.engine.instruments import maintenance_margin, maintenance_rate
from paper.engine.orders import Order
from paper.engine.venue import PaperVenue

ZERO = Decimal(0)
TRANSFER_FRACTION = Decimal("0.1")


# The coin of an order that is about to be placed, what it buys and what it sells.
Extra = tuple[str, Decimal, Decimal]


def extra_of(coin: str, sz: Decimal, *, is_buy: bool) -> Extra:
    """Return what an order would add."""
    return (coin, sz, ZERO) if is_buy else (coin, ZERO, sz)


def cross_value(venue: PaperVenue, account: Account) -> Decimal:
    """Return the equity that backs cross positions."""
    positions = account.positions.values()
    if not positions:
        return account.cash
    return account.cash + sum((p.unrealized(venue.mark(p.coin)) for p in positions if p.is_cross), ZERO)


def isolated_value(position: Position, mark: Decimal) -> Decimal:
    """Return the equity inside one isolated position."""
    return position.collateral + position.unrealized(mark)


def account_value(venue: PaperVenue, account: Account) -> Decimal:
    """Return the whole equity: cross and isolated."""
    isolated = (isolated_value(p, venue.mark(p.coin)) for p in account.positions.values() if not p.is_cross)
    return cross_value(venue, account) + sum(isolated, ZERO)


def total_notional(venue: PaperVenue, account: Account, *, cross_only: bool = False) -> Decimal:
    """Return the sum of the positions' absolute values."""
    positions = (p for p in account.positions.values() if p.is_cross or not cross_only)
    return sum((abs(p.szi) * venue.mark(p.coin) for p in positions), ZERO)


def position_margin(venue: PaperVenue, position: Position) -> Decimal:
    """Return what a position binds: initial margin when cross, its equity when isolated."""
    mark = venue.mark(position.coin)
    if position.is_cross:
        return abs(position.szi) * mark / position.leverage
    return isolated_value(position, mark)


def maintenance(venue: PaperVenue, position: Position) -> Decimal:
    """Return a position's maintenance margin at the mark."""
    notional = abs(position.szi) * venue.mark(position.coin)
    return maintenance_margin(notional, venue.markets[position.coin].perp.tiers)


def cross_maintenance(venue: PaperVenue, account: Account) -> Decimal:
    """Return the maintenance margin of all cross positions."""
    return sum((maintenance(venue, p) for p in account.positions.values() if p.is_cross), ZERO)


def required_margin(
    venue: PaperVenue, account: Account, extra: Extra | None = None, *, with_orders: bool = True
) -> Decimal:
    """Return the initial margin of positions and of resting orders that would increase them.

    Per coin the worse of all buys filling and all sells filling counts; reduce-only orders and triggers hold nothing.
    """
    resting = _resting(venue, account) if with_orders else {}
    added, buys, sells = extra or ("", ZERO, ZERO)
    bound = ZERO
    for coin, (bought, sold) in resting.items():
        if coin == added:
            bound += _coin_margin(venue, account, coin, bought + buys, sold + sells)
        else:
            bound += _coin_margin(venue, account, coin, bought, sold)
    if added and added not in resting:
        bound += _coin_margin(venue, account, added, buys, sells)
    for coin in account.positions:
        if coin not in resting and coin != added:
            bound += _coin_margin(venue, account, coin, ZERO, ZERO)
    return bound + _spot_bids(venue, account) if account.is_unified else bound


def _spot_bids(venue: PaperVenue, account: Account) -> Decimal:
    """Return the USDC that a unified account's resting spot orders need."""
    bids = (o for o in venue.open_orders(account.address) if o.is_buy and o.asset in venue.spot_assets)
    return sum((order.sz * order.limit_px for order in bids), ZERO)


def _resting(venue: PaperVenue, account: Account) -> dict[str, tuple[Decimal, Decimal]]:
    """Return what rests and may add to positions, bought and sold by coin."""
    if account.address not in venue.books or not venue.settings.resting_orders_hold_margin:
        return {}
    orders = venue.books[account.address].open_oids
    if orders.resting is None:
        resting: dict[str, tuple[Decimal, Decimal]] = {}
        for order in venue.open_orders(account.address):
            if holds_margin(venue, order):
                add_resting(resting, order.coin, order.sz, is_buy=order.is_buy)
        orders.resting = resting
    return orders.resting


def holds_margin(venue: PaperVenue, order: Order) -> bool:
    """Tell whether a live order binds margin: it may add to a position."""
    return not order.reduce_only and not order.is_untriggered and order.asset not in venue.spot_assets


def _coin_margin(venue: PaperVenue, account: Account, coin: str, bought: Decimal, sold: Decimal) -> Decimal:
    market, position = venue.markets[coin], account.positions.get(coin)
    if position is None:
        worst = max(bought, sold)
    else:
        szi = position.szi
        worst = max(abs(szi), szi + bought, sold - szi)
        if not position.is_cross:
            # The isolated position's own margin has left the cash already.
            worst -= abs(szi)
    return worst * market.mark / (account.leverage.get(coin) or market.default_leverage).value


def free_margin(venue: PaperVenue, account: Account) -> Decimal:
    """Return what new exposure may still bind; may be negative."""
    return cross_value(venue, account) - required_margin(venue, account)


def withdrawable(venue: PaperVenue, account: Account) -> Decimal:
    """Return what may leave: equity less the larger of the bound margin and a tenth of the notional."""
    isolated = sum((position_margin(venue, p) for p in account.positions.values() if not p.is_cross), ZERO)
    bound = required_margin(venue, account, with_orders=venue.settings.withdrawable_after_orders) + isolated
    kept = max(bound, TRANSFER_FRACTION * total_notional(venue, account))
    return max(min(account_value(venue, account) - kept, cross_value(venue, account)), ZERO)


def liquidation_px(venue: PaperVenue, account: Account, position: Position) -> Decimal | None:
    """Return the mark at which a position would be liquidated, None where the formula gives nothing positive (5.8)."""
    mark = venue.mark(position.coin)
    if position.is_cross:
        available = cross_value(venue, account) - cross_maintenance(venue, account)
    else:
        available = isolated_value(position, mark) - maintenance(venue, position)
    side = 1 if position.szi > 0 else -1
    size = abs(position.szi)
    rate = maintenance_rate(size * mark, venue.markets[position.coin].perp.tiers)
    price = mark - side * available / size / (1 - rate * side)
    return price if price > 0 else None


def maximum_size(venue: PaperVenue, account: Account, coin: str, *, is_buy: bool) -> Decimal:
    """Return the largest order that the free margin carries on a side."""
    mark = venue.mark(coin)
    szi = account.szi(coin) * (1 if is_buy else -1)
    room = max(free_margin(venue, account), ZERO) * venue.leverage(account, coin).value / mark
    return room + max(-szi, ZERO) * 2
