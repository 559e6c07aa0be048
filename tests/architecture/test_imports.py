"""Imports flow one way; what import-linter cannot see is read from the sources or from a fresh process."""

import ast
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tests.architecture.sources import PACKAGES, ROOT, files, imports_any, shown, tree

IO_LIBRARIES = (
    "alembic", "coincurve", "eth_account", "fastapi", "httpx", "hyperliquid", "psycopg", "requests", "sentry_sdk",
    "sqlalchemy", "starlette", "structlog", "uvicorn", "websocket", "websockets",
)  # fmt: skip
IMPORT_ALL = """
import importlib, pkgutil, sys
for package in sys.argv[1].split(","):
    for module in pkgutil.walk_packages(importlib.import_module(package).__path__, package + "."):
        importlib.import_module(module.name)
print(",".join(sorted(sys.modules)))
"""


@pytest.mark.slow
def test_import_linter_keeps_every_contract() -> None:
    command = [str(Path(sys.executable).with_name("lint-imports")), "--no-cache"]
    answer = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert answer.returncode == 0, answer.stdout[-3000:]


def test_every_package_of_ours_is_under_a_contract() -> None:
    configured = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["root_packages"]
    found = {file.parent.name for file in ROOT.glob("*/__init__.py")} - {"tests", "benchmarks"}
    assert found == set(configured) == set(PACKAGES)


@pytest.mark.parametrize("packages", ["domain", "workflows"])
def test_a_fresh_process_that_imports_it_reaches_no_io_library(packages: str) -> None:
    answer = subprocess.run(
        [sys.executable, "-c", IMPORT_ALL, packages], cwd=ROOT, capture_output=True, text=True, check=True
    )
    loaded = {name.split(".")[0] for name in answer.stdout.strip().split(",")}
    assert packages in loaded
    assert loaded & set(IO_LIBRARIES) == set()


def test_domain_reaches_neither_temporal_nor_pydantic() -> None:
    answer = subprocess.run(
        [sys.executable, "-c", IMPORT_ALL, "domain"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    loaded = {name.split(".")[0] for name in answer.stdout.strip().split(",")}
    assert loaded & {"temporalio", "pydantic"} == set()


def test_nobody_imports_the_composition_root_of_the_worker() -> None:
    assert [shown(file) for file in files() if imports_any(file, "worker")] == []


def test_only_the_command_line_imports_the_commands() -> None:
    importing = {shown(file) for file in files() if imports_any(file, "commands")}
    assert {name for name in importing if not name.startswith("commands/")} <= {"cli.py"}


def test_only_the_worker_the_api_and_the_command_line_wire_adapters() -> None:
    adapters = ("storage.postgres", "venues.hyperliquid", "advisors.strategies", "runtime")
    wired = {shown(file).split("/")[0] for file in files() if imports_any(file, *adapters)}
    assert wired <= {"worker.py", "wiring", "api", "cli.py", "commands", "storage", "venues", "advisors", "runtime"}


def test_only_the_command_line_and_the_paper_servers_import_paper() -> None:
    importing = {shown(file).split("/")[0] for file in files() if imports_any(file, "paper")}
    assert importing <= {"paper", "cli.py", "commands"}


def test_workflows_and_domain_use_no_client_no_clock_and_no_chance_of_their_own() -> None:
    banned = (
        "temporalio.client",
        "random",
        "secrets",
        "os",
        "time",
        "threading",
        "uuid.uuid4",
        "uuid.uuid1",
        "logging",
    )
    found = {shown(file): names for file in files("workflows", "domain") if (names := imports_any(file, *banned))}
    assert found == {}


CLOCKS = {"now", "utcnow", "today", "monotonic", "time_ns"}


def _reads_a_clock(node: ast.AST) -> bool:
    match node:
        case ast.Call(func=ast.Attribute(value=ast.Name(id=owner), attr=name)):
            return name in CLOCKS and owner != "workflow"
        case ast.Call(func=ast.Name(id="open" | "print" | "input")):
            return True
    return False


def _is_shared_state(node: ast.AST) -> bool:
    """Whether runs could see what another one left: rebound globals, and lists, dicts or sets of a module or a class."""
    bodies = [node.body] if isinstance(node, (ast.Module, ast.ClassDef)) else []
    values = [
        statement.value for body in bodies for statement in body if isinstance(statement, (ast.Assign, ast.AnnAssign))
    ]
    mutable = (ast.List, ast.Dict, ast.Set, ast.ListComp, ast.DictComp, ast.SetComp)
    return isinstance(node, (ast.Global, ast.Nonlocal)) or any(isinstance(value, mutable) for value in values)


def _offences(source: ast.AST) -> list[str]:
    found = (node for node in ast.walk(source) if _reads_a_clock(node) or _is_shared_state(node))
    return [ast.unparse(node)[:80] for node in found]


def test_workflow_files_read_no_clock_and_share_no_state_since_the_sandbox_does_not_load_them_for_each_run() -> None:
    found = {shown(file): offences for file in files("workflows") if (offences := _offences(tree(file)))}
    assert found == {}


@pytest.mark.parametrize(
    "source",
    [
        "at = datetime.now(UTC)",
        "day = date.today()",
        "seen = {}",
        "class Life:\n    seen: list[str] = []",
        "def f():\n    global seen\n    seen = 1",
        "print('here')",
    ],
)
def test_a_clock_and_shared_state_would_be_found(source: str) -> None:
    assert _offences(ast.parse(source))
