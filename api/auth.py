"""Who calls: `Authorization: Bearer hf_...`, hashed and scoped. The scope that a route needs follows from method and path."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends
from fastapi.security import HTTPBearer
from fastapi.security.http import HTTPAuthorizationCredentials
from starlette.requests import HTTPConnection, Request

from api.deps import parts_of
from domain.errors import Refused
from storage.records import Caller, Scope

ADMIN_PATHS = "/admin/"
_READING = frozenset({"GET", "HEAD"})
_LONGEST_KEY = 200
_BEARER = HTTPBearer(auto_error=False, description="An API key, hf_...", scheme_name="ApiKey")


def authenticate(connection: HTTPConnection, token: str) -> Caller:
    """Find who a key belongs to; blocking."""
    caller = parts_of(connection).users.authenticate(token) if 0 < len(token) <= _LONGEST_KEY else None
    if caller is None:
        raise Refused(
            "unauthenticated",
            "The API key is missing, wrong or revoked." if token else "This needs an API key.",
            action="Send `Authorization: Bearer hf_...` with a key from `holdfast user create`.",
        )
    return caller


def bearer_of(connection: HTTPConnection) -> str:
    """Read the token of the Authorization header, '' without one."""
    kind, _, token = connection.headers.get("Authorization", "").partition(" ")
    return token.strip() if kind.lower() == "bearer" else ""


def needed_scope(method: str, path: str) -> Scope:
    """Say what a key must be allowed to do."""
    if path.startswith(ADMIN_PATHS):
        return Scope.ADMIN
    return Scope.READ if method in _READING else Scope.TRADE


def caller_of(request: Request) -> Caller:
    """Authenticate and authorise a request once; blocking."""
    known: Caller | None = getattr(request.state, "caller", None)
    if known is not None:
        return known
    caller = authenticate(request, bearer_of(request))
    request.state.caller = caller
    require_scope(caller, needed_scope(request.method, request.url.path))
    return caller


def require_scope(caller: Caller, scope: Scope) -> None:
    """Refuse a key that may not do this; administration needs an administrator's key as well."""
    if caller.may(scope) and (scope is not Scope.ADMIN or caller.is_admin):
        return
    raise Refused(
        "scope_missing",
        f"This key lacks the scope {scope}.",
        action="Use a key with that scope; `holdfast user` makes one.",
        details={"scope": scope.value},
    )


def _caller(request: Request, _: Annotated[HTTPAuthorizationCredentials | None, Depends(_BEARER)]) -> Caller:
    return caller_of(request)


Me = Annotated[Caller, Depends(_caller)]
