"""A request goes out once, on a connection that has not idled for long, and an answer is read to its end or not at all."""

import gzip
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest
from urllib3.exceptions import HTTPError

import venues.http_pool as http_pool
from venues.http_pool import HttpPool

Answer = Callable[[int], tuple[dict[str, str], bytes]]


@dataclass
class Seen:
    """What a server was asked: the target of each request, who asked from which port, and the login for a proxy."""

    url: str
    targets: list[str] = field(default_factory=list)
    ports: list[int] = field(default_factory=list)
    logins: list[str | None] = field(default_factory=list)


@contextmanager
def server(answer: Answer = lambda _number: ({}, b"fine")) -> Iterator[Seen]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            seen.targets.append(self.path)
            seen.ports.append(self.client_address[1])
            seen.logins.append(self.headers["Proxy-Authorization"])
            headers, body = answer(len(seen.targets))
            self.send_response(200)
            for name, value in ({"Content-Length": str(len(body))} | headers).items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)
            self.close_connection = headers.get("Content-Length", str(len(body))) != str(len(body))

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


def test_a_packed_answer_is_unpacked():
    with server(lambda _number: ({"Content-Encoding": "gzip"}, gzip.compress(b"fine"))) as seen:
        pool = pool_of(seen.url)
        assert pool.post("/info", b"{}") == (200, b"fine")
        pool.close()


def test_a_proxy_of_the_environment_is_told_the_whole_address_and_its_login(monkeypatch: pytest.MonkeyPatch):
    with server() as seen:
        for name in ("no_proxy", "NO_PROXY", "all_proxy", "ALL_PROXY"):
            monkeypatch.delenv(name, raising=False)
        monkeypatch.setenv("http_proxy", seen.url.replace("http://", "http://ann:secret@"))
        pool = pool_of("http://venue.invalid/api", by_proxy=True)
        assert pool.post("/info", b"{}") == (200, b"fine")
        pool.close()
    assert seen.targets == ["http://venue.invalid/api/info"]
    assert seen.logins == ["Basic YW5uOnNlY3JldA=="]
