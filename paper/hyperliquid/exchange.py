"""POST /exchange: who signed, may they, is it in time and new; then the action (reference 7.1)."""

from __future__ import annotations

from typing import Any, NamedTuple

from paper.engine.accounts import Account
from paper.engine.errors import ActionRefused, Unparsable
from paper.engine.orders import Origin
from paper.engine.owned import run_by
from paper.hyperliquid import transfers
from paper.hyperliquid.l1 import ACTIONS, VAULT_FORBIDDEN
from paper.hyperliquid.limits import BATCHES, batch_length
from paper.hyperliquid.multi_sig import check_signatures
from paper.hyperliquid.node import Node
from paper.hyperliquid.parsing import address, canonical, typed
from paper.hyperliquid.signing import CHAIN, USER_SIGNED, BadSignature, recover_l1, recover_user_signed

Json = dict[str, Any]
BATCH_LIMIT = 200
EXPIRED_COST = 5
# The venue's own words for this are not known.
MULTI_SIG_ONLY = "Multi-sig user may only act through a multi-sig action."


class Envelope(NamedTuple):
    """A request's five keys, read.

    What is made anew for every order is a named tuple: a frozen dataclass sets its fields one by one and takes three times as long.
    """

    action: Json
    nonce: int
    signature: Json
    vault: str | None
    expires_after: int | None


def read_envelope(body: Any) -> Envelope:
    """Read a request; raises Unparsable."""
    row = typed(body, dict)
    action = typed(row.get("action"), dict)
    kind = typed(action.get("type"), str)
    if kind not in ACTIONS and kind not in transfers.ACTIONS and kind != "multiSig":
        raise Unparsable(f"unknown action {kind}")
    expires = row.get("expiresAfter")
    vault = row.get("vaultAddress")
    return Envelope(
        action=action,
        nonce=typed(row.get("nonce"), int),
        signature=typed(row.get("signature"), dict),
        vault=address(vault) if vault is not None else None,
        expires_after=typed(expires, int) if expires is not None else None,
    )


def run(node: Node, envelope: Envelope) -> Json:
    """Run an action to its end; what it changed is durable when this returns."""
    try:
        return execute(node, envelope)
    finally:
        node.commit()


def known_signer(node: Node, envelope: Envelope) -> str | None:
    """Return who signed an L1 action; None where there is no such signer: running the action tells why."""
    if envelope.action["type"] in USER_SIGNED or envelope.action["type"] == "multiSig":
        return None
    try:
        return _l1_signer(node, envelope)
    except (ActionRefused, Unparsable):
        return None


def execute(node: Node, envelope: Envelope, signer: str | None = None) -> Json:
    """Run an action, whose signer may be known already; what it changed is durable after the node's next commit."""
    node.venue.begin_block()
    try:
        return _run(node, envelope, signer)
    except ActionRefused as refused:
        return {"status": "err", "response": refused.text}


def _run(node: Node, envelope: Envelope, signer: str | None) -> Json:
    if envelope.action["type"] == "multiSig":
        return _run_multi_sig(node, envelope)
    if envelope.action["type"] in USER_SIGNED:
        return _run_user_signed(node, envelope)
    signer = signer or _l1_signer(node, envelope)
    account = _account_of(node, signer)
    if account.signers:
        raise ActionRefused(MULTI_SIG_ONLY)
    return _act(node, account, envelope, signer)


def _act(node: Node, master: Account, envelope: Envelope, signer: str) -> Json:
    """Run an L1 action for an account that its signers may act for."""
    account = _target(node, master, envelope)
    now = node.venue.now()
    expires = envelope.expires_after
    is_late = expires is not None and now > expires
    if not is_late or node.venue.settings.expired_consumes_nonce:
        _use_nonce(node, signer, envelope.nonce, now)
    if is_late:
        account.requests_used += EXPIRED_COST
        node.venue.touch(account)
        raise ActionRefused("Action already expired")
    if batch_length(envelope.action) > BATCH_LIMIT:
        raise ActionRefused("Signed action over weight limit of 200.")
    _count(node, account, envelope.action, now)
    origin = Origin(signer=signer, nonce=envelope.nonce, expires_after=expires)
    return ACTIONS[envelope.action["type"]](node, account, envelope.action, origin)


