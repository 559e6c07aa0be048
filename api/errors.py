"""One envelope for every error, and what each code means to a caller.

`{"error": {"code", "message", "action", "details", "trace_id"}}`; the category of a code decides its HTTP status.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import timedelta
from enum import StrEnum
from http import HTTPStatus
from math import ceil

import structlog
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from domain.errors import HoldfastError, Misconfigured, OutcomeUnknown, Refused, Retryable
from runtime.errors import SetupError
from runtime.secrets import SealError

MOST_DETAILS = 20
_DECIMAL = re.compile(r"Decimal\('([^']*)'\)")
RETRY_SOON = timedelta(seconds=1)


class Category(StrEnum):
    """Who is at fault, as far as a caller has to know."""

    INPUT = "input"
    AUTH = "auth"
    PERMISSION = "permission"
    NOT_FOUND = "not_found"
    CONFLICT = "conflict"
    RISK = "risk"
    VENUE = "venue"
    UNAVAILABLE = "unavailable"
    INTERNAL = "internal"


STATUS: dict[Category, HTTPStatus] = {
    Category.INPUT: HTTPStatus.UNPROCESSABLE_ENTITY,
    Category.AUTH: HTTPStatus.UNAUTHORIZED,
    Category.PERMISSION: HTTPStatus.FORBIDDEN,
    Category.NOT_FOUND: HTTPStatus.NOT_FOUND,
    Category.CONFLICT: HTTPStatus.CONFLICT,
    Category.RISK: HTTPStatus.UNPROCESSABLE_ENTITY,
    Category.VENUE: HTTPStatus.BAD_GATEWAY,
    Category.UNAVAILABLE: HTTPStatus.SERVICE_UNAVAILABLE,
    Category.INTERNAL: HTTPStatus.INTERNAL_SERVER_ERROR,
}

CODES: dict[str, tuple[Category, HTTPStatus]] = {
    "idempotency_key_missing": (Category.INPUT, HTTPStatus.BAD_REQUEST),
    "idempotency_key_bad": (Category.INPUT, HTTPStatus.BAD_REQUEST),
    "bad_cursor": (Category.INPUT, HTTPStatus.BAD_REQUEST),
    "bad_request": (Category.INPUT, HTTPStatus.BAD_REQUEST),
    "body_too_large": (Category.INPUT, HTTPStatus.REQUEST_ENTITY_TOO_LARGE),
    "route_not_found": (Category.NOT_FOUND, HTTPStatus.NOT_FOUND),
    "method_not_allowed": (Category.INPUT, HTTPStatus.METHOD_NOT_ALLOWED),
    **dict.fromkeys(
        ("adviser_unknown", "adviser_setting", "address_is_agent", "invalid_request"),
        (Category.INPUT, HTTPStatus.UNPROCESSABLE_ENTITY),
    ),
    **dict.fromkeys(("unauthenticated",), (Category.AUTH, HTTPStatus.UNAUTHORIZED)),
    **dict.fromkeys(("scope_missing", "halted_by_admin"), (Category.PERMISSION, HTTPStatus.FORBIDDEN)),
    **dict.fromkeys(
        ("account_unknown", "agent_unknown", "intent_unknown", "setting_unknown", "signer_unknown"),
        (Category.NOT_FOUND, HTTPStatus.NOT_FOUND),
    ),
    **dict.fromkeys(
        (
            "account_ambiguous",
            "account_exists",
            "account_in_use",
            "account_inactive",
            "agent_ambiguous",
            "agent_exists",
            "agent_not_running",
            "agent_running",
            "amend_refused",
            "confirmation_required",
            "idempotency_in_progress",
            "idempotency_mismatch",
            "intent_not_waiting",
            "intent_over",
            "no_position",
            "reconfigure_refused",
            "signer_used",
            "user_exists",
        ),
        (Category.CONFLICT, HTTPStatus.CONFLICT),
    ),
    **dict.fromkeys(("internal_error", "seal_broken"), (Category.INTERNAL, HTTPStatus.INTERNAL_SERVER_ERROR)),
    **dict.fromkeys(("workflow_no_answer", "not_ready"), (Category.UNAVAILABLE, HTTPStatus.SERVICE_UNAVAILABLE)),
}
"""Codes whose category does not follow from the class of their error."""


class ErrorBody(BaseModel):
    """What went wrong and what to do; `code` is stable."""

    code: str
    message: str
    action: str
    details: dict[str, str]
    trace_id: str


class ErrorEnvelope(BaseModel):
    """The body of every answer that is an error."""

    error: ErrorBody


def category_of(error: HoldfastError) -> tuple[Category, HTTPStatus]:
    """Say what an error is to a caller: by its code, else by its class."""
    if error.code in CODES:
        return CODES[error.code]
    match error:
        case Refused():
            category = Category.INPUT
        case Retryable() | Misconfigured():
            category = Category.UNAVAILABLE
        case OutcomeUnknown():
            category = Category.VENUE
        case _:
            category = Category.INTERNAL
    return category, STATUS[category]


def envelope(
    status: HTTPStatus, code: str, message: str, *, action: str, trace_id: str, details: Mapping[str, str] | None = None
) -> JSONResponse:
    """Build an error answer."""
    body = ErrorBody(code=code, message=message, action=action, details=dict(details or {}), trace_id=trace_id)
    return JSONResponse(ErrorEnvelope(error=body).model_dump(), status_code=status)


def trace_of(request: Request) -> str:
    """The trace id of a request."""
    return str(getattr(request.state, "trace_id", ""))


def answer_of(request: Request, error: Exception) -> Response:
    """Turn any exception into the envelope."""
    match error:
        case HoldfastError():
            return _of_ours(request, error)
        case RequestValidationError():
            return _of_validation(request, error)
        case HTTPException():
            return _of_http(request, error)
        case SetupError():
            status = HTTPStatus.SERVICE_UNAVAILABLE
            return envelope(status, error.code, error.message, action=error.action, trace_id=trace_of(request))
        case _:
            return unexpected(error, trace_of(request))


def unexpected(error: Exception, trace_id: str) -> JSONResponse:
    """Report a fault of ours; the caller gets its trace id and nothing of its inside."""
    code = "seal_broken" if isinstance(error, SealError) else "internal_error"
    structlog.get_logger("api.errors").error("unexpected", code=code, exc_info=error)
    return envelope(
        HTTPStatus.INTERNAL_SERVER_ERROR,
        code,
        "Something went wrong on our side.",
        action="Try again; if it stays, send the trace id to the operator.",
        trace_id=trace_id,
    )


def _of_ours(request: Request, error: HoldfastError) -> JSONResponse:
    category, status = category_of(error)
    action = error.action or _usual_action(category)
    answer = envelope(
        status, error.code, error.message, action=action, details=error.details, trace_id=trace_of(request)
    )
    if category is Category.UNAVAILABLE:
        wait = error.retry_after if isinstance(error, Retryable) else None
        answer.headers["Retry-After"] = str(max(1, ceil((wait or RETRY_SOON).total_seconds())))
    if category is Category.AUTH:
        answer.headers["WWW-Authenticate"] = "Bearer"
    return answer


def _usual_action(category: Category) -> str:
    match category:
        case Category.UNAVAILABLE | Category.VENUE:
            return "Try again in a moment."
        case Category.INTERNAL:
            return "Send the trace id to the operator."
        case _:
            return "Change the request."


def _of_validation(request: Request, error: RequestValidationError) -> JSONResponse:
    faults = error.errors()
    if any(fault["type"] == "json_invalid" for fault in faults):
        status, code, message = HTTPStatus.BAD_REQUEST, "bad_request", "The body is not valid JSON."
    else:
        status, code, message = HTTPStatus.UNPROCESSABLE_ENTITY, "invalid_request", "The request has wrong fields."
    details = {_place(fault["loc"]): _said(str(fault["msg"])) for fault in faults[:MOST_DETAILS]}
    action = "Mend the fields named in details; the OpenAPI document describes them."
    return envelope(status, code, message, action=action, details=details, trace_id=trace_of(request))


def _said(message: str) -> str:
    """Say a fault as people do: pydantic names the classes of Python."""
    return _DECIMAL.sub(r"\1", message.removeprefix("Value error, "))


def _place(location: tuple[int | str, ...]) -> str:
    return ".".join(str(part) for part in location[1:]) or str(location[0] if location else "body")


def _of_http(request: Request, error: HTTPException) -> JSONResponse:
    match error.status_code:
        case HTTPStatus.NOT_FOUND:
            code, message = "route_not_found", f"There is no {request.url.path}."
        case HTTPStatus.METHOD_NOT_ALLOWED:
            code, message = "method_not_allowed", f"{request.url.path} does not take {request.method}."
        case _:
            code, message = "bad_request", str(error.detail)
    action = "See /api/openapi.json for the routes."
    answer = envelope(HTTPStatus(error.status_code), code, message, action=action, trace_id=trace_of(request))
    answer.headers.update(error.headers or {})
    return answer
