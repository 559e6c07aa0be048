"""`holdfast panic`: cancel everything and close everything at the venue alone; needs no Temporal and no Postgres."""

import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Annotated

import typer
from eth_account import Account

from commands import home
from commands.exits import CommandFailed, Exit
from commands.keys import asked_api_key, asked_key
from commands.output import Json, print_json, say
from domain.accounts import AccountRef, HeldPosition, RestingOrder
from domain.errors import Retryable
from domain.instruments import Rounding, floor_size, round_price
from domain.money import Price, Quantity
from domain.orders import PANIC_PREFIX, OrderTerms, Side, TimeInForce
from domain.sizing import within_band
from runtime.loading import load_settings
from venues.base import Answer, SigningKey, Venue, Verdict
from venues.hyperliquid.wallets import require_address
from wiring.venues import BINANCE, HYPERLIQUID, TITLES, VENUES, connections

LIFE = timedelta(seconds=5)
ROUND = timedelta(seconds=1)
SLIPPAGE = (Decimal("0.02"), Decimal("0.05"), Decimal("0.08"))
KEY_SETTING = "HOLDFAST_PANIC_KEY"


def panic(
    account: Annotated[str, typer.Argument(help="Master address of the account, 0x...; none for an API key.")] = "",
    venue: Annotated[str, typer.Option(help=f"Where: {', '.join(VENUES)}.")] = HYPERLIQUID,
    key_file: Annotated[str, typer.Option(help="File with the key of an approved agent wallet or of the master.")] = "",
    seconds: Annotated[int, typer.Option(help="Give up after so long.", min=1)] = 120,
    as_json: Json = False,
) -> None:
    """Cancel all orders and close all positions of an account, from the venue's truth alone."""
    settings = load_settings()
    _require_fitting(venue, account)
    signer = _signer(venue, account.lower(), key_file)
    connected = connections(settings, OneKey(signer), home.venue_urls(settings))
    network = settings.network_of(venue).value
    try:
        place = connected.directory().of(venue, network)
        address = account.lower() or (place.key_checks.identify(signer) if place.key_checks else "")
        ref = AccountRef(account_id="panic", user_id="", venue=venue, network=network, address=address)
        done = Panic(place, ref, signer, settings.clock_offset).until_flat(timedelta(seconds=seconds))
    finally:
        connected.close()
    if as_json:
        print_json(done)
    else:
        say(f"Flat: {done['cancelled']} orders cancelled, {done['closed']} closes sent.")


def _require_fitting(venue: str, account: str) -> None:
    """Refuse an address where there are none, and its absence where accounts have one."""
    if venue not in VENUES:
        choice = f"Choose {', '.join(VENUES)}."
        raise CommandFailed("bad_venue", f"There is no venue {venue}.", choice, exit_code=Exit.USAGE)
    if venue == HYPERLIQUID and not account:
        action = "Give its address: holdfast panic 0x..."
        raise CommandFailed("bad_address", "Which account is not said.", action, exit_code=Exit.USAGE)
    if venue == BINANCE and account:
        raise CommandFailed(
            "address_not_taken",
            "Binance accounts have no address.",
            "Leave it away; the key is asked for.",
            exit_code=Exit.USAGE,
        )
    if account:
        require_address(account)


def _signer(venue: str, account: str, key_file: str) -> SigningKey:
    """Ask for the key: of a wallet for an account with an address, an API key otherwise."""
    if not account:
        given = asked_api_key(TITLES[venue])
        return SigningKey(address=given["api_key"], secret=given["api_secret"])
    secret = asked_key(KEY_SETTING, key_file, "Private key of the agent wallet or master")
    return SigningKey(address=Account.from_key(secret).address, secret=secret, master=account)


@dataclass(frozen=True, slots=True)
class OneKey:
    """Implements `wiring.venues.Keys` for the one account that is closed."""

    key: SigningKey

    def of_account(self, account: AccountRef) -> SigningKey:  # noqa: ARG002
        """Return the key."""
        return self.key

    def of_address(self, venue: str, network: str, address: str) -> SigningKey:  # noqa: ARG002
        """Return the key."""
        return self.key


