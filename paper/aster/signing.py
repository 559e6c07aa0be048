"""Who signed a request of the third version: EIP-712 over the parameters as they were sent (reference 2.1).

Main keys sign agent approvals as typed data of their own, whose fields are the parameters with a capital first letter.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import unquote

from coincurve import PublicKey
from eth_utils.crypto import keccak

DOMAIN_NAME = "AsterSignTransaction"
CHAINS = (714, 1666)
WALLET_CHAIN = 56
LONGEST_CHAIN = 18
_ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
_DOMAIN_TYPE = keccak(b"EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)")
_MESSAGE_TYPE = keccak(b"Message(string msg)")
_FLAGS = frozenset({"canSpotTrade", "canPerpTrade", "canWithdraw"})
_NUMBERS = frozenset({"expired", "nonce"})
_UNSIGNED = frozenset({"signature", "signatureChainId", "signer"})


def _word(number: int) -> bytes:
    return number.to_bytes(32, "big")


def _domain(chain_id: int) -> bytes:
    return keccak(_DOMAIN_TYPE + keccak(DOMAIN_NAME.encode()) + keccak(b"1") + _word(chain_id) + _word(0))


def is_signed_by(address: str, text: str, signature: str) -> bool:
    """Tell whether an address signed a parameter text, for the test or the main network, as sent or decoded."""
    for chain_id in CHAINS:
        for message in dict.fromkeys((text, unquote(text))):
            struct = keccak(_MESSAGE_TYPE + keccak(message.encode()))
            if recovered(keccak(b"\x19\x01" + _domain(chain_id) + struct), signature) == address:
                return True
    return False


def is_approved_by(address: str, kind: str, values: dict[str, str], signature: str) -> bool:
    """Tell whether a wallet signed typed data of a kind over parameters in the order in which they were sent."""
    fields = [(name, value) for name, value in values.items() if name not in _UNSIGNED]
    try:
        return _approval(kind, fields, int(values.get("signatureChainId") or WALLET_CHAIN), signature) == address
    except (ValueError, OverflowError):
        return False  # Text where a number of 256 bits belongs: nobody can have signed that.


def _approval(kind: str, fields: list[tuple[str, str]], chain_id: int, signature: str) -> str | None:
    types = ",".join(f"{_type(name)} {name[:1].upper()}{name[1:]}" for name, _ in fields)
    encoded = keccak(f"{kind}({types})".encode()) + b"".join(_encode(name, value) for name, value in fields)
    return recovered(keccak(b"\x19\x01" + _domain(chain_id) + keccak(encoded)), signature)


def is_registered_by(address: str, values: dict[str, str], signature: str) -> bool:
    """Tell whether a wallet signed the text of a registration, for the chain that it names."""
    names = ("user", "nonce", "agentName", "agentAddress", "expired", "signatureChainId", *sorted(_FLAGS, key=_place))
    text = "&".join(f"{name}={values.get(name, '')}" for name in (*names, "ipWhitelist"))
    struct = keccak(_MESSAGE_TYPE + keccak(text.encode()))
    chain = values.get("signatureChainId") or str(WALLET_CHAIN)
    if not chain.isdecimal() or len(chain) > LONGEST_CHAIN:
        return False
    return recovered(keccak(b"\x19\x01" + _domain(int(chain)) + struct), signature) == address


def _place(name: str) -> int:
    return ("canSpotTrade", "canPerpTrade", "canWithdraw").index(name)


def _type(name: str) -> str:
    if name in _FLAGS:
        return "bool"
    return "uint256" if name in _NUMBERS else "string"


def _encode(name: str, value: Any) -> bytes:
    match _type(name):
        case "bool":
            return _word(int(str(value).lower() == "true"))
        case "uint256":
            return _word(int(value))
        case _:
            return keccak(str(value).encode())


def recovered(digest: bytes, signature: str) -> str | None:
    """Return the lower-case address behind a signature, None when there is none."""
    text = signature.removeprefix("0x")
    try:
        raw = bytes.fromhex(text)
    except ValueError:
        return None
    if len(raw) != 65:
        return None
    v = raw[64] - 27 if raw[64] >= 27 else raw[64]
    in_range = 0 < int.from_bytes(raw[:32], "big") < _ORDER and 0 < int.from_bytes(raw[32:64], "big") < _ORDER
    if v not in {0, 1} or not in_range:
        return None
    try:
        # coincurve raises a bare Exception when no key fits the signature.
        key = PublicKey.from_signature_and_message(raw[:64] + bytes([v]), digest, hasher=None)
    except Exception:  # noqa: BLE001
        return None
    return "0x" + keccak(key.format(compressed=False)[1:])[-20:].hex()
