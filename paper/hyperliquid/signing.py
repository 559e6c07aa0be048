"""Who signed an action: EIP-712 recovery of L1 actions (phantom agent) and of user-signed actions.

Everything is verified as the testnet: the SDK signs so for any address but the mainnet's own (reference 3.1).
"""

from __future__ import annotations

from typing import Any

import msgpack
from coincurve import PublicKey
from eth_utils.crypto import keccak

SOURCE = "b"
CHAIN = "Testnet"
ZERO_ADDRESS = "0x" + "0" * 40
_CURVE_ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141

Field = tuple[str, str]

# The ordered fields of each user-signed action after `hyperliquidChain` (reference 3.2).
USER_SIGNED: dict[str, tuple[str, tuple[Field, ...]]] = {
    "usdSend": ("UsdSend", (("destination", "string"), ("amount", "string"), ("time", "uint64"))),
    "withdraw3": ("Withdraw", (("destination", "string"), ("amount", "string"), ("time", "uint64"))),
    "usdClassTransfer": ("UsdClassTransfer", (("amount", "string"), ("toPerp", "bool"), ("nonce", "uint64"))),
    "approveAgent": ("ApproveAgent", (("agentAddress", "address"), ("agentName", "string"), ("nonce", "uint64"))),
    "spotSend": (
        "SpotSend",
        (("destination", "string"), ("token", "string"), ("amount", "string"), ("time", "uint64")),
    ),
    "sendAsset": (
        "SendAsset",
        (
            ("destination", "string"),
            ("sourceDex", "string"),
            ("destinationDex", "string"),
            ("token", "string"),
            ("amount", "string"),
            ("fromSubAccount", "string"),
            ("nonce", "uint64"),
        ),
    ),
    "userSetAbstraction": (
        "UserSetAbstraction",
        (("user", "address"), ("abstraction", "string"), ("nonce", "uint64")),
    ),
    "userDexAbstraction": ("UserDexAbstraction", (("user", "address"), ("enabled", "bool"), ("nonce", "uint64"))),
    "convertToMultiSigUser": ("ConvertToMultiSigUser", (("signers", "string"), ("nonce", "uint64"))),
    "approveBuilderFee": ("ApproveBuilderFee", (("maxFeeRate", "string"), ("builder", "address"), ("nonce", "uint64"))),
}


class BadSignature(Exception):
    """No signer can be recovered."""


def _word(number: int) -> bytes:
    return number.to_bytes(32, "big")


def _domain(name: str, chain_id: int) -> bytes:
    kind = keccak(b"EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)")
    return keccak(kind + keccak(name.encode()) + keccak(b"1") + _word(chain_id) + _word(0))


_EXCHANGE_DOMAIN = _domain("Exchange", 1337)
_AGENT_TYPE = keccak(b"Agent(string source,bytes32 connectionId)")
_SEND_MULTI_SIG_TYPE = keccak(
    b"HyperliquidTransaction:SendMultiSig(string hyperliquidChain,bytes32 multiSigActionHash,uint64 nonce)"
)
_SOURCE_HASH = keccak(SOURCE.encode())


def action_hash(action: dict[str, Any] | list[Any], nonce: int, vault: str | None, expires_after: int | None) -> bytes:
    """Return the connection id: the hash over the action as it was received, key order included."""
    data: bytes = msgpack.packb(action)
    data += nonce.to_bytes(8, "big")
    data += b"\x00" if vault is None else b"\x01" + bytes.fromhex(vault[2:])
    if expires_after is not None:
        data += b"\x00" + expires_after.to_bytes(8, "big")
    return keccak(data)


def recover_l1(
    action: dict[str, Any] | list[Any],
    nonce: int,
    vault: str | None,
    expires_after: int | None,
    signature: dict[str, Any],
) -> str:
    """Return the lower-case address that signed an L1 action; raises BadSignature."""
    return recover(l1_digest(action, nonce, vault, expires_after), signature)


def l1_digest(action: dict[str, Any] | list[Any], nonce: int, vault: str | None, expires_after: int | None) -> bytes:
    """Return what the signer of an L1 action signs."""
    struct = keccak(_AGENT_TYPE + _SOURCE_HASH + action_hash(action, nonce, vault, expires_after))
    return keccak(b"\x19\x01" + _EXCHANGE_DOMAIN + struct)


def recover_multi_sig_envelope(
    action: dict[str, Any], nonce: int, vault: str | None, expires_after: int | None, signature: dict[str, Any]
) -> str:
    """Return who sent a multi-signature action: the signer over the hash of the action without its type."""
    untagged = {key: value for key, value in action.items() if key != "type"}
    struct = keccak(
        _SEND_MULTI_SIG_TYPE
        + keccak(CHAIN.encode())
        + action_hash(untagged, nonce, vault, expires_after)
        + _word(nonce)
    )
    domain = _domain("HyperliquidSignTransaction", int(action["signatureChainId"], 16))
    return recover(keccak(b"\x19\x01" + domain + struct), signature)


def recover_user_signed(action: dict[str, Any], signature: dict[str, Any], extra: tuple[Field, ...] = ()) -> str:
    """Return the lower-case address that signed a user-signed action; raises BadSignature, KeyError on a missing field.

    Signers of a multi-signature action sign `extra` fields between the chain and the action's own.
    """
    name, own = USER_SIGNED[action["type"]]
    fields = (("hyperliquidChain", "string"), *extra, *own)
    # The SDK signs an absent agent name as the empty string and then leaves the key out.
    message = {"agentName": "", **{key: value for key, value in action.items() if value is not None}}
    kind = f"HyperliquidTransaction:{name}(" + ",".join(f"{kind} {key}" for key, kind in fields) + ")"
    encoded = keccak(kind.encode()) + b"".join(_encode(kind, message[key]) for key, kind in fields)
    chain_id = int(action["signatureChainId"], 16)
    domain = _domain("HyperliquidSignTransaction", chain_id)
    return recover(keccak(b"\x19\x01" + domain + keccak(encoded)), signature)


def _encode(kind: str, value: Any) -> bytes:
    match kind:
        case "string":
            return keccak(str(value).encode())
        case "address":
            return _word(int(value, 16))
        case _:
            return _word(int(value))


def recover(digest: bytes, signature: dict[str, Any]) -> str:
    """Return the lower-case address behind a signature over a digest; r and s may lack leading zeros."""
    try:
        r, s, v = int(signature["r"], 16), int(signature["s"], 16), int(signature["v"])
    except (KeyError, TypeError, ValueError) as error:
        raise BadSignature(str(error)) from error
    if not (0 < r < _CURVE_ORDER and 0 < s < _CURVE_ORDER and v in {27, 28}):
        raise BadSignature("out of range")
    try:
        # coincurve raises a bare Exception when no key fits the signature.
        key = PublicKey.from_signature_and_message(_word(r) + _word(s) + bytes([v - 27]), digest, hasher=None)
    except Exception as error:
        raise BadSignature(str(error)) from error
    return public_address(key)


def public_address(key: PublicKey) -> str:
    """Return the lower-case address of a public key."""
    return "0x" + keccak(key.format(compressed=False)[1:])[-20:].hex()
