from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from prometheus_client import CollectorRegistry

from api.app import Given, create_app
from api.auth import needed_scope
from runtime.settings import Settings
from storage.records import Scope

CONTRACT = {
    "POST": """/api/agent/start /api/agent/stop /api/agent/pause /api/agent/resume /api/agent/emergency-stop /api/agents
        /api/intents /api/intents/{intent_id}/cancel /api/intents/{intent_id}/execute /api/positions/open /api/positions/close /api/accounts
        /api/control/pause /api/control/resume /admin/emergency-halt /admin/release""",
    "GET": """/api/agent/status /api/agents /api/agents/{agent_id} /api/agents/{agent_id}/decisions /api/intents
        /api/intents/{intent_id} /api/portfolio /api/positions /api/orders /api/fills /api/trades /api/performance
        /api/balances /api/diary /api/logs /api/accounts /api/status /api/usage /api/settings /api/auth/me /api/events
        /api/health /api/health/live /api/health/ready /admin/halt""",
    "PATCH": "/api/agents/{agent_id} /api/accounts/{account_id}",
    "DELETE": "/api/agents/{agent_id} /api/accounts/{account_id} /api/settings",
    "PUT": "/api/settings",
}


@pytest.fixture
def app(settings: Settings) -> FastAPI:
    return create_app(Given(settings=settings, registry=CollectorRegistry()))


@pytest.fixture
def document(app: FastAPI) -> dict[str, Any]:
    return app.openapi()


def test_the_document_has_every_route_of_the_contract(document: dict[str, Any]) -> None:
    for method, paths in CONTRACT.items():
        missing = [path for path in paths.split() if method.lower() not in document["paths"].get(path, {})]
        assert missing == [], method


def test_every_route_describes_its_errors_by_the_envelope(document: dict[str, Any]) -> None:
    for path, methods in document["paths"].items():
        for method, route in methods.items():
            for status in ("401", "404", "422", "500", "503"):
                schema = route["responses"][status]["content"]["application/json"]["schema"]
                assert schema == {"$ref": "#/components/schemas/ErrorEnvelope"}, (method, path, status)
    assert "HTTPValidationError" not in json.dumps(document)


def test_every_route_says_in_one_sentence_what_it_does(document: dict[str, Any]) -> None:
    for path, methods in document["paths"].items():
        for method, route in methods.items():
            assert route.get("description", "").endswith("."), (method, path)


def test_every_post_describes_its_idempotency_key(document: dict[str, Any]) -> None:
    for path, methods in document["paths"].items():
        if "post" in methods:
            headers = [p["name"] for p in methods["post"]["parameters"] if p["in"] == "header" and p["required"]]
            assert headers == ["Idempotency-Key"], path


def test_every_route_but_health_needs_a_key(document: dict[str, Any]) -> None:
    open_routes = {
        path for path, methods in document["paths"].items() for route in methods.values() if not route.get("security")
    }
    assert open_routes == {"/api/health", "/api/health/live", "/api/health/ready"}


@pytest.mark.parametrize(
    ("method", "path", "scope"),
    [
        ("GET", "/api/agents", Scope.READ),
        ("POST", "/api/agents", Scope.TRADE),
        ("DELETE", "/api/agents/1", Scope.TRADE),
        ("GET", "/admin/halt", Scope.ADMIN),
        ("POST", "/admin/release", Scope.ADMIN),
    ],
)
def test_the_scope_follows_from_method_and_path(method: str, path: str, scope: Scope) -> None:
    assert needed_scope(method, path) is scope


def test_the_route_files_hold_no_async_code() -> None:
    for file in (Path(__file__).parents[3] / "api" / "routes").glob("*.py"):
        assert "async def" not in file.read_text(encoding="utf-8"), file.name


def test_importing_the_module_reads_no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    import importlib

    import api.app

    monkeypatch.setenv("API_PORT", "no number")
    importlib.reload(api.app)
    with pytest.raises(SystemExit, match="bad_setting"):
        _ = api.app.app
