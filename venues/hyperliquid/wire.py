"""Actions, envelopes and signatures, made with the functions of the official SDK; the only file with floats.

The SDK takes prices and sizes as floats and prints them. Each printed text is compared with our Decimal's, so a value
that a float cannot carry is refused instead of traded.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from coincurve import PrivateKey
from eth_account import Account
from eth_account.messages import encode_typed_data
from eth_account.signers.local import LocalAccount
from eth_utils.crypto import keccak
from hyperliquid.utils import signing
from hyperliquid.utils.types import Cloid

from domain.errors import Misconfigured, Refused
from domain.instruments import Instrument, Rounding, round_price
from domain.money import Price, plain
from domain.orders import OrderTerms, Side, TimeInForce, TriggerKind
from venues.base import SignedRequest, SigningKey

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
TRIGGER_TOLERANCE = Decimal("0.1")
_TIFS = {TimeInForce.GTC: "Gtc", TimeInForce.IOC: "Ioc", TimeInForce.ALO: "Alo"}
_TPSL = {TriggerKind.STOP_LOSS: "sl", TriggerKind.TAKE_PROFIT: "tp"}

_SIGNATURE_LENGTH = 65
_APPROVAL_TYPES = [
    {"name": "hyperliquidChain", "type": "string"},
    {"name": "agentAddress", "type": "address"},
    {"name": "agentName", "type": "string"},
    {"name": "nonce", "type": "uint64"},
]

Action = dict[str, Any]


def to_millis(at: datetime) -> int:
    """Write an instant as whole milliseconds since 1970, rounded down, so that a deadline never moves later."""
    return (at - EPOCH) // timedelta(milliseconds=1)


def from_millis(millis: int) -> datetime:
    """Read milliseconds since 1970."""
    return EPOCH + timedelta(milliseconds=int(millis))


def to_cloid(client_id: str) -> str:
    """Write a client id of 32 hex digits as a cloid; the SDK would take any 32 characters."""
    if len(client_id) != 32 or any(digit not in "0123456789abcdef" for digit in client_id):
        raise Refused("bad_client_id", f"{client_id!r} is not 32 lower-case hex digits.")
    return "0x" + client_id


def from_cloid(cloid: str | None) -> str:
    """Read a cloid as our client id; empty when there is none."""
    return (cloid or "").removeprefix("0x")


def trigger_limit(terms: OrderTerms, instrument: Instrument) -> Price:
    """Return the worst price of a fired market trigger: 10 % past the trigger, as the venue's front end writes it."""
    if terms.trigger is None:
        return terms.limit_px
    if terms.side is Side.BUY:
        return round_price(Price(terms.trigger.px * (1 + TRIGGER_TOLERANCE)), instrument, Rounding.DOWN)
    return round_price(Price(terms.trigger.px * (1 - TRIGGER_TOLERANCE)), instrument, Rounding.UP)


def order_action(client_id: str, instrument: Instrument, terms: OrderTerms) -> Action:
    """Build the action of one order; a whole-position trigger is `positionTpsl` with size 0."""
    is_whole = terms.trigger is not None and terms.trigger.whole_position
    size, limit_px = Decimal(0) if is_whole else Decimal(terms.size), trigger_limit(terms, instrument)
    request = {
        "coin": instrument.coin,
        "is_buy": terms.side is Side.BUY,
        "sz": float(size),
        "limit_px": float(limit_px),
        "order_type": _order_type(terms),
        "reduce_only": terms.reduce_only,
        "cloid": Cloid.from_str(to_cloid(client_id)),
    }
    wire = _print(request, instrument.asset_id)
    _require_same(wire["p"], limit_px)
    _require_same(wire["s"], size)
    if terms.trigger is not None:
        _require_same(wire["t"]["trigger"]["triggerPx"], terms.trigger.px)
    action: Action = signing.order_wires_to_order_action([wire], None, "positionTpsl" if is_whole else "na")
    return action


def _order_type(terms: OrderTerms) -> dict[str, Any]:
    if terms.trigger is None:
        return {"limit": {"tif": _TIFS[terms.tif]}}
    trigger = {"triggerPx": float(terms.trigger.px), "isMarket": True, "tpsl": _TPSL[terms.trigger.kind]}
    return {"trigger": trigger}


def _print(request: dict[str, Any], asset_id: int) -> dict[str, Any]:
    try:
        wire: dict[str, Any] = signing.order_request_to_order_wire(request, asset_id)
    except ValueError as error:
        raise Refused("wire_rounds", f"The order cannot be written exactly: {error.args}.") from None
    return wire


def _require_same(text: str, value: Decimal) -> None:
    if text != plain(value):
        raise Refused("wire_rounds", f"{plain(value)} would be sent as {text}.", action="Use fewer digits.")


def cancel_action(asset_id: int, oid: str, client_id: str) -> Action:
    """Build a cancel, by order id when it is known: an order id names one order for ever, a client id may not."""
    if oid:
        return {"type": "cancel", "cancels": [{"a": asset_id, "o": int(oid)}]}
    return {"type": "cancelByCloid", "cancels": [{"asset": asset_id, "cloid": to_cloid(client_id)}]}


def leverage_action(asset_id: int, leverage: int, *, is_cross: bool) -> Action:
    """Build a change of leverage."""
    return {"type": "updateLeverage", "asset": asset_id, "isCross": is_cross, "leverage": leverage}


