"""However a request reaches the server, whole, in pieces or close behind another, it is answered as the venue would."""

from __future__ import annotations

import json
import socket
import time
from typing import Any
from urllib.parse import urlsplit

import pytest
from hyperliquid.utils.signing import get_timestamp_ms, sign_l1_action

from tests.contracts.paper_hyperliquid.conftest import Trader


def action(trader: Trader, action: dict[str, Any], nonce: int) -> bytes:
    signature = sign_l1_action(trader.sdk.wallet, action, None, nonce, None, False)
    body = {"action": action, "nonce": nonce, "signature": signature, "vaultAddress": None, "expiresAfter": None}
    return request(json.dumps(body).encode())


def request(body: bytes, *headers: str) -> bytes:
    head = ["POST /exchange HTTP/1.1", "Host: paper", "Content-Type: application/json", f"Content-Length: {len(body)}"]
    return "\r\n".join([*head, *headers, "", ""]).encode() + body


def order(px: str) -> dict[str, Any]:
    row = {"a": 0, "b": True, "p": px, "s": "0.01", "r": False, "t": {"limit": {"tif": "Gtc"}}}
    return {"type": "order", "orders": [row], "grouping": "na"}


def answers(trader: Trader, *pieces: bytes, count: int, pause: float = 0.0) -> list[tuple[int, Any]]:
    """Send the pieces over one connection and read so many answers."""
    found: list[tuple[int, Any]] = []
    url, data = urlsplit(trader.paper.url), b""
    with socket.create_connection((url.hostname, url.port), timeout=10) as connection:
        for piece in pieces:
            connection.sendall(piece)
            time.sleep(pause)
        while len(found) < count:
            head, mark, rest = data.partition(b"\r\n\r\n")
            length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0] or b"0")
            if mark and len(rest) >= length:
                found.append((int(head.split(b" ")[1]), rest[:length].decode()))
                data = rest[length:]
                continue
            more = connection.recv(65536)
            assert more, "the connection was closed"
            data += more
    return found


def kinds(found: list[tuple[int, Any]]) -> list[str]:
    return [next(iter(json.loads(text)["response"]["data"]["statuses"][0])) for _, text in found]


@pytest.mark.parametrize("cut", [10, 40, 150, -5])
def test_a_request_in_two_pieces_runs_once(trader: Trader, cut: int) -> None:
    data = action(trader, order("90000"), get_timestamp_ms())
    found = answers(trader, data[:cut], data[cut:], count=1, pause=0.05)
    assert (kinds(found), len(trader.orders())) == (["resting"], 1)


def test_requests_one_behind_the_other_are_answered_in_their_order(trader: Trader) -> None:
    now = get_timestamp_ms()
    first, second, third = (action(trader, order(f"9000{i}"), now + i) for i in range(3))
    found = answers(trader, first + second, third, first, count=4)
    assert kinds(found[:3]) == ["resting"] * 3
    assert "duplicate nonce" in found[3][1]
    assert [row["limitPx"] for row in trader.orders()] == ["90000.0", "90001.0", "90002.0"]


@pytest.mark.parametrize("cut", [30, 160, -5])
def test_many_requests_in_one_piece_with_a_part_of_the_next_are_answered_in_their_order(
    trader: Trader, cut: int
) -> None:
    now, user = get_timestamp_ms(), trader.address
    orders = [action(trader, order(f"900{i:02}"), now + i) for i in range(20)]
    read = request(json.dumps({"type": "openOrders", "user": user}).encode()).replace(b"/exchange", b"/info", 1)
    data = b"".join([*orders[:10], read, *orders[10:19]])
    found = answers(trader, data + orders[19][:cut], orders[19][cut:], count=21, pause=0.05)
    assert len(json.loads(found.pop(10)[1])) == 10
    assert kinds(found) == ["resting"] * 20
    assert [row["limitPx"] for row in trader.orders()] == [f"900{i:02}.0" for i in range(20)]


def test_what_is_no_request_is_refused_behind_the_answer_to_the_action_before_it(trader: Trader) -> None:
    found = answers(trader, action(trader, order("90000"), get_timestamp_ms()) + b"no request\r\n\r\n", count=2)
    assert [code for code, _ in found] == [200, 400]


def test_a_read_between_two_actions_sees_the_first(trader: Trader) -> None:
    now, user = get_timestamp_ms(), trader.address
    read = request(json.dumps({"type": "openOrders", "user": user}).encode()).replace(b"/exchange", b"/info", 1)
    found = answers(trader, action(trader, order("90000"), now), read, action(trader, order("90001"), now + 1), count=3)
    assert [row["limitPx"] for row in json.loads(found[1][1])] == ["90000.0"]
    assert kinds([found[0], found[2]]) == ["resting", "resting"]


def test_a_connection_that_is_to_end_is_ended_after_its_answer(trader: Trader) -> None:
    data = action(trader, order("90000"), get_timestamp_ms()).replace(
        b"Host: paper", b"Host: paper\r\nConnection: close"
    )
    assert kinds(answers(trader, data, count=1)) == ["resting"]


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'{"action": {"type": "order"}}', b'{"action": 1, "nonce": 1}'])
def test_what_cannot_be_read_is_422_and_the_connection_goes_on(trader: Trader, body: bytes) -> None:
    found = answers(trader, request(body), action(trader, order("90000"), get_timestamp_ms()), count=2)
    assert found[0] == (422, "Failed to deserialize the JSON body into the target type")
    assert kinds(found[1:]) == ["resting"]


def test_a_signed_order_that_cannot_be_read_is_422_too(trader: Trader) -> None:
    wrong = order("90000")
    wrong["orders"][0]["t"] = {"limit": {"tif": "Never"}}
    found = answers(trader, action(trader, wrong, get_timestamp_ms()), count=1)
    assert found == [(422, "Failed to deserialize the JSON body into the target type")]
    assert trader.orders() == []
