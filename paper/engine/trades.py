"""A trade between two orders, or an order and the simulated makers: positions, fees, fills."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import ROUND_DOWN, Decimal

from paper.engine.accounts import Account, Fill, Liquidation, Position
from paper.engine.fees import count_volume
from paper.engine.market import SIMULATED_USER, Trade
from paper.engine.orders import Order, Status
from paper.engine.settings import Settings
from paper.engine.spot import SPOT_BUILDER_SIDE_IS_BUY, trade_token
from paper.engine.venue import PaperVenue

CENT_MILLIONTH = Decimal("0.000001")
BUILDER_UNIT = Decimal("0.00001")
ZERO = Decimal(0)
DELEVERAGED = "Auto-Deleveraging"
ZERO_HASH = "0x" + "0" * 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """Price and size of one trade with its two ids."""

    px: Decimal
    sz: Decimal
    tid: int
    hash: str
    liquidation: Liquidation | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Handover:
    """A change of a position past the book; without a `direction` it is named as a liquidation."""

    coin: str
    signed: Decimal
    px: Decimal
    method: str
    direction: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Booked:
    """What a fill did to its account."""

    start: Decimal
    direction: str
    closed_pnl: Decimal
    fee: Decimal
    builder_fee: Decimal
    fee_coin: str = "USDC"


def execute(venue: PaperVenue, taker: Order | None, maker: Order | None, px: Decimal, sz: Decimal) -> None:
    """Trade a size at a price; None stands for the simulated market on that side."""
    tid, digest = venue.take_trade()
    liquidation = _liquidation(venue, taker)
    match = Match(px=px, sz=sz, tid=tid, hash=digest, liquidation=liquidation)
    if maker is not None:
        fill_order(venue, maker, match, crossed=False)
    if taker is not None:
        fill_order(venue, taker, match, crossed=True)
    first = taker or maker
    assert first is not None
    is_buy = first.is_buy if taker is not None else not first.is_buy
    buyer, seller = (taker, maker) if is_buy else (maker, taker)
    trade = Trade(
        coin=first.coin,
        is_buy=is_buy,
        px=px,
        sz=sz,
        time=venue.now(),
        hash=digest,
        tid=tid,
        buyer=buyer.user if buyer else SIMULATED_USER,
        seller=seller.user if seller else SIMULATED_USER,
    )
    venue.markets[first.coin].tape.append(trade)
    venue.changes.events.append(trade)


def fill_order(venue: PaperVenue, order: Order, match: Match, *, crossed: bool) -> None:
    """Apply one side of a trade to its order and account."""
    account = venue.accounts[order.user]
    booked = _book(venue, account, order, match, crossed=crossed)
    notional = match.sz * match.px
    account.volume += notional
    account.taker_volume += notional if crossed else ZERO
    payer = venue.payer(account)
    is_spot = venue.markets[order.coin].perp.is_spot
    count_volume(payer, venue.now(), notional, crossed=crossed, is_spot=is_spot)
    if payer is not account:
        venue.touch(payer)
    order.sz -= match.sz
    order.filled_sz += match.sz
    order.filled_ntl += notional
    fill = Fill(
        user=order.user,
        coin=order.coin,
        px=match.px,
        sz=match.sz,
        is_buy=order.is_buy,
        time=venue.now(),
        start_position=booked.start,
        direction=booked.direction,
        closed_pnl=booked.closed_pnl,
        # The reference shows slices of a TWAP without a transaction.
        hash=match.hash if order.twap_id is None else ZERO_HASH,
        oid=order.oid,
        crossed=crossed,
        fee=booked.fee,
        tid=match.tid,
        cloid=None if venue.settings.fill_without_cloid else order.cloid,
        builder_fee=booked.builder_fee,
        liquidation=match.liquidation,
        fee_coin=booked.fee_coin,
        twap_id=order.twap_id,
    )
    venue.books[order.user].fills.append(fill)
    venue.changes.fills.append(fill)
    venue.changes.events.append(fill)
    venue.touch(account)
    venue.touched[(order.user, order.coin)] = None
    if order.sz > 0:
        venue.note(order)
    elif order.status is Status.OPEN or order.status is Status.TRIGGERED:
        close_order(venue, order, Status.FILLED)


def backstop_fill(venue: PaperVenue, account: Account, position: Position, mark: Decimal) -> None:
    """Hand a whole position to the liquidator at the mark, without a fee and without the book."""
    hand_over(venue, account, Handover(coin=position.coin, signed=-position.szi, px=mark, method="backstop"))


def hand_over(venue: PaperVenue, account: Account, wanted: Handover, liquidated: str | None = None) -> None:
    """Change a position past the book, without a fee; `liquidated` names whose liquidation it is, if not its own."""
    tid, digest = venue.take_trade()
    position = account.positions[wanted.coin]
    start, named = position.szi, wanted.direction or liquidation_direction(position.szi, is_cross=position.is_cross)
    if not wanted.direction and venue.settings.liquidation_direction == "never":
        named = direction(start, wanted.signed, venue.settings)
    closed_pnl = apply_to_position(venue, account, wanted.coin, wanted.signed, wanted.px)
    venue.counterparty -= closed_pnl
    mark = venue.mark(wanted.coin)
    fill = Fill(
        user=account.address,
        coin=wanted.coin,
        px=wanted.px,
        sz=abs(wanted.signed),
        is_buy=wanted.signed > 0,
        time=venue.now(),
        start_position=start,
        direction=named,
        closed_pnl=closed_pnl,
        hash=digest,
        oid=venue.take_oid(),
        crossed=True,
        fee=ZERO,
        tid=tid,
        liquidation=Liquidation(user=liquidated or account.address, mark_px=mark, method=wanted.method),
    )
    venue.books[account.address].fills.append(fill)
    venue.changes.fills.append(fill)
    venue.changes.events.append(fill)
    venue.touched[(account.address, wanted.coin)] = None
    venue.touch(account)


def close_order(venue: PaperVenue, order: Order, status: Status) -> None:
    """End an order: out of the book and of the open orders, with its last status."""
    market = venue.markets[order.coin]
    market.book.remove(order)
    market.triggers.pop(order.oid, None)
    venue.books[order.user].open_oids.pop(order.oid, None)
    if status is Status.FILLED:
        venue.just_filled.append(order.oid)
    if status is Status.FILLED and venue.settings.canceled_before_filled:
        venue.note(order, Status.CANCELED)
    venue.note(order, status)


def apply_to_position(venue: PaperVenue, account: Account, coin: str, signed: Decimal, px: Decimal) -> Decimal:
    """Change a position by a signed size at a price; returns the realised profit, gross of fees."""
    position = account.positions.get(coin)
    if position is None:
        _open(venue, account, coin, signed, px)
        return ZERO
    if position.szi * signed > 0:
        _increase(account, position, signed, px)
        return ZERO
    closing = min(abs(signed), abs(position.szi))
    realised = closing * (px - position.entry_px) * (1 if position.szi > 0 else -1)
    released = position.collateral * closing / abs(position.szi)
    position.collateral -= released
    account.cash += realised + released
    position.szi += closing if signed > 0 else -closing
    position.funding_since_change = ZERO
    if position.szi == 0:
        del account.positions[coin]
        rest = abs(signed) - closing
        if rest:
            _open(venue, account, coin, rest if signed > 0 else -rest, px)
    return realised


def _open(venue: PaperVenue, account: Account, coin: str, signed: Decimal, px: Decimal) -> None:
    choice = venue.leverage(account, coin)
    collateral = ZERO if choice.is_cross else abs(signed) * px / choice.value
    account.cash -= collateral
    account.positions[coin] = Position(
        coin=coin,
        szi=signed,
        entry_px=px,
        is_cross=choice.is_cross,
        leverage=choice.value,
        collateral=collateral,
    )


def _increase(account: Account, position: Position, signed: Decimal, px: Decimal) -> None:
    total = position.szi + signed
    position.entry_px = (position.entry_px * position.szi + px * signed) / total
    position.szi = total
    position.funding_since_change = ZERO
    if not position.is_cross:
        added = abs(signed) * px / position.leverage
        account.cash -= added
        position.collateral += added


def direction(start: Decimal, signed: Decimal, settings: Settings) -> str:
    """Name a fill as the venue does, from the position before it."""
    if start * signed >= 0:
        return "Open Long" if signed > 0 else "Open Short"
    if abs(signed) > abs(start) and settings.flip_direction == "open":
        return "Open Short" if start > 0 else "Open Long"
    if abs(signed) > abs(start):
        return "Long > Short" if start > 0 else "Short > Long"
    return "Close Long" if start > 0 else "Close Short"


def liquidation_direction(start: Decimal, *, is_cross: bool) -> str:
    """Name a fill of a liquidation by what was liquidated."""
    return f"Liquidated {'Cross' if is_cross else 'Isolated'} {'Long' if start > 0 else 'Short'}"


def _book(venue: PaperVenue, account: Account, order: Order, match: Match, *, crossed: bool) -> _Booked:
    pair = venue.markets[order.coin].perp
    rates = venue.fees.rates(venue.payer(account), venue.now(), venue.settings)
    notional = match.px * match.sz
    signed = match.sz if order.is_buy else -match.sz
    builder = _builder_fee(order, notional, is_spot=pair.is_spot)
    if pair.is_spot:
        rate = rates.spot_taker if crossed else rates.spot_maker
        token = trade_token(venue, account, pair.base, signed, match.px, rate, builder)
        return _Booked(
            start=token.start,
            direction="Buy" if order.is_buy else "Sell",
            closed_pnl=token.closed_pnl,
            fee=token.fee,
            builder_fee=builder,
            fee_coin=token.fee_coin,
        )
    start = account.szi(order.coin)
    is_cross = order.coin not in account.positions or account.positions[order.coin].is_cross
    closed_pnl = apply_to_position(venue, account, order.coin, signed, match.px)
    rate = rates.taker if crossed else rates.maker
    fee = (notional * rate).quantize(CENT_MILLIONTH, rounding=ROUND_DOWN) + builder
    account.cash -= fee
    venue.fee_income += fee
    venue.counterparty -= closed_pnl
    named = direction(start, signed, venue.settings)
    if order.is_liquidation and venue.settings.liquidation_direction == "always":
        named = liquidation_direction(start, is_cross=is_cross)
    return _Booked(start=start, direction=named, closed_pnl=closed_pnl, fee=fee, builder_fee=builder)


def _builder_fee(order: Order, notional: Decimal, *, is_spot: bool) -> Decimal:
    if is_spot and order.is_buy is not SPOT_BUILDER_SIDE_IS_BUY:
        return ZERO
    return (notional * order.builder_fee * BUILDER_UNIT).quantize(CENT_MILLIONTH, rounding=ROUND_DOWN)


def _liquidation(venue: PaperVenue, taker: Order | None) -> Liquidation | None:
    if taker is None or not taker.is_liquidation:
        return None
    return Liquidation(user=taker.user, mark_px=venue.mark(taker.coin), method="market")
