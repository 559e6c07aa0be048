"""`uvicorn api.app:app` as a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from sqlalchemy import text

from storage.postgres.engine import engine as make_engine
from storage.postgres.engine import transaction
from storage.postgres.users import PostgresUsers
from storage.records import Scope
from tests.integration.api.conftest import wait_for

ROOT = Path(__file__).parents[3]


@contextmanager
def started(home: Path, port: int, **environment: str) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", "uvicorn", "api.app:app", "--port", str(port), "--log-level", "warning"]
    given = {"PATH": os.environ["PATH"], "HOLDFAST_HOME": str(home), "HOLDFAST_ENV": "testing", **environment}
    with (home / "out").open("w") as out:
        process = subprocess.Popen(command, cwd=ROOT, env=given, stdout=out, stderr=out, text=True)
        try:
            yield process
        finally:
            process.kill()
            process.wait(10)


def answers(port: int) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/api/health/live").status_code == 200
    except httpx.TransportError:
        return False


def test_it_serves_alone_and_stops_cleanly_with_an_open_stream(
    database: str, tmp_path: Path, free_port: Callable[[], int]
) -> None:
    port, nobody = free_port(), f"127.0.0.1:{free_port()}"
    engine = make_engine(database)
    users = PostgresUsers(engine)
    key = users.issue(users.add("ann").user_id, scopes=(Scope.READ,)).secret
    engine.dispose()
    with started(tmp_path, port, DATABASE_URL=database, TEMPORAL_ADDRESS=nobody, TRADING_HALTED="1") as process:
        wait_for(lambda: answers(port), 40)
        headers = {"Authorization": f"Bearer {key}"}
        with httpx.stream("GET", f"http://127.0.0.1:{port}/api/events", headers=headers, timeout=20) as stream:
            lines = stream.iter_lines()
            assert next(lines) == ": connected"
            assert httpx.get(f"http://127.0.0.1:{port}/api/health").json()["trading_halted"] is True
            begun = time.monotonic()
            process.terminate()
            assert list(lines) is not None
        assert process.wait(10) in {0, -15}
        assert time.monotonic() - begun < 8
    log = [json.loads(line) for line in (tmp_path / "logs" / "api.jsonl").read_text().splitlines()]
    request = next(line for line in log if line["event"] == "request" and line["path"] == "/api/health")
    assert (request["process"], len(request["trace_id"])) == ("api", 32)
    assert key not in (tmp_path / "out").read_text() + str(log)


@pytest.mark.parametrize(
    ("environment", "sentence"),
    [
        ({}, "DATABASE_URL is not set."),
        ({"API_PORT": "none"}, "bad_setting"),
        ({"DATABASE_URL": "mysql://x"}, "DATABASE_URL"),
    ],
)
def test_a_start_that_cannot_succeed_says_why(
    tmp_path: Path, free_port: Callable[[], int], environment: dict[str, str], sentence: str
) -> None:
    with started(tmp_path, free_port(), **environment) as process:
        assert process.wait(60) != 0
    assert sentence in (tmp_path / "out").read_text()


def test_it_refuses_a_schema_that_is_newer_than_the_code(
    database: str, tmp_path: Path, free_port: Callable[[], int]
) -> None:
    engine = make_engine(database)
    with transaction(engine) as connection:
        connection.execute(text("insert into schema_revisions (revision) values ('9999')"))
    engine.dispose()
    with started(tmp_path, free_port(), DATABASE_URL=database) as process:
        assert process.wait(60) != 0
    assert "this program knows" in (tmp_path / "out").read_text()
