"""The OpenAPI document: every route says how it fails, and streams and sockets are described."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from api.errors import ErrorEnvelope

_TEXTS = {
    400: "The request cannot be read, or its Idempotency-Key is missing.",
    401: "The API key is missing, wrong or revoked.",
    403: "The key lacks the scope.",
    404: "There is no such thing, or it is another user's.",
    409: "It conflicts with the present state.",
    413: "The body is too large.",
    422: "A field is wrong or unknown, or a rule refuses.",
    500: "A fault of ours.",
    502: "The venue answered in a way that leaves the outcome open.",
    503: "A part is away; try again after Retry-After seconds.",
}
ERRORS: dict[int | str, dict[str, Any]] = {
    status: {"model": ErrorEnvelope, "description": text} for status, text in _TEXTS.items()
}


def describe(made: FastAPI) -> None:
    """Replace FastAPI's own description of validation errors, which we never send, by the envelope."""

    def document() -> dict[str, Any]:
        if made.openapi_schema is None:
            made.openapi_schema = _document(made)
        return made.openapi_schema

    made.openapi = document  # type: ignore[method-assign]


def _document(made: FastAPI) -> dict[str, Any]:
    found = get_openapi(title=made.title, version=made.version, description=made.description, routes=made.routes)
    for name in ("HTTPValidationError", "ValidationError"):
        found.get("components", {}).get("schemas", {}).pop(name, None)
    return found
