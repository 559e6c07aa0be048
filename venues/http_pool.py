"""HTTP connections to one server, kept open, by urllib3: a request costs a third of what httpx takes for it.

Nothing here tries again, follows a redirect or keeps a cookie. Errors are urllib3's HTTPError, a TimeoutError of its where time ran
out.
"""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from typing import NamedTuple
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

from urllib3 import BaseHTTPResponse, HTTPConnectionPool, HTTPResponse, HTTPSConnectionPool, PoolManager, ProxyManager
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import HTTPError
from urllib3.exceptions import TimeoutError as OverallTimeout
from urllib3.util import make_headers

KEEPALIVE = 3.0
"""Seconds that a connection may idle. Longer, and it may be dead at the other end, which a write must not find out."""
LARGEST = 64 * 2**20
"""Bytes of the longest answer, unpacked. The longest of a venue, its list of markets, has some millions."""
_CHUNK = 65_536


class HttpAnswer(NamedTuple):
    """What a server answered; the names of headers fit in any case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class _Connection(HTTPConnection):
    """A connection that is not used again when it has idled for long; urllib3 opens one that is not connected anew."""

    used_at = 0.0

    def getresponse(self) -> HTTPResponse:  # type: ignore[override]  # as urllib3 has it
        """Note when an answer came."""
        self.used_at = time.monotonic()
        return super().getresponse()

    @property
    def is_connected(self) -> bool:
        """Whether it may be used again."""
        return super().is_connected and time.monotonic() - self.used_at < KEEPALIVE


class _TlsConnection(_Connection, HTTPSConnection):
    """The same with TLS."""


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Connection


class _TlsPool(HTTPSConnectionPool):
    ConnectionCls = _TlsConnection


class HttpPool:
    """Connections to one server. Safe to use from many threads; `seconds` limits each wait and the whole answer.

    With `by_proxy` the environment's proxies count.
    """

    def __init__(
        self, url: str, *, headers: Mapping[str, str], seconds: float, size: int = 64, by_proxy: bool = True
    ) -> None:
        self._seconds = seconds
        self._headers = {**make_headers(accept_encoding="gzip"), **headers}
        proxy = _proxy_of(url) if by_proxy else ""
        pools = ProxyManager(proxy, proxy_headers=_login_of(proxy)) if proxy else PoolManager()
        pools.pool_classes_by_scheme = {"http": _Pool, "https": _TlsPool}
        parts = urlsplit(url)
        self._pool = pools.connection_from_url(url, {"maxsize": size, "block": True})
        # A proxy is told the whole address of what it cannot tunnel; urllib3 gives it its login.
        is_forwarded = bool(proxy) and parts.scheme == "http"
        self._prefix = url.rstrip("/") if is_forwarded else parts.path.rstrip("/")

    def post(self, path: str, body: bytes) -> tuple[int, bytes]:
        """Post bytes once and return status and body."""
        answer = self.ask("POST", path, body=body)
        return answer.status, answer.body

    def ask(
        self, method: str, path: str, *, body: bytes | None = None, headers: Mapping[str, str] | None = None
    ) -> HttpAnswer:
        """Send a request once, with more headers if given, and return its answer."""
        give_up = time.monotonic() + self._seconds
        response = self._pool.urlopen(
            method,
            self._prefix + path,
            body=body,
            headers={**self._headers, **headers} if headers else self._headers,
            retries=False,
            redirect=False,
            assert_same_host=False,
            timeout=self._seconds,
            pool_timeout=math.ceil(self._seconds),
            preload_content=False,
        )
        try:
            return HttpAnswer(response.status, response.headers, self._read(response, give_up))
        except BaseException:
            # What is left of the answer would be read as the next one.
            response.close()
            raise
        finally:
            response.release_conn()

    @staticmethod
    def _read(response: BaseHTTPResponse, give_up: float) -> bytes:
        """Read an answer within a time of its own: a socket's limit starts anew with every byte."""
        chunks: list[bytes] = []
        length = 0
        while chunk := response.read1(_CHUNK):
            chunks.append(chunk)
            length += len(chunk)
            if time.monotonic() > give_up:
                raise OverallTimeout("The answer took too long.")
            if length > LARGEST:
                raise HTTPError("The answer is too long.")
        return b"".join(chunks)

    def close(self) -> None:
        """Close the connections that nobody uses."""
        self._pool.close()


def _proxy_of(url: str) -> str:
    parts, proxies = urlsplit(url), getproxies()
    found = proxies.get(parts.scheme) or proxies.get("all") or ""
    return "" if not found or proxy_bypass(parts.hostname or "") else found if "://" in found else f"http://{found}"


def _login_of(proxy: str) -> dict[str, str]:
    login = urlsplit(proxy).netloc.rpartition("@")[0]
    return make_headers(proxy_basic_auth=login) if login else {}
