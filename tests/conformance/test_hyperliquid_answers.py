"""The paper Hyperliquid answers as the real one did: the same fields, types, order and forms of numbers."""

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from eth_account import Account
from hyperliquid.exchange import Exchange
from websockets.sync.client import connect

from domain.orders import TriggerKind
from tests.conformance import recorded
from tests.conformance.explained import compare, judge
from tests.conformance.shape import Difference
from tests.contracts.rigs.desk import Desk
from tests.contracts.rigs.hyperliquid import HyperliquidRig
from tests.contracts.rigs.server import PaperServer

pytestmark = recorded.NEEDS_DATA
MAPS = {"allMids": frozenset({""}), "ws allMids": frozenset({".mids"})}
# Market time: an hour, and with it a funding payment, passes in three seconds.
SPEED = 1200
DAY_MS = 86_400_000


@pytest.fixture(scope="module")
def lived(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    """A user who traded, rests, waits with both triggers, and was paid; the venue stands still round a price."""
    with PaperServer(tmp_path_factory.mktemp("hyperliquid"), speed=SPEED) as server:
        rig = HyperliquidRig(server)
        rig.reset()
        with rig.desk() as desk:
            for _ in range(3):
                desk.accepted(desk.terms(size="0.0123"))
            desk.accepted(desk.closing(size="0.0111"))
            desk.accepted(desk.resting(factor="0.96"), desk.name())
            desk.accepted(desk.resting(factor="0.965", size="0.0321"), desk.name())
            desk.accepted(desk.trigger("0.9"))
            desk.accepted(desk.trigger("1.2", TriggerKind.TAKE_PROFIT))
            _transfer(desk)
            rig.wait(lambda: bool(ask(desk, "userFunding", user=desk.owner, startTime=0)))
            yield desk


def _transfer(desk: Desk) -> None:
    """Move money as the recorded account did, with the SDK of the venue."""
    wallet = Account.from_key(desk.extra.secret)
    exchange = Exchange(wallet, desk.rig.server.url, meta=ask(desk, "meta"), spot_meta={"universe": [], "tokens": []})
    assert exchange.usd_class_transfer(120.0, False)["status"] == "ok"
    token = next(row for row in ask(desk, "spotMeta")["tokens"] if row["name"] == "USDC")
    sent = exchange.spot_transfer(10.5, Account.create().address, f"USDC:{token['tokenId']}")
    assert sent["status"] == "ok", sent


def ask(desk: Desk, kind: str, **fields: Any) -> Any:
    answer = httpx.post(f"{desk.rig.server.url}/info", json={"type": kind, **fields}, trust_env=False, timeout=10)
    assert answer.status_code == 200, (kind, answer.text)
    return answer.json()


def listen(desk: Desk, **subscription: str) -> Any:
    """The first message of a channel that carries data; None from a server that does not have the channel."""
    url = "ws" + desk.rig.server.url.removeprefix("http") + "/ws"
    with connect(url, proxy=None) as socket:
        socket.send(json.dumps({"method": "subscribe", "subscription": subscription}))
        while True:
            text = str(socket.recv(timeout=15))
            message = json.loads(text) if text.startswith("{") else {"channel": "greeting"}
            if message["channel"] == "error":
                return None
            if message["channel"] == subscription["type"] and message["data"]:
                return message["data"]


def compared(desk: Desk) -> dict[str, list[Difference]]:
    user, now = desk.owner, int(desk.started.timestamp() * 1000)
    hour = {"coin": "BTC", "interval": "1h", "startTime": now - DAY_MS, "endTime": now}
    answers: dict[str, tuple[list[Any], list[Any]]] = {
        "meta": ([*recorded.info("meta"), recorded.hyperliquid("http_meta_perp_sample")], [ask(desk, "meta")]),
        "allMids": (recorded.info("allMids"), [ask(desk, "allMids")]),
        "l2Book": (recorded.info("l2Book"), [ask(desk, "l2Book", coin="BTC")]),
        "candleSnapshot": (recorded.info("candleSnapshot"), [ask(desk, "candleSnapshot", req=hour)]),
        "fundingHistory": (
            [*recorded.info("fundingHistory"), recorded.hyperliquid("http_funding_history")],
            [ask(desk, "fundingHistory", coin="BTC", startTime=now - DAY_MS)],
        ),
        "ws l2Book": (recorded.hyperliquid_messages("l2Book"), [listen(desk, type="l2Book", coin="BTC")]),
        "ws trades": (recorded.hyperliquid_messages("trades"), [_traded(desk)]),
        "ws allMids": ([recorded.hyperliquid("ws_allmids")["data"]], [listen(desk, type="allMids")]),
        "ws allDexsAssetCtxs": (
            [recorded.hyperliquid("ws_all_dexs_asset_ctxs")["data"]],
            [listen(desk, type="allDexsAssetCtxs")],
        ),
        "spotClearinghouseState": (
            [recorded.hyperliquid("http_spot_clearinghouse_state")],
            [ask(desk, "spotClearinghouseState", user=user)],
        ),
        "userRole": (recorded.info("userRole"), [ask(desk, "userRole", user=user)]),
    }
    for kind in ("extraAgents", "frontendOpenOrders", "openOrders", "userFills", "portfolio", "userRateLimit"):
        answers[kind] = (recorded.info(kind), [ask(desk, kind, user=user)])
    for kind in ("userFillsByTime", "userFunding"):
        answers[kind] = (recorded.info(kind), [ask(desk, kind, user=user, startTime=now - DAY_MS)])
    kind = "userNonFundingLedgerUpdates"
    ledger, ours = recorded.info(kind)[0], ask(desk, kind, user=user, startTime=now - DAY_MS)
    for entry in {row["delta"]["type"] for row in ledger}:
        real, own = ([row for row in rows if row["delta"]["type"] == entry] for rows in (ledger, ours))
        answers[f"{kind} {entry}"] = (real, own)
    return {kind: _differences(kind, real, ours) for kind, (real, ours) in answers.items()}


def _differences(kind: str, real: list[Any], ours: list[Any]) -> list[Difference]:
    if ours in ([], [None], [[]]):
        return [Difference("", "absent", "the paper venue does not have it")]
    return compare(real, ours, MAPS.get(kind, frozenset()))


def _traded(desk: Desk) -> Any:
    """The trades that a subscription to them shows; it starts with the last ones."""
    desk.accepted(desk.terms())
    return listen(desk, type="trades", coin="BTC")


def test_every_difference_from_the_recorded_answers_is_explained(lived: Desk):
    bare, idle = judge("hyperliquid", compared(lived))
    assert not bare, "\n".join(bare)
    assert idle == [], "These explain nothing any more."
