"""Signatures, nonces, agents and limits, without HTTP."""

from decimal import Decimal

import pytest
from eth_account import Account as Wallet
from hyperliquid.utils.signing import (
    action_hash as sdk_action_hash,
)
from hyperliquid.utils.signing import (
    order_request_to_order_wire,
    order_wires_to_order_action,
    sign_agent,
    sign_l1_action,
)

from paper.engine.accounts import Account
from paper.engine.errors import ActionRefused
from paper.engine.settings import Settings
from paper.hyperliquid.agents import AgentRules, Agents
from paper.hyperliquid.limits import Limits, answer_weight, exchange_weight, info_weight
from paper.hyperliquid.nonces import FUTURE_MS, KEPT, PAST_MS, Nonces
from paper.hyperliquid.parsing import canonical
from paper.hyperliquid.signing import BadSignature, action_hash, recover_l1, recover_user_signed

KEY = "0x" + "0123456789012345678901234567890123456789012345678901234567890123"
WALLET = Wallet.from_key(KEY)
NOW = 1_795_000_000_000


def test_the_phantom_connection_id_is_the_published_one() -> None:
    order = {"coin": "ETH", "is_buy": True, "sz": 0.0147, "limit_px": 1670.1, "reduce_only": False}
    wire = order_request_to_order_wire(order | {"order_type": {"limit": {"tif": "Ioc"}}, "cloid": None}, 4)
    action = order_wires_to_order_action([wire])
    digest = action_hash(action, 1677777606040, None, None)
    assert digest.hex() == "0fcbeda5ae3c4950a548021552a4fea2226858c4453571bf3f24ba017eac2908"


def test_the_published_signature_of_an_order_recovers_to_its_key() -> None:
    action = {
        "type": "order",
        "orders": [{"a": 1, "b": True, "p": "100", "s": "100", "r": False, "t": {"limit": {"tif": "Gtc"}}}],
        "grouping": "na",
    }
    signature = {
        "r": "0x82b2ba28e76b3d761093aaded1b1cdad4960b3af30212b343fb2e6cdfa4e3d54",
        "s": "0x6b53878fc99d26047f4d7e8c90eb98955a109f44209163f52d8dc4278cbbd9f5",
        "v": 27,
    }
    assert recover_l1(canonical(action), 0, None, None, signature) == WALLET.address.lower()


def test_the_published_hash_of_a_cancel_is_ours() -> None:
    digest = action_hash({"type": "cancel", "cancels": [{"a": 0, "o": 5}]}, 1, None, None)
    assert digest.hex() == "d5785d56604b2fe254df03dfe9b5795a0207944dfd071d944615d12e2b2b643e"


@pytest.mark.parametrize("vault", [None, "0x" + "12" * 20])
@pytest.mark.parametrize("expires", [None, 1_795_000_060_000])
def test_vault_and_deadline_are_part_of_the_hash_as_in_the_sdk(vault: str | None, expires: int | None) -> None:
    action = {"type": "noop"}
    assert action_hash(action, 7, vault, expires) == sdk_action_hash(action, vault, 7, expires)


def test_short_r_and_s_are_read_as_numbers() -> None:
    seen = set()
    for nonce in range(300):
        signature = sign_l1_action(WALLET, {"type": "noop"}, None, nonce, None, False)
        seen.add(min(len(signature["r"]), len(signature["s"])) < 66)
        assert recover_l1({"type": "noop"}, nonce, None, None, signature) == WALLET.address.lower()
    assert seen == {True, False}


@pytest.mark.parametrize(
    "broken", [{}, {"r": "0x0", "s": "0x1", "v": 27}, {"r": "x", "s": "0x1", "v": 27}, {"r": "0x1", "s": "0x1", "v": 5}]
)
def test_what_is_no_signature_is_said_to_be_none(broken: dict[str, object]) -> None:
    with pytest.raises(BadSignature):
        recover_l1({"type": "noop"}, 1, None, None, broken)


@pytest.mark.parametrize("name", [None, "", "bot"])
def test_an_agent_approval_recovers_with_and_without_its_name(name: str | None) -> None:
    action: dict[str, object] = {
        "type": "approveAgent",
        "agentAddress": WALLET.address,
        "agentName": name or "",
        "nonce": 5,
    }
    signature = sign_agent(WALLET, action, False)
    if name is None:
        del action["agentName"]
    assert recover_user_signed(action, signature) == WALLET.address.lower()


def test_padded_decimals_hash_as_the_venue_writes_them() -> None:
    def order(px: str) -> dict[str, object]:
        row = {"a": 0, "b": True, "p": px, "s": "1", "r": False, "t": {"limit": {"tif": "Gtc"}}}
        return {"type": "order", "orders": [row], "grouping": "na"}

    padded = order("97000.0")
    signature = sign_l1_action(WALLET, padded, None, 1, None, False)
    assert recover_l1(canonical(padded), 1, None, None, signature) != WALLET.address.lower()
    assert canonical(padded) == order("97000")


