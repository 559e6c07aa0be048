"""`holdfast panic` against a paper exchange alone: no Postgres, no Temporal, no API."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from eth_account import Account

from commands.exits import Exit
from tests.stack.command_line import Holdfast
from tests.stack.paper import Paper

pytestmark = pytest.mark.real


@pytest.fixture
def paper(tmp_path: Path) -> Iterator[Paper]:
    """A paper exchange of this test's own."""
    with Paper(tmp_path / "paper") as running:
        yield running


def test_panic_cancels_and_closes_at_the_venue_alone(holdfast: Holdfast, paper: Paper) -> None:
    """A long, a short and a resting order of one account are gone; the closes carry the reserved prefix."""
    wallet = Account.create()
    user = wallet.address.lower()
    paper.post("deposit", user=user, usdc="100000")
    paper.post("trade", user=user, coin="BTC", sz="0.1", side="buy")
    paper.post("trade", user=user, coin="ETH", sz="2", side="sell")
    paper.post("trade", user=user, coin="SOL", sz="5", side="buy", px="50")
    assert len(paper.info(type="clearinghouseState", user=user)["assetPositions"]) == 2

    key = "0x" + bytes(wallet.key).hex()
    answer = holdfast("panic", user, "--json", HYPERLIQUID_URL=paper.url, HOLDFAST_PANIC_KEY=key)

    assert answer.returncode == Exit.DONE, answer.stderr
    assert json.loads(answer.stdout) == {"cancelled": 1, "closed": 2, "flat": True}
    assert paper.info(type="clearinghouseState", user=user)["assetPositions"] == []
    assert paper.info(type="frontendOpenOrders", user=user) == []
    ours = [order["cloid"] for order in paper.orders(user) if order.get("cloid")]
    assert len(ours) == 2
    assert all(cloid.startswith("0xdead") for cloid in ours)


def test_panic_survives_a_venue_that_drops_requests(holdfast: Holdfast, paper: Paper) -> None:
    """Every request of a round may be lost; the next round looks again and closes only what is still there."""
    wallet = Account.create()
    user = wallet.address.lower()
    paper.post("deposit", user=user, usdc="100000")
    paper.post("trade", user=user, coin="BTC", sz="0.1", side="buy")
    paper.fault("exchange", "execute_then_drop", rate=1, count=1, seed=1)

    key = "0x" + bytes(wallet.key).hex()
    answer = holdfast("panic", user, "--json", HYPERLIQUID_URL=paper.url, HOLDFAST_PANIC_KEY=key)

    assert answer.returncode == Exit.DONE, answer.stderr
    assert paper.info(type="clearinghouseState", user=user)["assetPositions"] == []


def test_a_key_that_is_not_approved_ends_with_the_venues_words(holdfast: Holdfast, paper: Paper) -> None:
    """Nothing was closed, and the sentence says why."""
    user = Account.create().address.lower()
    paper.post("deposit", user=user, usdc="100000")
    paper.post("trade", user=user, coin="BTC", sz="0.1", side="buy")

    stranger = "0x" + bytes(Account.create().key).hex()
    given = {"HYPERLIQUID_URL": paper.url, "HOLDFAST_PANIC_KEY": stranger}
    answer = holdfast("panic", user, "--seconds", "3", **given)

    assert answer.returncode == Exit.NO
    assert "[not_flat]" in answer.stderr
    assert "approve" in answer.stderr.lower()


@pytest.mark.parametrize("venue", ["binance", "aster"])
def test_panic_closes_at_the_other_venues_as_well(holdfast: Holdfast, tmp_path: Path, venue: str) -> None:
    """By an API key at Binance, by a wallet's agent at AsterDEX."""
    with Paper(tmp_path / venue, venue=venue) as paper:
        agent, owner = Account.create(), Account.create().address.lower()
        made = paper.post("account", user=owner, signer=agent.address.lower())
        paper.post("deposit", user=owner, amount="100000")
        paper.post("trade", user=owner, coin="BTC", sz="0.1", side="buy")
        paper.post("trade", user=owner, coin="SOL", sz="5", side="buy", px="50")
        given = {f"{venue.upper()}_URL": paper.url}
        if venue == "aster":
            place = [owner]
            given["HOLDFAST_PANIC_KEY"] = "0x" + bytes(agent.key).hex()
        else:
            place = []
            given |= {"HOLDFAST_VENUE_API_KEY": made["api_key"], "HOLDFAST_VENUE_API_SECRET": made["api_secret"]}
        answer = holdfast("panic", *place, "--venue", venue, "--json", **given)

        assert answer.returncode == Exit.DONE, answer.stderr
        assert json.loads(answer.stdout) == {"cancelled": 1, "closed": 1, "flat": True}
        closes = [order for order in paper.orders(owner) if str(order.get("cloid", "")).startswith("dead")]
        assert [order["status"] for order in closes] == ["filled"]
