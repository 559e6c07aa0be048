"""HTTP connections to one server, kept open, on the standard library: a request costs a third of what httpx takes for it.

Nothing here tries again, follows a redirect or keeps a cookie. Errors are OSError (a TimeoutError where time ran out) and
HTTPException.
"""

from __future__ import annotations

import select
import ssl
import time
import zlib
from base64 import b64encode
from collections.abc import Mapping
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from threading import BoundedSemaphore, Lock
from urllib.parse import unquote, urlsplit
from urllib.request import getproxies, proxy_bypass

_CHUNK = 65_536
_GZIP = 31
"""zlib's window for data with a gzip header."""


class HttpPool:
    """Connections to one server. Safe to use from many threads; `seconds` limits each wait and the whole answer.

    A connection is used again for `keepalive` seconds after its last answer. With `by_proxy` the environment's proxies count.
    """

    def __init__(
        self,
        url: str,
        *,
        headers: Mapping[str, str],
        seconds: float,
        keepalive: float,
        size: int = 64,
        by_proxy: bool = True,
    ) -> None:
        parts = urlsplit(url)
        self._host, self._port = parts.hostname or "", parts.port
        self._is_tls, self._prefix = parts.scheme == "https", parts.path.rstrip("/")
        self._headers = {"Accept-Encoding": "gzip", **headers}
        self._seconds, self._keepalive = seconds, keepalive
        self._tls = ssl.create_default_context() if self._is_tls else None
        self._proxy = _proxy_of(parts.scheme, self._host) if by_proxy else ""
        if self._proxy and not self._is_tls:
            # A proxy is told the whole address of what it cannot tunnel.
            self._prefix = f"http://{parts.netloc}{self._prefix}"
            self._headers |= _proxy_headers(self._proxy)
        self._idle: list[tuple[HTTPConnection, float]] = []
        self._lock = Lock()
        self._places = BoundedSemaphore(size)

    def post(self, path: str, body: bytes) -> tuple[int, bytes]:
        """Post bytes once and return status and body."""
        give_up = time.monotonic() + self._seconds
        if not self._places.acquire(timeout=self._seconds):
            raise TimeoutError("No connection became free in time.")
        try:
            connection = self._taken()
            try:
                connection.request("POST", self._prefix + path, body, self._headers)
                response = connection.getresponse()
                content = _read(response, give_up)
            except BaseException:
                connection.close()
                raise
            self._give_back(connection, response)
            return response.status, content
        finally:
            self._places.release()

    def close(self) -> None:
        """Close the connections that nobody uses."""
        with self._lock:
            idle, self._idle = self._idle, []
        for connection, _ in idle:
            connection.close()

    def _taken(self) -> HTTPConnection:
        """Return the connection used last, if it is young and open, else a new one."""
        oldest = time.monotonic() - self._keepalive
        while True:
            with self._lock:
                connection, since = self._idle.pop() if self._idle else (None, 0.0)
            if connection is None:
                return self._made()
            if since >= oldest and not _is_dropped(connection):
                return connection
            connection.close()

    def _give_back(self, connection: HTTPConnection, response: HTTPResponse) -> None:
        if response.will_close:
            connection.close()
            return
        with self._lock:
            self._idle.append((connection, time.monotonic()))

    def _made(self) -> HTTPConnection:
        host, port, proxy = self._host, self._port, urlsplit(self._proxy)
        if proxy.hostname:
            host, port = proxy.hostname, proxy.port or 80
        if self._tls is None:
            return HTTPConnection(host, port, timeout=self._seconds)
        connection = HTTPSConnection(host, port, timeout=self._seconds, context=self._tls)
        if proxy.hostname:
            connection.set_tunnel(self._host, self._port, _proxy_headers(self._proxy))
        return connection


def _read(response: HTTPResponse, give_up: float) -> bytes:
    """Read an answer within a time of its own: a socket's limit starts anew with every byte."""
    chunks: list[bytes] = []
    while chunk := response.read1(_CHUNK):
        chunks.append(chunk)
        if time.monotonic() > give_up:
            raise TimeoutError("The answer took too long.")
    if response.length:
        raise HTTPException("The answer ended early.")
    response.close()
    content = b"".join(chunks)
    if response.headers.get("Content-Encoding") != "gzip":
        return content
    try:
        return zlib.decompress(content, _GZIP)
    except zlib.error:
        raise HTTPException("The answer is no gzip.") from None


def _is_dropped(connection: HTTPConnection) -> bool:
    """Whether the other end has closed an idle connection: it has nothing else to say."""
    poll = select.poll()
    poll.register(connection.sock, select.POLLIN)
    return bool(poll.poll(0))


def _proxy_of(scheme: str, host: str) -> str:
    proxies = getproxies()
    found = proxies.get(scheme) or proxies.get("all") or ""
    return "" if not found or proxy_bypass(host) else found if "://" in found else f"http://{found}"


def _proxy_headers(proxy: str) -> dict[str, str]:
    parts = urlsplit(proxy)
    if parts.username is None:
        return {}
    login = f"{unquote(parts.username)}:{unquote(parts.password or '')}".encode()
    return {"Proxy-Authorization": f"Basic {b64encode(login).decode()}"}
