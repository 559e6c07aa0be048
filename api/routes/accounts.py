"""Venue accounts and their agent keys: a key goes in once, is sealed at once, and never comes out."""

from __future__ import annotations

from http import HTTPStatus

from fastapi import APIRouter

from api import asked, idempotency, starts
from api.auth import Me
from api.deps import Parts, Ports
from api.schemas.accounts import AccountBody, AccountChange, AccountView, KeyFields, LinkView, link_of, view_of
from api.schemas.values import Id, Listed
from domain.errors import Refused
from storage.records import AccountRecord, Caller

router = APIRouter(prefix="/api/accounts", tags=["accounts"], route_class=idempotency.OnceRoute)


@router.get("")
def list_accounts(parts: Ports, me: Me) -> Listed[AccountView]:
    """List the caller's accounts, oldest first."""
    return Listed(items=[_view(parts, me, account) for account in parts.accounts.accounts(me.user_id)])


@router.post("", status_code=HTTPStatus.CREATED)
def add_account(body: AccountBody, parts: Ports, me: Me, _: idempotency.Key) -> AccountView:
    """Connect an account by its master's address, and keep it in sync from now on."""
    _require_master(body, body.address)
    account = parts.accounts.add(
        me.user_id, venue=body.venue, network=body.network, address=body.address, name=body.name
    )
    if body.manual_trades != account.manual_trades:
        account = parts.accounts.update(me.user_id, account.ref.account_id, manual_trades=body.manual_trades)
    _audit(parts, me, "account.add", account)
    _take_key(parts, me, account, body)
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
    """Change an account; a new agent key retires the one before."""
    before = asked.own_account(parts, me, account_id)
    _require_master(body, before.ref.address)
    account = parts.accounts.update(
        me.user_id, account_id, name=body.name, manual_trades=body.manual_trades, active=body.active
    )
    _audit(parts, me, "account.change", account)
    _take_key(parts, me, account, body)
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


def _take_key(parts: Parts, me: Caller, account: AccountRecord, body: KeyFields) -> None:
    if body.agent_key is None:
        return
    signer = parts.signers.add(
        account.ref.account_id,
        address=body.agent_address,
        secret=body.agent_key.get_secret_value(),
        name=body.agent_name,
        valid_until=body.valid_until,
    )
    name = f"account/{account.ref.account_id}"
    parts.audit.append(me.name, "account.key", name, {"signer": signer.signer_id, "address": signer.address})


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
    return view_of(account, parts.signers.signers(me.user_id, account.ref.account_id))
