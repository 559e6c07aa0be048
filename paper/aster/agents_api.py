"""Endpoints of agents, of the empty request and of the account's self-trade rule."""

from __future__ import annotations

from typing import Any

from paper.aster.wallets import ADDRESS, use_nonce
from paper.fapi.calls import Call, Endpoint, Security, Table
from paper.fapi.errors import Refused, missing
from paper.fapi.params import Params
from paper.fapi.users import WalletAgent

Json = dict[str, Any]
OK: Json = {"code": 200, "msg": "success"}
STP = ("EXPIRE_TAKER", "EXPIRE_MAKER", "EXPIRE_BOTH")


def _agent_address(params: Params) -> str:
    address = params.text("agentAddress").lower()
    if not ADDRESS.fullmatch(address):
        raise missing("agentAddress")
    return address


def approve(call: Call) -> Json:
    """Approve an agent of the wallet."""
    params = call.params
    ip_list = tuple(params.maybe("ipWhitelist").replace(",", " ").split())
    can_withdraw = params.flag("canWithdraw")
    if can_withdraw and not ip_list:
        raise missing("ipWhitelist")
    expires = params.integer("expired")
    if expires <= call.node.venue.now():
        raise Refused(-1130, "Data sent for parameter 'expired' is not valid.")
    agent = WalletAgent(
        user=call.who.name,
        address=_agent_address(params),
        name=params.text("agentName"),
        expires_ms=expires,
        can_perp=params.flag("canPerpTrade"),
        can_spot=params.flag("canSpotTrade"),
        can_withdraw=can_withdraw,
        ip_list=ip_list,
    )
    call.node.users.put_agent(agent)
    return OK


def _own_agent(call: Call) -> WalletAgent:
    agent = call.node.users.agents.get(_agent_address(call.params))
    if agent is None or agent.user != call.who.name:
        raise Refused(-1000, "No agent found")
    return agent


def update(call: Call) -> Json:
    """Change what an agent may do."""
    agent, params = _own_agent(call), call.params
    agent.can_perp = params.flag("canPerpTrade") if params.has("canPerpTrade") else agent.can_perp
    agent.can_spot = params.flag("canSpotTrade") if params.has("canSpotTrade") else agent.can_spot
    agent.can_withdraw = params.flag("canWithdraw") if params.has("canWithdraw") else agent.can_withdraw
    if params.has("ipWhitelist"):
        agent.ip_list = tuple(params.maybe("ipWhitelist").replace(",", " ").split())
    call.node.users.put_agent(agent)
    return OK


def drop(call: Call) -> Json:
    """Take an agent's approval back."""
    call.node.users.drop_agent(_own_agent(call).address)
    return OK


def agents(call: Call) -> list[Json]:
    """List the wallet's agents."""
    return [
        {
            "agentName": agent.name,
            "agentAddress": agent.address,
            "ipWhitelist": " ".join(agent.ip_list),
            "expired": agent.expires_ms,
            "canSpotTrade": agent.can_spot,
            "canPerpTrade": agent.can_perp,
            "canWithdraw": agent.can_withdraw,
        }
        for agent in call.node.users.agents.values()
        if agent.user == call.who.name
    ]


def noop(call: Call) -> Json:
    """Take back a queued request with the same nonce, or use the nonce up; a request that ran stays as it is."""
    key = (call.who.name, call.params.integer("nonce"))
    if key in call.node.queued:
        call.node.voided[key] = None
    else:
        use_nonce(call.node, call.who, key[1])
    return OK


def stp_mode(call: Call) -> Json:
    """Return the account's self-trade rule."""
    return {"stpMode": call.who.stp}


def set_stp_mode(call: Call) -> Json:
    """Set the account's self-trade rule."""
    call.who.stp = call.params.one_of("stpMode", STP, -1130)
    call.node.users.touch(call.who)
    return OK


def agent_table() -> Table:
    """Return the endpoints."""
    trade, read = Security.TRADE, Security.READ
    return {
        ("POST", "approveAgent"): Endpoint(run=approve, kind="approveAgent", security=trade),
        ("POST", "registerAndApproveAgent"): Endpoint(run=approve, kind="registerAgent", security=trade, weight=50),
        ("POST", "updateAgent"): Endpoint(run=update, kind="updateAgent", security=trade),
        ("DELETE", "agent"): Endpoint(run=drop, kind="delAgent", security=trade),
        ("GET", "agent"): Endpoint(run=agents, kind="agent", security=read),
        ("POST", "noop"): Endpoint(run=noop, kind="noop", security=trade),
        ("GET", "stpMode"): Endpoint(run=stp_mode, kind="stpMode", security=read),
        ("POST", "stpMode"): Endpoint(run=set_stp_mode, kind="stpMode", security=trade),
    }
