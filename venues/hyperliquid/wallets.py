"""Agent wallets: make one, show or send its approval by the master.

The approval is a user-signed action (EIP-712): it has no deadline, and its nonce is its identity. It is signed with the
master's key, which Holdfast never stores; a browser wallet can sign `approval_to_sign` instead.
"""

from __future__ import annotations

import re
from typing import Any

from eth_account import Account

from domain.errors import Misconfigured, Refused
from venues.base import Answer, SignedRequest, SigningKey
from venues.hyperliquid import answers, wire
from venues.hyperliquid.client import HyperliquidClient
from venues.hyperliquid.limits import Priority

LONGEST_NAME = 16
_ADDRESS = re.compile(r"0x[0-9a-fA-F]{40}")


class HyperliquidWallets:
    """What `holdfast account` needs beyond trading."""

    def __init__(self, client: HyperliquidClient) -> None:
        self._client = client
        self._signer = wire.Signer(is_mainnet=client.config.is_mainnet)

    def make_agent(self) -> SigningKey:
        """Make a new agent wallet. Never use an old one again: a pruned agent's nonces are forgotten, so its old
        orders replay."""
        wallet = Account.create()
        return SigningKey(address=wallet.address, secret="0x" + bytes(wallet.key).hex())

    def approval_nonce(self) -> int:
        """Draw the nonce of an approval from the local clock."""
        return wire.to_millis(self._client.config.now())

    def sign_approval(self, master: SigningKey, agent_address: str, *, name: str, nonce: int) -> SignedRequest:
        """Sign the approval of an agent; a name replaces the agent that had it before."""
        _require_agent(agent_address, name)
        return self._signer.sign_agent_approval(master, agent_address, name, nonce)

    def approval_to_sign(self, agent_address: str, *, name: str, nonce: int) -> dict[str, Any]:
        """Return the typed data that another wallet has to sign (eth_signTypedData_v4)."""
        _require_agent(agent_address, name)
        return self._signer.agent_approval_payload(agent_address, name, nonce)

    def signed_approval(self, agent_address: str, *, name: str, nonce: int, signature: str) -> SignedRequest:
        """Build the request from a signature that another wallet made over `approval_to_sign`."""
        _require_agent(agent_address, name)
        return self._signer.agent_approval_of(agent_address, name, nonce, signature)

    def send_approval(self, request: SignedRequest) -> Answer:
        """Post an approval once; only these same bytes may ever be posted again."""
        self._client.budget.wait_for_room(1, Priority.OPEN)
        return answers.sort_plain(self._client.write(request.body))


def require_address(address: str) -> str:
    """Return an address in lower case; refuses what is none."""
    if not _ADDRESS.fullmatch(address):
        raise Misconfigured("bad_address", f"{address!r} is no address.", action="Give 0x and 40 hex digits.")
    return address.lower()


def _require_agent(address: str, name: str) -> None:
    require_address(address)
    if not 0 < len(name.split(" valid_until ", maxsplit=1)[0]) <= LONGEST_NAME:
        # The unnamed agent is replaced by any tool that approves one, silently.
        raise Refused(
            "bad_agent_name", f"An agent's name has 1 to {LONGEST_NAME} characters.", action="Choose another."
        )
