"""Venue accounts and their agent keys: a key goes in once, is sealed at once, and never comes out."""

from __future__ import annotations

from datetime import datetime
from http import HTTPStatus

from fastapi import APIRouter

from api import asked, idempotency, starts
from api.auth import Me
from api.deps import Parts, Ports
from api.schemas.accounts import (
    AccountBody,
    AccountChange,
    AccountView,
    KeyFields,
    LinkView,
    link_of,
    shown_key,
    view_of,
)
from api.schemas.values import Id, Listed
from domain.errors import Refused, Retryable
from storage.records import AccountRecord, Caller

KEYED = frozenset({"binance", "aster"})
"""Venues at which an account is named by its key, and reads are signed with it."""

router = APIRouter(prefix="/api/accounts", tags=["accounts"], route_class=idempotency.OnceRoute)


@router.get("")
def list_accounts(parts: Ports, me: Me) -> Listed[AccountView]:
    """List the caller's accounts, oldest first."""
    return Listed(items=[_view(parts, me, account) for account in parts.accounts.accounts(me.user_id)])


@router.post("", status_code=HTTPStatus.CREATED)
def add_account(body: AccountBody, parts: Ports, me: Me, _: idempotency.Key) -> AccountView:
    """Connect an account by its master's address or its key, and keep it in sync from now on.

    A key that names its account is checked with the venue before anything is stored.
    """
    address = body.address or ""
    _require_master(body, address)
    address, valid_until = _asked(parts, body.venue, body.network, address, body)
    account = parts.accounts.add(me.user_id, venue=body.venue, network=body.network, address=address, name=body.name)
    if body.manual_trades != account.manual_trades:
        account = parts.accounts.update(me.user_id, account.ref.account_id, manual_trades=body.manual_trades)
    _audit(parts, me, "account.add", account)
    _take_key(parts, me, account, body, valid_until)
    parts.executions.ensure(starts.surroundings(account))
    return _view(parts, me, account)


@router.get("/{account_id}")
def show_account(account_id: Id, parts: Ports, me: Me) -> AccountView:
    """Show an account."""
    return _view(parts, me, asked.own_account(parts, me, account_id))


@router.get("/{account_id}/link")
def check_link(account_id: Id, parts: Ports, me: Me) -> LinkView:
    """Ask the venue, read-only, whether the account's agent key may trade for it, and say what to do if not."""
    account = asked.own_account(parts, me, account_id)
    signer = next((one for one in parts.signers.signers(me.user_id, account_id) if one.retired_at is None), None)
    if signer is None:
        raise Refused("signer_unknown", "The account has no agent key.", action="Send one with PATCH /api/accounts.")
    venue = parts.venues.of(account.ref.venue, account.ref.network)
    report = venue.accounts.check_link(account.ref, signer.address)
    if report.valid_until is not None and report.valid_until != signer.valid_until:
        parts.signers.renew(signer.signer_id, report.valid_until)
    return link_of(report)


@router.patch("/{account_id}")
def change_account(account_id: Id, body: AccountChange, parts: Ports, me: Me) -> AccountView:
    """Change an account; a new key retires the one before."""
    before = asked.own_account(parts, me, account_id)
    _require_fitting(body, before)
    _require_master(body, before.ref.address)
    valid_until = _asked(parts, before.ref.venue, before.ref.network, before.ref.address, body)[1]
    _require_approved_before_replacing(parts, me, before, body)
    account = parts.accounts.update(
        me.user_id, account_id, name=body.name, manual_trades=body.manual_trades, active=body.active
    )
    _audit(parts, me, "account.change", account)
    _take_key(parts, me, account, body, valid_until)
    if body.active:
        parts.executions.ensure(starts.surroundings(account))
    return _view(parts, me, account)


@router.delete("/{account_id}", status_code=HTTPStatus.NO_CONTENT)
def remove_account(account_id: Id, parts: Ports, me: Me) -> None:
    """Stop using an account and retire its keys; its history stays."""
    account = parts.accounts.update(me.user_id, asked.own_account(parts, me, account_id).ref.account_id, active=False)
    for signer in parts.signers.signers(me.user_id, account_id):
        parts.signers.retire(me.user_id, signer.signer_id)
    _audit(parts, me, "account.remove", account)


