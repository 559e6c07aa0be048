"""Bots with well-known faults are told so by the score, on a real exchange with a lost answer."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
import requests
import typer
from hyperliquid.utils.types import Cloid

from commands import paper as command
from commands.exits import CommandFailed
from domain.errors import Refused, Retryable
from tests.contracts.paper_hyperliquid.conftest import Trader

Bot = Callable[[Trader], object]


def sends_again(trader: Trader, *names: int) -> None:
    """Buy until an answer comes, under the names given or none."""
    trader.paper.control("faults", fault="execute_then_drop", count=1, type="order")
    for name in names:
        with suppress(requests.exceptions.ConnectionError):
            trader.sdk.market_open("BTC", True, 0.01, cloid=Cloid.from_int(name) if name else None)
    protects(trader)


def protects(trader: Trader) -> None:
    kind = {"trigger": {"isMarket": True, "triggerPx": 90000, "tpsl": "sl"}}
    row = {"coin": "BTC", "is_buy": False, "sz": 0, "limit_px": 90000, "order_type": kind, "reduce_only": True}
    trader.sdk.bulk_orders([row], grouping="positionTpsl")


def score(trader: Trader, capsys: pytest.CaptureFixture[str], **more: Any) -> dict[str, Any]:
    """Run the command as Python; its exit code belongs to the answer."""
    with suppress(SystemExit, CommandFailed, typer.Exit):
        command.score(user=trader.address, url=trader.paper.url, as_json=True, **more)
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


@pytest.mark.parametrize(
    ("bot", "duplicates"),
    [
        (lambda trader: sends_again(trader, 1), 0),
        (lambda trader: sends_again(trader, 1, 2), 1),
        (lambda trader: sends_again(trader, 0, 0), 1),
        (lambda trader: sends_again(trader, 1, 1), 1),
        (lambda trader: sends_again(trader, 1, 2, 3), 2),
    ],
)
def test_an_order_that_was_sent_again_after_a_lost_answer_is_a_duplicate(
    trader: Trader, capsys: pytest.CaptureFixture[str], bot: Bot, duplicates: int
) -> None:
    bot(trader)
    found = score(trader, capsys)
    assert (found["duplicates"], found["lost"]) == (duplicates, 0), found["words"]


def test_a_bot_that_believes_the_lost_order_was_not_executed_has_lost_it(
    trader: Trader, capsys: pytest.CaptureFixture[str]
) -> None:
    sends_again(trader, 1)
    assert score(trader, capsys, holds=["flat"])["lost"] == 1
    assert score(trader, capsys, holds=["BTC=0.01"])["lost"] == 0


def test_a_stop_that_comes_late_or_never_is_seen(trader: Trader, capsys: pytest.CaptureFixture[str]) -> None:
    trader.sdk.market_open("BTC", True, 0.01)
    bare = score(trader, capsys)
    assert (bare["lost"], bare["words"]) == (1, ["BTC is held and nothing protects it"])
    protects(trader)
    late = score(trader, capsys)
    assert late["lost"] == 0
    assert late["unprotected_max_s"] > 0


@pytest.mark.parametrize("told", ["BTC", "BTC=much", "BTC=nan", "=1", ""])
def test_a_holding_that_cannot_be_read_is_refused(told: str) -> None:
    with pytest.raises(Refused) as caught:
        command.score(user="0x1", holds=[told])
    assert caught.value.code == "holding_malformed"


def test_an_exchange_that_is_not_there_is_said_so() -> None:
    with pytest.raises(Retryable) as caught:
        command.score(user="0x1", url="http://127.0.0.1:1")
    assert caught.value.code == "paper_unreachable"
