"""One reconciliation: read, journal what was missed, compare, name, mend."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from temporalio.exceptions import ApplicationError

from activities.overfilling import Overfilling, differences_of, told
from activities.ports import Executions, Settler
from activities.request_reserve import RequestReserve
from activities.syncing import AccountSync
from domain.accounts import AccountRef, Portfolio
from domain.errors import HoldfastError
from domain.fills import Fill
from domain.intents import Intent, IntentPhase
from domain.money import ZERO, Money, Quantity, plain
from domain.orders import OrderState
from domain.reconciliation import Books, DifferenceKind, by_coin, compare
from domain.reconciliation import Difference as Named
from domain.supervision import ReconcileRequest
from storage.base import Reconciliations
from storage.journal import Fills, Intents
from storage.ledgers import OPENING
from storage.records import Difference, FoundDifference, Ledger, LiveRow, Transfer
from venues.base import VenueDirectory

_LATE = timedelta(hours=1)
"""Movements are read again from so long before the last reading: ledgers are written late."""
_PARKED = timedelta(seconds=15)
"""A fill may be journaled before the row or the order id that it belongs to; only later does it count as not ours."""
_UNSETTLED = frozenset({OrderState.APPROVED.value, OrderState.SENDING.value, OrderState.UNKNOWN.value})


@dataclass(frozen=True, slots=True, kw_only=True)
class Reconciled:
    """What a reconciliation read and found."""

    portfolio: Portfolio
    ledger: Ledger
    open: tuple[Difference, ...]
    opening_cash: Money
    flagged_to: datetime | None
    parked: bool = False
    flagged: tuple[str, ...] = ()
    overfilled: tuple[str, ...] = ()
    repairs: tuple[str, ...] = ()

    @property
    def unexplained(self) -> Money:
        """What counts and has no explanation."""
        counted = [each for each in self.open if each.counted_at is not None]
        money = (abs(each.amount) for each in counted if each.kind == DifferenceKind.UNEXPLAINED.value)
        gaps = (self._worth(each) for each in counted if each.kind == DifferenceKind.MISSED_FILL.value)
        return Money(sum(money, ZERO) + sum(gaps, ZERO))

    @property
    def is_waiting(self) -> bool:
        """Whether a second look has to confirm a difference, or to say whose a new fill is."""
        return self.parked or any(each.counted_at is None for each in self.open)

    @property
    def is_quiet(self) -> bool:
        """Whether the account is flat and nothing of ours may still trade."""
        return self.portfolio.is_flat and not self.ledger.live

    def _worth(self, gap: Difference) -> Money:
        held = self.portfolio.position(gap.coin)
        return Money(abs(gap.amount) * held.mark_px) if held is not None else Money(abs(gap.amount))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Manual:
    """Fills up to an instant that no order of ours made; `parked` says that there are newer ones, not yet decided on."""

    named: tuple[Named, ...]
    until: datetime
    parked: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Reconciler:
    """Reconciles accounts; every step may be repeated."""

    venues: VenueDirectory
    sync: AccountSync
    books: Reconciliations
    fills: Fills
    intents: Intents
    executions: Executions
    settler: Settler
    overfilling: Overfilling
    reserve: RequestReserve

    def reconcile(self, request: ReconcileRequest) -> Reconciled:
        """Read everything once, compare, and mend what can be mended."""
        account = request.account
        before = self.books.ledger(account.account_id)
        moved = self._read_movements(request, before.added_at)
        portfolio, fresh = self.sync.sync_all(account)
        settled = self._settle(before.live)
        ledger = self.books.ledger(account.account_id)
        dropped = self._drop_left(ledger, portfolio)
        ledger = self.books.ledger(account.account_id) if dropped else ledger
        repairs = (*settled, *dropped, *self._end_gone(ledger, portfolio))
        opening_cash = _opening_cash(request, ledger, moved)
        overfilled = self.overfilling.find(account, request.flagged_to or ledger.added_at, portfolio.as_of)
        self.overfilling.tell(account, overfilled)
        manual = self._manual(request, ledger, portfolio)
        found = (*_compare(portfolio, ledger, opening_cash), *manual.named)
        # What has filled is no matter of orders in flight.
        shown = (*_found(found, ledger), *differences_of(overfilled))
        open_ = self.books.observe(account.account_id, shown, portfolio.as_of)
        result = Reconciled(
            portfolio=portfolio,
            ledger=ledger,
            open=open_,
            opening_cash=opening_cash,
            flagged_to=request.flagged_to,
            parked=manual.parked,
            overfilled=tuple(map(told, overfilled)),
        )
        noted = tuple(f"recorded {_told(fill)}" for fill in fresh)
        # Last: what has to be mended does not wait for it.
        mended = self._mend(account, replace(result, repairs=(*noted, *repairs)), manual.until)
        self.reserve.look(account)
        return mended

    def _read_movements(self, request: ReconcileRequest, added_at: datetime) -> tuple[Transfer, ...]:
        """Journal deposits, withdrawals and funding; all since the account was added, at the first reconciliation."""
        account = request.account
        since = (request.read_to if request.read_to and request.opening_cash else added_at) - _LATE
        shown = self.venues.of(account.venue, account.network).accounts.transfers_since(account, since)
        moved = tuple(
            Transfer(
                account_id=account.account_id,
                time=each.time,
                kind=each.kind,
                amount=each.amount,
                coin=each.coin,
                reference=each.reference,
            )
            for each in shown
        )
        self.books.record_transfers(moved)
        return moved

    def _settle(self, rows: tuple[LiveRow, ...]) -> tuple[str, ...]:
        """Look at rows that no running intent waits for."""
        states = self.executions.owners(tuple(dict.fromkeys(row.key.intent_id for row in rows))) if rows else {}
        unowned = [row for row in rows if not states[row.key.intent_id].is_alive]
        return tuple(f"settled {row.key}" for row in unowned if self._settle_one(row))

    def _settle_one(self, row: LiveRow) -> bool:
        try:
            return self.settler.settle_row(row.key).is_terminal
        except (ApplicationError, HoldfastError):
            # It stays live and is looked at again in the next round.
            return False

    def _drop_left(self, ledger: Ledger, portfolio: Portfolio) -> tuple[str, ...]:
        """Cancel triggers without a position whose owner is gone.

        Hyperliquid drops them with the position; at Binance and AsterDEX they stay, and would close what is opened next.
        """
        moving = {row.coin for row in ledger.live if row.opening} | {each.coin for each in ledger.totals if each.size}
        left = [
            row
            for row in ledger.live
            if row.state == OrderState.WORKING.value and row.coin not in moving and portfolio.position(row.coin) is None
        ]
        states = self.executions.owners(tuple(dict.fromkeys(row.key.intent_id for row in left))) if left else {}
        gone = [row for row in left if not states[row.key.intent_id].is_running]
        return tuple(f"cancelled {row.key}" for row in gone if self._cancel_one(row))

    def _cancel_one(self, row: LiveRow) -> bool:
        try:
            return self.settler.cancel_order(row.key).is_terminal
        except (ApplicationError, HoldfastError):
            # It stays live and is cancelled again in the next round.
            return False

    def _end_gone(self, ledger: Ledger, portfolio: Portfolio) -> tuple[str, ...]:
        """End intents whose workflow has ended without doing so, and free their slots, where all is flat and idle."""
        busy = {row.coin for row in ledger.live} | {total.coin for total in ledger.totals if total.size}
        left = [
            intent
            for intent in self.intents.unfinished(ledger.account.account_id)
            if intent.coin not in busy and portfolio.position(intent.coin) is None
        ]
        states = self.executions.owners(tuple(intent.intent_id for intent in left)) if left else {}
        gone = [intent for intent in left if not states[intent.intent_id].is_running]
        return tuple(f"ended {intent.intent_id}" for intent in gone if self._end(intent))

    def _end(self, intent: Intent) -> bool:
        phase = IntentPhase.CLOSED if self.intents.fills(intent.intent_id) else IntentPhase.CANCELLED
        return self.intents.finish(intent, phase, code="owner_gone", reason="Its workflow had ended; it is flat.")

    def _manual(self, request: ReconcileRequest, ledger: Ledger, portfolio: Portfolio) -> _Manual:
        """Name fills that no order of ours made, once they had the time to be bound."""
        since = request.flagged_to or ledger.added_at
        until = portfolio.as_of - _PARKED
        fills = self.fills.unbound(request.account.account_id, since)
        parked = any(fill.time > until for fill in fills)
        named = (
            Named(
                kind=DifferenceKind.MANUAL_TRADE,
                coin=fill.coin,
                amount=Quantity(fill.signed_size),
                reference=fill.trade_id,
                note=_told(fill),
            )
            for fill in fills
            if fill.time <= until
        )
        return _Manual(named=by_coin(named), until=until, parked=parked)

    def _mend(self, account: AccountRef, result: Reconciled, flagged_to: datetime | None) -> Reconciled:
        """Flag manual trades that count; read fills from the beginning where positions do not fit them."""
        manual = [each for each in result.open if each.kind == DifferenceKind.MANUAL_TRADE.value]
        counted = [each for each in manual if each.counted_at is not None]
        flagged = tuple(each.note for each in counted if self.books.repair(each.id, "flagged"))
        gaps = [each for each in result.open if each.kind == DifferenceKind.MISSED_FILL.value and each.counted_at]
        repairs = self._read_all(account, result.ledger.added_at) if gaps else ()
        older = self._take_over(account, gaps) if gaps else ()
        # Fills that wait for their second look have to be seen by it.
        waits = len(counted) < len(manual)
        return replace(
            result,
            flagged=flagged,
            repairs=(*result.repairs, *repairs, *(f"took over {plain(gap.amount)} {gap.coin}" for gap in older)),
            flagged_to=result.flagged_to if waits else flagged_to,
            open=tuple(each for each in result.open if each not in counted and each not in older),
        )

    def _take_over(self, account: AccountRef, gaps: list[Difference]) -> tuple[Difference, ...]:
        """Take over positions on coins without a single fill since the account was added: they were there before it."""
        traded = {total.coin for total in self.books.ledger(account.account_id).totals}
        older = (gap for gap in gaps if gap.coin not in traded)
        return tuple(gap for gap in older if self.books.repair(gap.id, OPENING))

    def _read_all(self, account: AccountRef, since: datetime) -> tuple[str, ...]:
        venue = self.venues.of(account.venue, account.network)
        missed = self.fills.record(account, venue.accounts.fills_since(account, since))
        return tuple(f"recorded {_told(fill)}" for fill in missed)


def _compare(portfolio: Portfolio, ledger: Ledger, opening_cash: Money) -> tuple[Named, ...]:
    books = Books(
        positions=dict(ledger.openings) | {total.coin: total.size for total in ledger.totals},
        opening_cash=opening_cash,
        realised_pnl=Money(sum((total.closed_pnl for total in ledger.totals), ZERO)),
        fees=Money(sum((total.fees for total in ledger.totals), ZERO)),
        funding=ledger.funding,
        net_transfers=ledger.transferred,
        entries=sum(total.fills for total in ledger.totals),
        client_ids={row.client_id for row in ledger.live},
        oids={row.oid for row in ledger.live if row.oid},
    )
    return compare(portfolio, books)


def _opening_cash(request: ReconcileRequest, ledger: Ledger, moved: tuple[Transfer, ...]) -> Money:
    """Work out the balance from which the sums count: the first equity seen, without what was moved before it."""
    if request.opening_cash:
        return Money(type(ZERO)(request.opening_cash))
    if ledger.first_equity is None:
        return Money(ZERO)
    first = ledger.first_equity
    earlier = sum((each.amount for each in moved if each.time <= first.time), ZERO)
    return Money(first.equity - first.unrealised - first.realised - earlier)


def _found(named: tuple[Named, ...], ledger: Ledger) -> tuple[FoundDifference, ...]:
    """Leave out what may only be in flight: the coins with live rows, and the equity while there are any."""
    live = {row.coin for row in ledger.live if row.state in _UNSETTLED or row.opening}
    counted = (each for each in by_coin(named) if not (each.coin in live if each.coin else live))
    return tuple(
        FoundDifference(coin=each.coin, kind=each.kind.value, amount=each.amount, note=each.note) for each in counted
    )


def _told(fill: Fill) -> str:
    return f"{fill.side} {plain(fill.size)} {fill.coin} at {plain(fill.px)}"
