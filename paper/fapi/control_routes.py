"""The routes of the control requests, guarded and as JSON."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from ipaddress import ip_address
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from paper.fapi.control import BadControl, Control
from paper.fapi.errors import Refused
from paper.fapi.node import Node

Json = dict[str, Any]


def _from_loopback(request: Request) -> bool:
    try:
        return request.client is not None and ip_address(request.client.host).is_loopback
    except ValueError:
        return False


def _guarded(answer: Callable[[Request], Awaitable[Any]]) -> Callable[[Request], Awaitable[Response]]:
    async def respond(request: Request) -> Response:
        if not _from_loopback(request):
            return JSONResponse({"error": "Control is open on loopback only."}, 403)
        try:
            return JSONResponse(await answer(request))
        except Refused as refused:
            return JSONResponse({"error": refused.text, "code": refused.code}, 400)
        except (BadControl, ValueError) as error:
            return JSONResponse({"error": str(error)}, 400)

    return respond


def _posted(node: Node, answer: Callable[[Json], Any]) -> Callable[[Request], Awaitable[Response]]:
    async def respond(request: Request) -> Any:
        body = json.loads(await request.body() or b"{}")
        if not isinstance(body, dict):
            raise BadControl("The body must be a JSON object.")
        node.venue.begin_block()
        try:
            return answer(body)
        finally:
            node.venue.block_ms = None

    return _guarded(respond)


def _got(answer: Callable[[dict[str, str]], Any]) -> Callable[[Request], Awaitable[Response]]:
    async def respond(request: Request) -> Any:
        return answer(dict(request.query_params))

    return _guarded(respond)


def control_routes(control: Control) -> list[Route]:
    """Return the routes under /control."""
    names = ("account", "deposit", "price", "settings", "requests", "trade", "fill", "cancel")
    posts = {name: getattr(control, name) for name in names} | {"faults": control.add_fault}
    gets: dict[str, Callable[[dict[str, str]], Any]] = {
        "orders": control.orders,
        "fills": control.fills,
        "faults": control.faults,
        "settings": control.shown_settings,
        "clock": control.clock,
        "health": control.health,
    }
    lift = Route("/control/faults", _got(control.clear_faults), methods=["DELETE"])
    return [
        *(Route(f"/control/{name}", _posted(control.node, run), methods=["POST"]) for name, run in posts.items()),
        *(Route(f"/control/{name}", _got(run), methods=["GET"]) for name, run in gets.items()),
        lift,
    ]