def noop_action() -> Action:
    """Build the action that does nothing but use up a nonce."""
    return {"type": "noop"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Signer:
    """Signs actions for one chain."""

    is_mainnet: bool

    def sign(self, key: SigningKey, action: Action, *, nonce: int, expires_at: datetime | None) -> SignedRequest:
        """Sign an action of the exchange and build the bytes to post."""
        expires = None if expires_at is None else to_millis(expires_at)
        digest = _digest(signing.action_hash(action, None, nonce, expires), is_mainnet=self.is_mainnet)
        return envelope(action, _signature(_private_key(key), digest), nonce=nonce, expires=expires)

    def sign_agent_approval(self, master: SigningKey, agent_address: str, name: str, nonce: int) -> SignedRequest:
        """Sign the approval of an agent wallet with the master's key; such actions know no deadline."""
        action = _approval(agent_address, name, nonce)
        signature = signing.sign_agent(wallet_of(master), action, self.is_mainnet)
        return envelope(action, signature, nonce=nonce, expires=None)

    def agent_approval_payload(self, agent_address: str, name: str, nonce: int) -> dict[str, Any]:
        """Return the typed data of an approval for a wallet that signs elsewhere."""
        payload: dict[str, Any] = signing.user_signed_payload(
            "HyperliquidTransaction:ApproveAgent", _APPROVAL_TYPES, self._approval_of_chain(agent_address, name, nonce)
        )
        payload["message"] = {field["name"]: payload["message"][field["name"]] for field in _APPROVAL_TYPES}
        return payload

    def agent_approval_of(self, agent_address: str, name: str, nonce: int, signature: str) -> SignedRequest:
        """Build the request of an approval from a signature of 65 bytes made elsewhere."""
        raw = _signature_bytes(signature)
        v = raw[64] if raw[64] > 1 else raw[64] + 27
        parts = {"r": "0x" + raw[:32].hex(), "s": "0x" + raw[32:64].hex(), "v": v}
        action = self._approval_of_chain(agent_address, name, nonce)
        return envelope(action, parts, nonce=nonce, expires=None)

    def _approval_of_chain(self, agent_address: str, name: str, nonce: int) -> Action:
        chain = "Mainnet" if self.is_mainnet else "Testnet"
        return _approval(agent_address, name, nonce) | {"signatureChainId": "0x66eee", "hyperliquidChain": chain}


def _approval(agent_address: str, name: str, nonce: int) -> Action:
    return {"type": "approveAgent", "agentAddress": agent_address, "agentName": name, "nonce": nonce}


def _signature_bytes(signature: str) -> bytes:
    try:
        raw = bytes.fromhex(signature.removeprefix("0x"))
    except ValueError:
        raw = b""
    if len(raw) != _SIGNATURE_LENGTH:
        raise Refused("bad_signature", "The signature is not 65 bytes in hex.", action="Sign the shown data again.")
    return raw


def _digest(connection_id: bytes, *, is_mainnet: bool) -> bytes:
    """Return what a wallet signs for an action: the SDK's typed data, of which all but the action's hash stays the same.

    The SDK writes, reads and hashes the types anew for each signature, which takes four times as long as signing.
    """
    return keccak(_DOMAIN + keccak(_AGENTS[is_mainnet] + connection_id))


def _typed(*, is_mainnet: bool) -> Any:
    return encode_typed_data(full_message=signing.l1_payload(signing.construct_phantom_agent(bytes(32), is_mainnet)))


_DOMAIN = b"\x19\x01" + _typed(is_mainnet=True).header
_AGENT = keccak(text="Agent(string source,bytes32 connectionId)")
_AGENTS = {is_mainnet: _AGENT + keccak(text="a" if is_mainnet else "b") for is_mainnet in (True, False)}


def _signature(key: PrivateKey, digest: bytes) -> dict[str, Any]:
    """Sign a digest as `eth_account` does: deterministic, with a low s."""
    raw = key.sign_recoverable(digest, hasher=None)
    return {"r": hex(int.from_bytes(raw[:32])), "s": hex(int.from_bytes(raw[32:64])), "v": raw[64] + 27}


def _private_key(key: SigningKey) -> PrivateKey:
    """Open a key as `wallet_of` does, in a third of its time."""
    try:
        private = PrivateKey(bytes.fromhex(key.secret.removeprefix("0x")))
    except ValueError:
        raise _no_key(key) from None
    address = "0x" + keccak(private.public_key.format(compressed=False)[1:])[-20:].hex()
    _require_address(key, address)
    return private


def wallet_of(key: SigningKey) -> LocalAccount:
    """Open a key; refuses one whose address is not the stated one, since that order would be signed by a stranger."""
    try:
        wallet: LocalAccount = Account.from_key(key.secret)
    except Exception:  # noqa: BLE001  eth_account raises many types, and their texts may hold the key
        raise _no_key(key) from None
    _require_address(key, wallet.address)
    return wallet


def _no_key(key: SigningKey) -> Misconfigured:
    return Misconfigured("bad_key", f"The key of {key.address} is no private key.", action="Store it again.")


def _require_address(key: SigningKey, address: str) -> None:
    if address.lower() != key.address.lower():
        text = f"The key stored for {key.address} belongs to {address}."
        raise Misconfigured("bad_key", text, action="Store the key of the agent wallet again.")


def envelope(action: Action, signature: Any, *, nonce: int, expires: int | None) -> SignedRequest:
    """Build the exact bytes of a write."""
    fields = {"action": action, "nonce": nonce, "signature": signature, "vaultAddress": None, "expiresAfter": expires}
    body = json.dumps(fields, separators=(",", ":")).encode()
    # Without a deadline the venue still refuses a nonce that is two days old.
    dies_at = from_millis(nonce) + timedelta(days=2) if expires is None else from_millis(expires)
    return SignedRequest(body=body, digest=hashlib.sha256(body).hexdigest(), nonce=nonce, expires_at=dies_at)
