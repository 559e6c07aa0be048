"""What an intent holds: its rows, the account's fills and the venue's position, read together and weighed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from activities.approvals import AccountBook
from activities.resolution import Resolution
from domain.accounts import AccountRef, HeldPosition, Portfolio
from domain.fills import Fill, average_price
from domain.intents import Intent
from domain.money import Price, Quantity
from domain.orders import LIVE_STATES, OrderAck, OrderState, Side
from storage.journal import Fills, Journal, OrderRow
from venues.base import Venue, VenueDirectory

_OVERLAP = timedelta(seconds=60)


@dataclass(frozen=True, slots=True, kw_only=True)
class Holding:
    """One intent's slot at one instant: its rows, its fills and what the venue shows."""

    account: AccountRef
    venue: Venue
    venue_now: datetime
    lag: timedelta
    portfolio: Portfolio
    rows: tuple[OrderRow, ...]
    fills: tuple[Fill, ...]
    steps: dict[str, str]
    coin: str
    side: Side

    @property
    def held(self) -> HeldPosition | None:
        """The position, None when the venue shows none."""
        return self.portfolio.position(self.coin)

    @property
    def opening_rows(self) -> tuple[OrderRow, ...]:
        """Rows that may have opened it."""
        return tuple(row for row in self.rows if row.terms.is_opening)

    @property
    def entered(self) -> Quantity:
        """What the intent's own opening orders filled, by journaled fills."""
        return Quantity(sum((fill.size for fill in self._entries()), Decimal(0)))

    @property
    def average_px(self) -> Price | None:
        """Average entry price."""
        return average_price(self._entries())

    @property
    def is_flat(self) -> bool:
        """Whether it is proved that nothing is held and nothing of ours can open any more.

        A read may lag. It proves something when the fills that we know explain it, or when it was made so long after the last
        opening order ended that every effect of that order must be visible in it.
        """
        if self.held is not None or any(row.state in LIVE_STATES for row in self.opening_rows):
            return False
        return self._books_agree() or self._is_long_after()

    def works(self, row: OrderRow) -> bool:
        """Whether a row's order is open at the venue."""
        return row.state is OrderState.WORKING and any(
            order.client_id == row.client_id or (row.oid and order.oid == row.oid) for order in self.portfolio.orders
        )

    def closed_by(self) -> str:
        """Name what closed the position: stop_loss, take_profit, closed, liquidated or external."""
        exits = [fill for fill in self.fills if fill.side is self.side.opposite]
        if not exits:
            return "external"
        if exits[-1].is_liquidation:
            return "liquidated"
        step = self.steps.get(exits[-1].trade_id, "")
        names = {"protect.sl": "stop_loss", "protect.tp": "take_profit", "close": "closed"}
        return names.get(step.rpartition(".")[0], "external")

    def _entries(self) -> tuple[Fill, ...]:
        own = {row.key.step for row in self.opening_rows}
        return tuple(fill for fill in self.fills if self.steps.get(fill.trade_id) in own)

    def _books_agree(self) -> bool:
        acknowledged = sum((row.filled_size for row in self.opening_rows), Decimal(0))
        net = sum((fill.signed_size for fill in self.fills), Decimal(0))
        return net == 0 and self.entered >= acknowledged

    def _is_long_after(self) -> bool:
        ended = [row.resolved_at or row.sent_at or row.decided_at for row in self.opening_rows]
        return not ended or self.venue_now > max(ended) + 2 * self.lag


class Holdings:
    """Reads holdings from the venue and the journal."""

    def __init__(
        self,
        *,
        accounts: AccountBook,
        venues: VenueDirectory,
        journal: Journal,
        fills: Fills,
        resolution: Resolution,
        lag: timedelta | None = None,
    ) -> None:
        self._accounts = accounts
        self._venues = venues
        self._journal = journal
        self._fills = fills
        self._resolution = resolution
        self._lag = lag

    def account(self, account_id: str) -> AccountRef:
        """Find an account."""
        return self._accounts.ref(account_id)

    def place(self, intent: Intent) -> tuple[Venue, AccountRef]:
        """Find where an intent trades."""
        account = self._accounts.ref(intent.account_id)
        return self._venues.of(account.venue, account.network), account

    def rows(self, intent_id: str) -> tuple[OrderRow, ...]:
        """Read the rows of an intent."""
        return self._journal.orders_of(intent_id)

    def suspect(self, row: OrderRow) -> OrderAck:
        """Look a row up once, and ask the venue even for one that was not sent as far as the journal knows."""
        return self._resolution.look(row, is_suspect=True)

    def read(self, intent: Intent) -> Holding:
        """Look at everything of an intent: the venue with its clock, then rows that the venue shows as ended."""
        account = self._accounts.ref(intent.account_id)
        venue = self._venues.of(account.venue, account.network)
        # `as_of` is the venue's clock of the state itself, read before orders and fills: a question less than asking for it.
        portfolio = venue.accounts.portfolio(account, is_urgent=True, coin=intent.coin)
        since = intent.decided_at - _OVERLAP
        self._refresh(venue, account, intent.coin, since)
        self._settle(intent, portfolio)
        return Holding(
            account=account,
            venue=venue,
            venue_now=portfolio.as_of,
            lag=self._lag if self._lag is not None else venue.trading.capabilities.lag,
            portfolio=portfolio,
            rows=self._journal.orders_of(intent.intent_id),
            fills=self._fills.on_coin(account.account_id, intent.coin, since, intent.intent_id),
            steps=self._fills.steps(intent.intent_id),
            coin=intent.coin,
            side=intent.side,
        )

    def _refresh(self, venue: Venue, account: AccountRef, coin: str, since: datetime) -> None:
        """Journal the fills that the stream may not have brought yet."""
        start = max(since, self._fills.cursor(account.account_id) - _OVERLAP)
        self._fills.record(account, venue.accounts.fills_since(account, start, is_urgent=True, coin=coin))

    def _settle(self, intent: Intent, portfolio: Portfolio) -> None:
        open_ids = {order.client_id for order in portfolio.orders}
        for row in self._journal.orders_of(intent.intent_id):
            if row.state in LIVE_STATES and not (row.state is OrderState.WORKING and row.client_id in open_ids):
                self._resolution.look(row)
