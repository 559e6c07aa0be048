"""A trader who uses an adapter as the fenced submission does: sign, send once, look."""

from __future__ import annotations

import itertools
import time
import uuid
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Self

from domain.accounts import AccountRef, HeldPosition, RestingOrder
from domain.errors import Retryable
from domain.fills import Fill
from domain.instruments import Instrument, Rounding, floor_size, round_price
from domain.money import Price, Quantity
from domain.orders import OrderTerms, Side, TimeInForce, Trigger, TriggerKind, client_order_id
from venues.base import Answer, Sighting, SightingStatus, SignedRequest, SigningKey

if TYPE_CHECKING:
    from tests.contracts.rigs.base import Connection, Rig

PATIENCE = 15.0
_last_nonce = itertools.count(int(time.time() * 1000))
_names = itertools.count()
_run = uuid.uuid4().hex


def next_nonce() -> int:
    """Draw a nonce as the journal does: the time in milliseconds, or one more than the last."""
    global _last_nonce
    drawn = max(int(time.time() * 1000), next(_last_nonce))
    _last_nonce = itertools.count(drawn + 1)
    return drawn


def _merged(changes: dict[str, Any], **defaults: Any) -> dict[str, Any]:
    return defaults | changes


@dataclass
class Desk:
    """One user of a venue, the signer that acts for it, and the adapter. `owner` is how the control endpoints name it."""

    rig: Rig
    venue: Connection
    key: SigningKey
    account: AccountRef
    owner: str
    extra: Any = None
    started: datetime = field(init=False)

    def __post_init__(self) -> None:
        self.started = self.venue.trading.venue_time(self.account)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        try:
            self.rig.leave(self)
        finally:
            self.venue.close()

    @property
    def coin(self) -> str:
        """The coin that is traded."""
        return self.rig.coin

    def instrument(self) -> Instrument:
        """The instrument of the coin."""
        return self.venue.market.instrument(self.coin)

    def mark(self) -> Price:
        """The mark of the coin."""
        return self.venue.market.mark(self.coin).mark_px

    def price(self, factor: str = "1") -> Price:
        """A valid price at a multiple of the price that the cases hold, or of the mark at a real venue."""
        base = self.mark() if self.rig.is_live else Decimal(self.rig.base_px)
        return round_price(Price(base * Decimal(factor)), self.instrument(), Rounding.NEAREST)

    def terms(
        self,
        *,
        side: Side = Side.BUY,
        size: str = "0.01",
        factor: str = "1.03",
        tif: TimeInForce = TimeInForce.IOC,
        reduce_only: bool = False,
        px: Price | None = None,
    ) -> OrderTerms:
        """Terms of an order at a multiple of the price."""
        return OrderTerms(
            coin=self.coin,
            side=side,
            size=floor_size(Quantity(Decimal(size)), self.instrument()),
            limit_px=self.price(factor) if px is None else px,
            tif=tif,
            reduce_only=reduce_only,
        )

    def resting(self, **changes: Any) -> OrderTerms:
        """Terms of a buy below the market, within the narrowest price band of a venue."""
        return self.terms(**_merged(changes, factor="0.96", tif=TimeInForce.GTC))

    def closing(self, **changes: Any) -> OrderTerms:
        """Terms of a reduce-only sale at the market."""
        return self.terms(**_merged(changes, side=Side.SELL, factor="0.97", reduce_only=True))

    def trigger(self, factor: str, kind: TriggerKind = TriggerKind.STOP_LOSS, side: Side = Side.SELL) -> OrderTerms:
        """Terms of a trigger of the whole position."""
        px = self.price(factor)
        trigger = Trigger(px=px, kind=kind, whole_position=True)
        return OrderTerms(
            coin=self.coin, side=side, size=Quantity(Decimal(0)), limit_px=px, reduce_only=True, trigger=trigger
        )

    def name(self) -> str:
        """A client id of its own."""
        return client_order_id(f"{_run}.{self.account.address}", "main", f"open.{next(_names)}")

    def nonce(self) -> int:
        """A nonce of its own."""
        return next_nonce()

    def deadline(self, seconds: float = 8) -> datetime:
        """An instant by the venue's clock."""
        return self.venue.trading.venue_time(self.account) + timedelta(seconds=seconds)

    def sign(
        self, terms: OrderTerms, client_id: str, *, nonce: int | None = None, expires_at: datetime | None = None
    ) -> SignedRequest:
        """Sign an order."""
        return self.venue.trading.sign_order(
            key=self.key,
            client_id=client_id,
            instrument=self.instrument(),
            terms=terms,
            nonce=next_nonce() if nonce is None else nonce,
            expires_at=expires_at or self.deadline(),
        )

    def send(self, request: SignedRequest) -> Answer:
        """Send signed bytes once."""
        return self.venue.trading.send(request)

    def place(self, terms: OrderTerms, client_id: str = "") -> Answer:
        """Sign and send an order once."""
        return self.send(self.sign(terms, client_id or self.name()))

    def accepted(self, terms: OrderTerms, client_id: str = "") -> Answer:
        """Place an order that has to be accepted."""
        answer = self.place(terms, client_id)
        assert answer.verdict.value == "accepted", answer
        return answer

    def cancel(self, *, oid: str = "", client_id: str = "") -> Answer:
        """Sign and send a cancel once."""
        request = self.venue.trading.sign_cancel(
            key=self.key,
            instrument=self.instrument(),
            oid=oid,
            client_id=client_id,
            nonce=next_nonce(),
            expires_at=self.deadline(),
        )
        return self.send(request)

    def noop(self, nonce: int) -> Answer:
        """Burn a nonce."""
        return self.send(self.venue.trading.sign_noop(key=self.key, nonce=nonce, expires_at=None))

    def set_leverage(self, leverage: int) -> Answer:
        """Change the leverage of the coin, cross."""
        request = self.venue.trading.sign_leverage(
            key=self.key,
            instrument=self.instrument(),
            leverage=leverage,
            is_cross=True,
            nonce=next_nonce(),
            expires_at=self.deadline(),
        )
        return self.send(request)

    def look(self, client_id: str, terms: OrderTerms, oid: str = "") -> Sighting:
        """Look an order up once."""
        return self.venue.trading.look_up(
            self.account, client_id=client_id, instrument=self.instrument(), terms=terms, oid=oid
        )

    def found(self, client_id: str, terms: OrderTerms, oid: str = "") -> Sighting:
        """Look an order up, however long the adapter rests after a 429."""
        give_up = time.monotonic() + PATIENCE
        while True:
            try:
                return self.look(client_id, terms, oid)
            except Retryable:
                assert time.monotonic() < give_up
                time.sleep(0.05)

    def becomes(self, client_id: str, terms: OrderTerms, status: SightingStatus, oid: str = "") -> Sighting:
        """Look until an order has a status."""
        give_up = time.monotonic() + PATIENCE
        while (seen := self.found(client_id, terms, oid)).status is not status:
            assert time.monotonic() < give_up, seen
            time.sleep(0.05)
        return seen

    def orders(self) -> tuple[RestingOrder, ...]:
        """The open orders, triggers included."""
        return self.venue.accounts.open_orders(self.account)

    def position(self) -> HeldPosition | None:
        """The position in the coin."""
        return self.venue.accounts.summary(self.account).position(self.coin)

    def held(self) -> Decimal:
        """The signed size of the position; zero when flat."""
        found = self.position()
        return Decimal(0) if found is None else Decimal(found.size)

    def fills(self) -> tuple[Fill, ...]:
        """The fills of this desk."""
        return self.venue.accounts.fills_since(self.account, self.started)

    def admitted(self) -> list[Any]:
        """Every order that the venue ever admitted for this desk."""
        return list(self.rig.admitted(self))
