"""Aster's dialect, and the two ways to sign: keys of V1 by HMAC, wallets of V3 by EIP-712 with microsecond nonces.

A V3 signature is over the urlencoded parameters in the order in which they are sent (documentation of V3, "Example of POST
/fapi/v3/order"): type Message{msg}, domain AsterSignTransaction, the chain of the network. Keys are told apart by their shape.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from threading import Lock
from urllib.parse import urlencode

from eth_account import Account
from eth_account.messages import SignableMessage, encode_typed_data

from domain.errors import Misconfigured
from venues.base import SigningKey
from venues.fapi.dialect import Dialect, OrderLimit, Paths
from venues.fapi.refusals import ASTER, ASTER_WORDED
from venues.fapi.wire import EPOCH, Call, HmacSigner, Params, SignedCall, from_millis

DIALECT = Dialect(
    name="aster",
    title="AsterDEX",
    public="v3",
    order_weight=1,
    has_algo_service=False,
    order_limits=(OrderLimit(header="1M", seconds=60, limit=1200),),
    refusals=ASTER,
    # Its documentation knows no message that proves a 503 harmless: "the execution status is UNKNOWN".
    busy=(),
    retention=timedelta(days=7),
    may_resend=False,
    worded=ASTER_WORDED,
)
V1_PATHS = Paths(v="v1", account="v4/account", positions="v2/positionRisk", balance="v2/balance")
V3_PATHS = Paths(v="v3", account="v3/accountWithJoinMargin", positions="v3/positionRisk", balance="v3/balance")

LONGEST_ADMISSION = timedelta(seconds=70)
READ_BEHIND = timedelta(seconds=2)
CALLS_OF_NONCE = 10
_ADDRESS = re.compile(r"0x[0-9a-fA-F]{40}")
_PRIVATE_KEY = re.compile(r"(0x)?[0-9a-fA-F]{64}")
_DOMAIN_TYPE = [
    {"name": "name", "type": "string"},
    {"name": "version", "type": "string"},
    {"name": "chainId", "type": "uint256"},
    {"name": "verifyingContract", "type": "address"},
]


def is_wallet(key: SigningKey) -> bool:
    """Whether a key is a wallet's (V3) and no API key (V1)."""
    return key.address.startswith("0x")


def with_master(key: SigningKey, address: str) -> SigningKey:
    """Name the account that a wallet's key signs for, where nobody has."""
    return replace(key, master=address) if is_wallet(key) and not key.master and _ADDRESS.fullmatch(address) else key


def paths_of(key: SigningKey) -> Paths:
    """Return the paths for a key: the generations have endpoints of their own."""
    return V3_PATHS if is_wallet(key) else V1_PATHS


def require_wallet(key: SigningKey) -> None:
    """Refuse what cannot be an agent's address and its private key, or a key of another address; texts hold no secret."""
    action = "Store the address and the private key of the API wallet (the agent), each in one piece."
    if not _ADDRESS.fullmatch(key.address) or not _PRIVATE_KEY.fullmatch(key.secret):
        raise Misconfigured("key_malformed", "This is no agent's address and private key.", action=action)
    try:
        address = str(Account.from_key(key.secret).address)
    except Exception:  # noqa: BLE001  eth_account raises many types, and their texts may hold the key
        raise Misconfigured("key_malformed", f"The key of {key.address} is no private key.", action=action) from None
    if address.lower() != key.address.lower():
        text = f"The key stored for {key.address} belongs to {address}."
        raise Misconfigured("key_malformed", text, action=action)


@dataclass(slots=True)
class ReadNonces:
    """Nonces of signed reads, in microseconds, rising for each signer. Safe to use from many threads.

    They lie behind the writes' and never on one: the venue keeps the latest hundred of a signer and refuses what is lower or
    used, and a read can be asked again while a write cannot. A write's nonce ends in 000 to 009.
    """

    last: dict[str, int] = field(default_factory=dict)
    lock: Lock = field(default_factory=Lock)

    def next(self, signer: str, now: datetime) -> int:
        """Draw the next nonce of a signer."""
        micros = (now - READ_BEHIND - EPOCH) // timedelta(microseconds=1)
        with self.lock:
            nonce = max(micros, self.last.get(signer, 0) + 1)
            if nonce % 1000 < CALLS_OF_NONCE:
                nonce += CALLS_OF_NONCE
            self.last[signer] = nonce
            return nonce


@dataclass(frozen=True, slots=True, kw_only=True)
class WalletSigner:
    """Signs as an agent for a user's wallet, which is named beside it where it is known: the venue can tell it by the agent."""

    chain_id: int
    admission: timedelta = LONGEST_ADMISSION
    nonces: ReadNonces = field(default_factory=ReadNonces)

    def sign(self, key: SigningKey, call: Call, *, nonce: int, expires_at: datetime, place: int = 0) -> SignedCall:  # noqa: ARG002
        """Sign a write. The fence's nonce is in milliseconds and unique, so its thousandfold is and leaves room for a few calls."""
        return self._sign(key, call, nonce * 1000 + place)

    def sign_read(self, key: SigningKey, call: Call, *, now: datetime) -> SignedCall:
        """Sign a read."""
        return self._sign(key, call, self.nonces.next(key.address.lower(), now))

    def dies_at(self, nonce: int, expires_at: datetime) -> datetime:
        """Return when a nonce is past admission for certain, whatever deadline was asked for: none is on the wire."""
        return max(from_millis(nonce) + self.admission, expires_at)

    def _sign(self, key: SigningKey, call: Call, nonce: int) -> SignedCall:
        require_wallet(key)
        user = (("user", key.master),) if key.master else ()
        params: Params = (*call.params, ("nonce", str(nonce)), *user, ("signer", key.address))
        form = urlencode(params)
        signature = Account.sign_message(typed_message(form, self.chain_id), private_key=key.secret).signature
        return SignedCall(method=call.method, path=call.path, form=f"{form}&signature=0x{bytes(signature).hex()}")


def typed_message(text: str, chain_id: int) -> SignableMessage:
    """Return what is signed for a text of parameters."""
    return encode_typed_data(
        full_message={
            "types": {"EIP712Domain": _DOMAIN_TYPE, "Message": [{"name": "msg", "type": "string"}]},
            "primaryType": "Message",
            "domain": {
                "name": "AsterSignTransaction",
                "version": "1",
                "chainId": chain_id,
                "verifyingContract": "0x" + "0" * 40,
            },
            "message": {"msg": text},
        }
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class AsterSigner:
    """Signs with whichever kind of key it is given."""

    wallets: WalletSigner
    api_keys: HmacSigner = field(default_factory=HmacSigner)

    def sign(self, key: SigningKey, call: Call, *, nonce: int, expires_at: datetime, place: int = 0) -> SignedCall:
        """Sign a write."""
        return self._of(key).sign(key, call, nonce=nonce, expires_at=expires_at, place=place)

    def sign_read(self, key: SigningKey, call: Call, *, now: datetime) -> SignedCall:
        """Sign a read."""
        return self._of(key).sign_read(key, call, now=now)

    def dies_at(self, nonce: int, expires_at: datetime) -> datetime:
        """Return the later of both: a claim does not say which kind of key it is for."""
        return self.wallets.dies_at(nonce, expires_at)

    def _of(self, key: SigningKey) -> WalletSigner | HmacSigner:
        return self.wallets if is_wallet(key) else self.api_keys
