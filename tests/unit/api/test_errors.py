from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from api.errors import CODES, Category, category_of
from domain.errors import HoldfastError, Misconfigured, OutcomeUnknown, Refused, Retryable

ROOT = Path(__file__).parents[3]


def test_the_reference_of_codes_is_what_the_sources_give() -> None:
    command = [sys.executable, str(ROOT / "scripts" / "error_codes.py"), "--check"]
    environment = {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, check=False, env=environment)
    assert done.returncode == 0, "run python scripts/error_codes.py"


def test_every_code_of_the_table_is_made_somewhere() -> None:
    folders = ("activities", "advisors", "api", "domain", "storage", "workflows")
    sources = [file for folder in folders for file in (ROOT / folder).rglob("*.py")]
    text = "".join(file.read_text(encoding="utf-8") for file in sources)
    unmade = [code for code in CODES if len(re.findall(rf'"{code}"', text)) < 2]
    assert unmade == []


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (Refused("agent_running", "x"), 409),
        (Refused("account_unknown", "x"), 404),
        (Refused("anything_else", "x"), 422),
        (Retryable("database_unavailable", "x"), 503),
        (Misconfigured("schema_old", "x"), 503),
        (Misconfigured("adviser_unknown", "x"), 422),
        (OutcomeUnknown("outcome", "x"), 502),
        (HoldfastError("strange", "x"), 500),
    ],
)
def test_a_code_or_else_its_class_decides_the_status(error: HoldfastError, status: int) -> None:
    assert category_of(error)[1] == status


def test_categories_are_the_contracts() -> None:
    names = "input auth permission not_found conflict risk venue unavailable internal"
    assert [category.value for category in Category] == names.split()