def test_a_nonce_counts_once_and_only_near_the_clock() -> None:
    nonces = Nonces()
    nonces.use("a", NOW, NOW)
    nonces.use("b", NOW, NOW)
    with pytest.raises(ActionRefused, match=f"Invalid nonce: duplicate nonce {NOW}"):
        nonces.use("a", NOW, NOW)
    with pytest.raises(ActionRefused, match=r"nonce too low \d+ < \d+"):
        nonces.use("a", NOW - PAST_MS, NOW)
    with pytest.raises(ActionRefused, match=r"nonce too high \d+ > \d+"):
        nonces.use("a", NOW + FUTURE_MS, NOW)
    nonces.use("a", NOW - PAST_MS + 1, NOW)
    nonces.use("a", NOW + FUTURE_MS - 1, NOW)


def test_only_the_hundred_highest_nonces_are_kept_and_lower_ones_are_refused() -> None:
    nonces = Nonces()
    for step in range(KEPT + 1):
        nonces.use("a", NOW + 10 * step, NOW)
    with pytest.raises(ActionRefused, match=f"nonce too low {NOW} < {NOW + 10}"):
        nonces.use("a", NOW, NOW)
    nonces.use("a", NOW + 15, NOW)


def approve(agents: Agents, address: str, name: str, now: int = NOW) -> list[str]:
    return agents.approve("0xmaster", address, name, now, Decimal(0), limits=AgentRules(zero_revokes=True))


def test_an_agent_of_the_same_name_is_replaced_and_its_address_is_never_taken_again() -> None:
    agents = Agents()
    approve(agents, "0x1", "bot")
    assert approve(agents, "0x2", "bot") == ["0x1", "0x2"]
    assert agents.find("0x1", NOW) is None
    with pytest.raises(ActionRefused, match=r"Extra agent already used\."):
        approve(agents, "0x1", "other")


def test_a_master_has_one_unnamed_and_three_named_agents() -> None:
    agents = Agents()
    for number, name in enumerate(("", "a", "b", "c")):
        approve(agents, f"0x{number}", name)
    with pytest.raises(ActionRefused, match=r"Too many extra agents for cumulative volume traded\. Current limit is 3"):
        approve(agents, "0x9", "d")
    approve(agents, "0x8", "")
    assert [agent.address for agent in agents.of("0xmaster", NOW)] == ["0x1", "0x2", "0x3", "0x8"]


def test_an_agent_ends_at_its_deadline_and_a_past_one_is_refused() -> None:
    agents = Agents()
    approve(agents, "0x1", f"bot valid_until {NOW + 1000}")
    assert agents.find("0x1", NOW + 999) is not None
    assert agents.find("0x1", NOW + 1000) is None
    for until in (NOW, NOW + 181 * 86_400_000):
        with pytest.raises(ActionRefused, match=r"Agent valid_until already expired\."):
            approve(agents, "0x2", f"bot valid_until {until}")


def test_the_zero_address_revokes_the_agent_of_a_name() -> None:
    agents = Agents()
    approve(agents, "0x1", "bot")
    approve(agents, "0x" + "0" * 40, "bot")
    assert agents.find("0x1", NOW) is None


def test_weights_are_those_of_the_documents() -> None:
    assert [info_weight(kind) for kind in ("l2Book", "userRole", "meta")] == [2, 60, 20]
    assert exchange_weight({"type": "order", "orders": [{}] * 79}) == 2
    assert answer_weight("userFills", [0] * 100) == 5
    assert answer_weight("candleSnapshot", [0] * 600) == 10


def test_the_weight_of_a_minute_is_limited_and_comes_back() -> None:
    limits = Limits()
    assert all(limits.admit_weight("ip", 20, NOW) for _ in range(60))
    assert not limits.admit_weight("ip", 1, NOW + 1)
    assert limits.admit_weight("other", 1, NOW + 1)
    assert limits.admit_weight("ip", 20, NOW + 60_000)


def test_an_account_without_requests_left_may_send_one_in_ten_seconds_and_cancels_longer() -> None:
    limits, account = Limits(), Account(address="0xa", requests_used=10_000)
    limits.count_action(account, {"type": "order", "orders": [{}]}, NOW, Settings(throttled_counts=False))
    with pytest.raises(ActionRefused, match="Too many cumulative requests sent"):
        limits.count_action(account, {"type": "order", "orders": [{}]}, NOW + 9_999, Settings(throttled_counts=False))
    limits.count_action(account, {"type": "cancel", "cancels": [{}]}, NOW + 9_999, Settings(throttled_counts=False))
    limits.count_action(account, {"type": "order", "orders": [{}]}, NOW + 10_000, Settings(throttled_counts=False))
