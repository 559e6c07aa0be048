"""How an account's value went, from hourly samples, and who did best."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from paper.engine.accounts import Account, AccountBooks, AccountKind, LedgerUpdate, ValueSample
from paper.engine.fees import utc_day
from paper.engine.margin import account_value
from paper.engine.venue import PaperVenue
from paper.hyperliquid.wire import number, usd

Json = dict[str, Any]
ZERO = Decimal(0)
DAY_MS = 86_400_000
SPANS = (("day", 1), ("week", 7), ("month", 30), ("allTime", 100_000))
DATED_DAYS = 30


def samples(venue: PaperVenue, user: str) -> list[ValueSample]:
    """Return an account's samples with the present one at the end."""
    account, books = venue.account(user), venue.books.get(user)
    if account is None or books is None:
        return []
    return [*books.values, take_sample(venue, account, books)]


def take_sample(venue: PaperVenue, account: Account, books: AccountBooks) -> ValueSample:
    """Return what an account is worth and has earned by now."""
    value = account_value(venue, account)
    profit = value - net_deposits(books)
    return ValueSample(user=account.address, ms=venue.now(), value=value, profit=profit)


def portfolio(venue: PaperVenue, user: str) -> list[Any]:
    """Return `portfolio`: eight windows of values, profits since the window's start and volume."""
    rows = samples(venue, user)
    answer: list[Any] = []
    for prefix in ("", "perp"):
        for name, days in SPANS:
            label = name if not prefix else "perp" + name[0].upper() + name[1:]
            answer.append([label, _window(venue, user, rows, days)])
    return answer


def _window(venue: PaperVenue, user: str, rows: list[ValueSample], days: int) -> Json:
    seen = [row for row in rows if row.ms >= venue.now() - days * DAY_MS]
    start = seen[0].profit if seen and len(seen) < len(rows) else ZERO
    return {
        "accountValueHistory": [[row.ms, usd(row.value)] for row in seen],
        "pnlHistory": [[row.ms, usd(row.profit - start)] for row in seen],
        "vlm": usd(volume(venue, user, days)),
    }


def volume(venue: PaperVenue, user: str, days: int) -> Decimal:
    """Return what a user traded in the last days (USD); sub-accounts count at their master for these."""
    account = venue.account(user)
    if account is None:
        return ZERO
    if days > DATED_DAYS or account.kind is AccountKind.SUB_ACCOUNT:
        return account.volume
    wanted = [account.days.get(utc_day(venue.now(), back)) for back in range(days)]
    return sum((day.cross + day.add for day in wanted if day is not None), ZERO)


def month_return(venue: PaperVenue, user: str) -> Decimal:
    """Return the profit of the last month as a fraction of the value at its start."""
    rows = [row for row in samples(venue, user) if row.ms >= venue.now() - 30 * DAY_MS]
    if not rows or rows[0].value <= 0:
        return ZERO
    return (rows[-1].profit - rows[0].profit) / rows[0].value


def leaderboard(venue: PaperVenue) -> Json:
    """Return every account with its profit, return and volume by window; the paper venue's own `leaderboard`."""
    rows = []
    for account in venue.accounts.values():
        history = samples(venue, account.address)
        rows.append(
            {
                "ethAddress": account.address,
                "accountValue": usd(history[-1].value),
                "windowPerformances": [
                    [name, _performance(venue, account.address, history, days)] for name, days in SPANS
                ],
                "prize": 0,
                "displayName": account.name or None,
            }
        )
    rows.sort(key=lambda row: Decimal(str(row["accountValue"])), reverse=True)
    return {"leaderboardRows": rows}


def _performance(venue: PaperVenue, user: str, history: list[ValueSample], days: int) -> Json:
    seen = [row for row in history if row.ms >= venue.now() - days * DAY_MS]
    start = seen[0] if len(seen) < len(history) else None
    profit = history[-1].profit - (start.profit if start else ZERO)
    invested = start.value if start else history[-1].value - history[-1].profit
    part = profit / invested if invested > 0 else ZERO
    return {"pnl": usd(profit), "roi": number(part.quantize(Decimal("1e-10"))), "vlm": usd(volume(venue, user, days))}


def net_deposits(books: AccountBooks) -> Decimal:
    """Return what was paid into the perp account less what left it, from the ledger."""
    return sum((_paid_in(row) for row in books.ledger), ZERO)


def _paid_in(row: LedgerUpdate) -> Decimal:
    delta = row.delta
    usdc = Decimal(str(delta.get("usdc") or 0))
    match delta.get("type"):
        case "deposit":
            return usdc
        case "withdraw":
            return -usdc
        case "internalTransfer" | "subAccountTransfer":
            return -usdc if delta.get("user") == row.user else usdc
        case "accountClassTransfer":
            return usdc if delta.get("toPerp") else -usdc
        case "vaultCreate" | "vaultDeposit":
            return usdc if delta.get("vault") == row.user else -usdc
        case "vaultWithdraw":
            return _withdrawn(row)
        case "vaultDistribution":
            return -usdc if delta.get("vault") == row.user else usdc
        case "send":
            return _sent(row)
        case _:
            return ZERO


def _withdrawn(row: LedgerUpdate) -> Decimal:
    net, commission = Decimal(str(row.delta["netWithdrawnUsd"])), Decimal(str(row.delta["commission"]))
    return -(net + commission) if row.delta.get("vault") == row.user else net


def _sent(row: LedgerUpdate) -> Decimal:
    """Return what a `send` of USDC did to the perp balance, dex "" being the perps."""
    delta, total = row.delta, ZERO
    amount = Decimal(str(delta["amount"])) if delta.get("token") == "USDC" else ZERO
    if delta.get("user") == row.user and delta.get("sourceDex") == "":
        total -= amount
    if delta.get("destination") == row.user and delta.get("destinationDex") == "":
        total += amount
    return total
