from __future__ import annotations

import base64
import json
import secrets
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from api import hub, live
from tests.integration.api.conftest import Api, Served, wait_for
from tests.stack.paper import Paper

EVENTS = 80


@contextmanager
def socket(api: Api, hello: dict[str, Any] | str | None = None, **headers: str) -> Iterator[ClientConnection]:
    url = api.base_url.replace("http", "ws") + "/api/ws"
    with connect(url, additional_headers=headers, max_size=None) as opened:
        if hello is not None:
            opened.send(hello if isinstance(hello, str) else json.dumps({"token": api.key, **hello}))
        yield opened


def read(opened: ClientConnection) -> dict[str, Any]:
    message: dict[str, Any] = json.loads(opened.recv(timeout=10))
    return message


def closed_with(opened: ClientConnection) -> int:
    """Read on until the server closes."""
    try:
        while True:
            opened.recv(timeout=20)
    except ConnectionClosed:
        return opened.close_code or 0


def user_of(api: Api) -> str:
    return str(api.get("/api/auth/me").json()["user_id"])


def stream(api: Api, wanted: int, **headers: str) -> list[dict[str, Any]]:
    """Read so many events by SSE."""
    found: list[dict[str, Any]] = []
    with api.http.stream("GET", "/api/events", headers=headers) as answer:
        assert answer.headers["Content-Type"].startswith("text/event-stream")
        for line in answer.iter_lines():
            if line.startswith("data: "):
                found.append(json.loads(line[6:]))
            if len(found) == wanted:
                return found
    return found


def test_events_are_streamed_after_the_last_known_id(ann: Api, served: Served) -> None:
    user = user_of(ann)
    first = served.parts.events.append(user, "intent", {"phase": "CREATED"})
    second = served.parts.events.append(user, "fill", {"coin": "BTC"})
    found = stream(ann, 1, **{"Last-Event-ID": str(first)})
    assert [(event["id"], event["kind"], event["body"]) for event in found] == [(second, "fill", {"coin": "BTC"})]


def test_a_new_event_reaches_an_open_stream_at_once(ann: Api, bob: Api, served: Served) -> None:
    found: list[dict[str, Any]] = []
    mine, his = user_of(ann), user_of(bob)
    thread = threading.Thread(target=lambda: found.extend(stream(ann, 1, **{"Last-Event-ID": "0"})))
    thread.start()
    wait_for(lambda: served.app.state.hub._listeners.get(mine))
    served.parts.events.append(his, "intent", {"whose": "bob"})
    served.parts.events.append(mine, "intent", {"whose": "ann"})
    thread.join(10)
    assert [event["body"] for event in found] == [{"whose": "ann"}]


def test_a_socket_resumes_and_stays_in_its_channels(ann: Api, served: Served) -> None:
    user = user_of(ann)
    first = served.parts.events.append(user, "intent", {"n": "1"})
    served.parts.events.append(user, "fill", {"n": "2"})
    third = served.parts.events.append(user, "intent", {"n": "3"})
    with socket(ann, {"channels": ["trading"], "after": first}) as opened:
        assert read(opened) == {"type": "ready", "after": first, "channels": ["trading"]}
        event = read(opened)
        assert (event["type"], event["channel"], event["id"]) == ("event", "trading", third)
        fourth = served.parts.events.append(user, "intent", {"n": "4"})
        assert read(opened)["id"] == fourth


def test_a_socket_without_a_position_begins_now(ann: Api, served: Served) -> None:
    user = user_of(ann)
    served.parts.events.append(user, "intent", {"n": "old"})
    with socket(ann, {"channels": ["trading", "positions"]}) as opened:
        assert read(opened)["type"] == "ready"
        served.parts.events.append(user, "fill", {"n": "new"})
        assert read(opened)["body"] == {"n": "new"}
        opened.send(json.dumps({"type": "ping"}))
        assert read(opened) == {"type": "pong"}


def test_the_key_may_come_by_header(ann: Api) -> None:
    with socket(ann, json.dumps({"channels": ["market"]}), Authorization=f"Bearer {ann.key}") as opened:
        assert read(opened)["type"] == "ready"


