"""AsterDEX: a main wallet with money and the agent that may trade for it, or an API key of the older kind."""

from __future__ import annotations

import secrets
import uuid
from collections.abc import Mapping
from datetime import timedelta
from typing import Any, ClassVar

from eth_account import Account

from tests.contracts.rigs.base import Connection
from tests.contracts.rigs.desk import Desk
from tests.contracts.rigs.fapi import QUICK, FapiRig
from venues.aster.config import AsterConfig
from venues.aster.stream import AsterStream
from venues.aster.venue import connect
from venues.base import SigningKey

NO_DEADLINE = "a request carries a nonce and no deadline: what was sent may run for as long as the venue queues it"
NOT_A_PROOF = "its empty request voids what is queued by best effort only, so it proves nothing and is not used"
NOT_AT_MATCHING = (
    "the window is checked when a request comes in; that it is checked again at the matching is not documented"
)
NOT_TOLD = "the venue does not tell what an API key of the older kind may do"


class AsterRig(FapiRig):
    """The adapter of AsterDEX with wallets (V3)."""

    name = "aster"
    strange_key_code = "agent_not_approved"
    nonces_live = timedelta(seconds=100)
    absent: ClassVar[Mapping[int, str]] = {
        45: "its documentation knows no words that prove a 503 harmless: all are unknown (VC-52)",
        49: NO_DEADLINE,
        57: NO_DEADLINE,
        62: NOT_A_PROOF,
        63: NOT_A_PROOF,
    }
    public = "v3"
    # A right of the agent, not of the account.
    no_futures: ClassVar[Mapping[str, bool]] = {"trade": False, "withdraw": False}

    def new_user(self) -> str:
        """An address of a main wallet."""
        return str(Account.create().address).lower()

    def new_key(self, user: str) -> SigningKey:
        """Make a user with a fresh agent."""
        key = self.strange_key()
        self.server.post("account", user=user, signer=key.address, permissions={"trade": True, "withdraw": False})
        return SigningKey(address=key.address, secret=key.secret, master=user)

    def strange_key(self) -> SigningKey:
        """Make a wallet that nobody approved."""
        wallet = Account.create()
        return SigningKey(address=str(wallet.address), secret="0x" + bytes(wallet.key).hex())

    def broken_key(self) -> SigningKey:
        """Make an address with half a key."""
        key = self.strange_key()
        return SigningKey(address=key.address, secret=key.secret[:34])

    def of_key(self, desk: Desk) -> dict[str, Any]:
        """The agent whose rights are changed."""
        return {"signer": desk.key.address}

    def connect(self, keys: Mapping[str, SigningKey], url: str, **settings: Any) -> Connection:
        """Connect."""
        budget = self.budget(settings)
        return connect(AsterConfig(url=url, **settings), lambda account: keys[account.address], budget)

    def stream_of(self, desk: Desk, keys: Mapping[str, SigningKey]) -> AsterStream:
        """The user streams."""
        venue: Any = desk.venue
        return venue.stream_of(lambda address: keys[address], QUICK)


class AsterKeyRig(AsterRig):
    """The adapter of AsterDEX with API keys (V1), of which no new ones are made since March 2026."""

    name = "aster_v1"
    strange_key_code = "key_refused"
    venue = "aster"
    public = "v1"
    absent: ClassVar[Mapping[int, str]] = {
        **{number: reason for number, reason in AsterRig.absent.items() if reason != NO_DEADLINE},
        57: NOT_AT_MATCHING,
        61: "requests carry a time and no nonce: two may have the same",
        89: NOT_TOLD,
        95: NOT_TOLD,
    }

    def new_user(self) -> str:
        """A name for a user."""
        return f"user-{uuid.uuid4().hex[:12]}"

    def new_key(self, user: str) -> SigningKey:
        """Make a user with a fresh key."""
        made = self.server.post("account", user=user, permissions={"trade": True, "withdraw": False})
        return SigningKey(address=made["api_key"], secret=made["api_secret"])

    def strange_key(self) -> SigningKey:
        """Make 64 random characters twice."""
        return SigningKey(address=secrets.token_hex(32), secret=secrets.token_hex(32))

    def broken_key(self) -> SigningKey:
        """Make a key with a space in it, as copied in two pieces."""
        return SigningKey(address="abc def", secret="short")

    def of_key(self, desk: Desk) -> dict[str, Any]:
        """Nothing: a user has one key."""
        del desk
        return {}
