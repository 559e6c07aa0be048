"""Accounts over the wire. An agent key goes in once and never comes out."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal, Self

from eth_account import Account
from pydantic import Field, SecretStr, field_validator, model_validator

from api.schemas.values import Answer, Body, Name
from domain.accounts import RequestCount
from storage.records import AccountRecord, SignerRecord
from venues.base import SigningKey
from venues.links import LinkReport

Address = Annotated[str, Field(pattern=r"^0x[0-9a-fA-F]{40}$", description="The master's address.")]
Manual = Literal["flag", "adopt"]


class KeyFields(Body):
    """A key that trades: of an agent wallet (Hyperliquid, AsterDEX), or an API key with its secret (Binance, older AsterDEX)."""

    agent_key: SecretStr | None = Field(None, description="Private key of the agent wallet; sealed at once.")
    api_key: SecretStr | None = Field(None, description="API key, where a venue has those instead of wallets.")
    api_secret: SecretStr | None = Field(None, description="Secret of the API key; sealed at once.")
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

    @model_validator(mode="after")
    def _is_one_key(self) -> Self:
        if (self.api_key is None) is not (self.api_secret is None):
            raise ValueError("api_key and api_secret belong together")
        if self.agent_key is not None and self.api_key is not None:
            raise ValueError("send agent_key, or api_key and api_secret, not both")
        return self

    @property
    def agent_address(self) -> str:
        """The address of the agent's key, '' without one."""
        return _address_of(self.agent_key) if self.agent_key is not None else ""

    def signing_key(self, master: str = "") -> SigningKey | None:
        """Return the key that was sent, None without one."""
        if self.agent_key is not None:
            return SigningKey(address=self.agent_address, secret=self.agent_key.get_secret_value(), master=master)
        if self.api_key is None or self.api_secret is None:
            return None
        return SigningKey(
            address=self.api_key.get_secret_value().strip(), secret=self.api_secret.get_secret_value().strip()
        )


class AccountBody(KeyFields):
    """A new account. At Hyperliquid the master's address and, now or later, the key of its agent wallet; at Binance an API
    key; at AsterDEX the main wallet's address with the key of its agent, or an API key."""

    venue: Literal["hyperliquid", "binance", "aster"] = "hyperliquid"
    network: Literal["paper", "testnet", "mainnet"]
    address: Address | None = None
    name: Name = ""
    manual_trades: Manual = "flag"

    @model_validator(mode="after")
    def _names_the_account(self) -> Self:
        has_api_key, has_address = self.api_key is not None, self.address is not None
        match self.venue:
            case "hyperliquid" if not has_address or has_api_key:
                raise ValueError("hyperliquid takes the address of the account, and agent_key for its agent wallet")
            case "binance" if has_address or not has_api_key:
                raise ValueError("binance takes api_key and api_secret, which name the account")
            case "aster" if has_api_key is has_address or (has_address and self.agent_key is None):
                raise ValueError("aster takes address and agent_key, or api_key and api_secret")
        return self


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
    """A key without its secret; of an API key only its ends are shown."""

    id: str
    address: str
    name: str
    valid_until: datetime | None
    created_at: datetime


class AccountView(Answer):
    """An account. `requests_left` is how many more the venue takes of it, as last read; null where it does not count them."""

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
    requests_left: int | None


class LinkView(Answer):
    """Whether an account can trade; `sentence` says what to do when it cannot."""

    ok: bool
    code: str
    sentence: str
    valid_until: datetime | None


def link_of(report: LinkReport) -> LinkView:
    """Show the result of a link check."""
    return LinkView(ok=report.ok, code=report.code, sentence=report.sentence, valid_until=report.valid_until)


def view_of(account: AccountRecord, signers: tuple[SignerRecord, ...], counted: RequestCount | None) -> AccountView:
    """Show an account, the key in use and what the venue has counted of its requests."""
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
        requests_left=counted.left if counted is not None else None,
    )


def _signer(signer: SignerRecord) -> SignerView:
    return SignerView(
        id=signer.signer_id,
        address=shown_key(signer.address),
        name=signer.name,
        valid_until=signer.valid_until,
        created_at=signer.created_at,
    )


def shown_key(address: str) -> str:
    """Show an address whole, and of an API key its ends: with its secret it is half of what trades."""
    return address if address.startswith("0x") else f"{address[:4]}…{address[-4:]}"


def _address_of(key: SecretStr) -> str:
    try:
        return str(Account.from_key(key.get_secret_value()).address).lower()
    except Exception as error:  # noqa: BLE001 - eth-account raises a library of errors, all of which may quote the key
        raise ValueError("is no private key: send 0x and 64 hexadecimal digits") from error.with_traceback(None)
