"""Every POST is carried out once for each Idempotency-Key; a repetition gets the first answer.

Only successes are kept: a refusal had no effect, and whatever a lost process had begun is idempotent by ids that are derived
from the key.
"""

from __future__ import annotations

import hashlib
import json
import re
import uuid
from collections.abc import Callable, Coroutine
from typing import Annotated, Any

from fastapi import Header
from fastapi.routing import APIRoute
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from api import auth
from api.deps import parts_of
from api.errors import answer_of
from domain.errors import Refused
from storage.records import Caller, StoredAnswer

HEADER = "Idempotency-Key"
REPLAYED = "Idempotency-Replayed"
_KEY = re.compile(r"[\x21-\x7e]{1,200}")
_NAMES = uuid.UUID("0b6c7f7e-6a57-5d0e-8f0d-9b1f0c7d2a41")
_BAD_REQUEST = 300

Handler = Callable[[Request], Coroutine[Any, Any, Response]]
Key = Annotated[
    str,
    Header(
        alias=HEADER,
        min_length=1,
        max_length=200,
        pattern=r"^[!-~]+$",
        description="Any string of your own: a POST with the same key is carried out once.",
    ),
]


class OnceRoute(APIRoute):
    """Wraps the handler of each POST; other methods are idempotent by themselves."""

    def get_route_handler(self) -> Handler:
        """Return the wrapped handler."""
        handler = super().get_route_handler()
        if "POST" not in (self.methods or ()):
            return handler

        async def once(request: Request) -> Response:
            return await _once(request, handler)

        return once


def derived_id(user_id: str, key: str, what: str) -> str:
    """Name a thing that a POST makes, so that its repetition makes the same one."""
    return str(uuid.uuid5(_NAMES, f"{what}\x1f{user_id}\x1f{key}"))


async def _once(request: Request, handler: Handler) -> Response:
    caller = await run_in_threadpool(auth.caller_of, request)
    key = _key_of(request)
    book = parts_of(request).idempotency
    digest = await _digest(request)
    stored = await run_in_threadpool(book.claim, caller.user_id, key, digest)
    if stored is not None:
        return _replay(stored)
    try:
        answer = await handler(request)
    except Exception as error:  # noqa: BLE001 - every exception becomes an answer here, so that the key is freed
        answer = answer_of(request, error)
    await run_in_threadpool(_settle, request, caller, key, answer)
    return answer


def _settle(request: Request, caller: Caller, key: str, answer: Response) -> None:
    book = parts_of(request).idempotency
    if answer.status_code < _BAD_REQUEST:
        book.finish(caller.user_id, key, answer.status_code, json.loads(bytes(answer.body) or b"null"))
    else:
        book.abandon(caller.user_id, key)


def _replay(stored: StoredAnswer) -> Response:
    return JSONResponse(stored.body, status_code=stored.status, headers={REPLAYED: "true"})


def _key_of(request: Request) -> str:
    key = request.headers.get(HEADER, "")
    if not key:
        raise Refused(
            "idempotency_key_missing",
            "A POST needs the header Idempotency-Key.",
            action="Send one, for example a new UUID; repeat it when you repeat the request.",
        )
    if not _KEY.fullmatch(key):
        raise Refused(
            "idempotency_key_bad",
            "The Idempotency-Key has to be 1 to 200 printable characters without spaces.",
            action="Send a UUID.",
        )
    return key


async def _digest(request: Request) -> str:
    digest = hashlib.sha256()
    for part in (request.method, request.url.path, request.url.query):
        digest.update(part.encode() + b"\x00")
    digest.update(await request.body())
    return digest.hexdigest()
