"""A main wallet that signs its approvals as typed data of their own."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from eth_account import Account
from eth_account.messages import encode_typed_data

from tests.contracts.paper_fapi.trader import TYPES, ZERO_ADDRESS, Reply, WalletTrader, now_ms
from tests.contracts.rigs.server import PaperServer

SMART_CHAIN = 56
KINDS = {
    "canSpotTrade": "bool",
    "canPerpTrade": "bool",
    "canWithdraw": "bool",
    "expired": "uint256",
    "nonce": "uint256",
}
DAY_MS = 86_400_000


@dataclass
class Main:
    """A wallet with money, and what it says of agents."""

    server: PaperServer
    wallet: Any = field(default_factory=Account.create)

    def __post_init__(self) -> None:
        self.name = str(self.wallet.address).lower()
        self.server.post("account", user=self.name, permissions={"trade": True, "withdraw": False})
        self.server.post("deposit", user=self.name, amount="100000")
        self.traders: list[WalletTrader] = []
        self.trader = self._trader(self.name, self.wallet)

    def _trader(self, address: str, key: Any) -> WalletTrader:
        made = WalletTrader(self.server, self.name, address, "0x" + bytes(key.key).hex(), "v3")
        self.traders.append(made)
        return made

    def close(self) -> None:
        for trader in self.traders:
            trader.close()

    def agent(self, **changes: Any) -> tuple[WalletTrader, Reply]:
        """Approve a fresh agent; returns a trader with its key, and the answer."""
        key = Account.create()
        rights = {"agentName": "one", "agentAddress": str(key.address), "ipWhitelist": "", "expired": now_ms() + DAY_MS}
        rights |= {"canSpotTrade": False, "canPerpTrade": True, "canWithdraw": False}
        answer = self.say("POST", "approveAgent", "ApproveAgent", **(rights | changes))
        return self._trader(str(key.address), key), answer

    def say(self, method: str, path: str, kind: str, **values: Any) -> Reply:
        """Sign parameters as typed data of a kind and send them."""
        given = values | {"user": self.name, "nonce": self.trader.nonce()}
        message = {name[:1].upper() + name[1:]: value for name, value in given.items()}
        types = {
            "EIP712Domain": TYPES["EIP712Domain"],
            kind: [{"name": name[:1].upper() + name[1:], "type": KINDS.get(name, "string")} for name in given],
        }
        domain = {
            "name": "AsterSignTransaction",
            "version": "1",
            "chainId": SMART_CHAIN,
            "verifyingContract": ZERO_ADDRESS,
        }
        typed = {"types": types, "primaryType": kind, "domain": domain, "message": message}
        signed = Account.sign_message(encode_typed_data(full_message=typed), self.wallet.key)
        shown = {name: str(value).lower() if isinstance(value, bool) else value for name, value in given.items()}
        text = urlencode(shown | {"signatureChainId": SMART_CHAIN, "signature": "0x" + bytes(signed.signature).hex()})
        return self.trader.send(method, path, text)
