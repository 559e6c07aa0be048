"""Nonces, signers and the epoch: who may send one request once."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, select, text

from domain.errors import Misconfigured, Retryable
from domain.orders import OrderKey
from storage.journal import SendClaim, Signer
from storage.postgres.epoch import current_epoch
from storage.postgres.tables import accounts, signers

# The nonce is drawn and the signer locked at once, since everybody who sends for the account waits for it. It waits itself for
# who has the signer, and then counts on from what that one drew. The newest key is found without a lock, and checked again.
_DRAW = text(
    "update signers s set last_nonce ="
    " greatest((extract(epoch from clock_timestamp()) * 1000)::bigint, s.last_nonce + 1)"
    " from accounts a where a.id = s.account_id and s.retired_at is null and s.id ="
    " (select id from signers where account_id = :account and retired_at is null order by created_at desc limit 1)"
    " returning s.id, s.account_id, s.address, s.valid_until, s.last_nonce, a.user_id"
)
# The same for the account of a step, with what speaks for and against sending it.
_DRAW_FOR = text(
    "with head as (select o.account_id, o.opening, a.venue, a.user_id,"
    " case when e.epoch is not null then e.confirmed_by is not null end as confirmed, e.asserted_at is not null as asserted,"
    " a.created_at >= e.seen_at as is_new, p.synced_at - e.seen_at as looked_after, o.approved_at >= e.seen_at as approved"
    " from orders o join accounts a on a.id = o.account_id left join portfolios p on p.account_id = a.id"
    " left join epochs e on e.epoch = :epoch where o.intent_id = :intent and o.leg = :leg and o.step = :step),"
    " drawn as (update signers s set last_nonce ="
    "  greatest((extract(epoch from clock_timestamp()) * 1000)::bigint, s.last_nonce + 1)"
    "  from head h where s.account_id = h.account_id and s.retired_at is null and s.id ="
    "  (select id from signers where account_id = h.account_id and retired_at is null order by created_at desc limit 1)"
    "  returning s.id, s.address, s.valid_until, s.last_nonce)"
    " select h.*, d.* from head h left join drawn d on true"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """A drawn nonce and the epoch in which it was drawn."""

    send: SendClaim
    epoch: str


class Claims:
    """Draws nonces. `epoch_waits` is, by venue, one deadline plus the lag: what an earlier epoch sent is visible after it."""

    def __init__(self, epoch_waits: Mapping[str, timedelta]) -> None:
        self._epoch_waits = dict(epoch_waits)

    def draw(
        self,
        connection: Connection,
        account_id: str,
        *,
        expires_at: datetime,
        venue_now: datetime,
        max_lead_seconds: int,
    ) -> Claim:
        """Lock the account's signer and draw its next nonce in milliseconds."""
        row = connection.execute(_DRAW, {"account": account_id}).one_or_none()
        return _claim(connection, row, expires_at, venue_now, max_lead_seconds)

    def draw_for(
        self,
        connection: Connection,
        key: OrderKey,
        *,
        expires_at: datetime,
        venue_now: datetime,
        max_lead_seconds: int,
    ) -> Claim:
        """Lock the signer of a step that is to be sent and draw its next nonce.

        Refuses an opening step while an earlier epoch of the database may have sent something unseen. An order approved in an
        earlier epoch is never sent: its SENDING may have been lost with that epoch.
        """
        asked = {"epoch": current_epoch(connection), "intent": key.intent_id, "leg": key.leg, "step": key.step}
        row = connection.execute(_DRAW_FOR, asked).one()
        self._require_cleared(row)
        return _claim(connection, row if row.id is not None else None, expires_at, venue_now, max_lead_seconds)

    def signer(self, connection: Connection, signer_id: str) -> Signer:
        """Read a signer."""
        return _signer(
            connection.execute(
                select(signers, accounts.c.user_id)
                .join(accounts, accounts.c.id == signers.c.account_id)
                .where(signers.c.id == signer_id)
            ).one()
        )

    def _require_cleared(self, row: Row[Any]) -> None:
        """Refuse an opening step whose epoch is not cleared; what was drawn for it is rolled back."""
        open_ = row.confirmed and row.asserted and row.approved and self._was_looked_at(row)
        if row.opening and not open_:
            if row.confirmed is False:
                reason, action = "The deployment is not confirmed.", "Confirm it with `holdfast doctor --confirm`."
            else:
                reason, action = "The database has just started: the venue is looked at first.", ""
            raise Retryable("epoch_closed", reason, action=action, retry_after=timedelta(seconds=1))

    def _was_looked_at(self, row: Row[Any]) -> bool:
        """Whether the account was read after all that an earlier epoch had sent was visible."""
        if row.is_new:
            return True
        wait = self._epoch_waits.get(row.venue)
        return wait is not None and row.looked_after is not None and bool(row.looked_after >= wait)


def _claim(
    connection: Connection, row: Row[Any] | None, expires_at: datetime, venue_now: datetime, max_lead_seconds: int
) -> Claim:
    if row is None:
        raise Misconfigured(
            "signer_missing", "The account has no agent key.", action="Add one with `holdfast account key`."
        )
    nonce = int(row.last_nonce)
    if nonce > venue_now.timestamp() * 1000 + max_lead_seconds * 1000:
        # A nonce far ahead would poison the signer: every later one has to be higher still. The caller rolls this one back.
        raise Retryable(
            "nonce_ahead",
            "The next nonce lies beyond the venue's time.",
            action="Check the clock of the database host; rotate the agent key if its last nonce is in the future.",
            retry_after=timedelta(seconds=1),
        )
    claim = SendClaim(signer=_signer(row), nonce=nonce, expires_at=expires_at, token=secrets.token_hex(16))
    return Claim(send=claim, epoch=current_epoch(connection))


def _signer(row: Row[Any]) -> Signer:
    return Signer(
        signer_id=row.id,
        account_id=row.account_id,
        user_id=row.user_id,
        address=row.address,
        valid_until=row.valid_until,
    )