@pytest.mark.parametrize(
    ("hello", "code"),
    [
        ({"token": "hf_wrong"}, live.CLOSE_UNAUTHENTICATED),
        ("{}", live.CLOSE_UNAUTHENTICATED),
        ("not json", live.CLOSE_BAD_MESSAGE),
        ({"channels": []}, live.CLOSE_BAD_MESSAGE),
        ({"channels": ["secrets"]}, live.CLOSE_BAD_MESSAGE),
        ({"after": -1}, live.CLOSE_BAD_MESSAGE),
    ],
)
def test_a_wrong_first_message_closes_with_a_code(ann: Api, hello: dict[str, Any] | str, code: int) -> None:
    with socket(ann, hello) as opened:
        assert closed_with(opened) == code


def test_a_message_that_is_no_ping_closes(ann: Api) -> None:
    with socket(ann, {}) as opened:
        read(opened)
        opened.send('{"type": "order"}')
        assert closed_with(opened) == live.CLOSE_BAD_MESSAGE


def test_silence_brings_heartbeats(ann: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "HEARTBEAT_SECONDS", 0.1)
    with socket(ann, {}) as opened:
        read(opened)
        assert read(opened)["type"] == "heartbeat"


def test_a_revoked_key_ends_its_open_connections(ann: Api, served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub, "RECHECK_SECONDS", 0.0)
    user = user_of(ann)
    issued = served.parts.users.issue(user)
    other = served.client(issued.secret)
    with socket(other, {}) as opened, other.http.stream("GET", "/api/events") as stream_:
        read(opened)
        served.parts.users.revoke(user, issued.key.key_id)
        served.parts.events.append(user, "intent", {"n": "too late"})
        assert closed_with(opened) == live.CLOSE_UNAUTHENTICATED
        assert "too late" not in "".join(stream_.iter_text())


def test_a_slow_consumer_is_closed_and_others_are_served(
    ann: Api, served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "SEND_SECONDS", 1.0)
    user = user_of(ann)
    seen: list[int] = []
    with socket(ann, {"after": 0}) as slow, socket(ann, {}) as quick:
        read(slow)
        read(quick)
        reader = threading.Thread(target=lambda: seen.extend(read(quick)["id"] for _ in range(EVENTS)))
        reader.start()
        # Nobody reads `slow`: the library's own reader stops once its buffer is full, then TCP's fill.
        newest = _flood(served, user)
        reader.join(30)
        assert seen[-1] == newest
        wait_for(lambda: len(served.app.state.hub._listeners.get(user, ())) == 1)
        assert closed_with(slow) == live.CLOSE_SLOW


def _flood(served: Served, user: str) -> int:
    """Write more than the buffers of a connection hold, in a form that does not compress."""
    newest = 0
    for _ in range(EVENTS):
        text = base64.b64encode(secrets.token_bytes(300_000)).decode()
        newest = served.parts.events.append(user, "intent", {"text": text})
    return newest


def test_a_lost_database_connection_does_not_end_the_stream(ann: Api, served: Served) -> None:
    from sqlalchemy import text

    from storage.postgres.engine import transaction

    user = user_of(ann)
    with socket(ann, {}) as opened:
        read(opened)
        with transaction(served.engine) as connection:
            ended = connection.execute(
                text(
                    "select pg_terminate_backend(pid) from pg_stat_activity"
                    " where query like 'listen%' and datname = current_database()"
                )
            )
            assert ended.rowcount == 1
        served.parts.events.append(user, "intent", {"n": "after the loss"})
        assert read(opened)["body"] == {"n": "after the loss"}


def test_logs_page_through_the_same_events(ann: Api, served: Served) -> None:
    user = user_of(ann)
    ids = [served.parts.events.append(user, "intent", {"n": str(n)}) for n in range(3)]
    page = ann.get("/api/logs?limit=2").json()
    assert [event["id"] for event in page["items"]] == ids[:2]
    rest = ann.get(f"/api/logs?after={page['next_cursor']}").json()
    assert [event["id"] for event in rest["items"]] == ids[2:]


def test_the_market_channel_shows_marks_of_the_coins_asked_for(
    ann: Api, paper: Paper, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "MARKET_SECONDS", 0.2)
    with socket(ann, {"channels": ["market"], "coins": ["ETH"]}) as opened:
        assert read(opened)["type"] == "ready"
        first = read(opened)
        assert (first["type"], first["channel"], first["coin"]) == ("mark", "market", "ETH")
        paper.post("price", coin="ETH", px="1234.5")
        wait_for(lambda: read(opened)["mark_px"] == "1234.5")


def test_an_unknown_coin_of_the_market_channel_closes(ann: Api) -> None:
    with socket(ann, {"channels": ["market"], "coins": ["NOSUCH"]}) as opened:
        assert closed_with(opened) == live.CLOSE_BAD_MESSAGE
