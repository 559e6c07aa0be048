"""HTTP to AsterDEX, and what one of its keys may do."""

from __future__ import annotations

from typing import Any

from domain.errors import Misconfigured
from venues.aster.config import AsterConfig
from venues.aster.wire import DIALECT, AsterSigner, WalletSigner, is_wallet, require_wallet
from venues.base import SigningKey
from venues.fapi.answers import BAD_SHAPE
from venues.fapi.client import FapiClient, VenueError, garbled
from venues.fapi.limits import RequestBudget
from venues.fapi.links import Grants, millis_or_none
from venues.fapi.wire import Call, require_api_key


class AsterClient(FapiClient):
    """Aster's endpoints; wallets sign by EIP-712 with nonces, older API keys by HMAC."""

    def __init__(self, config: AsterConfig, budget: RequestBudget | None = None) -> None:
        signer = AsterSigner(wallets=WalletSigner(chain_id=config.chain_id, admission=config.deadline))
        super().__init__(config, DIALECT, signer, budget)


class AsterKeyFacts:
    """What Aster tells of a key: agents are listed with their rights, API keys are not."""

    def __init__(self, client: AsterClient) -> None:
        self._client = client

    def require_shape(self, key: SigningKey) -> None:
        """Refuse what can be neither an agent's wallet nor an API key."""
        if not is_wallet(key):
            require_api_key(key)
            return
        require_wallet(key)
        if key.master.lower() == key.address.lower():
            # The main wallet's own key can withdraw everything, whatever agents there are.
            raise Misconfigured(
                "key_can_withdraw",
                "This is the key of the main wallet itself, which can withdraw.",
                action="Make an API wallet (agent) at the venue and give its key.",
            )

    def grants(self, key: SigningKey) -> Grants:
        """Ask for the rights of the agent; nothing is known of API keys."""
        if not is_wallet(key):
            return Grants()
        answer = self._client.ask(key, Call(method="GET", path="/fapi/v3/agent"), 1)
        if isinstance(answer, VenueError):
            return Grants()
        try:
            return _grants(key, answer)
        except BAD_SHAPE as error:
            raise garbled("agent", error) from None

    def address_of(self, key: SigningKey, balance: Any) -> str:
        """Name the account by its main wallet, and that of an API key by the alias that the venue gave it."""
        if is_wallet(key) and key.master:
            return key.master.lower()
        return f"aster:{balance[0]['accountAlias']}"


def _grants(key: SigningKey, answer: Any) -> Grants:
    """Find the agent in a list of them; one that is not listed told nothing."""
    rows = answer if isinstance(answer, list) else answer.get("agents") or [answer]
    for row in rows:
        if str(row.get("agentAddress", "")).lower() == key.address.lower():
            return Grants(
                can_trade=_flag(row.get("canPerpTrade")),
                can_withdraw=_flag(row.get("canWithdraw")),
                valid_until=millis_or_none(row.get("expired")),
            )
    return Grants()


def _flag(value: Any) -> bool | None:
    return None if value is None else str(value).lower() == "true"