@dataclass(slots=True, kw_only=True)
class Counts:
    """What was done so far, and what the venue refused last."""

    cancelled: int = 0
    closed: int = 0
    problem: str = ""
    closes: dict[str, int] = field(default_factory=dict)


class Panic:
    """Looks, cancels, closes, and looks again."""

    def __init__(self, venue: Venue, account: AccountRef, key: SigningKey, clock_offset: timedelta) -> None:
        self._clock_offset = clock_offset
        self._venue = venue
        self._account = account
        self._key = key
        self._nonce = 0
        self._counts = Counts()

    def until_flat(self, timeout: timedelta) -> Mapping[str, object]:
        """Repeat until two looks in a row show nothing; not_flat when the time is over."""
        deadline = time.monotonic() + timeout.total_seconds()
        empty = 0
        while time.monotonic() < deadline:
            empty = empty + 1 if self._round() else 0
            if empty > 1:
                return {"flat": True, "cancelled": self._counts.cancelled, "closed": self._counts.closed}
            time.sleep(ROUND.total_seconds())
        raise CommandFailed(
            "not_flat",
            f"The account is not flat after {timeout}: {self._counts.problem or 'see the venue'}.",
            "Run it again.",
        )

    def _round(self) -> bool:
        """Do one round; say whether nothing was there."""
        try:
            portfolio = self._venue.accounts.portfolio(self._account)
            for order in portfolio.orders:
                self._cancel(order)
            for held in portfolio.positions:
                self._close(held)
        except Retryable as failure:
            self._counts.problem = failure.message
            return False
        return portfolio.is_flat

    def _cancel(self, order: RestingOrder) -> None:
        request = self._venue.trading.sign_cancel(
            key=self._key,
            instrument=self._venue.market.instrument(order.coin),
            oid=order.oid,
            client_id=order.client_id,
            nonce=self._next_nonce(),
            expires_at=self._expiry(),
        )
        self._counts.cancelled += self._sent(self._venue.trading.send(request))

    def _close(self, held: HeldPosition) -> None:
        if held.size == 0:
            return
        before = self._counts.closes.get(held.coin, 0)
        self._counts.closes[held.coin] = before + 1
        request = self._venue.trading.sign_order(
            key=self._key,
            client_id=PANIC_PREFIX + secrets.token_hex(14),
            instrument=self._venue.market.instrument(held.coin),
            terms=self._terms(held, SLIPPAGE[min(before, len(SLIPPAGE) - 1)]),
            nonce=self._next_nonce(),
            expires_at=self._expiry(),
        )
        self._counts.closed += self._sent(self._venue.trading.send(request))

    def _terms(self, held: HeldPosition, slippage: Decimal) -> OrderTerms:
        instrument = self._venue.market.instrument(held.coin)
        side = held.side.opposite
        worst = Price(held.mark_px * (1 + within_band(slippage, instrument) * side.sign))
        return OrderTerms(
            coin=held.coin,
            side=side,
            size=floor_size(Quantity(abs(held.size)), instrument),
            limit_px=round_price(worst, instrument, Rounding.DOWN if side is Side.BUY else Rounding.UP),
            tif=TimeInForce.IOC,
            reduce_only=True,
        )

    def _sent(self, answer: Answer) -> int:
        if answer.verdict is Verdict.ACCEPTED:
            return 1
        self._counts.problem = f"{answer.text} {answer.action}".strip() or answer.code
        return 0

    def _next_nonce(self) -> int:
        # Every write is reducing and may be repeated: a nonce of our own clock is enough, and needs no database.
        self._nonce = max(self._nonce + 1, int(datetime.now(UTC).timestamp() * 1000))
        return self._nonce

    def _expiry(self) -> datetime:
        return datetime.now(UTC) + self._clock_offset + LIFE
