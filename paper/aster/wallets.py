"""Requests signed by wallets and their agents: who may, and is the nonce in time and new (reference 2.1)."""

from __future__ import annotations

import re

from paper.aster.signing import is_approved_by, is_registered_by, is_signed_by
from paper.engine.orders import Origin
from paper.fapi.calls import Endpoint, Security
from paper.fapi.errors import Refused, missing
from paper.fapi.node import Node
from paper.fapi.params import Params
from paper.fapi.security import Asked, Sender, is_allowed, rejected
from paper.fapi.users import User, WalletAgent

ADDRESS = re.compile(r"0x[0-9a-f]{40}")
# Requests of the main key, with the name of their typed data.
OF_MAIN_KEY = {
    "approveAgent": "ApproveAgent",
    "updateAgent": "UpdateAgent",
    "delAgent": "DelAgent",
    "approveBuilder": "ApproveBuilder",
}


def by_wallet(node: Node, asked: Asked, endpoint: Endpoint) -> Sender:
    """Return the sender of a request signed with a wallet's or an agent's key; raises Refused."""
    params = asked.params
    nonce, signature = params.integer("nonce"), params.text("signature")
    if endpoint.kind in {*OF_MAIN_KEY, "registerAgent"}:
        return _by_main_key(node, asked, endpoint, nonce, signature)
    signer = _address(params, "signer")
    user, agent = _owner(node, params, signer)
    if not is_signed_by(signer, _signed_text(asked), signature):
        raise Refused(-1022)
    _check_agent(node, agent, endpoint, asked.ip)
    if not user.can_futures or node.settings.futures_disabled:
        raise rejected(asked.ip)
    if endpoint.kind != "noop":
        use_nonce(node, user, nonce)
    return Sender(user=user, origin=Origin(signer=signer, nonce=nonce), deadline=None, scheme="wallet")


def use_nonce(node: Node, user: User, nonce: int) -> None:
    """Use a nonce up for good; raises Refused."""
    node.nonces.use(user.name, nonce, node.venue.now())
    node.venue.changes.nonces.append((user.name, nonce))


def _by_main_key(node: Node, asked: Asked, endpoint: Endpoint, nonce: int, signature: str) -> Sender:
    address = _address(asked.params, "user")
    user = node.users.by_name.get(address)
    if user is None:
        raise rejected(asked.ip)
    values = asked.params.values
    if endpoint.kind == "registerAgent":
        is_genuine = is_registered_by(address, values, signature)
    else:
        is_genuine = is_approved_by(address, OF_MAIN_KEY[endpoint.kind], values, signature)
        # The same request signed as ordinary ones are, with the main key.
        is_genuine = is_genuine or is_signed_by(address, _signed_text(asked), signature)
    if not is_genuine:
        raise Refused(-1022)
    use_nonce(node, user, nonce)
    return Sender(user=user, origin=Origin(signer=address, nonce=nonce), deadline=None, scheme="wallet")


def _owner(node: Node, params: Params, signer: str) -> tuple[User, WalletAgent | None]:
    """Return whose request it is: the user's that is named, or the one whose agent signs; wallets may sign themselves."""
    agent = node.users.agents.get(signer)
    named = params.maybe("user").lower() or (agent.user if agent is not None else signer)
    user = node.users.by_name.get(named)
    if user is None or (named != signer and (agent is None or agent.user != named)):
        raise Refused(-1000, "No agent found")
    return user, None if named == signer else agent


def _check_agent(node: Node, agent: WalletAgent | None, endpoint: Endpoint, ip: str) -> None:
    if agent is None:
        return
    is_late = node.venue.now() >= agent.expires_ms
    may = agent.can_perp or endpoint.security is not Security.TRADE
    if is_late or not may or not is_allowed(agent.ip_list, ip):
        raise rejected(ip)


def _address(params: Params, name: str) -> str:
    address = params.text(name).lower()
    if not ADDRESS.fullmatch(address):
        raise missing(name)
    return address


def _signed_text(asked: Asked) -> str:
    parts = [pair for text in (asked.query, asked.body) for pair in text.split("&") if pair]
    return "&".join(pair for pair in parts if not pair.startswith("signature="))
