"""Placing orders: what the venue checks before it admits one, then matching, then resting."""

from __future__ import annotations

from decimal import Decimal

from paper.engine.accounts import Account
from paper.engine.margin import cross_value, extra_of, required_margin
from paper.engine.market import Market
from paper.engine.matching import match_taker, reducible, settle, would_match
from paper.engine.orders import Order, Origin, Status, Tif, Trigger
from paper.engine.trades import close_order
from paper.fapi.contracts import Contract
from paper.fapi.errors import Refused
from paper.fapi.hedging import BOTH, key_of
from paper.fapi.node import Node
from paper.fapi.numbers import bare
from paper.fapi.reaching import check_not_reached
from paper.fapi.reading import Wish, check_band
from paper.fapi.terms import CONDITIONAL, LIMIT, MARKET, STOPS, AlgoStatus, Terms
from paper.fapi.users import User
from paper.fapi.venue import near_tick

ZERO = Decimal(0)
TIFS = {"GTX": Tif.ALO, "IOC": Tif.IOC, "FOK": Tif.IOC}
SELF_TRADE = {"NONE": "none", "EXPIRE_TAKER": "taker", "EXPIRE_MAKER": "maker", "EXPIRE_BOTH": "both"}
MATCH_DEPTH = {"OPPONENT": 1, "OPPONENT_5": 5, "OPPONENT_10": 10, "QUEUE": 1, "QUEUE_5": 5, "QUEUE_10": 10}


def opposes(szi: Decimal, *, is_buy: bool) -> bool:
    """Tell whether an order on a side reduces a position."""
    return szi < 0 if is_buy else szi > 0


def reduces(wish: Wish) -> bool:
    """Tell whether the wire says that the order can only reduce: the flag, or the closing side in hedge mode."""
    terms = wish.terms
    closes = terms.position_side != BOTH and (terms.position_side == "LONG") is not wish.is_buy
    return terms.reduce_only or terms.close_position or closes


def check(node: Node, user: User, wish: Wish) -> Decimal:
    """Refuse what the venue refuses before it admits an order; returns the price at which it counts."""
    account, contract, terms = node.account_of(user), wish.contract, wish.terms
    if node.settings.account_inactive:
        raise Refused(-4109)
    if node.venue.settings.trading_halted:
        raise Refused(-4108, "Symbol is on delivering or delivered or settling or closed or pre-trading.")
    if node.settings.duplicate_client_id == "reject" and is_open_id(
        node, account, terms.client_id, is_algo=terms.is_algo
    ):
        raise Refused(-4116)
    _check_count(node, account, wish)
    _check_second_close(node, account, wish)
    market = node.venue.markets[contract.coin]
    px = limit_of(node, market, wish)
    if terms.type == LIMIT:
        check_band(px, market.mark, contract, is_buy=wish.is_buy)
    _check_notional(market, wish, px)
    if terms.type in CONDITIONAL:
        return px
    check_place(node, account, wish, px)
    return px


def check_place(node: Node, account: Account, wish: Wish, px: Decimal) -> None:
    """Refuse what the matching stage refuses: nothing to reduce, no margin, a post-only order that would trade."""
    key = key_of(wish.contract.coin, wish.terms.position_side)
    if reduces(wish):
        szi = account.szi(key)
        if not opposes(szi, is_buy=wish.is_buy):
            raise Refused(-2022)
        if wish.terms.position_side != BOTH and wish.terms.qty > abs(szi):
            raise Refused(-2022)
    else:
        _check_margin(node, account, wish, key, px)
    probe = build(node, account.address, wish, px, Origin())
    if wish.terms.tif == "GTX" and would_match(node.venue, probe):
        raise Refused(-5022)
    if wish.terms.tif == "FOK" and _within(node, probe) < probe.sz:
        raise Refused(-5021)


def _check_count(node: Node, account: Account, wish: Wish) -> None:
    conditional = wish.terms.type in CONDITIONAL
    open_here = [
        order
        for order in node.venue.open_orders(account.address)
        if order.is_untriggered is conditional
        and ((node.dialect.has_algo_service and conditional) or _same(order, wish))
    ]
    cap = node.dialect.max_algo_orders if conditional else wish.contract.max_orders
    if len(open_here) >= cap:
        raise Refused(-4045 if conditional else -2025)


def _check_second_close(node: Node, account: Account, wish: Wish) -> None:
    """Refuse a second open close-all stop, or take-profit, of a contract's side where the venue keeps one of each."""
    if not (wish.terms.close_position and node.dialect.has_algo_service) or node.settings.second_close == "accept":
        return
    is_stop, key = wish.terms.type in STOPS, key_of(wish.contract.coin, wish.terms.position_side)
    for order in node.venue.open_orders(account.address):
        other = node.terms[order.oid]
        is_same = (order.coin, order.is_buy, other.type in STOPS) == (key, wish.is_buy, is_stop)
        if is_same and other.close_position and order.is_untriggered:
            raise Refused(-4130)


def _same(order: Order, wish: Wish) -> bool:
    return order.coin.partition("/")[0] == wish.contract.coin


def is_open_id(node: Node, account: Account, client_id: str, *, is_algo: bool) -> bool:
    """Tell whether one of the account's open orders has a client id; algo orders have names of their own."""
    books = node.venue.books[account.address]
    live = (oid for oid in books.by_cloid.get(client_id, []) if oid in books.open_oids)
    return any(node.terms[oid].is_algo is is_algo for oid in live)