def _count(node: Node, account: Account, action: Json, now: int) -> None:
    node.limits.count_action(account, action, now, node.venue.settings)
    if action["type"] in BATCHES:
        # Orders touch the account where they fill.
        node.venue.changes.counted[account.address] = None
    else:
        node.venue.touch(account)


def _l1_signer(node: Node, envelope: Envelope) -> str:
    as_sent = node.venue.settings.action_hash == "as_sent"
    action = envelope.action if as_sent else canonical(envelope.action)
    try:
        return recover_l1(action, envelope.nonce, envelope.vault, envelope.expires_after, envelope.signature)
    except (BadSignature, OverflowError):
        raise ActionRefused("Unable to recover signer.") from None


def _account_of(node: Node, signer: str) -> Account:
    agent = node.agents.find(signer, node.venue.now())
    account = node.venue.account(agent.master if agent else signer)
    if account is None:
        was_agent = signer in node.agents.retired or signer in node.agents.live
        if was_agent and node.venue.settings.retired_agent_error == "must_deposit":
            raise ActionRefused(f"Must deposit before performing actions. User: {signer}")
        raise ActionRefused(f"User or API Wallet {signer} does not exist.")
    return account


def _target(node: Node, account: Account, envelope: Envelope) -> Account:
    """Return the account that an action is for: the signer's own, or a sub-account or vault that it runs."""
    if envelope.vault is None:
        return account
    target = run_by(node.venue, envelope.vault, account.address)
    if target is None:
        raise ActionRefused(f"Vault not registered: {envelope.vault}")
    if envelope.action["type"] in VAULT_FORBIDDEN:
        raise ActionRefused("Vault may not perform this action.")
    return target


def _use_nonce(node: Node, signer: str, nonce: int, now: int) -> None:
    node.nonces.use(signer, nonce, now)
    node.venue.changes.nonces.append((signer, nonce))


def _run_user_signed(node: Node, envelope: Envelope) -> Json:
    action = envelope.action
    try:
        signer = recover_user_signed(action, envelope.signature)
    except BadSignature:
        raise ActionRefused("Unable to recover signer.") from None
    except (KeyError, ValueError, TypeError, OverflowError) as error:
        raise Unparsable(f"action lacks or garbles {error}") from None
    account = node.venue.account(signer)
    if account is None or action.get("hyperliquidChain") != CHAIN:
        raise ActionRefused(f"Must deposit before performing actions. User: {signer}")
    if account.signers:
        raise ActionRefused(MULTI_SIG_ONLY)
    return _transfer(node, account, envelope, signer)


def _transfer(node: Node, account: Account, envelope: Envelope, signer: str) -> Json:
    """Run a user-signed action for the account itself."""
    action = envelope.action
    if envelope.vault is not None:
        raise ActionRefused("Vault may not perform this action.")
    if envelope.expires_after is not None:
        raise ActionRefused("Action does not support expires_after")
    if action.get("nonce", action.get("time")) != envelope.nonce:
        raise ActionRefused("Nonce mismatch.")
    now = node.venue.now()
    _use_nonce(node, signer, envelope.nonce, now)
    _count(node, account, action, now)
    return transfers.ACTIONS[action["type"]](node, account, action)


def _run_multi_sig(node: Node, envelope: Envelope) -> Json:
    account, sender, inner = check_signatures(
        node, envelope.action, envelope.nonce, envelope.vault, envelope.expires_after, envelope.signature
    )
    inside = envelope._replace(action=inner)
    if inner.get("type") in transfers.ACTIONS:
        return _transfer(node, account, inside, sender)
    if inner.get("type") not in ACTIONS:
        raise Unparsable(f"unknown action {inner.get('type')}")
    return _act(node, account, inside, sender)
