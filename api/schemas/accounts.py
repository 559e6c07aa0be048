"""Accounts over the wire. An agent key goes in once and never comes out."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal, Self

from eth_account import Account
from pydantic import Field, SecretStr, field_validator, model_validator

from api.schemas.values import Answer, Body, Name
from storage.records import AccountRecord, SignerRecord
from venues.base import LinkReport

Address = Annotated[str, Field(pattern=r"^0x[0-9a-fA-F]{40}$", description="The master's address.")]
Manual = Literal["flag", "adopt"]


class KeyFields(Body):
    """An agent (API wallet) key."""

    agent_key: SecretStr | None = Field(None, description="Private key of the agent wallet; sealed at once.")
    agent_name: Name = ""
    valid_until: datetime | None = None

    @field_validator("agent_key", mode="after")
    @classmethod
    def _is_key(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None:
            _address_of(value)
        return value

    @field_validator("valid_until", mode="after")
    @classmethod
    def _is_aware(cls, value: datetime | None) -> datetime | None:
        if value is not None and value.tzinfo is None:
            raise ValueError("needs a time zone, for example 2026-01-01T00:00:00Z")
        return value

    @property
    def agent_address(self) -> str:
        """The address of the key, '' without one."""
        return _address_of(self.agent_key) if self.agent_key is not None else ""


class AccountBody(KeyFields):
    """A new account: the master's address and, now or later, the key of its agent wallet."""

    venue: Literal["hyperliquid"] = "hyperliquid"
    network: Literal["paper", "testnet", "mainnet"]
    address: Address
    name: Name = ""
    manual_trades: Manual = "flag"


class AccountChange(KeyFields):
    """Changes of an account; a new key retires the one before."""

    name: Name | None = None
    manual_trades: Manual | None = None
    active: bool | None = None

    @model_validator(mode="after")
    def _changes_something(self) -> Self:
        if not self.model_fields_set:
            raise ValueError("send at least one field to change")
        return self


class SignerView(Answer):
    """An agent key without its secret."""

    id: str
    address: str
    name: str
    valid_until: datetime | None
    created_at: datetime


class AccountView(Answer):
    """An account."""

    id: str
    user_id: str
    venue: str
    network: str
    address: str
    name: str
    active: bool
    manual_trades: str
    exposed_at: datetime | None
    created_at: datetime
    signer: SignerView | None


class LinkView(Answer):
    """Whether an account can trade; `sentence` says what to do when it cannot."""

    ok: bool
    code: str
    sentence: str
    valid_until: datetime | None


def link_of(report: LinkReport) -> LinkView:
    """Show the result of a link check."""
    return LinkView(ok=report.ok, code=report.code, sentence=report.sentence, valid_until=report.valid_until)


def view_of(account: AccountRecord, signers: tuple[SignerRecord, ...]) -> AccountView:
    """Show an account and the key in use."""
    live = next((signer for signer in signers if signer.retired_at is None), None)
    return AccountView(
        id=account.ref.account_id,
        user_id=account.ref.user_id,
        venue=account.ref.venue,
        network=account.ref.network,
        address=account.ref.address,
        name=account.name,
        active=account.active,
        manual_trades=account.manual_trades,
        exposed_at=account.exposed_at,
        created_at=account.created_at,
        signer=_signer(live) if live is not None else None,
    )


def _signer(signer: SignerRecord) -> SignerView:
    return SignerView(
        id=signer.signer_id,
        address=signer.address,
        name=signer.name,
        valid_until=signer.valid_until,
        created_at=signer.created_at,
    )


def _address_of(key: SecretStr) -> str:
    try:
        return str(Account.from_key(key.get_secret_value()).address).lower()
    except Exception as error:  # noqa: BLE001 - eth-account raises a library of errors, all of which may quote the key
        raise ValueError("is no private key: send 0x and 64 hexadecimal digits") from error.with_traceback(None)
