"""A request goes out once, on a connection that has not idled for long, and an answer is read to its end or not at all."""

import gzip
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest
from urllib3.exceptions import HTTPError
from urllib3.exceptions import TimeoutError as OverallTimeout

import venues.http_pool as http_pool
from venues.http_pool import HttpPool

Answer = Callable[[int], tuple[dict[str, str], bytes] | None]
"""The headers and the body of the answer to the request of a number; None hangs up. `Status` and `Pause` are no headers: the
status, and the seconds between two bytes."""


@dataclass
class Seen:
    """What a server was asked: the target of each request, who asked from which port, and the login for a proxy."""

    url: str
    targets: list[str] = field(default_factory=list)
    ports: list[int] = field(default_factory=list)
    logins: list[str | None] = field(default_factory=list)
    asked: list[tuple[str, str | None]] = field(default_factory=list)


@contextmanager
def server(answer: Answer = lambda _number: ({}, b"fine")) -> Iterator[Seen]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"] or 0))
            seen.targets.append(self.path)
            seen.ports.append(self.client_address[1])
            seen.logins.append(self.headers["Proxy-Authorization"])
            seen.asked.append((self.command, self.headers["X-Key"]))
            answered = answer(len(seen.targets))
            if answered is None:
                self.close_connection = True
                return
            headers, body = answered
            self.send_response(int(headers.pop("Status", "200")))
            pause = float(headers.pop("Pause", "0"))
            for name, value in ({"Content-Length": str(len(body))} | headers).items():
                self.send_header(name, value)
            self.end_headers()
            self.close_connection = headers.get("Content-Length", str(len(body))) != str(len(body))
            for piece in [body[place : place + 1] for place in range(len(body))] if pause else [body]:
                time.sleep(pause)
                self.wfile.write(piece)

        def do_DELETE(self) -> None:
            self.do_POST()

        def do_CONNECT(self) -> None:
            self.do_POST()

        def handle(self) -> None:
            # Who gives an answer up hangs up.
            with suppress(OSError):
                super().handle()

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as listening:
        seen = Seen(f"http://127.0.0.1:{listening.server_port}")
        Thread(target=listening.serve_forever, daemon=True).start()
        yield seen
        listening.shutdown()


def pool_of(url: str, *, by_proxy: bool = False) -> HttpPool:
    return HttpPool(url, headers={}, seconds=2, by_proxy=by_proxy)


def test_a_connection_is_used_again_until_it_has_idled_for_long(monkeypatch: pytest.MonkeyPatch):
    with server() as seen:
        pool = pool_of(seen.url + "/api/")
        for _ in range(3):
            assert pool.post("/info", b"{}") == (200, b"fine")
        assert len(set(seen.ports)) == 1
        monkeypatch.setattr(http_pool, "KEEPALIVE", 0.0)
        pool.post("/info", b"{}")
        pool.close()
    assert len(set(seen.ports)) == 2
    assert set(seen.targets) == {"/api/info"}


def test_an_answer_that_breaks_off_is_an_error_and_its_connection_is_left():
    whole = {"Content-Length": "100"}
    with server(lambda number: (whole, b"half") if number == 1 else ({}, b"fine")) as seen:
        pool = pool_of(seen.url)
        with pytest.raises(HTTPError):
            pool.post("/exchange", b"{}")
        assert len(seen.targets) == 1
        assert pool.post("/exchange", b"{}") == (200, b"fine")
        pool.close()


def test_a_request_that_got_no_answer_is_not_sent_again():
    with server(lambda number: None if number == 1 else ({}, b"fine")) as seen:
        pool = pool_of(seen.url)
        with pytest.raises(HTTPError):
            pool.post("/exchange", b"{}")
        assert len(seen.targets) == 1
        pool.close()


def test_an_answer_that_trickles_is_given_up_in_time_and_its_connection_is_left():
    with server(lambda number: ({"Pause": "0.2"}, b"x" * 50) if number == 1 else ({}, b"fine")) as seen:
        pool = HttpPool(seen.url, headers={}, seconds=0.5, by_proxy=False)
        with pytest.raises(OverallTimeout):
            pool.post("/exchange", b"{}")
        assert pool.post("/exchange", b"{}") == (200, b"fine")
        pool.close()


def test_an_answer_without_end_is_given_up_and_its_rest_is_not_read_as_the_next_one(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(http_pool, "LARGEST", 1000)
    with server(lambda number: ({}, b"x" * 1_000_000) if number == 1 else ({}, b"fine")) as seen:
        pool = pool_of(seen.url)
        with pytest.raises(HTTPError, match="too long"):
            pool.post("/exchange", b"{}")
        assert pool.post("/exchange", b"{}") == (200, b"fine")
        pool.close()


def test_a_request_has_its_method_and_headers_of_its_own_and_no_redirect_is_followed():
    with server(lambda _number: ({"Status": "307", "Location": "/elsewhere", "X-Used": "7"}, b"")) as seen:
        pool = pool_of(seen.url)
        answer = pool.ask("DELETE", "/order?id=1", headers={"X-Key": "k"})
        assert (answer.status, answer.body, answer.headers.get("x-used")) == (307, b"", "7")
        pool.ask("DELETE", "/order?id=2")
        pool.close()
    assert seen.targets == ["/order?id=1", "/order?id=2"]
    assert seen.asked == [("DELETE", "k"), ("DELETE", None)]


def test_a_packed_answer_is_unpacked():
    with server(lambda _number: ({"Content-Encoding": "gzip"}, gzip.compress(b"fine"))) as seen:
        pool = pool_of(seen.url)
        assert pool.post("/info", b"{}") == (200, b"fine")
        pool.close()


def use_proxy(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    for name in ("no_proxy", "NO_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    for name in ("http_proxy", "https_proxy"):
        monkeypatch.setenv(name, url.replace("http://", "http://ann:secret@"))


def test_a_proxy_is_asked_for_a_tunnel_with_its_login(monkeypatch: pytest.MonkeyPatch):
    with server(lambda _number: ({"Status": "502"}, b"")) as seen:
        use_proxy(monkeypatch, seen.url)
        pool = pool_of("https://venue.invalid/api", by_proxy=True)
        with pytest.raises(HTTPError):
            pool.post("/info", b"{}")
        pool.close()
    assert (seen.asked, seen.targets) == ([("CONNECT", None)], ["venue.invalid:443"])
    assert seen.logins == ["Basic YW5uOnNlY3JldA=="]


def test_a_proxy_of_the_environment_is_told_the_whole_address_and_its_login(monkeypatch: pytest.MonkeyPatch):
    with server() as seen:
        use_proxy(monkeypatch, seen.url)
        pool = pool_of("http://venue.invalid/api", by_proxy=True)
        assert pool.post("/info", b"{}") == (200, b"fine")
        pool.close()
    assert seen.targets == ["http://venue.invalid/api/info"]
    assert seen.logins == ["Basic YW5uOnNlY3JldA=="]