def _asked(parts: Parts, venue: str, network: str, address: str, body: KeyFields) -> tuple[str, datetime | None]:
    """Ask the venue what a key may do and whose it is, where keys name accounts; raises Refused with the venue's reason.

    Returns the account's address and until when the key may be used, as far as the venue tells.
    """
    key = body.signing_key(master=address)
    if venue not in KEYED:
        _require_owner(parts, venue, network, address, body)
        return address, None
    checks = parts.venues.of(venue, network).key_checks
    if key is None or checks is None:
        return address, None
    report = checks.check_key(key, address)
    if not report.ok:
        raise Refused(report.code, report.sentence, action="Mend it at the venue or send another key.")
    return address or checks.identify(key), report.valid_until


def _require_owner(parts: Parts, venue: str, network: str, address: str, body: KeyFields) -> None:
    """Ask the venue whose an address and an agent wallet are: the orders of a wrong one would run on another account."""
    checks = parts.venues.of(venue, network).address_checks
    if checks is None or not (body.agent_address or isinstance(body, AccountBody)):
        return
    try:
        report = checks.check_address(address, body.agent_address)
    except Retryable:
        # Of an address alone nothing can trade yet; the check of the link will ask again.
        if body.agent_address:
            raise
        return
    if not report.ok:
        raise Refused(report.code, report.sentence, action="Nothing was stored.")


def _require_approved_before_replacing(parts: Parts, me: Caller, account: AccountRecord, body: KeyFields) -> None:
    """Keep the key that trades until the venue knows the agent wallet that takes its place."""
    ref = account.ref
    known = {signer.address: signer.retired_at is None for signer in parts.signers.signers(me.user_id, ref.account_id)}
    if ref.venue in KEYED or not body.agent_address or body.agent_address in known or not any(known.values()):
        return
    report = parts.venues.of(ref.venue, ref.network).accounts.check_link(ref, body.agent_address)
    if not report.ok:
        raise Refused(report.code, report.sentence, action="Send it again then; the key in use stays.")


def _take_key(parts: Parts, me: Caller, account: AccountRecord, body: KeyFields, valid_until: datetime | None) -> None:
    key = body.signing_key()
    if key is None:
        return
    signer = parts.signers.add(
        account.ref.account_id,
        address=key.address,
        secret=key.secret,
        name=body.agent_name,
        valid_until=body.valid_until or valid_until,
    )
    name = f"account/{account.ref.account_id}"
    parts.audit.append(me.name, "account.key", name, {"signer": signer.signer_id, "address": shown_key(signer.address)})


def _require_fitting(body: KeyFields, account: AccountRecord) -> None:
    """Refuse an API key where accounts have wallets, and a wallet where they have API keys."""
    has_wallet = account.ref.address.startswith("0x")
    if (body.api_key is not None and has_wallet) or (body.agent_key is not None and not has_wallet):
        wanted = "agent_key" if has_wallet else "api_key and api_secret"
        raise Refused("wrong_key_kind", "The account has keys of another kind.", action=f"Send {wanted}.")


def _require_master(body: KeyFields, address: str) -> None:
    if body.agent_address and body.agent_address == address.lower():
        raise Refused(
            "address_is_agent",
            "The address belongs to the agent key, so it is not the master's.",
            action="Send the address of the account that holds the money; the key is its agent's.",
        )


def _audit(parts: Parts, me: Caller, action: str, account: AccountRecord) -> None:
    ref = account.ref
    body = {"venue": ref.venue, "network": ref.network, "address": ref.address, "active": str(account.active)}
    parts.audit.append(me.name, action, f"account/{ref.account_id}", body)


def _view(parts: Parts, me: Caller, account: AccountRecord) -> AccountView:
    counted = parts.request_counts.newest(account.ref.account_id)
    return view_of(
        account, parts.signers.signers(me.user_id, account.ref.account_id), counted[0] if counted is not None else None
    )
