"""Reads of one account, signed with its key."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any, TypeVar

from domain.accounts import AccountRef, Portfolio, RestingOrder
from domain.errors import HoldfastError, Retryable
from domain.fills import Fill
from domain.money import parse_decimal
from venues.base import SigningKey, Transfer
from venues.fapi import rows as read
from venues.fapi.answers import BAD_SHAPE
from venues.fapi.client import FapiClient, garbled
from venues.fapi.dialect import Paths
from venues.fapi.forced import ForcedOrders
from venues.fapi.limits import Priority
from venues.fapi.links import Links
from venues.fapi.traded import TradedCoins
from venues.fapi.trading import Keys
from venues.fapi.wire import Params, from_millis, to_coin, to_millis, to_symbol
from venues.links import LinkReport

PAGE = 1000
MAX_PAGES = 50
# The venue keeps trades for six months and income for three (its documentation); older starts are refused or show nothing.
TRADES_KEPT, INCOME_KEPT = timedelta(days=179), timedelta(days=89)
WINDOW = timedelta(days=7) - timedelta(minutes=1)
BRACKETS_LIVE, BRACKETS_RETRY = 6 * 3600.0, 60.0
LIST_WEIGHT, INCOME_WEIGHT, ACCOUNT_WEIGHT = 40, 30, 5

T = TypeVar("T")


class FapiAccounts:
    """Balances, positions, orders, fills and transfers of accounts."""

    def __init__(
        self,
        client: FapiClient,
        keys: Keys,
        paths: Callable[[SigningKey], Paths],
        links: Links,
        traded: TradedCoins,
        note_brackets: Callable[[Mapping[str, int]], None],
    ) -> None:
        self._client = client
        self._keys = keys
        self._paths = paths
        self._links = links
        self._traded = traded
        self._note_brackets = note_brackets
        self._forced = ForcedOrders(client, keys, paths)
        self._brackets_at = float("-inf")

    def portfolio(self, account: AccountRef, *, is_urgent: bool = False, coin: str = "") -> Portfolio:
        """Read the clock first, then the totals, positions and orders, so that `as_of` is never newer than anything in it."""
        priority = _class(is_urgent)
        as_of = self._client.venue_time(priority)
        totals, positions = self._state(account, priority)
        orders = self.open_orders(account, is_urgent=is_urgent, coin=coin)
        return _read("account", lambda: read.read_portfolio(account.account_id, as_of, totals, positions, orders))

    def summary(self, account: AccountRef, *, is_urgent: bool = False) -> Portfolio:
        """Read totals and positions alone."""
        as_of = self._client.venue_time(_class(is_urgent))
        totals, positions = self._state(account, _class(is_urgent))
        return _read("account", lambda: read.read_portfolio(account.account_id, as_of, totals, positions))

    def open_orders(self, account: AccountRef, *, is_urgent: bool = False, coin: str = "") -> tuple[RestingOrder, ...]:
        """Read the open orders of one coin, or, forty times as dear, of all; conditional ones may be a list of their own."""
        priority, orders = _class(is_urgent), list[RestingOrder]()
        of_coin: Params = (("symbol", to_symbol(coin)),) if coin else ()
        weight = 1 if coin else LIST_WEIGHT
        if self._client.dialect.has_algo_service:
            # Before the orders: one that fires in between is seen twice then, and not missed.
            algos = self._list(account, "openAlgoOrders", weight, priority, of_coin)
            orders += _read("openAlgoOrders", lambda: [read.read_algo_order(row) for row in algos])
        plain = self._list(account, "openOrders", weight, priority, of_coin)
        orders += _read("openOrders", lambda: [read.read_order(row) for row in plain])
        self._traded.note(account, {order.coin for order in orders})
        return tuple(orders)

    def fills_since(
        self, account: AccountRef, since: datetime, *, is_urgent: bool = False, coin: str = ""
    ) -> tuple[Fill, ...]:
        """Read fills from an instant on. The venue lists them coin by coin, so the coins that may have any come first."""
        priority = _class(is_urgent)
        if coin:
            return tuple(sorted(self._fills_of(account, coin, since, priority), key=_in_order))
        coins = self._coins_since(account, since, priority)
        fills = [fill for name, start in coins.items() for fill in self._fills_of(account, name, start, priority)]
        self._traded.caught_up(account, coins)
        return tuple(sorted(fills, key=_in_order))

    def transfers_since(self, account: AccountRef, since: datetime) -> tuple[Transfer, ...]:
        """Read deposits, withdrawals, funding payments and other income from an instant on."""
        income = self._income(account, since, Priority.READ)
        found = _read("income", lambda: [read.read_income(row) for row in income])
        return tuple(sorted((row for row in found if row is not None), key=lambda row: row.time))

    def leverage(self, account: AccountRef, coin: str) -> tuple[int, bool]:
        """Read the leverage that a new position in a coin would have, and whether it is cross."""
        params = (("symbol", to_symbol(coin)),)
        found = self._list(account, "positionRisk", ACCOUNT_WEIGHT, Priority.OPEN, params)
        return _read("positionRisk", lambda: (int(found[0]["leverage"]), bool(found[0]["marginType"] == "cross")))

    def check_link(self, account: AccountRef, signer_address: str) -> LinkReport:
        """Check read-only that the stored key may trade this account, and nothing more."""
        key = self._keys(account)
        if key.address.lower() != signer_address.lower():
            text = "The stored key is not the one that was asked about: store it again."
            return LinkReport(ok=False, code="key_mismatch", sentence=text)
        return self.check_key(key, account.address)

    def check_key(self, key: SigningKey, address: str = "") -> LinkReport:
        """Check a key before anything is stored; `address` is the account it should belong to, if that is known."""
        return self._links.check(key, address)

    def identify(self, key: SigningKey) -> str:
        """Return the stable address of the account that a key belongs to."""
        return self._links.identify(key)

    def brackets(self, account: AccountRef) -> dict[str, int]:
        """Read the highest leverage of each coin."""
        found = self._list(account, "leverageBracket", 1, Priority.READ)
        return _read(
            "leverageBracket",
            lambda: {
                to_coin(row["symbol"]): max(int(bracket["initialLeverage"]) for bracket in row["brackets"])
                for row in found
            },
        )

    def _state(self, account: AccountRef, priority: Priority) -> tuple[Any, list[Any]]:
        totals = self._ask(account, "account", ACCOUNT_WEIGHT, priority)
        positions = self._list(account, "positionRisk", ACCOUNT_WEIGHT, priority)
        held = _read(
            "positionRisk", lambda: {to_coin(row["symbol"]) for row in positions if parse_decimal(row["positionAmt"])}
        )
        self._traded.note(account, held)
        self._learn_brackets(account)
        return totals, positions

    def _learn_brackets(self, account: AccountRef) -> None:
        """Let the market know the highest leverages: the venue tells them to accounts alone, and any account will do."""
        if time.monotonic() - self._brackets_at < BRACKETS_LIVE:
            return
        self._brackets_at = time.monotonic()
        try:
            self._note_brackets(self.brackets(account))
        except HoldfastError:
            # Nothing depends on it but how much leverage may be chosen; a portfolio must not fail for it.
            self._brackets_at = time.monotonic() - BRACKETS_LIVE + BRACKETS_RETRY

    def _coins_since(self, account: AccountRef, since: datetime, priority: Priority) -> dict[str, datetime]:
        """Return the coins that may have fills, each with the instant from which on.

        Positions and open orders, what was looked up or ordered here, and, about once a minute, every coin that the income
        names: a trade pays a fee. A coin that the income newly names is read from where the income was last read.
        """
        scan_from = self._traded.scan_from(account, since)
        if scan_from is not None:
            income = self._income(account, scan_from, priority)
            named = _read("income", lambda: {to_coin(row["symbol"]) for row in income if row.get("symbol")})
            self._traded.scanned(account, named, scan_from, self._client.now())
            # What is held now was not bought before it was last flat, so one read of the positions settles the rest.
            self._state_of_coins(account, priority)
        return self._traded.coins(account, self._keys(account).address, since)

    def _state_of_coins(self, account: AccountRef, priority: Priority) -> None:
        positions = self._list(account, "positionRisk", ACCOUNT_WEIGHT, priority)
        held = _read(
            "positionRisk", lambda: {to_coin(row["symbol"]) for row in positions if parse_decimal(row["positionAmt"])}
        )
        self._traded.note(account, held)

    def _fills_of(self, account: AccountRef, coin: str, since: datetime, priority: Priority) -> list[Fill]:
        """Read one coin's fills: by windows of seven days up to the first trade, then by trade id."""
        symbol, fills = ("symbol", to_symbol(coin)), list[Fill]()
        for params in self._windows(since):
            page = self._trades(account, (symbol, *params), priority)
            fills += page
            while len(page) == PAGE:
                last = max(int(fill.trade_id) for fill in page)
                page = self._trades(account, (symbol, ("fromId", str(last + 1)), ("limit", str(PAGE))), priority)
                fills += page
        # Pages by number run on beyond their window, so that a fill may come twice.
        once = list({fill.trade_id: fill for fill in fills if fill.time >= since}.values())
        return self._forced.marked(account, once, self._client.now(), priority)

    def _trades(self, account: AccountRef, params: Params, priority: Priority) -> list[Fill]:
        found = self._list(account, "userTrades", ACCOUNT_WEIGHT, priority, params)
        return _read("userTrades", lambda: [read.read_fill(account.account_id, row) for row in found])

    def _windows(self, since: datetime) -> list[Params]:
        """Cut the time since an instant into spans that the venue answers; the last one is open."""
        now = self._client.now()
        starts = [max(since, now - TRADES_KEPT)]
        while now - starts[-1] > WINDOW:
            starts.append(starts[-1] + WINDOW)
        limit = ("limit", str(PAGE))
        spans: list[Params] = [
            (("startTime", str(to_millis(start))), ("endTime", str(to_millis(end))), limit)
            for start, end in pairwise(starts)
        ]
        return [*spans, (("startTime", str(to_millis(starts[-1]))), limit)]

    def _income(self, account: AccountRef, since: datetime, priority: Priority) -> list[Any]:
        """Read pages from the last returned time on; that instant comes twice, so equal rows count once."""
        rows: dict[tuple[str, ...], Any] = {}
        start = max(since, self._client.now() - INCOME_KEPT)
        for _ in range(MAX_PAGES):
            params = (("startTime", str(to_millis(start))), ("limit", str(PAGE)))
            page = self._list(account, "income", INCOME_WEIGHT, priority, params)
            try:
                for row in page:
                    rows[
                        tuple(str(row.get(name)) for name in ("incomeType", "tranId", "symbol", "tradeId", "time"))
                    ] = row
                last = max((from_millis(row["time"]) for row in page), default=start)
            except BAD_SHAPE as error:
                raise garbled("income", error) from None
            if len(page) < PAGE:
                return list(rows.values())
            # A page that lies within one millisecond would come for ever.
            start = max(last, start + timedelta(milliseconds=1))
        raise Retryable("too_many_rows", f"income has more rows since {since.isoformat()} than can be read at once.")

    def _list(self, account: AccountRef, name: str, weight: int, priority: Priority, params: Params = ()) -> list[Any]:
        """Ask for a list; an empty object is none, and must not be taken for nothing at all."""
        found = self._ask(account, name, weight, priority, params)
        if not isinstance(found, list):
            raise garbled(name, TypeError("no list"))
        return found

    def _ask(self, account: AccountRef, name: str, weight: int, priority: Priority, params: Params = ()) -> Any:
        key = self._keys(account)
        return self._client.signed(key, self._paths(key).at(name), weight, priority, params)


def _in_order(fill: Fill) -> tuple[datetime, int, str]:
    return fill.time, len(fill.trade_id), fill.trade_id


def _class(is_urgent: bool) -> Priority:
    return Priority.URGENT if is_urgent else Priority.OPEN


def _read(kind: str, parse: Callable[[], T]) -> T:
    try:
        return parse()
    except BAD_SHAPE as error:
        raise garbled(kind, error) from None
