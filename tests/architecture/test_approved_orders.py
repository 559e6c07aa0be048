"""Only risk may build an approved order: `place_order` takes nothing else, so nothing unapproved can be placed."""

import ast
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGES = (
    "activities",
    "advisors",
    "api",
    "domain",
    "paper",
    "runtime",
    "storage",
    "venues",
    "workflows",
    "benchmarks",
)
RISK = "domain/risk.py"


def calls_of(name: str, source: str) -> int:
    """Count calls of a class by its name, also through a module or as the target of replace()."""
    calls = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call)]
    return sum(1 for call in calls if name in {getattr(call.func, "id", ""), getattr(call.func, "attr", "")})


def sources() -> list[Path]:
    files = [path for package in PACKAGES for path in (ROOT / package).rglob("*.py")]
    return [*files, *ROOT.glob("*.py")]


def test_nobody_but_risk_builds_an_approved_order():
    builders = {
        path.relative_to(ROOT).as_posix(): count
        for path in sources()
        if (count := calls_of("ApprovedOrder", path.read_text(encoding="utf-8")))
    }
    assert builders == {RISK: 2}


def test_a_hidden_call_would_be_found():
    assert calls_of("ApprovedOrder", "import domain.orders as o\norder = o.ApprovedOrder(key=1)") == 1
    assert calls_of("ApprovedOrder", "def f(order: ApprovedOrder) -> None: ...") == 0
