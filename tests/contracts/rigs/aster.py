"""AsterDEX: a main wallet with money, and the agent wallet that may trade for it and nothing else."""

from __future__ import annotations

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


class AsterRig(FapiRig):
    """The adapter of AsterDEX."""

    name = "aster"
    public = "v3"
    nonces_live = timedelta(seconds=100)
    strange_key_code = "key_refused"
    absent: ClassVar[Mapping[int, str]] = {57: NO_DEADLINE, 62: NOT_A_PROOF, 63: NOT_A_PROOF}

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

    def connect(self, keys: Mapping[str, SigningKey], url: str, **settings: Any) -> Connection:
        """Connect."""
        budget = self.budget(settings)
        return connect(AsterConfig(url=url, **settings), lambda account: keys[account.address], budget)

    def stream_of(self, desk: Desk, keys: Mapping[str, SigningKey]) -> AsterStream:
        """The user streams."""
        venue: Any = desk.venue
        return AsterStream(venue.config, lambda address: keys[address], pace=QUICK, client=venue.client)

    def allow_withdrawals(self, desk: Desk) -> None:
        """Give a desk's agent the right to withdraw."""
        rights = {"trade": True, "withdraw": True}
        self.server.post("account", user=desk.owner, signer=desk.key.address, permissions=rights)
