"""Accounts that several keys hold together (reference 2.6, 3.2)."""

from __future__ import annotations

import json
from typing import Any

from paper.engine.accounts import Account
from paper.engine.errors import ActionRefused, Unparsable
from paper.hyperliquid.answers import OK
from paper.hyperliquid.node import Node
from paper.hyperliquid.parsing import address, canonical, typed
from paper.hyperliquid.signing import (
    USER_SIGNED,
    BadSignature,
    recover_l1,
    recover_multi_sig_envelope,
    recover_user_signed,
)

Json = dict[str, Any]
MOST_SIGNERS = 10
EXTRA_FIELDS = (("payloadMultiSigUser", "address"), ("outerSigner", "address"))


def convert(node: Node, account: Account, action: Json) -> Json:
    """Run `convertToMultiSigUser`: `signers` is JSON text, null makes an ordinary account of it again."""
    del node
    try:
        wanted = json.loads(typed(action.get("signers"), str))
    except ValueError:
        raise Unparsable("signers") from None
    if wanted is None:
        account.signers, account.threshold = (), 0
        return OK
    row = typed(wanted, dict)
    users = sorted(address(user) for user in typed(row.get("authorizedUsers"), list))
    threshold = typed(row.get("threshold"), int)
    if not 1 <= threshold <= len(set(users)) == len(users) <= MOST_SIGNERS:
        raise ActionRefused("Invalid multi-sig signers.")
    account.signers, account.threshold = tuple(users), threshold
    return OK


def signers_of(node: Node, user: str) -> Json | None:
    """Return `userToMultiSigSigners`."""
    account = node.venue.account(user)
    if account is None or not account.signers:
        return None
    return {"authorizedUsers": list(account.signers), "threshold": account.threshold}


def check_signatures(
    node: Node, action: Json, nonce: int, vault: str | None, expires: int | None, signature: Json
) -> tuple[Account, str, Json]:
    """Return the account, the signer that sent the action and the inner action; raises ActionRefused."""
    payload = typed(action.get("payload"), dict)
    user, outer = address(payload.get("multiSigUser")), address(payload.get("outerSigner"))
    inner = typed(payload.get("action"), dict)
    account = node.venue.account(user)
    try:
        sender = recover_multi_sig_envelope(action, nonce, vault, expires, signature)
    except (BadSignature, ValueError, KeyError, OverflowError):
        raise ActionRefused("Unable to recover signer.") from None
    if account is None or not account.signers:
        raise ActionRefused(f"Must deposit before performing actions. User: {user}")
    if sender != outer or outer not in account.signers:
        raise ActionRefused(f"User or API Wallet {sender} does not exist.")
    signed = {_signer(inner, user, outer, nonce, vault, expires, item) for item in _signatures(action)}
    if len(signed & set(account.signers)) < account.threshold:
        raise ActionRefused("Multi-sig action lacks signatures.")
    return account, sender, inner


def _signatures(action: Json) -> list[Json]:
    return [typed(item, dict) for item in typed(action.get("signatures"), list)]


def _signer(
    inner: Json, user: str, outer: str, nonce: int, vault: str | None, expires: int | None, signature: Json
) -> str:
    try:
        if inner.get("type") in USER_SIGNED:
            enriched = {**inner, "payloadMultiSigUser": user, "outerSigner": outer}
            return recover_user_signed(enriched, signature, EXTRA_FIELDS)
        return recover_l1([user, outer, canonical(inner)], nonce, vault, expires, signature)
    except (BadSignature, KeyError, ValueError, TypeError, OverflowError):
        return ""