def _check_notional(market: Market, wish: Wish, px: Decimal) -> None:
    if reduces(wish) or wish.terms.close_position:
        return
    least = wish.contract.min_notional
    if wish.terms.qty * (px if wish.terms.price else market.mark) < least:
        raise Refused(-4164, f"Order's notional must be no smaller than {bare(least)} (unless you choose reduce only).")


def limit_of(node: Node, market: Market, wish: Wish) -> Decimal:
    """Return the worst price of an order: its own, the book's where it follows that, or the bound of market orders."""
    terms, contract = wish.terms, wish.contract
    if terms.price:
        return terms.price
    if terms.price_match in MATCH_DEPTH:
        is_bid = terms.price_match.startswith("QUEUE") is wish.is_buy
        rows = market.depth(node.venue.orders, node.venue.now(), is_bid=is_bid)
        if len(rows) < MATCH_DEPTH[terms.price_match]:
            raise Refused(-4191 if not rows else -4184, "PriceMatch price not available.")
        terms.price = rows[MATCH_DEPTH[terms.price_match] - 1][0]
        return terms.price
    return bound(market, contract, is_buy=wish.is_buy)


def bound(market: Market, contract: Contract, *, is_buy: bool) -> Decimal:
    """Return how far from the mark a market order may trade."""
    reach = 1 + contract.take_bound if is_buy else 1 - contract.take_bound
    return near_tick(market.mark * reach, contract.tick)


def _check_margin(node: Node, account: Account, wish: Wish, key: str, px: Decimal) -> None:
    venue = node.venue
    before = required_margin(venue, account)
    after = required_margin(venue, account, extra_of(key, wish.terms.qty, is_buy=wish.is_buy))
    if after <= before:
        return
    if after > cross_value(venue, account):
        raise Refused(-2019)
    leverage = venue.leverage(account, key).value
    held = account.szi(key) * (1 if wish.is_buy else -1) + wish.terms.qty
    if abs(held) * px > largest_notional(wish.contract, leverage):
        raise Refused(-2027)


def largest_notional(contract: Contract, leverage: int) -> Decimal:
    """Return the largest position at a leverage: up to the end of the last bracket that allows it."""
    above = [tier.lower_bound for tier in contract.tiers if tier.max_leverage < leverage]
    return above[0] if above else Decimal(500_000_000)


def _within(node: Node, order: Order) -> Decimal:
    rows = node.venue.markets[order.coin].depth(node.venue.orders, node.venue.now(), is_bid=not order.is_buy)
    return sum((sz for px, sz, _ in rows if (px <= order.limit_px if order.is_buy else px >= order.limit_px)), ZERO)


def place(node: Node, user: User, wish: Wish, origin: Origin) -> Order:
    """Check and admit an order, match it and rest what is left; conditional ones wait."""
    px = check(node, user, wish)
    order = build(node, user.name, wish, px, origin)
    order.oid = wish.terms.oid = node.venue.take_oid()
    if wish.terms.type in CONDITIONAL:
        return _wait(node, order, wish.terms)
    admit(node, order, wish.terms)
    return order


def admit(node: Node, order: Order, terms: Terms) -> None:
    """Admit an order that passed its checks and let it trade."""
    node.put_terms(terms)
    node.venue.admit(order)
    node.venue.note(order, Status.OPEN)
    enter_book(node, order, terms)


def enter_book(node: Node, order: Order, terms: Terms) -> None:
    """Match an admitted order and rest or drop what is left of it."""
    venue = node.venue
    if order.reduce_only:
        order.sz = min(order.sz, reducible(venue, order))
    match_taker(venue, order)
    if order.sz > 0 and order.is_live:
        if terms.type == MARKET or order.tif is Tif.IOC:
            close_order(venue, order, Status.CANCELED)
        else:
            venue.markets[order.coin].book.add(order)
            venue.books[order.user].open_oids[order.oid] = None
    settle(venue)


def _wait(node: Node, order: Order, terms: Terms) -> Order:
    check_not_reached(node, order, terms)
    terms.algo_status = AlgoStatus.NEW
    node.put_terms(terms)
    node.venue.admit(order)
    node.venue.books[order.user].open_oids[order.oid] = None
    node.venue.note(order, Status.OPEN)
    node.wait_for(order)
    return order


def build(node: Node, user: str, wish: Wish, px: Decimal, origin: Origin) -> Order:
    """Return the engine's order of a wish."""
    venue, terms = node.venue, wish.terms
    is_waiting = terms.type in CONDITIONAL
    trigger = None
    if is_waiting:
        tpsl = "tp" if terms.type.startswith("TAKE_PROFIT") else "sl"
        trigger = Trigger(px=terms.stop_price, is_market=not terms.price, tpsl=tpsl)
    return Order(
        oid=terms.oid,
        user=user,
        coin=key_of(wish.contract.coin, terms.position_side),
        asset=venue.markets[wish.contract.coin].perp.asset,
        is_buy=wish.is_buy,
        limit_px=px,
        sz=terms.qty,
        orig_sz=terms.qty,
        # The engine drops reduce-only orders with their position; conditional ones stay until they fire.
        reduce_only=reduces(wish) and not is_waiting,
        tif=TIFS.get(terms.tif, Tif.GTC) if terms.type != MARKET else Tif.FRONTEND_MARKET,
        admitted_ms=venue.clock(),
        timestamp=venue.now(),
        origin=origin,
        cloid=terms.client_id,
        trigger=trigger,
        is_position_tpsl=terms.close_position,
        self_trade=SELF_TRADE[terms.stp],
    )
